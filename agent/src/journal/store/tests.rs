//! Tests of writing: rotation, disks that refuse, memory that runs out.
//!
//! In: nothing. Out: nothing. Always: judged by what a reader finds. Not here: starting (`recover`).

use nix::libc::{EIO, ENOSPC};
use tempfile::TempDir;

use super::*;
use crate::journal::reader::Reader;
use crate::journal::testing::{
    Mood, Moody, exchange, exchange_at, loss, read_all, read_rest, segments, sequence, stop, time,
};

fn open(directory: &TempDir, segment_bytes: u64) -> Journal {
    let config = JournalConfig { segment_bytes, ..JournalConfig::default() };
    Journal::open(directory.path(), config).unwrap().0
}

fn moody(directory: &TempDir, segment_bytes: u64) -> (Journal, Moody) {
    let disk = Moody::default();
    let config = JournalConfig { segment_bytes, ..JournalConfig::default() };
    let storage = Box::new(disk.clone());
    (Journal::open_on(storage, directory.path(), config).unwrap().0, disk)
}

fn append(journal: &mut Journal, range: std::ops::Range<u64>) {
    for n in range {
        assert_eq!(journal.append(&exchange(n)), Some(n));
    }
}

#[test]
fn numbers_go_on_after_each_start() {
    let directory = tempfile::tempdir().unwrap();
    for start in [0, 5, 10] {
        let mut journal = open(&directory, 1 << 20);
        assert_eq!((journal.next_seq(), journal.durable_seq()), (start, start));
        append(&mut journal, start..start + 5);
        assert_eq!(journal.durable_seq(), start);
        journal.flush().unwrap();
        assert_eq!(journal.durable_seq(), start, "written is not durable");
        journal.sync().unwrap();
        assert_eq!(journal.durable_seq(), start + 5);
        journal.close().unwrap();
    }
    assert_eq!(read_all(directory.path()), sequence(15));
    assert_eq!(segments(directory.path()).len(), 1);
}

#[test]
fn a_journal_without_records_has_no_segment() {
    let directory = tempfile::tempdir().unwrap();
    open(&directory, 1).close().unwrap();
    assert_eq!(segments(directory.path()), []);
    assert_eq!(read_all(directory.path()), Vec::<String>::new());
}

#[test]
fn files_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(&directory, 1 << 20);
    append(&mut journal, 0..1);
    journal.flush().unwrap();
    for name in ["segment/00000000000000000000.jsonl", "lock"] {
        let found = std::fs::metadata(directory.path().join("journal").join(name)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn segments_end_between_records() {
    let line = exchange(0).line(0).len() as u64 + 1;
    for (segment_bytes, firsts) in [
        (line * 3, vec![0, 3, 6, 9]),
        (line * 3 + line - 1, vec![0, 3, 6, 9]),
        (line * 3 - 1, vec![0, 2, 4, 6, 8]),
        (1, (0..10).collect()),
    ] {
        for flush_each in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let mut journal = open(&directory, segment_bytes);
            for n in 0..10 {
                append(&mut journal, n..n + 1);
                if flush_each {
                    journal.flush().unwrap();
                }
            }
            journal.flush().unwrap();
            let finished = journal.take_finished();
            journal.close().unwrap();
            let found = segments(directory.path());
            assert_eq!(found.iter().map(|(first, _)| *first).collect::<Vec<_>>(), firsts);
            assert_eq!(read_all(directory.path()), sequence(10));
            for (finished, pair) in finished.iter().zip(found.windows(2)) {
                assert_eq!((finished.first_seq, finished.next_seq), (pair[0].0, pair[1].0));
                assert_eq!(finished.len_bytes, pair[0].1.len() as u64);
            }
            assert_eq!(finished.len(), found.len() - 1);
        }
    }
}

#[test]
fn a_disk_that_is_full_in_any_place_costs_nothing() {
    let line = exchange(0).line(0).len() + 1;
    let ends = (0..=3).flat_map(|lines| (line * lines).saturating_sub(1)..=line * lines + 1);
    for room in (0..=line * 3).step_by(11).chain(ends) {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, disk) = moody(&directory, line as u64 * 2);
        disk.set(Mood { room_bytes: Some(room), truncate: room % 2 == 0, ..Mood::default() });
        append(&mut journal, 0..3);
        let result = journal.flush();
        assert_eq!(result.is_err(), room < line * 3);
        assert!(result.err().is_none_or(|error| error.is_disk_full()));
        assert_eq!(read_all(directory.path()), sequence(room.min(line * 3) as u64 / line as u64));

        disk.set(Mood { write_bytes: Some(7), ..Mood::default() });
        append(&mut journal, 3..5);
        journal.flush().unwrap();
        journal.close().unwrap();
        assert_eq!(read_all(directory.path()), sequence(5), "room {room}");
        let stored: usize = segments(directory.path()).iter().map(|(_, text)| text.len()).sum();
        assert_eq!(stored, line * 5);
    }
}

#[test]
fn a_segment_that_cannot_be_begun_is_begun_later() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = moody(&directory, 1);
    append(&mut journal, 0..2);
    disk.set(Mood { create: Some(ENOSPC), ..Mood::default() });
    assert!(journal.flush().unwrap_err().is_disk_full());
    disk.set(Mood::default());
    journal.flush().unwrap();
    disk.set(Mood { create: Some(EIO), ..Mood::default() });
    append(&mut journal, 2..3);
    assert!(!journal.flush().unwrap_err().is_disk_full());
    disk.set(Mood::default());
    journal.close().unwrap();
    assert_eq!(read_all(directory.path()), sequence(3));
}

#[test]
fn after_a_failed_sync_each_record_counts_once() {
    for truncate in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, disk) = moody(&directory, 1 << 20);
        append(&mut journal, 0..3);
        journal.flush().unwrap();
        journal.sync().unwrap();
        append(&mut journal, 3..5);
        journal.flush().unwrap();
        let mut follower = Reader::open(directory.path(), &Default::default()).unwrap();
        assert_eq!(read_rest(&mut follower), sequence(5));

        disk.set(Mood { sync: Some(EIO), truncate, ..Mood::default() });
        assert!(journal.sync().is_err());
        assert_eq!(journal.durable_seq(), 3, "nothing is durable that was not confirmed");
        assert_eq!(read_all(directory.path()), sequence(5));
        append(&mut journal, 5..6);
        journal.flush().unwrap();
        assert!(journal.sync().is_err());
        assert_eq!(read_all(directory.path()), sequence(6));
        assert_eq!(journal.take_finished().len(), 1, "the second one had nothing durable in it");

        disk.set(Mood { truncate, ..Mood::default() });
        journal.flush().unwrap();
        journal.sync().unwrap();
        assert_eq!(journal.durable_seq(), 6);
        append(&mut journal, 6..8);
        journal.close().unwrap();
        assert_eq!(read_all(directory.path()), sequence(8));
        assert_eq!(read_rest(&mut follower), sequence(8)[5..]);
        let found = segments(directory.path());
        assert_eq!(found.iter().map(|(first, _)| *first).collect::<Vec<_>>(), [0, 3]);
        let lines = found[0].1.split(|&byte| byte == b'\n').count() - 1;
        assert_eq!(lines, if truncate { 5 } else { 3 });
        assert_eq!(
            Journal::open(directory.path(), JournalConfig::default()).unwrap().1.next_seq,
            8
        );
    }
}

#[test]
fn a_crash_between_a_failed_sync_and_the_next_write_loses_nothing_written() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = moody(&directory, 1 << 20);
    append(&mut journal, 0..3);
    journal.flush().unwrap();
    journal.sync().unwrap();
    append(&mut journal, 3..5);
    journal.flush().unwrap();
    disk.set(Mood { sync: Some(EIO), room_bytes: Some(0), ..Mood::default() });
    assert!(journal.sync().is_err());
    assert!(journal.flush().is_err(), "the new segment is begun and stays empty");
    assert_eq!(segments(directory.path()).len(), 2);
    let mut follower = Reader::open(directory.path(), &Default::default()).unwrap();
    read_rest(&mut follower);
    drop(journal);

    let mut journal = open(&directory, 1 << 20);
    assert_eq!(journal.next_seq(), 5);
    append(&mut journal, 5..6);
    journal.close().unwrap();
    assert_eq!(read_all(directory.path()), sequence(6));
    assert_eq!(read_rest(&mut follower).last(), sequence(6).last());
}

#[test]
fn memory_is_bounded_and_what_is_dropped_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = moody(&directory, 64 << 20);
    disk.set(Mood { room_bytes: Some(0), ..Mood::default() });
    let large = exchange_at(&time(0), &format!("/{}", "x".repeat(1 << 20)));
    let mut kept = 0;
    while journal.append(&large).is_some() {
        kept += 1;
    }
    assert_eq!(kept, 15);
    assert!(journal.unwritten_bytes() <= HELD_BYTES);
    while journal.append(&exchange(0)).is_some() {
        kept += 1;
    }
    assert_eq!(journal.append(&loss()), Some(kept), "there is a reserve for these");
    assert_eq!(journal.append(&stop()), Some(kept + 1));
    let bytes = (large.len() + exchange(0).len()) as u64;
    let dropped = Dropped { records: 2, exchanges: 2, bytes };
    assert_eq!(journal.take_dropped(), dropped);
    assert_eq!(journal.take_dropped(), Dropped::default());

    disk.set(Mood::default());
    journal.flush().unwrap();
    journal.sync().unwrap();
    assert_eq!(journal.append(&exchange(0)), Some(kept + 2), "no hole where some were dropped");
    journal.close().unwrap();
    let seen = read_all(directory.path());
    assert_eq!(seen.len() as u64, kept + 3);
    assert!(seen.iter().all(|line| !line.starts_with('!')));
}

#[test]
fn a_record_that_is_too_long_is_dropped_and_the_rest_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(&directory, 1 << 20);
    let endless = exchange_at(&time(0), &format!("/{}", "x".repeat(LINE_BYTES_MAX)));
    assert_eq!(journal.append(&endless), None);
    assert_eq!(journal.take_dropped().records, 1);
    append(&mut journal, 0..1);
    journal.close().unwrap();
    assert_eq!(read_all(directory.path()), sequence(1));
}

#[test]
fn an_end_without_a_disk_says_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = moody(&directory, 1 << 20);
    append(&mut journal, 0..2);
    journal.flush().unwrap();
    disk.set(Mood { room_bytes: Some(0), ..Mood::default() });
    append(&mut journal, 2..5);
    let error = journal.close().unwrap_err();
    assert!(matches!(error, JournalError::Unstored { records: 3, .. }), "{error}");
    assert!(error.is_disk_full());
    assert_eq!(read_all(directory.path()), sequence(2), "what was written is kept");
}

#[test]
fn a_sync_that_fails_once_at_the_end_is_made_good() {
    let directory = tempfile::tempdir().unwrap();
    let (mut journal, disk) = moody(&directory, 1 << 20);
    append(&mut journal, 0..2);
    disk.set(Mood { sync: Some(EIO), ..Mood::default() });
    assert!(journal.settle().is_err());
    disk.set(Mood::default());
    journal.close().unwrap();
    assert_eq!(read_all(directory.path()), sequence(2));
}

#[test]
fn a_second_writer_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory, 1);
    let second = Journal::open(directory.path(), JournalConfig::default());
    assert!(matches!(second, Err(JournalError::Locked { .. })));
    drop(journal);
    open(&directory, 1);
}

/// A file system of 256 KiB: the real thing, where mounting is allowed.
#[test]
fn a_real_disk_that_is_full_costs_nothing() {
    use std::process::Command;
    let directory = tempfile::tempdir().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let path = directory.path();
        let mut command = Command::new(program);
        command.args(arguments).arg(path).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !run("mount", &["-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs"]) {
        println!("SKIPPED: mounting a small tmpfs needs root");
        return;
    }
    let path = directory.path().to_owned();
    let result = std::panic::catch_unwind(|| fill_and_make_room(&path));
    assert!(run("umount", &["-l"]));
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn fill_and_make_room(path: &Path) {
    let ballast = path.join("ballast");
    std::fs::write(&ballast, vec![1; 128 << 10]).unwrap();
    let config = JournalConfig { segment_bytes: 50_000, ..JournalConfig::default() };
    let (mut journal, _) = Journal::open(path, config.clone()).unwrap();
    let mut n = 0;
    let error = loop {
        append(&mut journal, n..n + 50);
        n += 50;
        if let Err(error) = journal.flush().and_then(|()| journal.sync()) {
            break error;
        }
    };
    assert!(error.is_disk_full(), "{error}");
    append(&mut journal, n..n + 50);
    assert!(journal.flush().is_err());
    let stored = read_all(path);
    assert_eq!(stored, sequence(stored.len() as u64), "only whole lines");

    std::fs::remove_file(ballast).unwrap();
    journal.close().unwrap();
    assert_eq!(read_all(path), sequence(n + 50));

    // A start on a full disk.
    let mut filler = std::fs::File::create(path.join("filler")).unwrap();
    while std::io::Write::write_all(&mut filler, &[1; 1024]).is_ok() {}
    let (journal, recovery) = Journal::open(path, config).unwrap();
    assert_eq!((journal.next_seq(), recovery.torn_bytes), (n + 50, 0));
}
