//! One direction of an HTTP/2 connection: frames out of bytes and holes.
//!
//! In: `Span`s and holes in order. Out: `Piece`: a frame's header, what is in it, its end.
//! Always: same pieces however the bytes were cut, apart from where payloads are cut; nothing is
//! copied; after a loss nothing is taken for a frame but where a program's call begins.
//! Not here: what frames mean (`http2`), field blocks (`hpack`).

use super::frame::{FrameHead, HEAD_BYTES, MOST_ALLOWED_BYTES, PREFACE};
use crate::model::loss::Reason;
use crate::protocol::Hole;
use crate::protocol::meter::Span;

/// What one look at a span gave.
pub enum Piece<'a> {
    /// The span is used up.
    Used,
    /// A frame begins; its header's first byte came with that span.
    Frame(FrameHead, Span<'static>),
    /// What a frame is about, without padding and priority. `wire_bytes`: what it took.
    Payload(&'a [u8], usize),
    /// The frame is over.
    End(FrameHead),
    /// This is no frame; the direction is lost.
    Garbage,
}

/// What a hole did.
pub enum Missed {
    /// It lies in the payload of this frame, which goes on or is over (`Piece::End` comes next). So many
    /// bytes of what the frame is about are in it; `None`: how many of them are padding is not known.
    Inside(FrameHead, Option<u64>),
    /// It took the beginning of a frame at least. So many of its bytes were in the frame before.
    Beyond(u64),
    /// There was nothing to miss: the direction was lost before.
    Lost,
}

/// One direction.
pub struct Reader {
    state: State,
    /// Front of a frame header, or of the preface.
    front: [u8; HEAD_BYTES],
    front_bytes: u8,
    /// When and by whom the first of them was moved.
    begun: Span<'static>,
    /// Since the last loss, frames have not been proven to be frames.
    doubted: bool,
    skipped_bytes: u64,
}

/// ```text
/// Preface --24 bytes--> Head --9 bytes--> Payload --its length--> Head
///   any --hole beyond a payload, garbage--> Lost --a call begins--> Head (doubted)
/// ```
enum State {
    /// Bytes of the preface so far.
    Preface(u8),
    Head,
    Payload(Payload),
    Lost(Reason),
}

/// The payload of a frame, as far as it has not come.
struct Payload {
    head: FrameHead,
    left: u32,
    prefix_left: u8,
    padding: u32,
}

impl Reader {
    /// A direction seen from its first byte on, which begins with the preface or not.
    pub fn new(preface: bool) -> Self {
        Self::at(if preface { State::Preface(0) } else { State::Head })
    }

    /// A direction that is not in step.
    pub fn lost(reason: Reason) -> Self {
        Self { doubted: true, ..Self::at(State::Lost(reason)) }
    }

    fn at(state: State) -> Self {
        let begun =
            Span { rest: &[], time_ns: 0, turn_start: false, call_start: false, tgid: 0, uid: 0 };
        Self {
            state,
            front: [0; HEAD_BYTES],
            front_bytes: 0,
            begun,
            doubted: false,
            skipped_bytes: 0,
        }
    }

    /// Looks at a span.
    pub fn next<'a>(&mut self, span: &mut Span<'a>) -> Piece<'a> {
        if let State::Payload(payload) = &self.state
            && payload.left == 0
        {
            let head = payload.head;
            self.state = State::Head;
            return Piece::End(head);
        }
        if span.rest.is_empty() {
            return Piece::Used;
        }
        match &mut self.state {
            State::Preface(seen) => {
                let expected = PREFACE.get(usize::from(*seen)..).unwrap_or_default();
                let length = expected.len().min(span.rest.len());
                let is_preface = span.rest.get(..length) == expected.get(..length);
                if !is_preface {
                    return Piece::Garbage;
                }
                span.take(length);
                *seen += length as u8;
                if usize::from(*seen) == PREFACE.len() {
                    self.state = State::Head;
                }
                self.next(span)
            }
            State::Head => self.head(span),
            State::Payload(payload) => payload.next(span),
            State::Lost(_) if span.call_start => {
                self.state = State::Head;
                self.front_bytes = 0;
                self.head(span)
            }
            State::Lost(_) => {
                self.skipped_bytes = self.skipped_bytes.saturating_add(span.rest.len() as u64);
                span.take(span.rest.len());
                Piece::Used
            }
        }
    }

    /// A hole follows.
    pub fn hole(&mut self, hole: &Hole) -> Missed {
        match &mut self.state {
            State::Lost(_) => Missed::Lost,
            State::Payload(payload) if hole.bytes <= u64::from(payload.left) => {
                let shown_bytes = payload.skip(hole.bytes as u32);
                Missed::Inside(payload.head, shown_bytes.map(u64::from))
            }
            State::Payload(payload) => Missed::Beyond(u64::from(payload.left)),
            State::Preface(_) | State::Head => Missed::Beyond(0),
        }
    }

    /// Nothing is taken for a frame before a call begins with one.
    pub fn lose(&mut self, reason: Reason) {
        self.state = State::Lost(reason);
        self.front_bytes = 0;
        self.doubted = true;
    }

    /// The frames since the last loss are frames.
    pub fn trust(&mut self) {
        self.doubted = false;
    }

    /// Whether it is not certain that what is taken for frames are any.
    pub fn is_doubted(&self) -> bool {
        self.doubted
    }

    /// Why the direction is not in step, if it is not.
    pub fn reason(&self) -> Option<Reason> {
        match self.state {
            State::Lost(reason) => Some(reason),
            _ => None,
        }
    }

    /// The frame whose payload comes in.
    pub fn frame(&self) -> Option<FrameHead> {
        match &self.state {
            State::Payload(payload) => Some(payload.head),
            _ => None,
        }
    }

    /// Whether all of the frame has come.
    pub fn is_at_end(&self) -> bool {
        matches!(&self.state, State::Payload(payload) if payload.left == 0)
    }

    /// Bytes passed over since the last call.
    pub fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.skipped_bytes)
    }

    fn head<'a>(&mut self, span: &mut Span<'a>) -> Piece<'a> {
        if self.front_bytes == 0 {
            self.begun = Span { rest: &[], ..*span };
        }
        let missing = HEAD_BYTES - usize::from(self.front_bytes);
        let piece = span.take(missing);
        let places = self.front.iter_mut().skip(usize::from(self.front_bytes));
        for (place, byte) in places.zip(piece) {
            *place = *byte;
        }
        self.front_bytes += piece.len() as u8;
        if usize::from(self.front_bytes) < HEAD_BYTES {
            return Piece::Used;
        }
        self.front_bytes = 0;
        let head = FrameHead::parse(self.front);
        let is_frame = match self.doubted {
            true => head.is_usual(),
            false => head.is_possible(MOST_ALLOWED_BYTES),
        };
        if !is_frame {
            self.skipped_bytes = self.skipped_bytes.saturating_add(HEAD_BYTES as u64);
            return Piece::Garbage;
        }
        let prefix_left = head.prefix_bytes();
        self.state = State::Payload(Payload { head, left: head.length, prefix_left, padding: 0 });
        Piece::Frame(head, self.begun)
    }
}

impl Payload {
    /// What comes next of it: first what stands in front, at last the padding.
    fn next<'a>(&mut self, span: &mut Span<'a>) -> Piece<'a> {
        let mut wire_bytes = 0;
        while self.prefix_left > 0
            && self.left > 0
            && let [byte] = *span.take(1)
        {
            if self.head.is_padded() && self.prefix_left == self.head.prefix_bytes() {
                self.padding = u32::from(byte);
            }
            self.prefix_left -= 1;
            self.left -= 1;
            wire_bytes += 1;
        }
        let shown = self.left.saturating_sub(self.padding);
        let bytes = match self.prefix_left {
            0 => span.take(shown as usize),
            _ => &[],
        };
        self.left -= bytes.len() as u32;
        wire_bytes += bytes.len();
        if self.prefix_left == 0 && self.left <= self.padding {
            let padding = span.take(self.left as usize).len();
            self.left -= padding as u32;
            wire_bytes += padding;
        }
        Piece::Payload(bytes, wire_bytes)
    }

    /// Passes over bytes. Returns how many of them are neither in front nor padding.
    fn skip(&mut self, bytes: u32) -> Option<u32> {
        let prefix = u32::from(self.prefix_left).min(bytes);
        let all_of_it = self.prefix_left == self.head.prefix_bytes();
        let is_unsure = self.head.is_padded() && all_of_it && prefix > 0;
        let shown = self.left.saturating_sub(prefix).saturating_sub(self.padding);
        self.prefix_left -= prefix as u8;
        self.left = self.left.saturating_sub(bytes);
        (!is_unsure).then(|| shown.min(bytes - prefix))
    }
}
