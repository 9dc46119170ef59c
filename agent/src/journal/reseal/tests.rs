//! Starts after which the tree must be the one that was sealed, or say that it is not.

use std::fs;
use std::ops::Range;

use tempfile::TempDir;
use tlog_tiles::{Hash, HashReader, stored_hashes, tree_hash};

use crate::journal::testing::{exchange, segments, stop};
use crate::journal::{Journal, JournalConfig, Recovery};

fn open(directory: &TempDir) -> (Journal, Recovery) {
    // A few records a segment.
    let config = JournalConfig { segment_bytes: 4_096, ..JournalConfig::default() };
    Journal::open(directory.path(), config).unwrap()
}

/// Records `range`, and a stop behind them; the recovery that came before.
fn run(directory: &TempDir, range: Range<u64>) -> Recovery {
    let (mut journal, recovery) = open(directory);
    range.for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
    journal.append(&stop()).unwrap();
    journal.close().unwrap();
    recovery
}

/// Size and root of the newest checkpoint.
fn checkpoint(directory: &TempDir) -> (u64, String) {
    let note = fs::read_to_string(directory.path().join("journal/checkpoint")).unwrap();
    let mut lines = note.lines().skip(1);
    (lines.next().unwrap().parse().unwrap(), lines.next().unwrap().to_owned())
}

struct Stored(Vec<Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

/// The same by another implementation, from the files alone.
fn expected(directory: &TempDir) -> (u64, String) {
    let mut stored = Stored(Vec::new());
    let mut size = 0;
    for (_, content) in segments(directory.path()) {
        for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            stored.0.extend(stored_hashes(size, line, &stored).unwrap());
            size += 1;
        }
    }
    (size, tree_hash(size, &stored).unwrap().to_string())
}

#[test]
fn every_run_goes_on_with_the_same_tree() {
    let directory = tempfile::tempdir().unwrap();
    for first in [0, 301, 341, 900] {
        let last = if first == 0 { 300 } else { first + 39 };
        let begin = checkpoint_or_none(&directory);
        let begin = begin.map_or(0, |(size, _)| size);
        let recovery = run(&directory, begin..begin + last - first);
        assert_eq!((recovery.clean, recovery.unsealed_records), (true, 0));
        assert_eq!(recovery.contradicts, None);
        assert_eq!(checkpoint(&directory), expected(&directory));
    }
    assert!(segments(directory.path()).len() > 10);
}

fn checkpoint_or_none(directory: &TempDir) -> Option<(u64, String)> {
    directory.path().join("journal/checkpoint").exists().then(|| checkpoint(directory))
}

#[test]
fn lines_that_no_checkpoint_sealed_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    run(&directory, 0..50);
    let (mut journal, _) = open(&directory);
    (51..58).for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
    journal.settle().unwrap();
    drop(journal);
    let (_, recovery) = open(&directory);
    assert_eq!((recovery.next_seq, recovery.contradicts, recovery.clean), (58, None, false));
    // Those of the segment that was full have been sealed.
    assert!((1..=7).contains(&recovery.unsealed_records), "{}", recovery.unsealed_records);
    run(&directory, 58..60);
    assert_eq!(checkpoint(&directory), expected(&directory));
}

#[test]
fn the_edge_is_enough_and_can_be_made_again() {
    let directory = tempfile::tempdir().unwrap();
    run(&directory, 0..300);
    fs::remove_dir_all(directory.path().join("journal/tile")).unwrap();
    let recovery = run(&directory, 301..310);
    assert_eq!((recovery.clean, recovery.contradicts), (true, None));
    assert_eq!(checkpoint(&directory), expected(&directory));

    let sealed = checkpoint(&directory);
    let before: Vec<_> = segments(directory.path()).iter().map(|(first, _)| *first).collect();
    run(&directory, 311..330);
    let whole = expected(&directory);
    for first_seq in &before[..before.len() - 2] {
        let name = crate::journal::segment::file_name(*first_seq);
        fs::remove_file(directory.path().join("journal/segment").join(name)).unwrap();
    }
    let (_, recovery) = open(&directory);
    assert_eq!(recovery.contradicts, None, "sealed at {}", sealed.0);
    assert_eq!(checkpoint(&directory), whole);
}

#[test]
fn what_was_changed_is_told_with_the_checkpoint_that_it_contradicts() {
    type Change = fn(&TempDir);
    let changes: [(&str, Change); 4] = [
        ("a byte of the last segment", |directory| {
            change_last(directory, |content| {
                let text = String::from_utf8(content).unwrap();
                text.replacen("GET", "PUT", 1).into_bytes()
            })
        }),
        ("a record cut off", |directory| {
            change_last(directory, |mut content| {
                content.pop();
                let end = memchr::memrchr(b'\n', &content).map_or(0, |newline| newline + 1);
                content.truncate(end);
                content
            })
        }),
        ("the last segment gone", |directory| {
            let (first_seq, _) = segments(directory.path()).pop().unwrap();
            let name = crate::journal::segment::file_name(first_seq);
            fs::remove_file(directory.path().join("journal/segment").join(name)).unwrap();
        }),
        ("another checkpoint", |directory| {
            let other = tempfile::tempdir().unwrap();
            run(&other, 0..3);
            let place = directory.path().join("journal/checkpoint");
            fs::copy(other.path().join("journal/checkpoint"), place).unwrap();
        }),
    ];
    for (what, change) in changes {
        let directory = tempfile::tempdir().unwrap();
        run(&directory, 0..60);
        change(&directory);
        let note = fs::read_to_string(directory.path().join("journal/checkpoint")).unwrap();
        let (mut journal, recovery) = open(&directory);
        assert_eq!(recovery.contradicts.as_deref(), Some(note.as_str()), "{what}");
        if what != "another checkpoint" {
            assert_eq!(recovery.next_seq, 61, "{what}: no number is given again");
        }
        let next_seq = recovery.next_seq;
        assert_eq!(journal.append(&exchange(1)), Some(next_seq), "{what}");
        journal.close().unwrap();
        assert_eq!(checkpoint(&directory).0, next_seq + 1, "{what}: recording goes on");
        let (_, recovery) = open(&directory);
        assert_eq!(recovery.contradicts, None, "{what}: it is told once");
    }
}

/// Other bytes in the last segment that has some.
fn change_last(directory: &TempDir, change: impl Fn(Vec<u8>) -> Vec<u8>) {
    let found = segments(directory.path());
    let (first_seq, content) =
        found.into_iter().rev().find(|(_, bytes)| !bytes.is_empty()).unwrap();
    let name = crate::journal::segment::file_name(first_seq);
    fs::write(directory.path().join("journal/segment").join(name), change(content)).unwrap();
}
