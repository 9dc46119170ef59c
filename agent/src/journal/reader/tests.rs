//! Tests of reading: bounds, following, bad places.
//!
//! In: nothing. Out: nothing. Always: what a reader gives, as text. Not here: writing.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use tempfile::TempDir;

use super::*;
use crate::journal::testing::{exchange, exchange_at, read_all, read_rest, sequence, stop, time};
use crate::journal::{Journal, JournalConfig};

fn journal(directory: &TempDir, segment_bytes: u64) -> Journal {
    let config = JournalConfig { segment_bytes, ..JournalConfig::default() };
    Journal::open(directory.path(), config).unwrap().0
}

fn filled(records: u64, segment_bytes: u64) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = journal(&directory, segment_bytes);
    for n in 0..records {
        journal.append(&exchange(n));
    }
    journal.close().unwrap();
    directory
}

fn found(directory: &TempDir) -> Vec<Found> {
    segment::list(&directory.path().join("journal/segment")).unwrap()
}

/// First and last number within bounds given in seconds, and how many.
fn within(
    directory: &TempDir,
    since: Option<u64>,
    until: Option<u64>,
) -> Option<(u64, u64, usize)> {
    let moment = |seconds: Option<u64>| seconds.map(|seconds| time(seconds).parse().unwrap());
    let bounds = Bounds { since: moment(since), until: moment(until) };
    let mut reader = Reader::open(directory.path(), &bounds).unwrap();
    let mut seqs = Vec::new();
    while let Some(item) = reader.read().unwrap() {
        let Item::Record { seq, .. } = item else { panic!("{item:?}") };
        seqs.push(seq);
    }
    Some((*seqs.first()?, *seqs.last()?, seqs.len()))
}

#[test]
fn no_journal_is_told_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let error = Reader::open(&directory.path().join("none"), &Bounds::default()).unwrap_err();
    assert!(matches!(error, ReadError::NoJournal { .. }));
    assert!(error.to_string().contains("\nhint: "), "{error}");
}

#[test]
fn bounds_choose_by_timestamp() {
    for segment_bytes in [1, 1_000, 1 << 20] {
        let directory = filled(60, segment_bytes);
        assert_eq!(within(&directory, None, None), Some((0, 59, 60)));
        assert_eq!(within(&directory, Some(0), Some(60)), Some((0, 59, 60)));
        assert_eq!(within(&directory, Some(17), None), Some((17, 59, 43)));
        assert_eq!(within(&directory, None, Some(17)), Some((0, 16, 17)));
        assert_eq!(within(&directory, Some(17), Some(18)), Some((17, 17, 1)));
        assert_eq!(within(&directory, Some(60), None), None);
        assert_eq!(within(&directory, Some(18), Some(17)), None);
    }
}

#[test]
fn an_exchange_that_was_written_late_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = journal(&directory, 1);
    for (n, seconds) in [10, 11, 12, 3, 13, 4].into_iter().enumerate() {
        journal.append(&exchange_at(&time(seconds), &format!("/{n}")));
    }
    journal.close().unwrap();
    assert_eq!(within(&directory, Some(3), Some(5)), Some((3, 5, 2)));
    assert_eq!(within(&directory, Some(12), None), Some((2, 4, 2)));
}

#[test]
fn segments_written_before_the_time_asked_for_are_not_read() {
    let directory = filled(60, 1_000);
    let segments = found(&directory);
    let asked: Timestamp = time(0).parse().unwrap();
    let age = |index: usize, moment: SystemTime| {
        let file = OpenOptions::new().write(true).open(&segments[index].path).unwrap();
        file.set_modified(moment).unwrap();
    };
    for index in 0..segments.len() {
        age(index, SystemTime::from(asked) + Duration::from_secs(60));
    }
    assert_eq!(first_of_interest(&segments, None), 0);
    assert_eq!(first_of_interest(&segments, Some(asked)), 0);
    let old = SystemTime::from(asked) - CLOCK_STEP;
    age(0, old - Duration::from_secs(1));
    age(1, old - Duration::from_secs(1));
    age(2, old);
    assert_eq!(first_of_interest(&segments, Some(asked)), segments[2].first_seq);
    let first = segments[2].first_seq;
    assert_eq!(within(&directory, Some(0), None).unwrap().0, first);
    let never = asked + jiff::SignedDuration::from_hours(1_000_000);
    assert_eq!(first_of_interest(&segments, Some(never)), segments.last().unwrap().first_seq);
}

#[test]
fn following_gives_each_record_once_over_rotations() {
    for segment_bytes in [1, 300, 1_000] {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = journal(&directory, segment_bytes);
        let mut reader = Reader::open(directory.path(), &Bounds::default()).unwrap();
        let mut seen = Vec::new();
        for n in 0..20 {
            assert_eq!(read_rest(&mut reader), Vec::<String>::new());
            journal.append(&exchange(n));
            if n % 3 == 0 {
                journal.flush().unwrap();
                let fresh = read_rest(&mut reader);
                assert!(!fresh.is_empty());
                seen.extend(fresh);
            }
        }
        journal.close().unwrap();
        seen.extend(read_rest(&mut reader));
        assert_eq!(seen, sequence(20));
    }
}

#[test]
fn following_begins_at_the_end() {
    let directory = filled(5, 300);
    let mut reader = Reader::open_at_end(directory.path()).unwrap();
    assert_eq!(read_rest(&mut reader), Vec::<String>::new());
    let mut journal = journal(&directory, 300);
    for n in 5..9 {
        journal.append(&exchange(n));
        journal.flush().unwrap();
        assert_eq!(read_rest(&mut reader), [format!("{n} /{n}")]);
    }
    let empty = tempfile::tempdir().unwrap();
    Journal::open(empty.path(), JournalConfig::default()).unwrap();
    let mut reader = Reader::open_at_end(empty.path()).unwrap();
    let mut journal = self::journal(&empty, 300);
    journal.append(&exchange(0));
    journal.flush().unwrap();
    assert_eq!(read_rest(&mut reader), ["0 /0"]);
}

#[test]
fn reading_begins_at_any_record() {
    for segment_bytes in [1, 1_000, 1 << 20] {
        let directory = filled(20, segment_bytes);
        for seq in 0..=20 {
            let mut reader = Reader::open_at(directory.path(), seq).unwrap();
            let expected = sequence(20).split_off(usize::try_from(seq).unwrap());
            assert_eq!(read_rest(&mut reader), expected, "{segment_bytes} {seq}");
            reader.sync().unwrap();
        }
        let mut ahead = Reader::open_at(directory.path(), 22).unwrap();
        assert_eq!(read_rest(&mut ahead), Vec::<String>::new());
        let mut journal = journal(&directory, segment_bytes);
        for n in 20..24 {
            journal.append(&exchange(n));
        }
        journal.close().unwrap();
        assert_eq!(read_rest(&mut ahead), ["22 /22", "23 /23"]);
    }
}

#[test]
fn a_record_that_is_missing_where_reading_begins_is_told() {
    let directory = filled(20, 1_000);
    let segments = found(&directory);
    segments[..3].iter().for_each(|segment| fs::remove_file(&segment.path).unwrap());
    let first = segments[3].first_seq;
    let mut reader = Reader::open_at(directory.path(), 1).unwrap();
    let expected = format!("! 0 record {first} follows where 1 should be");
    assert_eq!(read_rest(&mut reader)[..2], [expected, format!("{first} /{first}")]);
}

#[test]
fn a_line_is_given_only_when_it_is_whole() {
    let directory = filled(2, 1 << 20);
    let mut reader = Reader::open(directory.path(), &Bounds::default()).unwrap();
    assert_eq!(read_rest(&mut reader).len(), 2);
    let mut last = OpenOptions::new().append(true).open(&found(&directory)[0].path).unwrap();
    for byte in exchange(2).line(2) {
        last.write_all(&[byte]).unwrap();
        assert!(reader.read().unwrap().is_none());
    }
    last.write_all(b"\n").unwrap();
    assert_eq!(read_rest(&mut reader), ["2 /2"]);
}

#[test]
fn following_goes_on_after_a_crash_was_put_right() {
    let directory = filled(2, 1 << 20);
    let mut reader = Reader::open(directory.path(), &Bounds::default()).unwrap();
    let path = found(&directory)[0].path.clone();
    let mut last = OpenOptions::new().append(true).open(&path).unwrap();
    last.write_all(&exchange_at(&time(2), "/lost").line(2)).unwrap();
    assert_eq!(read_rest(&mut reader), sequence(2));

    let mut journal = journal(&directory, 1 << 20);
    journal.append(&exchange(2));
    journal.append(&stop());
    journal.close().unwrap();
    assert_eq!(read_rest(&mut reader), ["2 /2", "3 lifecycle"]);
}

#[test]
fn bad_places_are_told_and_passed() {
    let directory = filled(6, 1 << 20);
    let path = found(&directory)[0].path.clone();
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let offset_bytes = lines[0].len() + 1;
    lines[1] = "\0\0\0".into();
    lines[3] = lines[3].replace("\"/3\"", "\"/3");
    lines[4] = lines[4].replace("\"seq\":4", "\"seq\":999");
    fs::write(&path, lines.join("\n")).unwrap();
    let fourth = offset_bytes + 4 + lines[2].len() + 1;
    let fifth = fourth + lines[3].len() + 1;
    let expected = [
        "0 /0".to_owned(),
        format!("! {offset_bytes} not a record"),
        format!("! {} record 2 follows where 1 should be", offset_bytes + 4),
        "2 /2".to_owned(),
        format!("! {fourth} not a record"),
        format!("! {fifth} record 999 follows where 4 should be"),
        "999 /4".to_owned(),
    ];
    assert_eq!(read_all(directory.path()), expected, "the last line has no newline");
    let mut reader = Reader::open(directory.path(), &Bounds::default()).unwrap();
    reader.read().unwrap();
    let Some(Item::Notice(notice)) = reader.read().unwrap() else { panic!() };
    let place = format!("{}: byte {offset_bytes}: not a record", path.display());
    assert_eq!(notice.to_string(), place);
}

#[test]
fn a_missing_segment_and_a_torn_one_are_told() {
    let line = exchange(0).line(0).len() as u64 + 1;
    let directory = filled(8, line * 2);
    let segments = found(&directory);
    assert_eq!(segments.len(), 4);
    fs::remove_file(&segments[1].path).unwrap();
    let torn = OpenOptions::new().append(true).open(&segments[2].path).unwrap();
    torn.set_len(line * 2 - 5).unwrap();
    let expected = [
        "0 /0".to_owned(),
        "1 /1".to_owned(),
        "! 0 record 4 follows where 2 should be".to_owned(),
        "4 /4".to_owned(),
        format!("! {line} record is cut off after {} bytes", line - 5),
        "! 0 record 6 follows where 5 should be".to_owned(),
        "6 /6".to_owned(),
        "7 /7".to_owned(),
    ];
    assert_eq!(read_all(directory.path()), expected);
}

#[test]
fn lines_that_the_next_segment_repeats_count_there() {
    let directory = filled(6, 1 << 20);
    let text = fs::read(&found(&directory)[0].path).unwrap();
    let line = exchange(0).line(0).len() + 1;
    for torn in [0, 1, line - 1, line] {
        fs::write(&found(&directory)[0].path, &text[..line * 5 - torn]).unwrap();
        let next = directory.path().join("journal/segment").join(segment::file_name(4));
        fs::write(&next, &text[line * 4..]).unwrap();
        assert_eq!(read_all(directory.path()), sequence(6), "{torn}");
        let mut reader = Reader::open_at_end(directory.path()).unwrap();
        assert_eq!(read_rest(&mut reader), Vec::<String>::new());
    }
}

#[test]
fn a_segment_of_zeros_in_the_middle_is_told() {
    let line = exchange(0).line(0).len() as u64 + 1;
    let directory = filled(6, line * 2);
    fs::write(&found(&directory)[1].path, vec![0; 100]).unwrap();
    let expected = [
        "0 /0",
        "1 /1",
        "! 0 record is cut off after 100 bytes",
        "! 0 record 4 follows where 2 should be",
        "4 /4",
        "5 /5",
    ];
    assert_eq!(read_all(directory.path()), expected);
}

#[test]
fn a_timestamp_that_cannot_be_read_is_not_hidden() {
    let bounds = TextBounds::of(&Bounds { since: time(5).parse().ok(), until: None });
    let line = |time: &str| format!("{{\"schema\":1,\"seq\":7,\"timestamp\":\"{time}\",\"a\":1}}");
    assert!(!bounds.hold(line(&time(4)).as_bytes()));
    assert!(bounds.hold(line(&time(5)).as_bytes()));
    assert!(bounds.hold(line("2026-11-22T07:00:04Z").as_bytes()));
    assert!(bounds.hold(b"{\"schema\":1,\"seq\":7,\"other\":1}"));
}
