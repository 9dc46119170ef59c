//! What the last run left, put right before the first new record.
//!
//! In: the segment directory. Out: `Recovery`, and the segment to go on with.
//! Always: only what cannot be a record is removed, and only behind the last record; damage in the
//! middle stays as it is and is counted. The same directory gives the same answer.
//! Not here: telling of it (the daemon writes a `lifecycle` record from `Recovery`).
//!
//! A crash leaves a torn last line, or, when the power failed, zeros or an empty file. The last
//! segment is read whole, since after a loss of power pages behind a hole may have survived. A sealed
//! one gets no more lines: where it is the last, another is begun behind it.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::journal::error::JournalError;
use crate::journal::line::{self, LINE_BYTES_MAX};
use crate::journal::lines::{Advance, Lines};
use crate::journal::segment::{self, Found, Segment};
use crate::journal::source::Source;

/// What opening a journal found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recovery {
    /// `seq` of the next record.
    pub next_seq: u64,
    /// Bytes behind the last record that were no record, and are removed.
    pub torn_bytes: u64,
    /// Bytes between records of the last segment that are no record, and are kept.
    pub damaged_bytes: u64,
    /// Numbers that no record has: holes in the last segment and between segments.
    pub missing_records: u64,
    /// Segment files.
    pub segments: usize,
    /// `timestamp` of the last record.
    pub last_timestamp: Option<String>,
    /// The last run ended by itself and left nothing to put right, or there was none.
    pub clean: bool,
    /// Records that no checkpoint had sealed: they are taken as they were found.
    pub unsealed_records: u64,
    /// The signed checkpoint that the journal does not fulfil: somebody or something changed it since.
    pub contradicts: Option<String>,
}

/// Reads the end of the journal in `directory`, removes what is torn, and opens the last segment.
pub(super) fn recover(directory: &Path) -> Result<(Recovery, Option<Segment>), JournalError> {
    let mut found =
        segment::list(directory).map_err(|error| JournalError::io("list", directory, error))?;
    let mut recovery = Recovery { clean: true, ..Recovery::default() };
    while let Some(last) = found.pop() {
        let scan = Scan::of(&last).map_err(|error| JournalError::io("read", &last.path, error))?;
        recovery.next_seq = recovery.next_seq.max(scan.next_seq);
        if last.is_sealed {
            // Its name is taken, even if nothing in it can be read.
            recovery.next_seq = recovery.next_seq.max(last.first_seq.saturating_add(1));
            recovery.clean &= scan.records > 0;
            found.push(last);
            conclude(&mut recovery, scan, &found);
            return Ok((recovery, None));
        }
        recovery.torn_bytes += scan.torn_bytes();
        if scan.records == 0 && found.last().is_some_and(|before| runs_past(before, &last)) {
            recovery.clean = false;
            remove_unused(&last)?;
            continue;
        }
        let segment = resume(&last, &scan)?;
        found.push(last);
        conclude(&mut recovery, scan, &found);
        // Numbers that may have been given out are not given again: then a new segment begins.
        let follows = segment.1 == recovery.next_seq;
        return Ok((recovery, follows.then_some(segment.0)));
    }
    Ok((recovery, None))
}

/// True if the segment before has lines that were to be written again to `last` (see `store`).
fn runs_past(before: &Found, last: &Found) -> bool {
    !before.is_sealed && !matches!(end_seq(before), Ok(Some(end)) if end <= last.first_seq)
}

/// Removes a segment that got none of the lines it was begun for: they still count where they are.
fn remove_unused(last: &Found) -> Result<(), JournalError> {
    fs::remove_file(&last.path)
        .and_then(|()| segment::sync_parent(&last.path))
        .map_err(|error| JournalError::io("remove", &last.path, error))
}

/// Cuts the torn tail off and makes the rest durable. Gives the number its next line would have.
fn resume(last: &Found, scan: &Scan) -> Result<(Segment, u64), JournalError> {
    let open = || {
        let file = OpenOptions::new().write(true).open(&last.path)?;
        if scan.torn_bytes() > 0 {
            file.set_len(scan.good_bytes)?;
        }
        file.sync_all()?;
        Ok(file)
    };
    let file = open().map_err(|error| JournalError::io("repair", &last.path, error))?;
    let segment = Segment {
        file,
        path: last.path.clone(),
        first_seq: last.first_seq,
        len_bytes: scan.good_bytes,
        synced_bytes: scan.good_bytes,
    };
    Ok((segment, scan.next_seq))
}

fn conclude(recovery: &mut Recovery, scan: Scan, found: &[Found]) {
    recovery.segments = found.len();
    recovery.damaged_bytes = scan.damaged_bytes;
    recovery.missing_records =
        scan.missing + missing_between(found) + (recovery.next_seq - scan.next_seq);
    let whole = recovery.torn_bytes + recovery.damaged_bytes + recovery.missing_records == 0;
    recovery.clean &= whole && is_stop(&scan.last_news);
    recovery.last_timestamp =
        line::timestamp(&scan.last_line).map(|text| String::from_utf8_lossy(text).into_owned());
}

/// True for the record that the agent writes last when it is told to stop. (Only `loss` may follow.)
fn is_stop(line: &[u8]) -> bool {
    let Ok(record) = serde_json::from_slice::<Value>(line) else { return false };
    let is = |pointer, text| record.pointer(pointer).and_then(Value::as_str) == Some(text);
    is("/event/kind", "lifecycle") && is("/lifecycle/action", "stop")
}

/// Numbers that fall between the segments. A segment whose end cannot be read counts as whole here:
/// readers name such places.
fn missing_between(found: &[Found]) -> u64 {
    let pairs = found.iter().zip(found.iter().skip(1));
    pairs
        .map(|(segment, next)| match end_seq(segment) {
            Ok(Some(end)) => next.first_seq.saturating_sub(end),
            _ => 0,
        })
        .sum()
}

/// The number after a segment's last line, `None` if that is no line.
fn end_seq(segment: &Found) -> io::Result<Option<u64>> {
    let (mut source, _) = Source::open(segment)?;
    let len_bytes = source.len_bytes()?;
    let mut tail_bytes = TAIL_BYTES;
    loop {
        let start = len_bytes.saturating_sub(tail_bytes);
        let mut tail = vec![0; usize::try_from(len_bytes - start).unwrap_or_default()];
        source.read_exact_at(&mut tail, start)?;
        let lines = tail.strip_suffix(b"\n").unwrap_or(&tail);
        let last = match memchr::memrchr(b'\n', lines) {
            Some(newline) => lines.get(newline + 1..),
            None if start == 0 => Some(lines),
            None => None,
        };
        match last {
            Some([]) => return Ok(Some(segment.first_seq)),
            Some(last) => return Ok(line::seq(last).map(|seq| seq.saturating_add(1))),
            None if tail_bytes > LINE_BYTES_MAX as u64 => return Ok(None),
            None => tail_bytes *= 8,
        }
    }
}

/// One pass over a segment.
///
/// A line is a record if it is whole and its number is the next one; or, behind damage, not too far
/// ahead; or if the line after it continues from it. So a lone last line with a wrong number is
/// torn, and a place in the middle that someone tampered with costs no record its life.
#[derive(Debug, Default)]
struct Scan {
    records: u64,
    /// End of the last record.
    good_bytes: u64,
    len_bytes: u64,
    /// One more than the highest number, at least the one in the name.
    next_seq: u64,
    /// One more than the last record's number.
    expected_seq: u64,
    missing: u64,
    damaged_bytes: u64,
    doubtful: Option<Place>,
    last: Option<Place>,
    last_but_loss: Option<Place>,
    last_line: Vec<u8>,
    /// The last record that is not of kind `loss`.
    last_news: Vec<u8>,
}

/// A whole line with a number.
#[derive(Clone, Copy, Debug)]
struct Place {
    seq: u64,
    start_bytes: u64,
    end_bytes: u64,
    is_loss: bool,
}

impl Scan {
    fn of(segment: &Found) -> io::Result<Self> {
        let (source, _) = Source::open(segment)?;
        let mut scan = Self {
            len_bytes: source.len_bytes()?,
            next_seq: segment.first_seq,
            expected_seq: segment.first_seq,
            ..Self::default()
        };
        let mut lines = Lines::new(source, 0);
        loop {
            match lines.advance()? {
                Advance::Line => scan.look(&lines),
                Advance::TooLong | Advance::Damaged => scan.doubtful = None,
                Advance::End { .. } => break,
            }
        }
        let mut source = lines.into_source();
        scan.last_line = read(&mut source, scan.last)?;
        scan.last_news = read(&mut source, scan.last_but_loss)?;
        Ok(scan)
    }

    fn torn_bytes(&self) -> u64 {
        self.len_bytes.saturating_sub(self.good_bytes)
    }

    fn look(&mut self, lines: &Lines) {
        let doubtful = self.doubtful.take();
        let line = lines.line();
        let Some(seq) = line::seq(line).filter(|_| line::is_whole(line)) else { return };
        let start_bytes = lines.line_offset_bytes();
        let place = Place {
            seq,
            start_bytes,
            end_bytes: start_bytes + line.len() as u64 + 1,
            is_loss: line::kind(line) == Some(b"loss"),
        };
        match doubtful {
            Some(before) if before.seq.checked_add(1) == Some(seq) => {
                self.accept(before);
                self.accept(place);
            }
            _ if seq == self.expected_seq || self.may_follow_damage(place) => self.accept(place),
            _ => self.doubtful = Some(place),
        }
    }

    /// Damage of n bytes held fewer than n records.
    fn may_follow_damage(&self, place: Place) -> bool {
        let damaged_bytes = place.start_bytes - self.good_bytes;
        place.seq.checked_sub(self.expected_seq).is_some_and(|ahead| ahead < damaged_bytes)
    }

    fn accept(&mut self, place: Place) {
        self.records += 1;
        self.damaged_bytes += place.start_bytes - self.good_bytes;
        self.missing += place.seq.saturating_sub(self.expected_seq);
        self.good_bytes = place.end_bytes;
        self.expected_seq = place.seq.saturating_add(1);
        self.next_seq = self.next_seq.max(self.expected_seq);
        self.last = Some(place);
        if !place.is_loss {
            self.last_but_loss = Some(place);
        }
    }
}

fn read(source: &mut Source, place: Option<Place>) -> io::Result<Vec<u8>> {
    let Some(place) = place else { return Ok(Vec::new()) };
    let length = usize::try_from(place.end_bytes - place.start_bytes - 1).unwrap_or_default();
    let mut line = vec![0; length];
    source.read_exact_at(&mut line, place.start_bytes)?;
    Ok(line)
}

const TAIL_BYTES: u64 = 64 << 10;

#[cfg(test)]
mod tests;
