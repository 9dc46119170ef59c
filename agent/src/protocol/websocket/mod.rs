//! WebSocket after its handshake: messages out of the bytes of one direction.
//!
//! In: bytes and holes of one direction in order, what the handshake agreed. Out: `Event`s.
//! Always: sans-IO; never fails, never panics; same events however the bytes were cut; content is
//! the front of what was sent and nothing else; memory <= `content_bytes`, 64 KiB where messages
//! are compressed, 256 gaps.
//! Not here: the handshake (`http1`, `http2`), what a subprotocol means, redaction.
//! Source: RFC 6455, RFC 7692.
//!
//! `half` follows one direction, `frame` reads headers, `message` puts frames together, `inflate`
//! decompresses, `utf8` judges text, `resync` finds the frames again after a loss, `extensions`
//! reads what the server agreed to, `session` holds both directions.

pub mod extensions;
mod frame;
pub mod half;
mod inflate;
mod message;
mod resync;
pub mod session;
#[cfg(test)]
mod tests;
mod utf8;

use std::fmt;

use crate::model::loss::Reason;
use crate::model::wiped::Wiped;
use crate::protocol::exchange::{Gap, MessageEnd};

pub use extensions::{Deflate, Extensions};
pub use half::Half;
pub use session::Session;

/// Who sends in a direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sender {
    /// Its frames are masked.
    Client,
    /// Its frames are not.
    Server,
}

/// What was found in one direction.
#[derive(Debug)]
pub enum Event {
    /// A message, as complete as it will get.
    Message(Message),
    /// A Close frame. Nothing may follow it.
    Close(Close),
    /// Bytes that are in no message; what they were cannot be told. Several in a row with one
    /// reason are one loss that goes on.
    Lost {
        /// Why.
        reason: Reason,
        /// How many, headers of frames among them.
        bytes: u64,
    },
}

/// One message (RFC 6455 section 5.4): one data frame, or several with its fragments.
pub struct Message {
    /// Text or binary.
    pub kind: Kind,
    /// When the first byte of its first frame was seen, CLOCK_MONOTONIC.
    pub first_ns: u64,
    /// When its last byte was seen, CLOCK_MONOTONIC.
    pub last_ns: u64,
    /// Its frames so far; control frames between them do not count.
    pub fragments: u32,
    /// Headers and payloads of its frames, in bytes, seen by any means.
    pub wire_bytes: u64,
    /// Length of what the sender's application sent, in bytes; of a message that ended early, as
    /// far as it came. `None` if it cannot be told: compressed and not decompressed to the end.
    pub body_bytes: Option<u64>,
    /// It was sent compressed.
    pub compressed: bool,
    /// The front of what the application sent, at most `content_bytes` (`Half::new`). `None`:
    /// nothing is collected, or it cannot be known.
    pub content: Option<Wiped>,
    /// `content` is not the whole: there is more than the limit, a hole, a bomb, an early end.
    pub content_cut: bool,
    /// What was seen and not captured; offsets are in `wire_bytes`.
    pub gaps: Vec<Gap>,
    /// How it ended; `Unknown` where the frames were lost.
    pub end: MessageEnd,
    /// What was odd about it.
    pub flags: Flags,
}

/// What a message holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Anything.
    Binary,
}

/// What was odd about a message. What concerns content is told only where content is collected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags {
    /// Text that is not UTF-8. Behind a hole it is not judged.
    pub invalid_utf8: bool,
    /// Compressed so well that it was not decompressed to the end.
    pub bomb: bool,
    /// Compressed data that cannot be decompressed; there is no content.
    pub invalid_deflate: bool,
    /// A frame was masked that must not be, or the reverse.
    pub wrong_mask: bool,
    /// A frame's length was not written in its shortest form.
    pub long_length: bool,
}

/// A Close frame (RFC 6455 section 5.5.1).
#[derive(Clone, Eq, PartialEq)]
pub struct Close {
    /// When its last byte was seen, CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// Status code, if it has one.
    pub code: Option<u16>,
    /// At most 123 bytes; should be UTF-8. Without a code, the byte that is too few for one.
    pub reason: Vec<u8>,
    /// A hole is in it: what follows the hole is missing.
    pub is_cut: bool,
}

/// What is counted in one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Ping frames.
    pub pings: u64,
    /// Pong frames.
    pub pongs: u64,
    /// Frames of any kind that were masked and must not be, or the reverse.
    pub wrong_masks: u64,
}

// === impl Debug: shapes, never values ===

impl fmt::Debug for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "Message {{ {:?}, {} bytes, content: {:?} bytes, {:?} }}",
            self.kind,
            self.wire_bytes,
            self.content.as_ref().map(|content| content.len()),
            self.end
        )
    }
}

impl fmt::Debug for Close {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Close {{ {:?}, reason: {} bytes }}", self.code, self.reason.len())
    }
}
