//! One step of the input of a direction, and steps that wait for the other direction.
//!
//! In: spans, holes, the end. Out: the same, in order.
//! Always: the owner compares `bytes` with `Limits::held_bytes`; empty means no memory.
//! Not here: when to wait (`http1`).

use std::collections::VecDeque;

use crate::protocol::Hole;
use crate::protocol::meter::Span;

/// One step of the input of one direction.
pub enum Input<'a> {
    /// Bytes.
    Bytes(Span<'a>),
    /// Bytes that were not captured.
    Hole(Hole),
    /// The end, at that time.
    End(u64),
}

/// What waits.
#[derive(Default)]
pub struct Held {
    items: VecDeque<Item>,
    bytes: usize,
    since_ns: u64,
}

/// An input that owns its bytes.
pub enum Item {
    /// See `Input`; the span's `rest` is empty.
    Bytes(Span<'static>, Box<[u8]>),
    /// See `Input`.
    Hole(Hole),
    /// See `Input`.
    End(u64),
}

impl Item {
    /// The input again.
    pub fn input(&self) -> Input<'_> {
        match self {
            Self::Bytes(span, bytes) => Input::Bytes(Span { rest: bytes, ..*span }),
            Self::Hole(hole) => Input::Hole(*hole),
            Self::End(time_ns) => Input::End(*time_ns),
        }
    }

    fn memory_bytes(&self) -> usize {
        let bytes = match self {
            Self::Bytes(_, bytes) => bytes.len(),
            Self::Hole(_) | Self::End(_) => 0,
        };
        bytes + size_of::<Self>()
    }
}

impl Input<'_> {
    /// CLOCK_MONOTONIC.
    pub fn time_ns(&self) -> u64 {
        match self {
            Self::Bytes(span) => span.time_ns,
            Self::Hole(hole) => hole.time_ns,
            Self::End(time_ns) => *time_ns,
        }
    }

    fn item(self) -> Item {
        match self {
            Self::Bytes(span) => Item::Bytes(Span { rest: &[], ..span }, span.rest.into()),
            Self::Hole(hole) => Item::Hole(hole),
            Self::End(time_ns) => Item::End(time_ns),
        }
    }
}

impl Held {
    /// Adds an input that came last.
    pub fn push(&mut self, input: Input<'_>) {
        if self.items.is_empty() {
            self.since_ns = input.time_ns();
        }
        let item = input.item();
        self.bytes += item.memory_bytes();
        self.items.push_back(item);
    }

    /// Puts back what is left of the input that came first.
    pub fn put_back(&mut self, input: Input<'_>) {
        if self.items.is_empty() {
            self.since_ns = input.time_ns();
        }
        let item = input.item();
        self.bytes += item.memory_bytes();
        self.items.push_front(item);
    }

    /// The input that came first.
    pub fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.bytes = self.bytes.saturating_sub(item.memory_bytes());
        if self.items.is_empty() {
            self.items = VecDeque::new();
        }
        Some(item)
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How long the first input has waited.
    pub fn waited_ns(&self, now_ns: u64) -> u64 {
        match self.is_empty() {
            true => 0,
            false => now_ns.saturating_sub(self.since_ns),
        }
    }
}
