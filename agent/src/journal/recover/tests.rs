//! Tests of starting after every kind of end.
//!
//! In: nothing. Out: nothing. Always: judged by `Recovery` and by what a reader finds afterwards.
//! Not here: disks that refuse while running (`store`).

use std::io::Write as _;

use tempfile::TempDir;

use super::*;
use crate::journal::testing::{exchange, loss, read_all, segments, sequence, stop};
use crate::journal::{Journal, JournalConfig};

/// A data directory whose segments have these contents.
fn directory(contents: &[(u64, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    Journal::open(directory.path(), JournalConfig::default()).unwrap();
    for (first_seq, content) in contents {
        fs::write(path(&directory, *first_seq), content).unwrap();
    }
    directory
}

fn path(directory: &TempDir, first_seq: u64) -> std::path::PathBuf {
    directory.path().join("journal/segment").join(segment::file_name(first_seq))
}

fn lines(range: std::ops::Range<u64>) -> Vec<u8> {
    range.flat_map(|n| [exchange(n).line(n), vec![b'\n']].concat()).collect()
}

fn open(directory: &TempDir) -> Recovery {
    Journal::open(directory.path(), JournalConfig::default()).unwrap().1
}

/// Opens, appends up to `..end`, and checks that a reader finds `0..end` and nothing else.
fn check_resumes(directory: &TempDir, end: u64) -> Recovery {
    let (mut journal, recovery) =
        Journal::open(directory.path(), JournalConfig::default()).unwrap();
    for n in recovery.next_seq..end {
        assert_eq!(journal.append(&exchange(n)), Some(n));
    }
    journal.close().unwrap();
    assert_eq!(read_all(directory.path()), sequence(end));
    recovery
}

#[test]
fn the_first_start_is_clean() {
    let expected = Recovery { clean: true, ..Recovery::default() };
    assert_eq!(open(&directory(&[])), expected);
}

#[test]
fn a_tail_torn_at_any_byte_is_removed() {
    let whole = lines(0..3);
    let last_two = lines(0..1).len();
    let directory = directory(&[]);
    let checkpoint = directory.path().join("journal/checkpoint");
    let of_no_record = fs::read(&checkpoint).unwrap();
    for cut in last_two..=whole.len() {
        fs::write(path(&directory, 0), &whole[..cut]).unwrap();
        fs::write(&checkpoint, &of_no_record).unwrap();
        let kept = whole[..cut].iter().filter(|&&byte| byte == b'\n').count() as u64;
        let recovery = check_resumes(&directory, 5);
        let kept_bytes = lines(0..kept).len();
        assert_eq!((recovery.next_seq, recovery.torn_bytes), (kept, (cut - kept_bytes) as u64));
        assert_eq!((recovery.missing_records, recovery.damaged_bytes), (0, 0));
        assert!(!recovery.clean);
    }
}

#[test]
fn any_byte_of_the_last_lines_can_be_wrong_without_a_wrong_record() {
    let whole = lines(0..3);
    let directory = directory(&[]);
    let wrong = [0, b'\n', b'"', b'7', 0xff].into_iter().cycle();
    for (at, wrong) in (lines(0..1).len()..whole.len()).zip(wrong) {
        let mut content = whole.clone();
        content[at] = wrong;
        fs::write(path(&directory, 0), &content).unwrap();
        let recovery = open(&directory);
        assert!((1..=3).contains(&recovery.next_seq), "{recovery:?}");
        let again = open(&directory);
        assert_eq!((again.torn_bytes, again.next_seq), (0, recovery.next_seq));
    }
}

#[test]
fn what_power_loss_leaves_is_removed() {
    let good = lines(0..2);
    let zeros = vec![0; 10_000];
    let torn = &lines(2..3)[..20];
    let huge = vec![b'x'; LINE_BYTES_MAX + 1_000_000];
    for tail in [&zeros[..], &[torn, &zeros].concat(), b"\n", b"\n\n\n", b"{}\n", &huge, b"\xff"] {
        let directory = directory(&[(0, &[&good, tail].concat())]);
        let recovery = check_resumes(&directory, 4);
        assert_eq!((recovery.next_seq, recovery.torn_bytes), (2, tail.len() as u64));
        assert!(!recovery.clean);
    }
}

#[test]
fn an_only_segment_without_a_record_is_begun_anew() {
    for content in [&b""[..], &[0; 4096], b"torn"] {
        let directory = directory(&[(0, content)]);
        let recovery = check_resumes(&directory, 2);
        assert_eq!((recovery.next_seq, recovery.torn_bytes), (0, content.len() as u64));
        assert!(!recovery.clean, "someone was here");
    }
}

#[test]
fn an_empty_last_segment_is_gone_on_with() {
    for content in [&b""[..], &[0; 4096]] {
        let directory = directory(&[(0, &lines(0..2)), (2, content)]);
        let recovery = check_resumes(&directory, 4);
        assert_eq!((recovery.next_seq, recovery.segments, recovery.clean), (2, 2, false));
        assert_eq!(segments(directory.path())[1].1, lines(2..4));
    }
}

#[test]
fn an_empty_last_segment_gives_way_to_lines_it_was_to_repeat() {
    for tail in [&b""[..], b"torn", &[0; 100]] {
        let first = [&lines(0..5), tail].concat();
        let directory = directory(&[(0, &first), (3, b"")]);
        let recovery = check_resumes(&directory, 7);
        assert_eq!((recovery.next_seq, recovery.segments), (5, 1));
    }
}

#[test]
fn a_last_line_with_a_wrong_number_is_torn() {
    for wrong in [0, 1, 3, 99, u64::MAX] {
        let content = [lines(0..2), exchange(2).line(wrong), vec![b'\n']].concat();
        let recovery = check_resumes(&directory(&[(0, &content)]), 4);
        assert_eq!(recovery.next_seq, 2, "{wrong}");
        assert!(recovery.torn_bytes > 0);
    }
}

#[test]
fn damage_in_the_middle_costs_no_other_record() {
    let damaged = exchange(2).line(2).len() as u64 + 1;
    let zeros = vec![0; damaged as usize - 1];
    let content = [lines(0..2), zeros, b"\n".to_vec(), lines(3..6)].concat();
    let directory = directory(&[(0, &content)]);
    let recovery = open(&directory);
    assert_eq!((recovery.next_seq, recovery.torn_bytes), (6, 0));
    assert_eq!((recovery.missing_records, recovery.damaged_bytes), (1, damaged));
    assert!(!recovery.clean);
    assert_eq!(fs::read(path(&directory, 0)).unwrap(), content, "nothing was touched");
}

#[test]
fn a_line_taken_out_of_the_middle_costs_no_other_record() {
    let content = [lines(0..2), lines(3..6)].concat();
    let recovery = open(&directory(&[(0, &content)]));
    assert_eq!((recovery.next_seq, recovery.torn_bytes, recovery.missing_records), (6, 0, 1));
    let renamed = open(&directory(&[(100, &lines(0..6))]));
    assert_eq!((renamed.next_seq, renamed.torn_bytes), (100, 0), "numbers are never given twice");
}

#[test]
fn a_missing_segment_is_counted() {
    let found = [(0, &lines(0..2)[..]), (2, &lines(2..4)), (9, &lines(9..11))];
    let directory = directory(&found);
    let recovery = open(&directory);
    assert_eq!((recovery.next_seq, recovery.missing_records, recovery.segments), (11, 5, 3));
    assert!(!recovery.clean);
    let seen = read_all(directory.path());
    assert_eq!(seen[4], "! 0 record 9 follows where 4 should be");
    assert_eq!(seen.len(), 7);
}

#[test]
fn a_journal_whose_beginning_was_pruned_is_whole() {
    let recovery = open(&directory(&[(7, &lines(7..9)), (9, &lines(9..11))]));
    assert_eq!((recovery.next_seq, recovery.missing_records), (11, 0));
}

#[test]
fn only_a_stop_at_the_end_is_clean() {
    let check = |records: &[_], expected| {
        let mut content = lines(0..1);
        for (record, seq) in records.iter().zip(1..) {
            content.extend(crate::audit::encode::EncodedRecord::line(record, seq));
            content.push(b'\n');
        }
        let found = directory(&[(0, &content)]);
        let recovery = open(&found);
        assert_eq!(recovery.clean, expected);
        assert_eq!(recovery.torn_bytes, 0);
        content.extend(b"torn");
        assert!(!open(&directory(&[(0, &content)])).clean);
    };
    check(&[stop()], true);
    check(&[stop(), loss()], true);
    check(&[stop(), loss(), exchange(3)], false);
    check(&[loss()], false);
    check(&[], false);
}

#[test]
fn the_last_time_is_told() {
    let recovery = open(&directory(&[(0, &[&lines(0..3), &b"torn"[..]].concat())]));
    assert_eq!(recovery.last_timestamp.as_deref(), Some("2026-11-22T07:00:02.000000000Z"));
}

#[test]
fn killed_at_any_moment_the_numbers_have_no_hole() {
    let directory = directory(&[]);
    let config = JournalConfig { segment_bytes: 1_000, ..JournalConfig::default() };
    let mut n = 0;
    for cut in [0, 1, 5, 100, 300] {
        let (mut journal, recovery) = Journal::open(directory.path(), config.clone()).unwrap();
        n = recovery.next_seq;
        for _ in 0..7 {
            assert_eq!(journal.append(&exchange(n)), Some(n));
            journal.flush().unwrap();
            n += 1;
        }
        drop(journal);
        let found = segment::list(&directory.path().join("journal/segment")).unwrap();
        let last = OpenOptions::new().append(true).open(&found.last().unwrap().path).unwrap();
        let length = last.metadata().unwrap().len();
        last.set_len(length.saturating_sub(cut)).unwrap();
        (&last).write_all(b"{\"schema\":1,\"seq\":").unwrap();
    }
    let recovery = check_resumes(&directory, n + 3);
    assert_eq!(recovery.missing_records, 0);
}
