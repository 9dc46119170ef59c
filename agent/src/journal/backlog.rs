//! Lines that are not durable yet, in memory.
//!
//! In: records, each with the next number. Out: the bytes to write, and the same bytes again when
//! what was written turned out not to be durable.
//! Always: whole lines in order of `seq`, without a hole; a line leaves only when it is durable.
//! Not here: how much may be held (`store`), the file (`segment`).

use std::ops::Range;

use crate::audit::encode::{EncodedRecord, Lines};

/// `0 <= written <= bytes.len()`, which is the end of a line.
#[derive(Debug)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// How records become lines.
    lines: Lines,
    /// `seq` of the first line held.
    first_seq: u64,
    /// Bytes that are in the file.
    written: usize,
    /// `seq` of the first line that is not in the file.
    written_seq: u64,
    /// `seq` of the next line.
    next_seq: u64,
}

impl Backlog {
    pub(super) fn new(next_seq: u64) -> Self {
        Self {
            bytes: Vec::new(),
            lines: Lines::default(),
            first_seq: next_seq,
            written: 0,
            written_seq: next_seq,
            next_seq,
        }
    }

    /// Adds one record; its number.
    pub(super) fn push(&mut self, record: &EncodedRecord) -> u64 {
        let seq = self.next_seq;
        self.lines.write(record, seq, &mut self.bytes);
        self.bytes.push(b'\n');
        self.next_seq = seq.saturating_add(1);
        seq
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn unwritten(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    pub(super) fn unsynced_bytes(&self) -> usize {
        self.written
    }

    pub(super) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    pub(super) fn written_seq(&self) -> u64 {
        self.written_seq
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The first `bytes` of `unwritten`, whole lines, are in the file now.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written_seq += self.count(self.written..self.written + bytes);
        self.written += bytes;
    }

    /// What is in the file is durable now, and leaves; each line is given without its newline.
    pub(super) fn synced(&mut self, mut durable: impl FnMut(&[u8])) {
        let written = self.bytes.get(..self.written).unwrap_or_default();
        let lines = written.split_inclusive(|byte| *byte == b'\n');
        lines.for_each(|line| durable(line.strip_suffix(b"\n").unwrap_or(line)));
        self.bytes.drain(..self.written);
        self.written = 0;
        self.first_seq = self.written_seq;
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
    }

    /// What is in the file is not durable and never will be: all of it has to be written again.
    pub(super) fn rewind(&mut self) {
        self.written = 0;
        self.written_seq = self.first_seq;
    }

    fn count(&self, lines: Range<usize>) -> u64 {
        let lines = self.bytes.get(lines).unwrap_or_default();
        memchr::memchr_iter(b'\n', lines).count() as u64
    }
}

/// Capacity above this is given back after a time of failure.
const KEPT_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::testing;

    #[test]
    fn numbers_follow_the_bytes() {
        let mut backlog = Backlog::new(5);
        for seq in 5..8 {
            assert_eq!(backlog.push(&testing::exchange(1)), seq);
        }
        let one = backlog.len_bytes() / 3;
        backlog.wrote(one * 2);
        assert_eq!((backlog.first_seq(), backlog.written_seq(), backlog.next_seq()), (5, 7, 8));

        backlog.rewind();
        assert_eq!((backlog.written_seq(), backlog.unwritten().len()), (5, one * 3));

        backlog.wrote(one);
        backlog.synced(|_| ());
        assert_eq!((backlog.first_seq(), backlog.len_bytes()), (6, one * 2));
        backlog.wrote(one * 2);
        backlog.synced(|_| ());
        assert_eq!((backlog.first_seq(), backlog.len_bytes(), backlog.unsynced_bytes()), (8, 0, 0));
    }
}
