//! Inputs of a direction that wait for the other direction.
//!
//! In: inputs. Out: the same, in order.
//! Always: the owner compares `bytes` with `Limits::held_bytes`; empty means no memory.
//! Not here: when to wait (`http1`).

use crate::protocol::input::{Input, Piece};
use std::collections::VecDeque;

/// What waits.
#[derive(Default)]
pub struct Held {
    pieces: VecDeque<Piece>,
    bytes: usize,
    since_ns: u64,
}

impl Held {
    /// Adds an input that came last.
    pub fn push(&mut self, input: Input<'_>) {
        if self.pieces.is_empty() {
            self.since_ns = input.time_ns();
        }
        let piece = Piece::from(input);
        self.bytes += memory_bytes(&piece);
        self.pieces.push_back(piece);
    }

    /// Puts back what is left of the input that came first.
    pub fn put_back(&mut self, input: Input<'_>) {
        if self.pieces.is_empty() {
            self.since_ns = input.time_ns();
        }
        let piece = Piece::from(input);
        self.bytes += memory_bytes(&piece);
        self.pieces.push_front(piece);
    }

    /// The input that came first.
    pub fn pop(&mut self) -> Option<Piece> {
        let piece = self.pieces.pop_front()?;
        self.bytes = self.bytes.saturating_sub(memory_bytes(&piece));
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
        }
        Some(piece)
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// How long the first input has waited.
    pub fn waited_ns(&self, now_ns: u64) -> u64 {
        match self.is_empty() {
            true => 0,
            false => now_ns.saturating_sub(self.since_ns),
        }
    }
}

fn memory_bytes(piece: &Piece) -> usize {
    piece.len_bytes() + size_of::<Piece>()
}
