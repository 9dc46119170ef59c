//! Reading the journal: lines in order, over all segments, while it grows.
//!
//! In: the data directory, written by this or another process. Out: lines byte for byte, and notices
//! of places where a line is missing or is none.
//! Always: a line is given once and whole; bad places are told and passed; nothing is written.
//! Not here: judging whether someone tampered (`verify`), waiting (the caller polls after `None`).
//!
//! *Time.* A record's timestamp is when its request began, and it is appended when its exchange is
//! over: a timestamp is never later than its place in the file, and may be much earlier. So segments
//! last written before `since` hold nothing of interest and are skipped by their modification time (a
//! sealed one has kept it), and everything later has to be looked at, all frames of a sealed segment
//! too: what a line says bounds the time at which it was written from below only. Lines out of bounds cost a search for their end and one
//! comparison.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::journal::directory::Directory;
use crate::journal::line::{self, LINE_BYTES_MAX};
use crate::journal::lines::{Advance, Lines};
use crate::journal::segment::{self, Found};
use crate::journal::source::Source;
use crate::model::time::format_rfc3339;

/// Which records are asked for, by `timestamp`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Bounds {
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
}

/// What `Reader::read` gives.
#[derive(Debug)]
pub enum Item<'a> {
    /// One line.
    Record {
        /// Its number.
        seq: u64,
        /// Its bytes without the newline.
        line: &'a [u8],
    },
    /// Something is wrong at this place; reading goes on behind it.
    Notice(Notice),
}

/// A place where a line is missing or is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}: byte {offset_bytes}: {fault}", path.display())]
pub struct Notice {
    /// The segment.
    pub path: PathBuf,
    /// Where the line begins.
    pub offset_bytes: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a place in the journal.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Not a record.
    #[error("not a record")]
    Malformed,
    /// No newline for too long.
    #[error("line is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Compressed bytes that are not what was written. The place is that in the plain text.
    #[error("sealed segment is damaged; reading goes on behind that")]
    Damaged,
    /// The segment's last line has no end, and another segment follows.
    #[error("record is cut off after {torn_bytes} bytes")]
    Torn {
        /// What there is of it.
        torn_bytes: u64,
    },
    /// Numbers do not follow each other. The line itself is given next.
    #[error("record {found} follows where {expected} should be")]
    Order {
        /// The number that should be here.
        expected: u64,
        /// The number that is.
        found: u64,
    },
}

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The directory has no journal.
    #[error(
        "no journal in {}\nhint: start `earwitness run`, or name another directory with --data-dir",
        path.display()
    )]
    NoJournal {
        /// The data directory.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read {}: {cause}{}", path.display(), hint(cause))]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
}

/// A place in the journal, moving towards its end.
#[derive(Debug)]
pub struct Reader {
    segments: PathBuf,
    bounds: TextBounds,
    current: Option<Current>,
    /// Begin with the first segment whose first `seq` is at least this.
    resume_seq: u64,
    /// The number that the next line should have; `None` before the first one.
    expected_seq: Option<u64>,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    first_seq: u64,
    lines: Lines,
    /// Lines before this were given by an earlier segment.
    given_seq: u64,
    /// First `seq` of the segment after this one, once there is one: lines from there on are
    /// repeated there.
    next_seq: Option<u64>,
    /// The end was reached after `next_seq` was known.
    ended: bool,
}

impl Reader {
    /// Begins at the first record that may be within `bounds`. Errors: there is no journal, or it
    /// cannot be read.
    pub fn open(data_dir: &Path, bounds: &Bounds) -> Result<Self, ReadError> {
        let mut reader = Self::new(data_dir, bounds);
        let found = reader.list()?;
        reader.resume_seq = first_of_interest(&found, bounds.since);
        Ok(reader)
    }

    /// Begins behind the last record there is.
    pub fn open_at_end(data_dir: &Path) -> Result<Self, ReadError> {
        let mut reader = Self::new(data_dir, &Bounds::default());
        let Some(last) = reader.list()?.pop() else { return Ok(reader) };
        reader.resume_seq = last.first_seq;
        if reader.enter(last.clone(), None)?
            && let Some(current) = &mut reader.current
        {
            let opened = Source::open(&last).and_then(|(source, _)| {
                let end = source.last_newline()?;
                Ok((source, end))
            });
            let (source, end) = opened.map_err(|cause| io_error(&last.path, cause))?;
            current.lines = Lines::new(source, end);
            reader.expected_seq = None;
        }
        Ok(reader)
    }

    /// Begins at record `seq`. If it is missing, at the next one, behind a notice that says so; if it
    /// is still to be written, there. Errors: there is no journal, or it cannot be read.
    pub fn open_at(data_dir: &Path, seq: u64) -> Result<Self, ReadError> {
        let mut reader = Self::new(data_dir, &Bounds::default());
        let found = reader.list()?;
        let holds = found.iter().rev().find(|found| found.first_seq <= seq).or(found.first());
        reader.resume_seq = holds.map_or(0, |found| found.first_seq);
        reader.expected_seq = Some(seq);
        Ok(reader)
    }

    /// Makes durable what was given so far: its segment is synced; those before it are, since the
    /// writer ends a segment durably. Errors: the disk refuses.
    pub fn sync(&self) -> Result<(), ReadError> {
        let Some(current) = &self.current else { return Ok(()) };
        current.lines.sync().map_err(|cause| io_error(&current.path, cause))
    }

    fn new(data_dir: &Path, bounds: &Bounds) -> Self {
        Self {
            segments: Directory::new(data_dir).segments(),
            bounds: TextBounds::of(bounds),
            current: None,
            resume_seq: 0,
            expected_seq: None,
        }
    }

    /// The next line within bounds, or a notice. `None`: nothing more for now; ask again later to
    /// follow. Errors: the journal cannot be read; asking again may succeed.
    pub fn read(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        loop {
            if self.current.is_none() && !self.enter_first()? {
                return Ok(None);
            }
            match self.advance()? {
                Advance::Line => match self.judge() {
                    Verdict::Pass => {}
                    Verdict::Give(seq) => return Ok(Some(self.give(seq))),
                    Verdict::Tell(fault) => return Ok(self.tell(fault)),
                },
                Advance::TooLong if self.is_repeated_later() => {}
                Advance::TooLong => return Ok(self.tell(Fault::TooLong)),
                Advance::Damaged => return Ok(self.tell(Fault::Damaged)),
                Advance::End { torn_bytes } => match self.end(torn_bytes)? {
                    End::Wait => return Ok(None),
                    End::Again => {}
                    End::Tell(notice) => return Ok(Some(Item::Notice(notice))),
                },
            }
        }
    }

    fn advance(&mut self) -> Result<Advance, ReadError> {
        let Some(current) = &mut self.current else { return Ok(Advance::End { torn_bytes: 0 }) };
        current.lines.advance().map_err(|cause| io_error(&current.path, cause))
    }

    fn judge(&mut self) -> Verdict {
        let repeated_later = self.is_repeated_later();
        let Some(current) = &mut self.current else { return Verdict::Pass };
        let line = current.lines.line();
        let Some(seq) = line::seq(line) else {
            return if repeated_later { Verdict::Pass } else { Verdict::Tell(Fault::Malformed) };
        };
        if seq < current.given_seq || current.next_seq.is_some_and(|next| seq >= next) {
            return Verdict::Pass;
        }
        if let Some(expected) = self.expected_seq.replace(seq)
            && expected != seq
        {
            current.lines.step_back();
            return Verdict::Tell(Fault::Order { expected, found: seq });
        }
        self.expected_seq = Some(seq.saturating_add(1));
        if !self.bounds.hold(line) {
            return Verdict::Pass;
        }
        if line::is_whole(line) { Verdict::Give(seq) } else { Verdict::Tell(Fault::Malformed) }
    }

    /// True if everything from here on in this segment is in the next one.
    fn is_repeated_later(&self) -> bool {
        let next = self.current.as_ref().and_then(|current| current.next_seq);
        next.zip(self.expected_seq).is_some_and(|(next, expected)| expected >= next)
    }

    fn give(&self, seq: u64) -> Item<'_> {
        let line = self.current.as_ref().map(|current| current.lines.line()).unwrap_or_default();
        Item::Record { seq, line }
    }

    fn tell(&self, fault: Fault) -> Option<Item<'_>> {
        let current = self.current.as_ref()?;
        let path = current.path.clone();
        let offset_bytes = current.lines.line_offset_bytes();
        Some(Item::Notice(Notice { path, offset_bytes, fault }))
    }

    /// At the end of a segment: stay, look again, or go on to the next one.
    fn end(&mut self, torn_bytes: u64) -> Result<End, ReadError> {
        let repeated_later = self.is_repeated_later();
        let found = self.list()?;
        let Some(current) = &mut self.current else { return Ok(End::Wait) };
        let Some(next) = found.iter().find(|next| next.first_seq > current.first_seq).cloned()
        else {
            let again = current.lines.is_removed() && self.leave_removed(&found);
            return Ok(if again { End::Again } else { End::Wait });
        };
        // The writer ends a segment before it begins another: what it wrote last is there now.
        current.next_seq = Some(next.first_seq);
        if !std::mem::replace(&mut current.ended, true) {
            return Ok(End::Again);
        }
        let offset_bytes = current.lines.offset_bytes();
        let path = current.path.clone();
        let after_next = self.list()?.into_iter().find(|after| after.first_seq > next.first_seq);
        self.enter(next, after_next.map(|after| after.first_seq))?;
        let torn = torn_bytes > 0 && !repeated_later;
        let fault = Fault::Torn { torn_bytes };
        Ok(if torn { End::Tell(Notice { path, offset_bytes, fault }) } else { End::Again })
    }

    /// The segment was taken away by a writer that goes on in an earlier one. True if there is one.
    fn leave_removed(&mut self, found: &[Found]) -> bool {
        let Some(current) = &self.current else { return false };
        let expected_seq = *self.expected_seq.get_or_insert(current.first_seq);
        let earlier = found.iter().rev().find(|found| found.first_seq <= expected_seq);
        if let Some(earlier) = earlier {
            self.resume_seq = earlier.first_seq;
            self.current = None;
        }
        earlier.is_some()
    }

    fn enter_first(&mut self) -> Result<bool, ReadError> {
        let mut found = self.list()?.into_iter().filter(|found| found.first_seq >= self.resume_seq);
        match found.next() {
            Some(first) => {
                let next_seq = found.next().map(|next| next.first_seq);
                self.enter(first, next_seq)
            }
            None => Ok(false),
        }
    }

    /// Opens a segment. False if it went away meanwhile.
    fn enter(&mut self, found: Found, next_seq: Option<u64>) -> Result<bool, ReadError> {
        self.resume_seq = found.first_seq.saturating_add(1);
        self.current = None;
        let (mut source, path) = match Source::open(&found) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(cause) => return Err(io_error(&found.path, cause)),
        };
        let expected_seq = *self.expected_seq.get_or_insert(found.first_seq);
        let repeats = found.first_seq < expected_seq;
        let start = if repeats { source.offset_before(expected_seq) } else { 0 };
        self.current = Some(Current {
            path,
            first_seq: found.first_seq,
            lines: Lines::new(source, start),
            given_seq: if repeats { expected_seq } else { 0 },
            next_seq,
            ended: false,
        });
        Ok(true)
    }

    fn list(&self) -> Result<Vec<Found>, ReadError> {
        segment::list(&self.segments).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => {
                let data_dir = self.segments.ancestors().nth(2).unwrap_or(&self.segments);
                ReadError::NoJournal { path: data_dir.to_owned() }
            }
            _ => io_error(&self.segments, cause),
        })
    }
}

enum Verdict {
    Pass,
    Give(u64),
    Tell(Fault),
}

enum End {
    Wait,
    Again,
    Tell(Notice),
}

/// Bounds as the text that records have, which compares as the times do.
#[derive(Debug)]
struct TextBounds {
    since: Option<String>,
    until: Option<String>,
}

impl TextBounds {
    fn of(bounds: &Bounds) -> Self {
        let text = |moment: Timestamp| {
            let wall_ns = moment.as_nanosecond().clamp(0, i64::MAX.into());
            format_rfc3339(i64::try_from(wall_ns).unwrap_or(i64::MAX))
        };
        Self { since: bounds.since.map(text), until: bounds.until.map(text) }
    }

    /// True for a record within; and for one whose time cannot be read, which must not be hidden.
    fn hold(&self, line: &[u8]) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Some(time) = line::timestamp(line).filter(|time| is_canonical(time)) else {
            return true;
        };
        let since = self.since.as_ref().is_none_or(|since| time >= since.as_bytes());
        since && self.until.as_ref().is_none_or(|until| time < until.as_bytes())
    }
}

/// `2026-11-22T07:00:00.123456789Z`, in shape.
fn is_canonical(time: &[u8]) -> bool {
    time.len() == 30 && time.ends_with(b"Z") && time.get(19) == Some(&b'.')
}

/// First `seq` of the first segment that may hold records from `since` on.
fn first_of_interest(found: &[Found], since: Option<Timestamp>) -> u64 {
    let since = since.and_then(|since| SystemTime::from(since).checked_sub(CLOCK_STEP));
    let is_older = |found: &Found| {
        let written = std::fs::metadata(&found.path).and_then(|found| found.modified());
        since.zip(written.ok()).is_some_and(|(since, written)| written < since)
    };
    let first = found.iter().find(|found| !is_older(found)).or(found.last());
    first.map_or(0, |first| first.first_seq)
}

fn io_error(path: &Path, cause: io::Error) -> ReadError {
    ReadError::Io { path: path.to_owned(), cause }
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => "\nhint: run as root or as the agent's user",
        _ => "",
    }
}

/// How far the host's clock may have been set back while a segment was written.
const CLOCK_STEP: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests;
