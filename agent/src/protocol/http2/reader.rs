//! One direction of an HTTP/2 connection: frames out of bytes and holes.
//!
//! In: `Span`s and holes in order. Out: `Piece`: a frame's header, what is in it, its end.
//! Always: same pieces however the bytes were cut, apart from where payloads are cut; nothing is
//! copied. In step, a frame that an endpoint would refuse is passed over by its length; a reader that
//! searches takes usual frames only, and begins where a program's call begins.
//! Not here: what frames mean (`http2`), field blocks (`hpack`), whether what a search has found can be
//! believed (`scout`).

use super::frame::{FrameHead, HEAD_BYTES, MOST_ALLOWED_BYTES, MOST_BYTES, PREFACE};
use crate::protocol::input::Span;

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

/// One direction.
pub struct Reader {
    state: State,
    /// Front of a frame header.
    front: [u8; HEAD_BYTES],
    front_bytes: u8,
    /// When and by whom the first of them was moved.
    begun: Span<'static>,
    /// It searches: the largest payload that may come.
    search: Option<u32>,
    /// Frames so far, and the largest payload of them.
    frames: u32,
    longest_bytes: u32,
    /// The preface came.
    has_preface: bool,
}

/// ```text
/// Preface --24 bytes--> Head --9 bytes--> Payload --its length--> Head
///   any --garbage--> Lost --a call begins--> First --9 bytes--> Payload, Preface
/// ```
enum State {
    /// Bytes of the preface so far.
    Preface(u8),
    Head,
    Payload(Payload),
    Lost,
    /// The first frame of a search, or the preface.
    First,
}

/// The payload of a frame, as far as it has not come.
struct Payload {
    head: FrameHead,
    left: u32,
    prefix_left: u8,
    padding: u32,
}

impl Reader {
    /// A direction seen from its first byte on, which begins with the preface or not; or one of which it
    /// is known that a frame begins here.
    pub fn new(preface: bool) -> Self {
        Self::at(if preface { State::Preface(0) } else { State::Head })
    }

    /// A direction of which it is not known where frames begin. `most_bytes`: the largest payload.
    pub fn searching(most_bytes: u32) -> Self {
        Self { search: Some(most_bytes), ..Self::at(State::Lost) }
    }

    fn at(state: State) -> Self {
        Self {
            state,
            front: [0; HEAD_BYTES],
            front_bytes: 0,
            begun: Span::within(&[], 0),
            search: None,
            frames: 0,
            longest_bytes: 0,
            has_preface: false,
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
            State::Preface(_) => self.preface(span),
            State::Head | State::First => self.head(span),
            State::Payload(payload) => payload.next(span),
            State::Lost if span.call_start => {
                self.state = State::First;
                self.head(span)
            }
            State::Lost => {
                span.take(span.rest.len());
                Piece::Used
            }
        }
    }

    /// Passes over bytes of the frame under way, at most `left_bytes`. So many bytes of what the frame is
    /// about are among them; `None`: how many of them are padding is not known.
    pub fn skip(&mut self, bytes: u64) -> Option<(FrameHead, Option<u64>)> {
        let State::Payload(payload) = &mut self.state else { return None };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(payload.left);
        Some((payload.head, payload.skip(bytes).map(u64::from)))
    }

    /// What is still to come of the frame under way.
    pub fn left_bytes(&self) -> u64 {
        match &self.state {
            State::Payload(payload) => payload.left.into(),
            _ => 0,
        }
    }

    /// The direction has not been in step since its last byte, and nothing was found yet.
    pub fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// A frame begins with the next byte.
    pub fn is_between(&self) -> bool {
        self.front_bytes == 0 && matches!(self.state, State::Head)
    }

    /// A frame's header has come, and nothing of its payload.
    pub fn is_at_payload(&self) -> bool {
        matches!(&self.state, State::Payload(payload) if payload.left == payload.head.length)
    }

    /// The preface has begun, and is not over.
    pub fn is_at_preface(&self) -> bool {
        matches!(self.state, State::Preface(_))
    }

    /// The preface was found by a search.
    pub fn has_preface(&self) -> bool {
        self.has_preface
    }

    /// The frame whose payload comes in.
    pub fn frame(&self) -> Option<FrameHead> {
        match &self.state {
            State::Payload(payload) => Some(payload.head),
            _ => None,
        }
    }

    /// Frames that have begun.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Largest payload so far.
    pub fn longest_bytes(&self) -> u32 {
        self.longest_bytes
    }

    /// Whether all of the frame has come.
    pub fn is_at_end(&self) -> bool {
        matches!(&self.state, State::Payload(payload) if payload.left == 0)
    }

    fn preface<'a>(&mut self, span: &mut Span<'a>) -> Piece<'a> {
        let State::Preface(seen) = &mut self.state else { return Piece::Used };
        let expected = PREFACE.get(usize::from(*seen)..).unwrap_or_default();
        let length = expected.len().min(span.rest.len());
        if span.rest.get(..length) != expected.get(..length) {
            return Piece::Garbage;
        }
        span.take(length);
        *seen += length as u8;
        if usize::from(*seen) < PREFACE.len() {
            return Piece::Used;
        }
        self.state = State::Head;
        self.has_preface = true;
        self.next(span)
    }

    fn head<'a>(&mut self, span: &mut Span<'a>) -> Piece<'a> {
        if self.front_bytes == 0 {
            self.begun = span.with(&[]);
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
        if matches!(self.state, State::First) && PREFACE.starts_with(&self.front) {
            self.state = State::Preface(HEAD_BYTES as u8);
            return self.next(span);
        }
        let head = FrameHead::parse(self.front);
        if !self.may_be(&head) {
            return Piece::Garbage;
        }
        let prefix_left = head.prefix_bytes();
        self.state = State::Payload(Payload { head, left: head.length, prefix_left, padding: 0 });
        self.frames = self.frames.saturating_add(1);
        self.longest_bytes = self.longest_bytes.max(head.length);
        Piece::Frame(head, self.begun)
    }

    /// Whether it is taken for a frame. In step the length is all that counts: what is wrong about a
    /// frame is for its receiver to refuse.
    fn may_be(&self, head: &FrameHead) -> bool {
        match self.search {
            // Larger ones only behind others.
            Some(most_bytes) if self.frames == 0 => head.is_usual(most_bytes.min(MOST_BYTES)),
            Some(most_bytes) => head.is_usual(most_bytes),
            None => head.is_possible(MOST_ALLOWED_BYTES) || head.length <= MOST_BYTES,
        }
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
        let is_at_front = self.prefix_left == self.head.prefix_bytes();
        let is_unsure = self.head.is_padded() && is_at_front && prefix > 0;
        let shown = self.left.saturating_sub(prefix).saturating_sub(self.padding);
        self.prefix_left -= prefix as u8;
        self.left = self.left.saturating_sub(bytes);
        if is_unsure {
            // Any of what follows may be padding.
            self.padding = u32::MAX;
            return None;
        }
        Some(shown.min(bytes - prefix))
    }
}
