//! Whole lines out of a file that may still grow.
//!
//! In: a segment and the offset of a line's first byte. Out: lines with their offsets.
//! Always: a line is given only with its newline; memory is at most twice `LINE_BYTES_MAX`, whatever
//! the file holds; damage in a sealed segment is told once and passed; the bytes of an unfinished line are read again next time, since a
//! writer that restarts may put others in their place.
//! Not here: what a line must look like (`line`), which file comes next (`reader`).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::journal::frames::is_damage;
use crate::journal::line::LINE_BYTES_MAX;
use crate::journal::source::Source;

/// A segment read line by line.
#[derive(Debug)]
pub struct Lines {
    source: Source,
    buffer: Vec<u8>,
    /// Bytes of `buffer` not given yet; `0 <= start <= searched <= end <= buffer.len()`.
    start: usize,
    searched: usize,
    end: usize,
    /// Offset in the file of `buffer[start]`.
    offset_bytes: u64,
    line: Range<usize>,
    line_offset_bytes: u64,
}

/// What `Lines::advance` found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Advance {
    /// A line; see `Lines::line`.
    Line,
    /// A line longer than `LINE_BYTES_MAX`, passed over; `Lines::line` is empty.
    TooLong,
    /// Bytes of a sealed segment that cannot be read, passed over; `Lines::line` is empty.
    Damaged,
    /// No whole line for now.
    End {
        /// Bytes after the last newline.
        torn_bytes: u64,
    },
}

impl Lines {
    /// Reads `source` from `offset_bytes` on, which must be where a line begins.
    pub fn new(source: impl Into<Source>, offset_bytes: u64) -> Self {
        Self {
            source: source.into(),
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            end: 0,
            offset_bytes,
            line: 0..0,
            line_offset_bytes: offset_bytes,
        }
    }

    /// Goes to the next line. Errors: those of reading.
    pub fn advance(&mut self) -> io::Result<Advance> {
        loop {
            if let Some(newline) = self.newline() {
                return Ok(self.take(newline));
            }
            if self.end - self.start > LINE_BYTES_MAX {
                return self.pass_over();
            }
            match self.fill() {
                Ok(0) => {
                    let torn_bytes = (self.end - self.start) as u64;
                    self.forget();
                    return Ok(Advance::End { torn_bytes });
                }
                Ok(_) => {}
                Err(error) if is_damage(&error) => {
                    let held_bytes = (self.end - self.start) as u64;
                    return Ok(self.pass_damage(held_bytes));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What is read.
    pub(super) fn into_source(self) -> Source {
        self.source
    }

    /// The line that `advance` went to, without its newline.
    pub fn line(&self) -> &[u8] {
        self.buffer.get(self.line.clone()).unwrap_or_default()
    }

    /// Offset in the file of that line's first byte.
    pub fn line_offset_bytes(&self) -> u64 {
        self.line_offset_bytes
    }

    /// Offset in the file of the byte after the last line given.
    pub fn offset_bytes(&self) -> u64 {
        self.offset_bytes
    }

    /// True if the file has no name any more.
    pub fn is_removed(&self) -> bool {
        self.source.is_removed()
    }

    /// Makes the file's content durable, whoever wrote it.
    pub fn sync(&self) -> io::Result<()> {
        self.source.sync()
    }

    /// Makes the next `advance` give the same line again.
    pub fn step_back(&mut self) {
        self.start = self.line.start;
        self.searched = self.start;
        self.offset_bytes = self.line_offset_bytes;
    }

    fn newline(&mut self) -> Option<usize> {
        let fresh = self.buffer.get(self.searched..self.end)?;
        let found = memchr::memchr(b'\n', fresh).map(|at| self.searched + at);
        self.searched = found.unwrap_or(self.end);
        found
    }

    fn take(&mut self, newline: usize) -> Advance {
        self.line = self.start..newline;
        let too_long = self.line.len() > LINE_BYTES_MAX;
        self.line_offset_bytes = self.offset_bytes;
        self.offset_bytes += (newline + 1 - self.start) as u64;
        self.start = newline + 1;
        self.searched = self.start;
        if too_long {
            self.line = 0..0;
            return Advance::TooLong;
        }
        Advance::Line
    }

    /// Makes room behind `end` and reads; the number of bytes read.
    fn fill(&mut self) -> io::Result<usize> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.searched -= self.start;
            self.end -= self.start;
            self.start = 0;
            self.line = 0..0;
        }
        if self.buffer.len() - self.end < CHUNK_BYTES {
            self.buffer.resize(self.end + CHUNK_BYTES.max(self.end), 0);
        }
        let at = self.offset_bytes + self.end as u64;
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = self.source.read_at(room, at)?;
        self.end += read;
        Ok(read)
    }

    /// Drops what was read of a line that has no end yet.
    fn forget(&mut self) {
        self.start = 0;
        self.searched = 0;
        self.end = 0;
        self.line = 0..0;
        self.line_offset_bytes = self.offset_bytes;
    }

    /// Goes on behind damage that begins `held_bytes` behind the last line given.
    fn pass_damage(&mut self, held_bytes: u64) -> Advance {
        self.forget();
        self.offset_bytes = self.source.skip(self.offset_bytes + held_bytes);
        Advance::Damaged
    }

    /// Finds the end of a line that is too long to hold.
    fn pass_over(&mut self) -> io::Result<Advance> {
        let mut length_bytes = (self.end - self.start) as u64;
        self.forget();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let at = self.offset_bytes + length_bytes;
            let read = match self.source.read_at(&mut chunk, at) {
                Err(error) if is_damage(&error) => return Ok(self.pass_damage(length_bytes)),
                result => result?,
            };
            let fresh = chunk.get(..read).unwrap_or_default();
            if read == 0 {
                return Ok(Advance::End { torn_bytes: length_bytes });
            }
            if let Some(newline) = memchr::memchr(b'\n', fresh) {
                self.offset_bytes += length_bytes + newline as u64 + 1;
                return Ok(Advance::TooLong);
            }
            length_bytes += read as u64;
        }
    }
}

/// Offset of the byte after the last newline.
pub fn last_newline(file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut chunk = vec![0; 64 << 10];
    while end > 0 {
        let start = end.saturating_sub(chunk.len() as u64);
        let length = usize::try_from(end - start).unwrap_or_default();
        let Some(room) = chunk.get_mut(..length) else { break };
        file.read_exact_at(room, start)?;
        if let Some(newline) = memchr::memrchr(b'\n', room) {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

const CHUNK_BYTES: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    fn lines(content: &[u8]) -> (File, Lines) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        (file.try_clone().unwrap(), Lines::new(file, 0))
    }

    #[test]
    fn lines_have_their_offsets() {
        let (_, mut lines) = lines(b"one\n\nthree\nfo");
        let mut seen = Vec::new();
        while lines.advance().unwrap() == Advance::Line {
            let text = String::from_utf8_lossy(lines.line()).into_owned();
            seen.push((lines.line_offset_bytes(), text));
        }
        assert_eq!(seen, [(0, "one".into()), (4, String::new()), (5, "three".into())]);
        assert_eq!(lines.advance().unwrap(), Advance::End { torn_bytes: 2 });
    }

    #[test]
    fn an_unfinished_line_is_read_again() {
        let (mut file, mut lines) = lines(b"one\ntorn");
        assert_eq!(lines.advance().unwrap(), Advance::Line);
        assert_eq!(lines.advance().unwrap(), Advance::End { torn_bytes: 4 });
        file.set_len(4).unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        file.write_all(b"other\n").unwrap();
        assert_eq!(lines.advance().unwrap(), Advance::Line);
        assert_eq!(lines.line(), b"other");
    }

    #[test]
    fn a_step_back_gives_the_line_again() {
        let (_, mut lines) = lines(b"one\ntwo\n");
        for _ in 0..2 {
            assert_eq!(lines.advance().unwrap(), Advance::Line);
            assert_eq!((lines.line(), lines.line_offset_bytes()), (&b"one"[..], 0));
            lines.step_back();
        }
    }

    #[test]
    fn lines_longer_than_a_chunk_are_whole_and_endless_ones_are_passed_over() {
        let mut content = vec![b'a'; CHUNK_BYTES * 3 + 1];
        content.push(b'\n');
        let long = content.len();
        content.resize(long + LINE_BYTES_MAX + CHUNK_BYTES * 2, b'b');
        let (mut file, mut lines) = lines(&content);
        assert_eq!(lines.advance().unwrap(), Advance::Line);
        assert_eq!(lines.line().len(), long - 1);
        let torn_bytes = (content.len() - long) as u64;
        assert_eq!(lines.advance().unwrap(), Advance::End { torn_bytes });
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"\nshort\n").unwrap();
        assert_eq!(lines.advance().unwrap(), Advance::TooLong);
        assert_eq!(lines.advance().unwrap(), Advance::Line);
        assert_eq!(lines.line(), b"short");
        assert!(lines.buffer.len() <= LINE_BYTES_MAX * 2 + CHUNK_BYTES * 2);
    }
}
