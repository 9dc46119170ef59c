//! What a parser is given: bytes, holes and ends of one direction, in the order of the stream.
//!
//! In: pieces of one end of a connection (`pipeline::followed`). Out: `Input`, one for each.
//! Always: what is left of a span is never longer than what came; a `Piece` gives back what it was made of.
//! Not here: which bytes are missing (`conn`), what waits for what (`held`).

use std::fmt;

use crate::model::loss::Reason;

/// One step of the input of one direction.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Bytes.
    Bytes(Span<'a>),
    /// Bytes that were not captured.
    Hole(Hole),
    /// The end, at that time.
    End(u64),
}

/// Bytes that moved and were captured, as far as they are not used yet.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    /// What is not used yet.
    pub rest: &'a [u8],
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// `rest` begins where the direction of the connection's traffic changed.
    pub turn_start: bool,
    /// `rest` begins where a call of the program did.
    pub call_start: bool,
    /// Process that made the call.
    pub tgid: u32,
    /// Its real user id.
    pub uid: u32,
}

/// Bytes that moved and were not captured.
#[derive(Clone, Copy, Debug)]
pub struct Hole {
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// How many.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
    /// It begins where the direction of the connection's traffic changed.
    pub turn_start: bool,
}

/// An input that owns its bytes.
pub struct Piece {
    /// Its bytes, if it has any, are in `bytes`.
    input: Input<'static>,
    bytes: Box<[u8]>,
}

impl Input<'_> {
    /// Nothing has moved, and nothing has ended.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Bytes(span) => span.rest.is_empty(),
            Self::Hole(hole) => hole.bytes == 0,
            Self::End(_) => false,
        }
    }

    /// CLOCK_MONOTONIC.
    pub fn time_ns(&self) -> u64 {
        match self {
            Self::Bytes(span) => span.time_ns,
            Self::Hole(hole) => hole.time_ns,
            Self::End(time_ns) => *time_ns,
        }
    }
}

impl<'a> Span<'a> {
    /// Bytes that lie within others, by that time: they begin no turn and no call, and of whom they are is
    /// known already.
    pub fn within(rest: &'a [u8], time_ns: u64) -> Self {
        Self { rest, time_ns, turn_start: false, call_start: false, tgid: 0, uid: 0 }
    }

    /// The same about other bytes.
    pub fn with<'b>(self, rest: &'b [u8]) -> Span<'b> {
        Span { rest, ..self }
    }

    /// Uses up the first bytes.
    pub fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, &[]));
        self.rest = rest;
        self.turn_start &= taken.is_empty();
        self.call_start &= taken.is_empty();
        taken
    }
}

impl Piece {
    /// The input again.
    pub fn input(&self) -> Input<'_> {
        match self.input {
            Input::Bytes(span) => Input::Bytes(span.with(&self.bytes)),
            other => other,
        }
    }

    /// How many bytes it owns.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl From<Input<'_>> for Piece {
    fn from(input: Input<'_>) -> Self {
        match input {
            Input::Bytes(span) => {
                Self { input: Input::Bytes(span.with(&[])), bytes: span.rest.into() }
            }
            Input::Hole(hole) => Self { input: Input::Hole(hole), bytes: Box::default() },
            Input::End(time_ns) => Self { input: Input::End(time_ns), bytes: Box::default() },
        }
    }
}

// === impl Debug: sizes, never bytes ===

impl fmt::Debug for Span<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Span({} bytes at {} ns)", self.rest.len(), self.time_ns)
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Piece({} bytes)", self.bytes.len())
    }
}
