//! A chain of frames, one behind the other, of which it is not known yet that they are frames.
//!
//! In: where frames and calls begin, heads (`scout`). Out: how far it reaches, how many of its heads belong to
//! heads of the other direction, whether calls begin with its frames.
//! Always: memory for a stream is one entry, as many as there are.
//! Not here: what follows from that, and the bytes (`scout`).

use std::collections::{BTreeMap, BTreeSet};

use super::frame::{FrameHead, HEAD_BYTES, MOST_BYTES};
use super::reader::Reader;
use crate::model::loss::Reason;
use crate::protocol::Role;

/// What is known of the direction beforehand.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// What it carries, if that is known.
    pub role: Option<Role>,
    /// Why it is not in step.
    pub reason: Reason,
    /// Largest payload that its receiver allows; 0: that is not known.
    pub most_bytes: u32,
    /// Largest payload that came while it was in step.
    pub longest_bytes: u32,
    /// Requests have larger identifiers.
    pub last_asked: u32,
}

/// What has been found.
#[derive(Default)]
pub(super) struct Chain {
    /// Bytes of it so far.
    pub(super) bytes: u64,
    /// Where the last call began.
    call_at: u64,
    /// Since then most calls began with a frame, unless it is torn: too many have not.
    pub(super) calm: Calm,
    pub(super) is_torn: bool,
    /// Where the frame began that came last, or the one that its field block began with.
    pub(super) block_at: u64,
    /// From here on the largest frame is measured.
    pub(super) far_from: u64,
    /// Frames that began behind it.
    far: u8,
    /// Streams whose heads came.
    pub(super) heads: BTreeMap<u32, Seen>,
    /// Streams of which there was content without a head.
    pub(super) strangers: BTreeSet<u32>,
    pub(super) last_asked: u32,
    /// What its heads are heads of.
    pub(super) role: Option<Role>,
    /// A request that the server makes up is in it.
    pub(super) has_promise: bool,
    /// So many of the heads belong to one of the other direction.
    pub(super) matched: usize,
    /// How often all of those have been forgotten.
    pub(super) era: u32,
    /// Nothing is kept until the next frame begins.
    pub(super) is_waiting: bool,
}

/// Calls in a row of which most began with a frame.
#[derive(Default)]
pub(super) struct Calm {
    /// Where the first of them began, and when.
    pub(super) at: u64,
    pub(super) begun_ns: u64,
    /// Heads since, and how many belong to one of the other direction.
    pub(super) heads: usize,
    pub(super) matched: usize,
    /// Frames that began behind the largest usual one.
    far: u8,
    /// Frames that calls began with.
    begun: u32,
    /// Frames that calls began within, and the number of the last of them.
    torn: u32,
    torn_at: u32,
}

/// A stream whose head came.
#[derive(Default)]
pub(super) struct Seen {
    /// Where.
    pub(super) at: u64,
    pub(super) has_ended: bool,
    /// The era in which a head of the other direction was found for it.
    matched: Option<u32>,
}

/// The first bytes of a call that began within a frame.
#[derive(Default)]
pub(super) struct Rival {
    front: [u8; HEAD_BYTES],
    bytes: usize,
    /// Where the call began.
    pub(super) at: u64,
    is_open: bool,
}

/// The chain is none.
pub(super) struct Broken;

impl About {
    /// Nothing is known.
    pub fn nothing(reason: Reason) -> Self {
        Self { role: None, reason, most_bytes: 0, longest_bytes: 0, last_asked: 0 }
    }

    /// Largest payload that is taken for one.
    pub(super) fn most_bytes(&self) -> u32 {
        match self.most_bytes {
            0 => MOST_TAKEN_BYTES,
            bytes => bytes.clamp(MOST_BYTES, MOST_TAKEN_BYTES),
        }
    }

    /// How far a frame may reach that began before the chain. `longest_bytes`: the longest in the chain.
    pub(super) fn reach_bytes(&self, longest_bytes: u32) -> u64 {
        reach_bytes(match self.most_bytes {
            0 => longest_bytes.max(LARGE_BYTES),
            _ => longest_bytes.max(self.longest_bytes),
        })
    }
}

impl Chain {
    pub(super) fn new(about: &About, begun_ns: u64) -> Self {
        let calm = Calm { begun_ns, ..Calm::default() };
        Self { calm, role: about.role, last_asked: about.last_asked, ..Self::default() }
    }

    /// A frame begins at that offset. `longest_bytes`: the longest payload in the chain.
    pub(super) fn measure(&mut self, at: u64, about: &About, longest_bytes: u32) {
        if at >= self.far_from.saturating_add(about.reach_bytes(longest_bytes)) {
            self.far = self.far.saturating_add(1);
        }
        if at >= self.calm.at.saturating_add(reach_bytes(longest_bytes)) {
            self.calm.far = self.calm.far.saturating_add(1);
        }
    }

    /// A call begins, behind all that the reader was given. Gives what it has to be compared with.
    pub(super) fn call(&mut self, reader: &Reader, begun_ns: u64) -> Rival {
        let at = self.bytes;
        let is_inside = !reader.is_lost() && !reader.is_between();
        let only_head = at.saturating_sub(self.call_at) == HEAD_BYTES as u64;
        if !is_inside {
            if std::mem::take(&mut self.is_torn) {
                self.calm = Calm { at, begun_ns, ..Calm::default() };
            }
            self.calm.begun = self.calm.begun.saturating_add(1);
        } else if !(only_head && reader.is_at_payload()) {
            self.is_torn |= self.calm.tear(reader.frames());
        }
        self.call_at = at;
        Rival { is_open: is_inside, at, ..Rival::default() }
    }

    /// Where a call began within a frame, another may begin: nothing counts that came before.
    pub(super) fn doubt(&mut self, rival: &Rival) {
        self.far_from = rival.at;
        self.far = 0;
        self.is_torn = true;
        self.is_waiting = true;
    }

    /// A head came: of that stream, in the frame that began last. Fails if there is to be none any more.
    pub(super) fn head(&mut self, stream: u32) -> Result<(), Broken> {
        let new = Seen { at: self.block_at, ..Seen::default() };
        self.calm.heads += usize::from(!self.heads.contains_key(&stream));
        if self.heads.entry(stream).or_insert(new).has_ended { Err(Broken) } else { Ok(()) }
    }

    /// Of that stream the other direction has shown a head too.
    pub(super) fn match_head(&mut self, stream: u32) {
        let Self { heads, era, matched, calm, .. } = self;
        if let Some(seen) = heads.get_mut(&stream)
            && seen.matched.replace(*era) != Some(*era)
        {
            *matched += 1;
            calm.matched += usize::from(seen.at >= calm.at);
        }
    }

    /// It reaches further than any usual frame, while calls begin with frames.
    pub(super) fn is_calmly_far(&self) -> bool {
        self.calm.far >= FAR_FRAMES && !self.is_torn
    }

    /// It reaches further than any frame that began before it, wherever calls began.
    pub(super) fn is_far(&self) -> bool {
        self.far >= FAR_FRAMES
    }

    /// Exchanges begin in it, before that offset.
    pub(super) fn has_heads(&self, before: u64) -> bool {
        self.has_promise || self.heads.values().any(|seen| seen.at < before)
    }

    /// What has belonged to the other direction does no more.
    pub(super) fn forget_matches(&mut self) {
        self.matched = 0;
        self.calm.matched = 0;
        self.era = self.era.wrapping_add(1);
    }

    /// Its heads are all of one kind.
    pub(super) fn claim(&mut self, role: Role) -> Result<(), Broken> {
        if *self.role.get_or_insert(role) == role { Ok(()) } else { Err(Broken) }
    }

    pub(super) fn end(&mut self, stream: u32) {
        if let Some(seen) = self.heads.get_mut(&stream) {
            seen.has_ended = true;
        }
    }
}

impl Calm {
    /// A call begins within that frame. Returns whether those are too many now.
    pub(super) fn tear(&mut self, frame: u32) -> bool {
        self.torn += u32::from(frame != self.torn_at);
        self.torn_at = frame;
        self.torn.saturating_mul(FRAMES_PER_TORN) > self.begun
    }
}

impl Rival {
    /// Looks at what follows. Returns whether a frame could begin where the call did.
    pub(super) fn look(&mut self, bytes: &[u8], most_bytes: u32) -> bool {
        if !self.is_open {
            return false;
        }
        for (place, byte) in self.front.iter_mut().skip(self.bytes).zip(bytes) {
            *place = *byte;
            self.bytes += 1;
        }
        self.is_open = self.bytes < HEAD_BYTES;
        !self.is_open && FrameHead::parse(self.front).is_usual(most_bytes)
    }
}

/// How far a frame reaches with the longest payload so far, or the largest usual one.
fn reach_bytes(longest_bytes: u32) -> u64 {
    u64::from(longest_bytes.max(MOST_BYTES)) + HEAD_BYTES as u64
}

/// So many calls begin with a frame for each frame that calls begin within: large content is moved in pieces.
const FRAMES_PER_TORN: u32 = 2;
/// Frames behind the longest that make a chain far.
const FAR_FRAMES: u8 = 2;
/// Largest payload that is taken for one where no shorter limit is known to be kept: Go's programs allow it.
const MOST_TAKEN_BYTES: u32 = 1 << 20;
/// Payload that programs write at once where they may.
const LARGE_BYTES: u32 = 1 << 15;
