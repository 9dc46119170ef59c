//! Frame headers.
//!
//! In: nine bytes. Out: `FrameHead`, and whether an endpoint would accept it.
//! Always: length and type are what the bytes say; nothing is guessed from them.
//! Not here: payloads (`reader`), field blocks (`hpack`). Source: RFC 9113 sections 4.1 and 6.

use crate::protocol::detect::{Match, starts_as};

/// Length of a frame header, in bytes.
pub const HEAD_BYTES: usize = 9;

/// A client's first bytes (RFC 9113 section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113 section 6).
pub mod kind {
    /// Content.
    pub const DATA: u8 = 0;
    /// A field block, or its front.
    pub const HEADERS: u8 = 1;
    /// Deprecated.
    pub const PRIORITY: u8 = 2;
    /// The end of a stream.
    pub const RST_STREAM: u8 = 3;
    /// Parameters of the connection.
    pub const SETTINGS: u8 = 4;
    /// A request that the server makes up.
    pub const PUSH_PROMISE: u8 = 5;
    /// Is anybody there?
    pub const PING: u8 = 6;
    /// The end of the connection.
    pub const GOAWAY: u8 = 7;
    /// Flow control.
    pub const WINDOW_UPDATE: u8 = 8;
    /// More of a field block.
    pub const CONTINUATION: u8 = 9;
    /// Another address (RFC 7838).
    pub const ALTSVC: u8 = 0xa;
    /// Other origins (RFC 8336).
    pub const ORIGIN: u8 = 0xc;
    /// Priorities (RFC 9218).
    pub const PRIORITY_UPDATE: u8 = 0x10;
}

/// Frame flags.
pub mod flag {
    /// The last frame of its sender on that stream: DATA, HEADERS.
    pub const END_STREAM: u8 = 0x1;
    /// An answer: SETTINGS, PING.
    pub const ACK: u8 = 0x1;
    /// The field block is whole: HEADERS, PUSH_PROMISE, CONTINUATION.
    pub const END_HEADERS: u8 = 0x4;
    /// Padding follows: DATA, HEADERS, PUSH_PROMISE.
    pub const PADDED: u8 = 0x8;
    /// Five bytes of priority stand in front: HEADERS.
    pub const PRIORITY: u8 = 0x20;
}

/// A frame header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameHead {
    /// Length of the payload, in bytes, below 2^24.
    pub length: u32,
    /// Type (`kind`).
    pub kind: u8,
    /// Flags (`flag`).
    pub flags: u8,
    /// Stream identifier, 0 for the connection.
    pub stream: u32,
    /// The bit in front of the stream identifier, which senders leave 0.
    pub reserved: bool,
}

impl FrameHead {
    /// Reads a frame header.
    pub fn parse(bytes: [u8; HEAD_BYTES]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = bytes;
        let stream = u32::from_be_bytes([s0, s1, s2, s3]);
        Self {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            stream: stream & STREAM_BITS,
            reserved: stream & !STREAM_BITS != 0,
        }
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether it ends its sender's part of the stream.
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, kind::DATA | kind::HEADERS) && self.has(flag::END_STREAM)
    }

    /// Whether a field block, or a part of one, is in it.
    pub fn has_block(&self) -> bool {
        matches!(self.kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION)
    }

    /// Whether padding may follow the payload.
    pub fn is_padded(&self) -> bool {
        matches!(self.kind, kind::DATA | kind::HEADERS | kind::PUSH_PROMISE)
            && self.has(flag::PADDED)
    }

    /// Bytes in front of what the payload is about: the length of the padding, the priority.
    pub fn prefix_bytes(&self) -> u8 {
        let priority = self.kind == kind::HEADERS && self.has(flag::PRIORITY);
        u8::from(self.is_padded()) + if priority { 5 } else { 0 }
    }

    /// Whether an endpoint would take it for a frame rather than end the connection.
    /// `most_bytes`: SETTINGS_MAX_FRAME_SIZE, as large as it may be; of unknown types nobody sends much.
    pub fn is_possible(&self, most_bytes: u32) -> bool {
        let (on_stream, length) = (self.stream != 0, self.length);
        let fits = match self.kind {
            kind::DATA | kind::HEADERS | kind::CONTINUATION => on_stream,
            kind::PUSH_PROMISE => on_stream && length >= 4,
            kind::PRIORITY => on_stream && length == 5,
            kind::RST_STREAM => on_stream && length == 4,
            kind::SETTINGS => !on_stream && length.is_multiple_of(6),
            kind::PING => !on_stream && length == 8,
            kind::GOAWAY => !on_stream && length >= 8,
            kind::WINDOW_UPDATE => length == 4,
            _ => length <= MOST_BYTES,
        };
        fits && length <= most_bytes
    }

    /// Whether it looks like a frame that a usual sender makes, for bytes of which it is not known that
    /// they are frames at all. `most_bytes`: as for `is_possible`.
    pub fn is_usual(&self, most_bytes: u32) -> bool {
        let flags = match self.kind {
            kind::DATA => flag::END_STREAM | flag::PADDED,
            kind::HEADERS => flag::END_STREAM | flag::END_HEADERS | flag::PADDED | flag::PRIORITY,
            kind::PUSH_PROMISE => flag::END_HEADERS | flag::PADDED,
            kind::CONTINUATION => flag::END_HEADERS,
            kind::SETTINGS | kind::PING => flag::ACK,
            _ => 0,
        };
        let (length, is_answer) = (self.length, self.has(flag::ACK));
        let is_known = match self.kind {
            kind::DATA if self.is_padded() => length > 0,
            kind::DATA => length > 0 || self.has(flag::END_STREAM),
            kind::HEADERS | kind::CONTINUATION => length > u32::from(self.prefix_bytes()),
            kind::SETTINGS => length <= if is_answer { 0 } else { SETTINGS_BYTES },
            kind::ORIGIN | kind::PRIORITY_UPDATE => self.stream == 0,
            kind::ALTSVC => true,
            kind => kind < kind::CONTINUATION,
        };
        is_known && !self.reserved && self.flags & !flags == 0 && self.is_possible(most_bytes)
    }
}

/// Largest payload that every receiver accepts (RFC 9113 section 4.2).
pub const MOST_BYTES: u32 = 16_384;
/// Largest payload that a receiver can allow.
pub const MOST_ALLOWED_BYTES: u32 = (1 << 24) - 1;

/// More settings than any sender has, in bytes.
const SETTINGS_BYTES: u32 = 32 * 6;

const STREAM_BITS: u32 = 0x7fff_ffff;

/// A connection's first bytes, of its client: the preface (RFC 9113 section 3.4). All but its last blanks
/// are enough: with others it is broken HTTP/2.
pub fn starts_preface(bytes: &[u8]) -> Match {
    starts_as(bytes, PREFACE.trim_ascii_end())
}

/// A connection's first bytes, of its server: a SETTINGS frame (RFC 9113 sections 3.4 and 6.5).
pub fn starts_settings(bytes: &[u8]) -> Match {
    match bytes {
        [0, 0, length, 4, 0, 0, 0, 0, 0, ..] if length % 6 == 0 => Match::Yes,
        [0, 0, _, rest @ ..] => starts_as(rest, &[4, 0, 0, 0, 0, 0]).and_unsure(),
        _ => starts_as(bytes, &[0, 0, 0]).and_unsure(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_frame_header() {
        let head = FrameHead::parse([0, 1, 2, 1, 0x2d, 0x80, 0, 0, 3]);
        assert_eq!((head.length, head.kind, head.stream), (258, kind::HEADERS, 3));
        assert!(head.reserved && head.ends_stream() && head.has_block() && head.is_padded());
        assert_eq!(head.prefix_bytes(), 6);
        assert!(!head.is_usual(MOST_BYTES) && head.is_possible(MOST_BYTES));
    }

    #[test]
    fn what_no_usual_sender_makes() {
        for (bytes, usual) in [
            ([0, 0, 5, 0, 0, 0, 0, 0, 1], true),
            ([0, 0, 0, 0, 1, 0, 0, 0, 1], true),
            ([0, 0, 0, 0, 0, 0, 0, 0, 1], false),
            ([0, 0, 0, 0, 9, 0, 0, 0, 1], false),
            ([0, 0, 5, 0, 5, 0, 0, 0, 1], false),
            ([0, 0, 5, 0, 0, 0x80, 0, 0, 1], false),
            ([0, 0, 1, 1, 4, 0, 0, 0, 1], true),
            ([0, 0, 0, 1, 4, 0, 0, 0, 1], false),
            ([0, 0, 6, 1, 0x2c, 0, 0, 0, 1], false),
            ([0, 0, 0, 4, 1, 0, 0, 0, 0], true),
            ([0, 0, 6, 4, 1, 0, 0, 0, 0], false),
            ([0, 6, 0, 4, 0, 0, 0, 0, 0], false),
            ([0, 0, 4, 0x10, 0, 0, 0, 0, 0], true),
            ([0, 0, 4, 0x0b, 0, 0, 0, 0, 0], false),
        ] {
            assert_eq!(FrameHead::parse(bytes).is_usual(MOST_BYTES), usual, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_frame() {
        for (bytes, possible) in [
            ([0, 0, 8, 6, 0, 0, 0, 0, 0], true),
            ([0, 0, 9, 6, 0, 0, 0, 0, 0], false),
            ([0, 0, 0, 0, 1, 0, 0, 0, 0], false),
            ([0, 0, 0, 4, 1, 0, 0, 0, 0], true),
            ([0, 0, 6, 4, 1, 0, 0, 0, 1], false),
            ([0, 0, 5, 3, 0, 0, 0, 0, 1], false),
            ([0, 0x40, 1, 0, 0, 0, 0, 0, 1], false),
        ] {
            assert_eq!(FrameHead::parse(bytes).is_possible(MOST_BYTES), possible, "{bytes:?}");
        }
    }
}
