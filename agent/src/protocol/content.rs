//! Content of one message, as far as records may want it.
//!
//! In: its bytes in order, transfer coding removed, and holes. Out: the front of it.
//! Always: never more than the limit, and nothing behind a hole.
//! Not here: content codings (`coding`), what may be written of it (`audit::redact::body`).

use std::fmt;

use crate::protocol::kept::Kept;

/// Content that comes in.
pub struct Content {
    kept: Kept,
    is_cut: bool,
}

/// The front of a message's content, as sent: content codings are still on it.
#[derive(Clone, Eq, PartialEq)]
pub struct Front {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// More came than is here.
    pub is_cut: bool,
}

impl Content {
    /// Keeps at most so much.
    pub fn new(limit_bytes: usize) -> Self {
        Self { kept: Kept::new(limit_bytes), is_cut: false }
    }

    /// More of it.
    pub fn add(&mut self, bytes: &[u8]) {
        if !self.is_cut {
            let before = self.kept.len();
            self.kept.add(bytes);
            self.is_cut = self.kept.len() < before.saturating_add(bytes.len());
        }
    }

    /// Some of it was not seen.
    pub fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.kept.memory_bytes()
    }

    /// The message is over. `None`: nothing of it was seen.
    pub fn into_front(self) -> Option<Front> {
        let front = Front { is_cut: self.is_cut, bytes: self.kept.into_bytes() };
        (!front.bytes.is_empty()).then_some(front)
    }
}

// === impl Debug: sizes, never bytes ===

impl fmt::Debug for Content {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Content({} bytes)", self.kept.len())
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Front({} bytes)", self.bytes.len())
    }
}
