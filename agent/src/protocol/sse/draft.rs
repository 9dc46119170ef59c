//! An event while its lines come in.
//!
//! In: fields and sizes. Out: `Event`.
//! Always: data are kept up to their limit and counted beyond it. Not here: lines (`sse`).

use std::borrow::Cow;

use crate::protocol::exchange::MessageEnd;
use crate::protocol::kept::Kept;
use crate::protocol::sse::Event;

/// An event under way.
#[derive(Default)]
pub(super) struct Draft {
    pub event_type: Vec<u8>,
    pub id: Option<Vec<u8>>,
    pub retry_ms: Option<u64>,
    data: Kept,
    data_bytes: u64,
    /// `data` fields.
    pub data_lines: u64,
    /// There was a line that is no comment.
    pub has_fields: bool,
    pub is_cut: bool,
    wire_bytes: u64,
    first_ns: u64,
    last_ns: u64,
}

impl Draft {
    /// Nothing yet; at most `data_bytes` of data will be kept.
    pub fn new(data_bytes: usize) -> Self {
        Self { data: Kept::new(data_bytes), ..Self::default() }
    }

    /// Bytes of it that were seen at that time.
    pub fn count(&mut self, bytes: u64, time_ns: u64) {
        if self.wire_bytes == 0 {
            self.first_ns = time_ns;
        }
        self.last_ns = time_ns;
        self.wire_bytes = self.wire_bytes.saturating_add(bytes);
    }

    /// The first bytes were none of the event's; what else was counted has just come.
    pub fn uncount(&mut self, bytes: u64) {
        self.wire_bytes = self.wire_bytes.saturating_sub(bytes);
        self.first_ns = self.last_ns;
    }

    /// More data.
    pub fn add_data(&mut self, bytes: &[u8]) {
        self.data_bytes = self.data_bytes.saturating_add(bytes.len() as u64);
        self.data.add(bytes);
    }

    /// It is over; `data_bytes` as in `new`.
    pub fn finish(self, data_bytes: usize, end: MessageEnd) -> Event {
        let collected = data_bytes > 0;
        let is_short = collected && (self.data.len() as u64) < self.data_bytes;
        Event {
            event_type: match self.event_type.is_empty() {
                true => Cow::Borrowed(b"message"),
                false => Cow::Owned(self.event_type),
            },
            id: self.id,
            retry_ms: self.retry_ms,
            data: collected.then(|| self.data.into_bytes()),
            data_bytes: self.data_bytes,
            is_cut: self.is_cut || is_short || end != MessageEnd::Whole,
            wire_bytes: self.wire_bytes,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
            end,
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let id = self.id.as_ref().map_or(0, Vec::capacity);
        self.event_type.capacity() + id + self.data.memory_bytes()
    }
}
