//! TLS records: what they hold, in pieces.
//!
//! In: bytes of one direction, in order. Out: contents with their type, as far as they are there.
//! Always: five bytes of memory; same contents however the bytes were cut.
//! Not here: what contents mean (`message`). Source: RFC 8446 section 5.1, RFC 5246 section 6.2.

use crate::protocol::detect::Match;

/// A TLS record that holds a handshake: type 22, version 3.0 to 3.4 (RFC 8446 section 5.1).
pub fn starts(bytes: &[u8]) -> Match {
    match bytes {
        [0x16, 0x03, 0x00..=0x04, ..] => Match::Yes,
        [] | [0x16] | [0x16, 0x03] => Match::Maybe,
        _ => Match::No,
    }
}

/// Whether these bytes begin a record of any type. For connections joined under way.
pub fn starts_record(bytes: &[u8]) -> Match {
    let fits = match bytes {
        [] => true,
        [kind] => is_kind(*kind),
        [kind, major] => is_kind(*kind) && *major == MAJOR,
        [kind, major, minor] => is_kind(*kind) && is_version(*major, *minor),
        [kind, major, minor, high, rest @ ..] => {
            let low = rest.first().copied().unwrap_or_default();
            let length_bytes = u16::from_be_bytes([*high, low]);
            is_kind(*kind) && is_version(*major, *minor) && length_bytes <= CONTENT_BYTES
        }
    };
    match fits {
        false => Match::No,
        true if bytes.len() < HEAD_BYTES => Match::Maybe,
        true => Match::Yes,
    }
}

/// What a record holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Kind {
    /// Keys change: what follows is encrypted, or this says nothing (TLS 1.3).
    ChangeCipherSpec,
    /// A warning, or the end.
    Alert,
    /// Handshake messages or parts of them.
    Handshake,
    /// Data of the application, or anything encrypted (TLS 1.3).
    ApplicationData,
    /// This is no record.
    #[default]
    Malformed,
}

/// Takes records apart.
#[derive(Default)]
pub struct Records {
    head: [u8; HEAD_BYTES],
    seen_bytes: usize,
    kind: Kind,
    left_bytes: usize,
}

impl Records {
    /// What follows in the record under way, or the next one's beginning, which may be empty.
    /// Heads are taken from `rest`; for contents the caller says what it took (`consume`).
    pub fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Option<(Kind, &'a [u8])> {
        if self.left_bytes == 0 {
            self.begin(rest)?;
        } else if rest.is_empty() {
            return None;
        }
        let content = rest.get(..self.left_bytes.min(rest.len()))?;
        Some((self.kind, content))
    }

    /// The caller has looked at that many bytes of the content.
    pub fn consume(&mut self, rest: &mut &[u8], bytes: usize) {
        let taken = rest.split_off(..bytes.min(self.left_bytes)).unwrap_or_default();
        self.left_bytes -= taken.len();
    }

    /// Reads a record's head.
    fn begin(&mut self, rest: &mut &[u8]) -> Option<()> {
        loop {
            *self.head.get_mut(self.seen_bytes)? = *rest.split_off_first()?;
            self.seen_bytes += 1;
            match starts_record(self.head.get(..self.seen_bytes)?) {
                Match::Maybe => {}
                Match::Yes => break,
                Match::No => {
                    (self.seen_bytes, self.kind) = (0, Kind::Malformed);
                    return Some(());
                }
            }
        }
        let [kind, _, _, high, low] = self.head;
        self.seen_bytes = 0;
        self.left_bytes = usize::from(u16::from_be_bytes([high, low]));
        self.kind = match kind {
            0x14 => Kind::ChangeCipherSpec,
            0x15 => Kind::Alert,
            0x16 => Kind::Handshake,
            0x17 => Kind::ApplicationData,
            _ => Kind::Malformed,
        };
        Some(())
    }
}

fn is_kind(byte: u8) -> bool {
    matches!(byte, 0x14..=0x17)
}

fn is_version(major: u8, minor: u8) -> bool {
    major == MAJOR && minor <= 4
}

const MAJOR: u8 = 3;

/// Type, version, length.
const HEAD_BYTES: usize = 5;

/// Longest content, that of an encrypted record of TLS 1.2 (RFC 5246 section 6.2.3).
const CONTENT_BYTES: u16 = (1 << 14) + 2048;
