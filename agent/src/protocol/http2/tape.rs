//! Bytes of one direction, kept until it is known what they are.
//!
//! In: spans in order, offsets counted from the first. Out: the same spans again, from an offset on.
//! Always: what is cut off in front is never given back; nothing is moved by a cut.
//! Not here: what the bytes are, how many may be kept (`scout`).

use crate::protocol::input::{Input, Piece, Span};
use std::collections::VecDeque;

/// Bytes of one direction with their times.
#[derive(Default)]
pub struct Tape {
    pieces: VecDeque<Piece>,
    /// Offset of the first byte that is kept.
    from: u64,
    /// How many bytes of the first piece are cut off.
    cut_bytes: usize,
    /// Bytes of all pieces.
    bytes: usize,
}

impl Tape {
    /// A tape that begins at that offset.
    pub fn new(from: u64) -> Self {
        Self { from, ..Self::default() }
    }

    /// Adds what follows.
    pub fn push(&mut self, span: &Span<'_>) {
        self.bytes += span.rest.len();
        self.pieces.push_back(Input::Bytes(*span).into());
    }

    /// Cuts off what lies before an offset. Returns how many bytes that were.
    pub fn cut(&mut self, offset: u64) -> u64 {
        let before = self.from;
        while let Some(first) = self.pieces.front() {
            let left = first.len_bytes().saturating_sub(self.cut_bytes);
            let wanted = offset.saturating_sub(self.from);
            if wanted < left as u64 {
                self.cut_bytes += wanted as usize;
                self.from += wanted;
                break;
            }
            self.from += left as u64;
            self.cut_bytes = 0;
            self.bytes = self.bytes.saturating_sub(first.len_bytes());
            self.pieces.pop_front();
        }
        self.from - before
    }

    /// Offset of the first byte that is kept.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// When that byte was moved.
    pub fn begun_ns(&self) -> Option<u64> {
        self.pieces.front().map(|piece| piece.input().time_ns())
    }

    /// Bytes that are kept.
    pub fn len_bytes(&self) -> usize {
        self.bytes.saturating_sub(self.cut_bytes)
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.bytes + self.pieces.capacity() * size_of::<Piece>()
    }

    /// Gives the spans to `take`, in order.
    pub fn play(self, mut take: impl FnMut(Span<'_>)) {
        let mut cut_bytes = self.cut_bytes;
        for piece in self.pieces {
            if let Input::Bytes(mut span) = piece.input() {
                span.take(std::mem::take(&mut cut_bytes));
                take(span);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(rest: &[u8]) -> Span<'_> {
        Span { rest, time_ns: 7, turn_start: true, call_start: true, tgid: 1, uid: 2 }
    }

    fn tape(from: u64, pieces: &[&[u8]]) -> Tape {
        let mut tape = Tape::new(from);
        for piece in pieces {
            tape.push(&span(piece));
        }
        tape
    }

    fn text(tape: Tape) -> String {
        let mut text = String::new();
        tape.play(|span| {
            text.push_str(&String::from_utf8_lossy(span.rest));
            text.push(if span.call_start { '!' } else { '.' });
        });
        text
    }

    #[test]
    fn what_is_cut_off_is_not_played() {
        for (offset, cut, left) in [
            (0, 0, "abc!de!f!"),
            (10, 0, "abc!de!f!"),
            (11, 1, "bc.de!f!"),
            (13, 3, "de!f!"),
            (14, 4, "e.f!"),
            (16, 6, ""),
            (99, 6, ""),
        ] {
            let mut tape = tape(10, &[b"abc", b"de", b"f"]);
            assert_eq!(tape.cut(offset), cut, "{offset}");
            assert_eq!(tape.from(), 10 + cut);
            assert_eq!(tape.len_bytes() as u64, 6 - cut);
            assert_eq!(text(tape), left, "{offset}");
        }
    }

    #[test]
    fn cuts_add_up() {
        let mut tape = tape(0, &[b"abcdef"]);
        assert_eq!((tape.cut(2), tape.cut(2), tape.cut(5)), (2, 0, 3));
        tape.push(&span(b"gh"));
        assert_eq!(tape.len_bytes(), 3);
        assert!(tape.memory_bytes() >= 8);
        assert_eq!(text(tape), "f.gh!");
    }
}
