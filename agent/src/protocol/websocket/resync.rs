//! Frames of a client found again after some were lost.
//!
//! In: bytes of the direction while it is lost, with the places where a call begins. Out: whether a
//! frame begins here.
//! Always: nothing of what is looked at here comes out as a message; bounded memory.
//! Not here: a server's frames. They have no mask, so whoever chooses a message's content chooses
//! the bytes on the wire, and could place there what looks like frames. A client's are masked with
//! keys that nobody else can foresee (RFC 6455 section 10.3).
//!
//! Frames have no mark to look for. But programs send, and often receive, whole frames in a call:
//! after `CALLS` calls in a row that are a chain of frames from their first to their last byte,
//! each masked with a key of its own, the next call begins with a frame. A chain that begins in the
//! middle of a message must have ended that message.

use crate::protocol::websocket::frame::{Head, HeadReader, Opcode, Taken};

/// The search.
#[derive(Default)]
pub(super) struct Resync {
    /// The call under way, if it may be a chain.
    chain: Option<Chain>,
    /// Calls before it that were.
    calls: u8,
    fragments: Fragments,
    /// Of the last frames; equal ones come from content that repeats, seen through one mask.
    keys: [u32; KEYS],
    key: usize,
}

/// A call that is a chain of frames so far.
#[derive(Default)]
struct Chain {
    reader: HeadReader,
    left_bytes: u64,
    frames: u64,
}

/// Whether a fragmented message is under way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Fragments {
    #[default]
    Unknown,
    Open,
    Closed,
}

impl Resync {
    /// A call begins. `true`: with a frame, and no message is under way.
    pub fn call_start(&mut self) -> bool {
        if self.chain.as_ref().is_some_and(Chain::is_whole) {
            self.calls = self.calls.saturating_add(1);
        } else {
            *self = Self::default();
        }
        self.chain = Some(Chain::default());
        self.calls >= CALLS && self.fragments == Fragments::Closed
    }

    /// More of the call; a first frame of a message may have those reserved bits.
    pub fn bytes(&mut self, mut rest: &[u8], reserved: u8) {
        while let Some(chain) = &mut self.chain
            && !rest.is_empty()
        {
            if chain.left_bytes > 0 {
                chain.skip(&mut rest);
                continue;
            }
            let head = match chain.reader.take(&mut rest) {
                Taken::More => return,
                Taken::Head(head) => Some(head),
                Taken::Broken(_) => None,
            };
            match head.filter(|head| self.fits(head, reserved)) {
                Some(head) => self.follow(&head),
                None => self.chain = None,
            }
        }
    }

    /// Some of the call is missing.
    pub fn hole(&mut self) {
        *self = Self::default();
    }

    /// The frame may come here.
    fn fits(&self, head: &Head, reserved: u8) -> bool {
        let order = match head.opcode {
            Opcode::Continuation => self.fragments != Fragments::Closed,
            Opcode::Text | Opcode::Binary => self.fragments != Fragments::Open,
            Opcode::Ping | Opcode::Pong => true,
            // Nothing follows it that could be found again.
            Opcode::Close => false,
        };
        let reserved = match head.opcode {
            Opcode::Text | Opcode::Binary => reserved,
            _ => 0,
        };
        let is_new = head.mask.is_some_and(|mask| !self.keys.contains(&key(mask)));
        order && is_new && head.is_shortest && head.reserved & !reserved == 0
    }

    fn follow(&mut self, head: &Head) {
        if let (Some(mask), Some(place)) = (head.mask, self.keys.get_mut(self.key)) {
            *place = key(mask);
            self.key = (self.key + 1) % KEYS;
        }
        if !head.opcode.is_control() {
            self.fragments = if head.fin { Fragments::Closed } else { Fragments::Open };
        }
        if let Some(chain) = &mut self.chain {
            chain.left_bytes = head.payload_bytes;
            chain.frames = chain.frames.saturating_add(1);
        }
    }
}

impl Chain {
    fn skip(&mut self, rest: &mut &[u8]) {
        let used = self.left_bytes.min(rest.len() as u64);
        self.left_bytes -= used;
        *rest = rest.get(used as usize..).unwrap_or_default();
    }

    /// It ends with a frame.
    fn is_whole(&self) -> bool {
        self.frames > 0 && self.left_bytes == 0 && self.reader.held_bytes() == 0
    }
}

/// The same for keys that differ only in where they begin.
fn key(mask: [u8; 4]) -> u32 {
    let key = u32::from_be_bytes(mask);
    [0, 8, 16, 24].into_iter().map(|bits| key.rotate_left(bits)).min().unwrap_or(key)
}

/// Calls that must be chains of frames.
const CALLS: u8 = 2;
/// Keys that are remembered. A key of zeros is taken for one of them, and so never for a new one.
const KEYS: usize = 8;
