//! Handshake messages out of the contents of records.
//!
//! In: contents of handshake records, in order, and which messages are of interest.
//! Out: those messages, whole. Always: memory grows with the bytes that came, not with the length
//! they claim, up to `MESSAGE_BYTES`. Not here: their meaning. Source: RFC 8446 section 4.

use std::mem;

/// Longest message that is followed, with its head, in bytes. A ClientHello may have somewhat more
/// than 64 KiB in theory; real ones have at most a few KiB, chains of certificates some more.
pub const MESSAGE_BYTES: usize = 64 * 1024;

/// Types of messages (RFC 8446 section 4, RFC 5246 section 7.4).
pub mod kind {
    /// Asks for a new handshake; says nothing.
    pub const HELLO_REQUEST: u8 = 0;
    /// What the client offers.
    pub const CLIENT_HELLO: u8 = 1;
    /// What the server chose.
    pub const SERVER_HELLO: u8 = 2;
    /// A chain of certificates.
    pub const CERTIFICATE: u8 = 11;
    /// Proves that the certificate is the client's.
    pub const CERTIFICATE_VERIFY: u8 = 15;
    /// Follows the client's certificate, if there is one.
    pub const CLIENT_KEY_EXCHANGE: u8 = 16;
    /// Ends the handshake; encrypted.
    pub const FINISHED: u8 = 20;
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Want {
    /// It is of interest.
    Whole,
    /// It is not; a later one may be.
    Skip,
    /// Neither it nor any later one is.
    Stop,
}

/// What came.
#[derive(Debug)]
pub enum Step {
    /// Nothing whole; everything was taken.
    More,
    /// A message with its head; there may be bytes left.
    Whole(Vec<u8>),
    /// There is nothing more to follow.
    Stop,
}

/// Puts messages together.
#[derive(Default)]
pub struct Messages {
    state: State,
    held: Vec<u8>,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Head,
    Body {
        total_bytes: usize,
    },
    Skip {
        left_bytes: usize,
    },
}

impl Messages {
    /// Takes bytes until a message is whole.
    pub fn next(&mut self, rest: &mut &[u8], want: impl Fn(u8) -> Want) -> Step {
        loop {
            match self.state {
                State::Head => {
                    self.hold(rest, HEAD_BYTES);
                    let &[kind, high, middle, low] = self.held.as_slice() else {
                        return Step::More;
                    };
                    let left_bytes = u32::from_be_bytes([0, high, middle, low]) as usize;
                    let total_bytes = HEAD_BYTES + left_bytes;
                    self.state = match want(kind) {
                        _ if total_bytes > MESSAGE_BYTES => return Step::Stop,
                        Want::Stop => return Step::Stop,
                        Want::Whole => State::Body { total_bytes },
                        Want::Skip => State::Skip { left_bytes },
                    };
                }
                State::Body { total_bytes } => {
                    self.hold(rest, total_bytes);
                    if self.held.len() < total_bytes {
                        return Step::More;
                    }
                    self.state = State::Head;
                    return Step::Whole(mem::take(&mut self.held));
                }
                State::Skip { left_bytes } => {
                    let skipped = rest.split_off(..left_bytes.min(rest.len())).unwrap_or_default();
                    let left_bytes = left_bytes - skipped.len();
                    if left_bytes > 0 {
                        self.state = State::Skip { left_bytes };
                        return Step::More;
                    }
                    self.held.clear();
                    self.state = State::Head;
                }
            }
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.held.capacity()
    }

    /// Keeps bytes until there are so many.
    fn hold(&mut self, rest: &mut &[u8], total_bytes: usize) {
        let missing = total_bytes.saturating_sub(self.held.len());
        let taken = rest.split_off(..missing.min(rest.len())).unwrap_or_default();
        let needed = self.held.len() + taken.len();
        if needed > self.held.capacity() {
            let room = (self.held.capacity() * 2).clamp(needed, total_bytes);
            self.held.reserve_exact(room - self.held.len());
        }
        self.held.extend_from_slice(taken);
    }
}

/// Type and length.
const HEAD_BYTES: usize = 4;
