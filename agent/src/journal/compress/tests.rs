//! Tests of sealing: each step of it interrupted, disks that are full, readers that follow meanwhile.
//!
//! In: nothing. Out: nothing. Always: judged by what a reader finds. Not here: the format (`frames`).

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use nix::libc::EIO;
use tempfile::TempDir;

use super::*;
use crate::journal::reader::{Bounds, Reader};
use crate::journal::testing::{
    Mood, Moody, exchange, exchange_at, frame_by, read_all, read_rest, segments, sequence, stop,
    time,
};
use crate::journal::{Journal, JournalConfig};

const GO_ON: Stop<'static> = &|| false;

fn open(directory: &TempDir, lines: u64) -> Journal {
    let segment_bytes = (exchange(0).line(0).len() as u64 + 1) * lines;
    let config = JournalConfig { segment_bytes, ..JournalConfig::default() };
    Journal::open(directory.path(), config).unwrap().0
}

/// Records `0..records` in segments of about `lines`.
fn filled(records: u64, lines: u64) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(&directory, lines);
    (0..records).for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
    journal.close().unwrap();
    directory
}

fn seal(directory: &TempDir) {
    Compress::new(directory.path()).seal_finished(GO_ON).unwrap();
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(Directory::new(directory.path()).segments()).unwrap();
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

fn path(directory: &TempDir, name: &str) -> PathBuf {
    Directory::new(directory.path()).segments().join(name)
}

/// The work on the segment that begins with `first_seq`.
fn with_work<T>(directory: &TempDir, first_seq: u64, act: impl FnOnce(Work<'_>) -> T) -> T {
    let found = segment::list(&Directory::new(directory.path()).segments()).unwrap();
    let at = found.iter().position(|found| found.first_seq == first_seq).unwrap();
    let plain = Found {
        path: path(directory, &segment::file_name(first_seq)),
        is_sealed: false,
        first_seq,
    };
    let is_next_finished = at + 2 < found.len();
    let next_seq = found[at + 1].first_seq;
    act(Work { plain: &plain, next_seq, is_next_finished, stop: GO_ON })
}

#[test]
fn all_segments_but_the_last_are_sealed() {
    let directory = filled(7, 2);
    let (before, old) =
        (segments(directory.path()), SystemTime::now() - Duration::from_secs(5_000));
    let first = path(&directory, &segment::file_name(0));
    File::options().write(true).open(first).unwrap().set_modified(old).unwrap();
    seal(&directory);
    let expected = [
        "00000000000000000000.jsonl.zst",
        "00000000000000000002.jsonl.zst",
        "00000000000000000004.jsonl.zst",
        "00000000000000000006.jsonl",
    ];
    assert_eq!(names(&directory), expected);
    assert_eq!(segments(directory.path()), before);
    assert_eq!(read_all(directory.path()), sequence(7));
    let metadata = fs::metadata(path(&directory, expected[0])).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(metadata.modified().unwrap(), old, "`cat --since` goes by it");
    seal(&directory);
    assert_eq!(names(&directory), expected);
}

#[test]
fn an_empty_directory_and_an_only_segment_have_nothing_to_seal() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(&directory, 2));
    seal(&directory);
    assert_eq!(names(&directory), Vec::<String>::new());
    let directory = filled(2, 5);
    seal(&directory);
    assert_eq!(names(&directory), ["00000000000000000000.jsonl"]);
}

/// A copy as a crash leaves it before it has its name.
fn unpublished(directory: &TempDir, change: fn(&mut Vec<u8>)) {
    let copy = with_work(directory, 0, |work| work.write().unwrap().unwrap());
    let (path, mut bytes) = (copy.path.clone(), fs::read(&copy.path).unwrap());
    drop(copy);
    assert!(!path.exists());
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_interruption_at_any_step_costs_nothing() {
    // What is done before the crash; each time everything is found again, and sealed in the end.
    let steps: [fn(&TempDir); 5] = [
        |directory| fs::write(path(directory, "00000000000000000000.jsonl.zst.tmp"), "").unwrap(),
        |directory| unpublished(directory, |bytes| bytes.truncate(bytes.len() / 2)),
        |directory| unpublished(directory, |_| {}),
        |directory| {
            with_work(directory, 0, |work| {
                let copy = work.write().unwrap().unwrap();
                copy.publish(&work.sealed_path()).unwrap();
            });
        },
        |directory| with_work(directory, 0, |work| work.seal().unwrap()),
    ];
    for (number, step) in steps.iter().enumerate() {
        let directory = filled(5, 2);
        step(&directory);
        assert_eq!(read_all(directory.path()), sequence(5), "step {number}");
        let recovery = Journal::open(directory.path(), JournalConfig::default()).unwrap().1;
        assert_eq!((recovery.next_seq, recovery.missing_records), (5, 0));
        let compress = Compress::new(directory.path());
        compress.clean_up().unwrap();
        assert_eq!(read_all(directory.path()), sequence(5), "step {number}");
        compress.seal_finished(GO_ON).unwrap();
        assert_eq!(names(&directory).len(), 3, "step {number}: {:?}", names(&directory));
        assert_eq!(names(&directory)[0], "00000000000000000000.jsonl.zst");
        assert_eq!(read_all(directory.path()), sequence(5), "step {number}");
    }
}

#[test]
fn a_segment_that_is_removed_meanwhile_does_not_come_back() {
    for step in 0..4_u32 {
        let directory = filled(5, 2);
        let first = path(&directory, &segment::file_name(0));
        let asked = std::cell::Cell::new(0);
        let stop = || {
            if asked.replace(asked.get() + 1) == step {
                fs::remove_file(&first).unwrap();
            }
            false
        };
        Compress::new(directory.path()).seal_finished(&stop).unwrap();
        let expected = ["00000000000000000002.jsonl.zst", "00000000000000000004.jsonl"];
        assert_eq!(names(&directory), expected, "{step}");
    }
}

#[test]
fn two_that_differ_both_stay() {
    let directory = filled(5, 2);
    with_work(&directory, 0, |work| {
        let copy = work.write().unwrap().unwrap();
        copy.publish(&work.sealed_path()).unwrap();
    });
    let sealed = path(&directory, &segment::sealed_name(0));
    let bytes = fs::read(&sealed).unwrap();
    for wrong in [&bytes[..20], &bytes[..0], &[&bytes[..], &bytes[..]].concat()] {
        fs::write(&sealed, wrong).unwrap();
        let error = Compress::new(directory.path()).seal_finished(GO_ON).unwrap_err();
        assert!(error.to_string().contains("seal"), "{error}");
        assert_eq!(fs::read(&sealed).unwrap(), wrong);
        let expected = ["00000000000000000000.jsonl", "00000000000000000000.jsonl.zst"];
        assert_eq!(names(&directory)[..2], expected);
        assert_eq!(names(&directory)[2], "00000000000000000002.jsonl.zst", "the others are sealed");
    }
}

#[test]
fn stopped_at_any_moment_it_leaves_the_plain_segment() {
    for patience in 0_u32..8 {
        let directory = filled(9, 2);
        let left = std::cell::Cell::new(patience);
        let stop = || left.replace(left.get().saturating_sub(1)) == 0;
        Compress::new(directory.path()).seal_finished(&stop).unwrap();
        assert!(names(&directory).iter().all(|name| !name.ends_with(".tmp")));
        assert_eq!(names(&directory).len(), 5);
        assert_eq!(read_all(directory.path()), sequence(9));
    }
}

#[test]
fn lines_that_the_next_segment_repeats_are_left_out_once_it_is_finished() {
    for torn in ["", "torn", "\0\0\0\n"] {
        let directory = tempfile::tempdir().unwrap();
        let disk = Moody::default();
        let config = JournalConfig::default();
        let storage = Box::new(disk.clone());
        let mut journal = Journal::open_on(storage, directory.path(), config.clone()).unwrap().0;
        (0..3).for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
        journal.settle().unwrap();
        (3..5).for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
        journal.flush().unwrap();
        let mood = || Mood { truncate: true, ..Mood::default() };
        disk.set(Mood { sync: Some(EIO), ..mood() });
        assert!(journal.sync().is_err());
        seal(&directory);
        assert_eq!(names(&directory), ["00000000000000000000.jsonl"]);
        disk.set(mood());
        journal.append(&exchange(5));
        journal.close().unwrap();
        let first = path(&directory, "00000000000000000000.jsonl");
        let mut bytes = fs::read(&first).unwrap();
        bytes.extend(torn.bytes());
        fs::write(&first, bytes).unwrap();
        seal(&directory);
        assert_eq!(names(&directory).len(), 2);
        assert_eq!(names(&directory)[0], "00000000000000000000.jsonl", "may be all there is");

        let mut follower = Reader::open(directory.path(), &Bounds::default()).unwrap();
        assert!(follower.read().unwrap().is_some());
        let config = JournalConfig { segment_bytes: 1, ..config };
        let mut journal = Journal::open(directory.path(), config).unwrap().0;
        (6..8).for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
        journal.close().unwrap();
        seal(&directory);
        assert!(names(&directory)[0].ends_with(".zst"));
        assert_eq!(segments(directory.path())[0].1, lines(0..3));
        assert_eq!(read_all(directory.path()), sequence(8));
        assert_eq!(read_rest(&mut follower), sequence(8)[1..]);
    }
}

fn lines(range: std::ops::Range<u64>) -> Vec<u8> {
    range.flat_map(|n| [exchange(n).line(n), vec![b'\n']].concat()).collect()
}

#[test]
fn what_counts_ends_behind_the_last_line_that_does() {
    let check = |content: &[&[u8]], next_seq, expected: u64| {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, &content.concat()).unwrap();
        assert_eq!(counted_bytes(file, next_seq).unwrap(), expected, "{content:?}");
    };
    let length = |range| lines(range).len() as u64;
    check(&[], 0, 0);
    check(&[&lines(0..4)], 4, length(0..4));
    check(&[&lines(0..4)], 2, length(0..2));
    check(&[&lines(0..4), b"torn"], 4, length(0..4));
    check(&[&lines(0..3), b"not a line\n"], 4, length(0..3) + 11);
    check(&[&lines(0..3), b"torn"], 4, length(0..3) + 4);
    check(&[&lines(0..3), b"bad\n", &lines(4..6), b"torn"], 4, length(0..3) + 4);
    let wrong = [exchange(1).line(999), b"\n".to_vec()].concat();
    let tampered = wrong.len() as u64;
    check(&[&lines(0..1), &wrong, &lines(2..4)], 4, length(0..1) + tampered + length(2..4));
    check(&[b"bad\n"], 4, 4);
}

#[test]
fn damage_in_the_plain_segment_is_kept_as_it_is() {
    let directory = filled(9, 4);
    let first = path(&directory, &segment::file_name(0));
    let mut bytes = fs::read(&first).unwrap();
    let at = lines(0..2).len();
    bytes[at - 20..at + 20].fill(0);
    fs::write(&first, &bytes).unwrap();
    let before = read_all(directory.path());
    seal(&directory);
    assert_eq!(names(&directory)[0], segment::sealed_name(0));
    assert_eq!(segments(directory.path())[0].1, bytes);
    assert_eq!(read_all(directory.path()), before);
}

#[test]
fn long_lines_and_no_lines_go_into_frames() {
    for content in [
        vec![b'x'; PLAIN_BYTES_MAX + 100],
        [vec![b'y'; PLAIN_BYTES * 3], b"\n".to_vec(), lines(0..2)].concat(),
    ] {
        let directory = filled(3, 2);
        fs::write(path(&directory, &segment::file_name(0)), &content).unwrap();
        seal(&directory);
        assert!(names(&directory)[0].ends_with(".zst"));
        assert!(segments(directory.path())[0].1 == content[..]);
    }
}

/// Frames of about the size that they have, of lines that can be told apart.
#[test]
fn frames_end_with_their_lines() {
    let directory = tempfile::tempdir().unwrap();
    let config = JournalConfig { segment_bytes: 2 << 20, ..JournalConfig::default() };
    let mut journal = Journal::open(directory.path(), config).unwrap().0;
    let record = |n: u64| exchange_at(&time(n), &format!("/{n}/{}", "x".repeat(10_000)));
    (0..250).for_each(|n| assert_eq!(journal.append(&record(n)), Some(n)));
    journal.close().unwrap();
    let before = read_all(directory.path());
    seal(&directory);
    let bytes = fs::read(path(&directory, &segment::sealed_name(0))).unwrap();
    let table = zeekstd::Decoder::new(io::Cursor::new(&bytes)).unwrap().seek_table().clone();
    assert!(table.num_frames() >= 4);
    let text = &segments(directory.path())[0].1;
    for frame in 0..table.num_frames() {
        let end = table.frame_end_decomp(frame).unwrap() as usize;
        assert_eq!(text[end - 1], b'\n');
        assert!(table.frame_size_decomp(frame).unwrap() as usize <= PLAIN_BYTES);
    }
    assert_eq!(read_all(directory.path()), before);
}

#[test]
fn a_reader_goes_on_over_sealing() {
    for records in 0..9 {
        let directory = filled(9, 3);
        let mut reader = Reader::open(directory.path(), &Bounds::default()).unwrap();
        let mut seen = Vec::new();
        for _ in 0..records {
            let Some(crate::journal::reader::Item::Record { seq, .. }) = reader.read().unwrap()
            else {
                panic!("{records}");
            };
            seen.push(format!("{seq} /{seq}"));
        }
        seal(&directory);
        seen.extend(read_rest(&mut reader));
        let mut journal = open(&directory, 3);
        (9..14).for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
        journal.flush().unwrap();
        seal(&directory);
        seen.extend(read_rest(&mut reader));
        journal.close().unwrap();
        assert_eq!(seen, sequence(14), "{records}");
        reader.sync().unwrap();
    }
}

/// The plain file is gone when it is to be opened.
#[test]
fn a_segment_that_is_sealed_before_it_is_opened_is_opened() {
    let directory = filled(5, 2);
    let found = segment::list(&Directory::new(directory.path()).segments()).unwrap();
    seal(&directory);
    let (source, path) = crate::journal::source::Source::open(&found[0]).unwrap();
    assert_eq!(source.len_bytes().unwrap(), lines(0..2).len() as u64);
    assert!(path.to_string_lossy().ends_with(".jsonl.zst"));
    fs::remove_file(path).unwrap();
    let error = crate::journal::source::Source::open(&found[0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

/// Writer, sealing and readers at the same time.
#[test]
fn nothing_is_lost_or_repeated_while_all_run() {
    use std::sync::atomic::{AtomicBool, Ordering};
    const RECORDS: u64 = 3_000;
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(&directory, 20);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sealing = scope.spawn(|| {
            while !ended.load(Ordering::Acquire) {
                seal(&directory);
            }
        });
        let follow = || {
            let mut reader = Reader::open(directory.path(), &Bounds::default()).unwrap();
            let mut seen = Vec::new();
            while seen.len() < RECORDS as usize {
                seen.extend(read_rest(&mut reader));
            }
            seen
        };
        let followers = [scope.spawn(follow), scope.spawn(follow)];
        for n in 0..RECORDS {
            assert_eq!(journal.append(&exchange(n)), Some(n));
            if n % 7 == 0 {
                journal.flush().unwrap();
            }
        }
        journal.close().unwrap();
        followers.into_iter().for_each(|seen| assert_eq!(seen.join().unwrap(), sequence(RECORDS)));
        ended.store(true, Ordering::Release);
        sealing.join().unwrap();
    });
    seal(&directory);
    assert_eq!(read_all(directory.path()), sequence(RECORDS));
    let sealed = names(&directory).iter().filter(|name| name.ends_with(".zst")).count();
    assert_eq!(sealed, names(&directory).len() - 1);
}

#[test]
fn reading_begins_at_any_record_of_a_sealed_segment() {
    let directory = filled(40, 30);
    for lines_a_frame in [1, 3, 7, 100] {
        frame_by(directory.path(), 0, lines_a_frame);
        for seq in 0..=40 {
            let mut reader = Reader::open_at(directory.path(), seq).unwrap();
            let expected = sequence(40).split_off(usize::try_from(seq).unwrap());
            assert_eq!(read_rest(&mut reader), expected, "{lines_a_frame} {seq}");
        }
    }
    // It did not read what lies before.
    let sealed = path(&directory, &segment::sealed_name(0));
    frame_by(directory.path(), 0, 3);
    let mut bytes = fs::read(&sealed).unwrap();
    bytes[20] ^= 1;
    fs::write(&sealed, bytes).unwrap();
    let mut reader = Reader::open_at(directory.path(), 20).unwrap();
    assert_eq!(read_rest(&mut reader), sequence(40)[20..]);
}

#[test]
fn a_damaged_frame_is_told_and_the_rest_is_read() {
    let directory = filled(40, 30);
    frame_by(directory.path(), 0, 5);
    let sealed = path(&directory, &segment::sealed_name(0));
    let whole = fs::read(&sealed).unwrap();
    let (offset, behind) = (lines(0..5).len(), lines(0..10).len());
    let mut bytes = whole.clone();
    let second = bytes.len() / 6 + 30;
    bytes[second] ^= 1;
    fs::write(&sealed, &bytes).unwrap();
    let seen = read_all(directory.path());
    assert_eq!(seen[..5], sequence(5));
    let told = format!("! {offset} sealed segment is damaged; reading goes on behind that");
    assert_eq!(seen[5], told);
    let follows = format!("! {behind} record 10 follows where 5 should be");
    assert_eq!(seen[6], follows);
    assert_eq!(seen[7..], sequence(40)[10..]);

    fs::write(&sealed, &whole[..whole.len() - 1]).unwrap();
    let seen = read_all(directory.path());
    let first = seen[2].split(' ').next().unwrap().parse::<u64>().unwrap();
    assert_eq!(seen[0], "! 0 sealed segment is damaged; reading goes on behind that");
    assert_eq!(seen[1], format!("! 0 record {first} follows where 0 should be"));
    assert_eq!(seen[2..], sequence(40)[first as usize..]);
    let recovery = Journal::open(directory.path(), JournalConfig::default()).unwrap().1;
    assert_eq!(recovery.next_seq, 40);
}

#[test]
fn a_start_behind_sealed_segments_goes_on_with_their_numbers() {
    let directory = filled(7, 2);
    let mut journal = open(&directory, 2);
    journal.append(&stop());
    journal.append(&exchange(8));
    journal.close().unwrap();
    seal(&directory);
    let last = path(&directory, &segment::file_name(8));
    assert_eq!(fs::read(&last).unwrap(), lines(8..9));
    fs::remove_file(&last).unwrap();
    let found = Directory::new(directory.path()).segments();
    let (recovery, active) = crate::journal::recover::recover(&found).unwrap();
    assert!(active.is_none());
    assert_eq!((recovery.next_seq, recovery.segments, recovery.clean), (8, 4, true));
    assert_eq!((recovery.torn_bytes, recovery.missing_records), (0, 0));
    assert_eq!(recovery.last_timestamp.as_deref(), Some(time(0).as_str()));
    // Record 8 was sealed by a checkpoint, and is missing.
    let (mut journal, recovery) =
        Journal::open(directory.path(), JournalConfig::default()).unwrap();
    assert_eq!((recovery.next_seq, recovery.missing_records), (9, 1));
    assert_eq!(journal.append(&exchange(9)), Some(9));
    journal.close().unwrap();
    let seen = read_all(directory.path());
    assert_eq!(seen[8..], ["! 0 record 9 follows where 8 should be", "9 /9"]);
}

#[test]
fn numbers_in_damaged_sealed_segments_are_not_given_again() {
    let directory = filled(8, 4);
    seal(&directory);
    let found = segment::list(&Directory::new(directory.path()).segments()).unwrap();
    let (first, last) = (&found[0], found.last().unwrap());
    fs::remove_file(&last.path).unwrap();
    let whole = fs::read(&first.path).unwrap();
    for wrong in [&whole[..whole.len() - 3], &whole[1..], b""] {
        fs::write(&first.path, wrong).unwrap();
        let (journal, recovery) =
            Journal::open(directory.path(), JournalConfig::default()).unwrap();
        assert!(recovery.next_seq >= 1 && !recovery.clean, "{recovery:?}");
        drop(journal);
    }
    let mut flipped = whole.clone();
    flipped[20] ^= 4;
    fs::write(&first.path, flipped).unwrap();
    let recovery = Journal::open(directory.path(), JournalConfig::default()).unwrap().1;
    assert!(recovery.next_seq >= 4 && !recovery.clean, "{recovery:?}");
}

#[test]
fn holes_between_sealed_segments_are_counted() {
    let directory = filled(9, 2);
    seal(&directory);
    fs::remove_file(path(&directory, &segment::sealed_name(2))).unwrap();
    let recovery = Journal::open(directory.path(), JournalConfig::default()).unwrap().1;
    assert_eq!((recovery.next_seq, recovery.missing_records), (9, 2));
}

/// A small file system that is full: the real thing, where mounting is allowed.
#[test]
fn a_full_disk_leaves_plain_segments_until_there_is_room() {
    use std::process::Command;
    let directory = tempfile::tempdir().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).arg(directory.path()).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !run("mount", &["-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs"]) {
        println!("SKIPPED: mounting a small tmpfs needs root");
        return;
    }
    let result = std::panic::catch_unwind(|| {
        let mut journal = open(&directory, 100);
        (0..350).for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
        journal.settle().unwrap();
        let ballast = directory.path().join("ballast");
        let mut filler = File::create(&ballast).unwrap();
        while io::Write::write_all(&mut filler, &[1; 1024]).is_ok() {}
        drop(filler);
        let error = Compress::new(directory.path()).seal_finished(GO_ON).unwrap_err();
        assert!(error.is_disk_full(), "{error}");
        assert_eq!(read_all(directory.path()), sequence(350));
        assert!(names(&directory).iter().all(|name| name.ends_with(".jsonl")));
        fs::remove_file(ballast).unwrap();
        seal(&directory);
        assert_eq!(names(&directory).iter().filter(|name| name.ends_with(".zst")).count(), 3);
        (350..360).for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
        journal.close().unwrap();
        assert_eq!(read_all(directory.path()), sequence(360));
    });
    assert!(run("umount", &["-l"]));
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
