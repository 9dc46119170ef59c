//! The front of a client's handshake, put together from pieces.
//!
//! In: pieces with their offsets, in any order. Out: all bytes from the first one to the first gap.
//! Always: at most `STREAM_BYTES` bytes and `RANGES` ranges held; pieces beyond either are left out.
//! Source: RFC 9000 section 7.5.

use std::ops::Range;

/// Handshake bytes that are held. Real ClientHellos have at most a few KiB.
pub const STREAM_BYTES: usize = 16 * 1024;

/// Pieces that are there, those that touch as one. Some clients cut a ClientHello into a dozen.
const RANGES: usize = 64;

/// What came so far.
#[derive(Default)]
pub struct Stream {
    bytes: Vec<u8>,
    /// In order, with gaps between them.
    present: Vec<Range<usize>>,
}

impl Stream {
    /// Takes a piece.
    pub fn put(&mut self, offset: u64, piece: &[u8]) {
        let Some(range) = range(offset, piece.len()) else { return };
        if !self.mark(&range) {
            return;
        }
        let missing = range.end.saturating_sub(self.bytes.len());
        self.bytes.reserve_exact(missing);
        self.bytes.resize(self.bytes.len() + missing, 0);
        if let Some(place) = self.bytes.get_mut(range) {
            place.copy_from_slice(piece);
        }
    }

    /// All bytes before the first gap.
    pub fn front(&self) -> &[u8] {
        let first = self.present.first().filter(|range| range.start == 0).cloned();
        first.and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.present.capacity() * size_of::<Range<usize>>()
    }

    /// Adds a range to those that are there; `false`: there are too many.
    fn mark(&mut self, added: &Range<usize>) -> bool {
        let start = self.present.partition_point(|range| range.end < added.start);
        let end = self.present.partition_point(|range| range.start <= added.end);
        let touched = self.present.get(start..end).unwrap_or_default();
        if touched.is_empty() && self.present.len() == RANGES {
            return false;
        }
        let whole = touched.iter().fold(added.clone(), |whole, range| {
            whole.start.min(range.start)..whole.end.max(range.end)
        });
        self.present.splice(start..end, [whole]);
        true
    }
}

/// `None`: nothing is in it, or it is too far behind.
fn range(offset: u64, length_bytes: usize) -> Option<Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(length_bytes)?;
    (length_bytes > 0 && end <= STREAM_BYTES).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::{RANGES, STREAM_BYTES, Stream};

    fn check(pieces: &[(u64, &str)], expected: &str) {
        let mut stream = Stream::default();
        for (offset, piece) in pieces {
            stream.put(*offset, piece.as_bytes());
        }
        assert_eq!(str::from_utf8(stream.front()), Ok(expected));
        let gaps = stream.present.windows(2).all(|pair| pair[0].end < pair[1].start);
        assert!(gaps, "{:?}", stream.present);
    }

    #[test]
    fn pieces_come_in_any_order() {
        check(&[], "");
        check(&[(0, "abc"), (3, "def")], "abcdef");
        check(&[(3, "def"), (0, "abc")], "abcdef");
        check(&[(3, "def")], "");
        check(&[(0, "ab"), (4, "ef"), (2, "cd")], "abcdef");
        check(&[(4, "ef"), (0, "a"), (2, "c"), (1, "b"), (3, "d")], "abcdef");
    }

    #[test]
    fn pieces_overlap() {
        check(&[(0, "abcd"), (2, "cdef"), (1, "bc")], "abcdef");
        check(&[(2, "cd"), (0, "abcdef")], "abcdef");
        check(&[(1, "b"), (3, "d"), (5, "f"), (0, "abcde")], "abcdef");
        check(&[(0, "ab"), (0, "ab"), (1, "")], "ab");
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut stream = Stream::default();
        stream.put(STREAM_BYTES as u64 - 1, b"ab");
        stream.put(u64::MAX >> 2, b"ab");
        assert_eq!(stream.memory_bytes(), 0);
        for offset in (1..STREAM_BYTES as u64).rev().step_by(3) {
            stream.put(offset, b"a");
        }
        assert_eq!(stream.present.len(), RANGES);
        stream.put(0, &[b'a'; STREAM_BYTES]);
        assert_eq!(stream.front().len(), STREAM_BYTES);
        assert!(stream.memory_bytes() <= STREAM_BYTES + 2 * RANGES * 16);
    }
}
