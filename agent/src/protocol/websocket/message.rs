//! A message under way: its frames put together.
//!
//! In: headers, payloads and holes of its frames. Out: `Message`.
//! Always: content is the front of what was sent; memory is that of the content and of the gaps.
//! Not here: which frames belong together (`half`). Source: RFC 6455 sections 5.4 and 8.1.

use crate::model::loss::Reason;
use crate::protocol::exchange::MessageEnd;
use crate::protocol::kept::Kept;
use crate::protocol::meter::Meter;
use crate::protocol::websocket::frame::{Head, unmask};
use crate::protocol::websocket::inflate::{Fault, Inflater};
use crate::protocol::websocket::utf8::Utf8;
use crate::protocol::websocket::{Flags, Kind, Message};

/// How a message's payload is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub kind: Kind,
    pub compressed: bool,
    /// An extension that we do not know may have changed it.
    pub changed: bool,
    /// Most content that is kept.
    pub content_bytes: usize,
}

/// A message of which some frames have come.
pub(super) struct Assembly {
    plan: Plan,
    reading: Reading,
    meter: Meter,
    fragments: u32,
    payload_bytes: u64,
    /// Decompressed.
    read_bytes: u64,
    kept: Kept,
    utf8: Utf8,
    flags: Flags,
}

/// Whether the payload is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    /// Nobody asks for it, or it would tell nothing.
    Off,
    On,
    /// What has come so far is right; what follows cannot be known.
    Stopped,
}

impl Assembly {
    /// A message that begins at that time.
    pub fn new(plan: Plan, inflater: &Inflater, time_ns: u64) -> Self {
        let readable = !plan.changed && (!plan.compressed || inflater.is_usable());
        Self {
            plan,
            reading: match readable && plan.content_bytes > 0 {
                true => Reading::On,
                false => Reading::Off,
            },
            meter: Meter::at(time_ns),
            fragments: 0,
            payload_bytes: 0,
            read_bytes: 0,
            kept: Kept::new(plan.content_bytes),
            utf8: Utf8::default(),
            flags: Flags::default(),
        }
    }

    /// A frame of it begins.
    pub fn frame(&mut self, head: &Head, wrong_mask: bool, time_ns: u64) {
        self.fragments = self.fragments.saturating_add(1);
        self.flags.wrong_mask |= wrong_mask;
        self.flags.long_length |= !head.is_shortest;
        self.meter.add(head.head_bytes as usize, time_ns);
    }

    /// A piece of a frame's payload that begins `at` bytes into it.
    pub fn payload(
        &mut self,
        head: &Head,
        at: u64,
        piece: &[u8],
        time_ns: u64,
        inflater: &mut Inflater,
    ) {
        self.meter.add(piece.len(), time_ns);
        self.payload_bytes = self.payload_bytes.saturating_add(piece.len() as u64);
        let Some(mask) = head.mask.filter(|_| self.looks_at_bytes()) else {
            return self.read(piece, inflater);
        };
        let mut at = at;
        for part in piece.chunks(PART_BYTES) {
            let mut buffer = [0; PART_BYTES];
            let Some(plain) = buffer.get_mut(..part.len()) else { return };
            plain.copy_from_slice(part);
            unmask(mask, at, plain);
            self.read(plain, inflater);
            at = at.saturating_add(part.len() as u64);
        }
    }

    /// A hole in a frame's payload.
    pub fn hole(&mut self, bytes: u64, reason: Reason, time_ns: u64, inflater: &mut Inflater) {
        self.meter.hole(bytes, reason, time_ns);
        self.payload_bytes = self.payload_bytes.saturating_add(bytes);
        self.stop(inflater);
    }

    /// Nothing more comes.
    pub fn finish(mut self, end: MessageEnd, inflater: &mut Inflater) -> Message {
        match end {
            MessageEnd::Whole => self.close(inflater),
            _ if self.plan.compressed => inflater.give_up(),
            _ => {}
        }
        let body_bytes = self.body_bytes().filter(|_| end != MessageEnd::Unknown);
        let is_known = self.reading != Reading::Off && !self.flags.invalid_deflate;
        let is_whole = end == MessageEnd::Whole && self.reading == Reading::On;
        let is_all = is_whole && self.kept.len() as u64 == self.read_bytes;
        Message {
            kind: self.plan.kind,
            first_ns: self.meter.first_ns(),
            last_ns: self.meter.last_ns(),
            fragments: self.fragments,
            wire_bytes: self.meter.seen_bytes(),
            body_bytes,
            compressed: self.plan.compressed,
            content: is_known.then(|| self.kept.into_bytes()),
            content_cut: is_known && !is_all,
            gaps: self.meter.into_gaps(),
            end,
            flags: self.flags,
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.meter.memory_bytes() + self.kept.memory_bytes()
    }

    fn body_bytes(&self) -> Option<u64> {
        match (self.plan.compressed, self.reading) {
            _ if self.plan.changed => None,
            (false, _) => Some(self.payload_bytes),
            (true, Reading::On) => Some(self.read_bytes),
            (true, Reading::Off | Reading::Stopped) => None,
        }
    }

    /// What is neither kept nor judged need not be unmasked.
    fn looks_at_bytes(&self) -> bool {
        let is_of_use = self.plan.compressed || self.is_judged() || !self.kept.is_full();
        self.reading == Reading::On && is_of_use
    }

    fn is_judged(&self) -> bool {
        self.plan.kind == Kind::Text && !self.utf8.is_invalid()
    }

    /// A piece of the payload without its mask.
    fn read(&mut self, piece: &[u8], inflater: &mut Inflater) {
        if self.reading != Reading::On {
            return;
        }
        if !self.plan.compressed {
            return self.content(piece);
        }
        let result = inflater.feed(piece, &mut |content| self.content(content));
        self.judge(result, inflater);
    }

    /// A piece of what the application sent.
    fn content(&mut self, piece: &[u8]) {
        self.read_bytes = self.read_bytes.saturating_add(piece.len() as u64);
        self.kept.add(piece);
        if self.is_judged() {
            self.utf8.add(piece);
            self.flags.invalid_utf8 = self.utf8.is_invalid();
        }
    }

    /// The last frame is over.
    fn close(&mut self, inflater: &mut Inflater) {
        if self.reading != Reading::On {
            return;
        }
        if self.plan.compressed {
            let result = inflater.finish();
            self.judge(result, inflater);
        }
        if self.reading == Reading::On && self.is_judged() {
            self.flags.invalid_utf8 = self.utf8.is_open();
        }
    }

    fn judge(&mut self, result: Result<(), Fault>, inflater: &mut Inflater) {
        match result {
            Ok(()) => return,
            Err(Fault::Bomb) => self.flags.bomb = true,
            Err(Fault::Invalid) => self.flags.invalid_deflate = true,
        }
        self.stop(inflater);
    }

    fn stop(&mut self, inflater: &mut Inflater) {
        if self.reading == Reading::On {
            self.reading = Reading::Stopped;
            if self.plan.compressed {
                inflater.give_up();
            }
        }
    }
}

/// Bytes that are unmasked at once.
const PART_BYTES: usize = 4_096;
