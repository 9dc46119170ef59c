//! Sizes, times and holes of one message while it comes in.
//!
//! In: pieces and holes that belong to the message. Out: those figures of a `Message`, its content.
//! Always: neighbouring holes with one reason are one `Gap`; at most `GAPS` of them are told apart.
//! Not here: which bytes belong to the message (`half`).

use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::protocol::content::{Content, Read};
use crate::protocol::exchange::{Gap, Message, MessageEnd};
use crate::protocol::fields::Fields;
use crate::protocol::input::Span;
use crate::protocol::{Role, grpc};

/// What is known of a message apart from its head.
#[derive(Debug, Default)]
pub struct Meter {
    first_ns: u64,
    last_ns: u64,
    seen_bytes: u64,
    captured_bytes: u64,
    gaps: Vec<Gap>,
    content: Option<Box<Content>>,
    tgid: u32,
    uid: u32,
    /// The message's first byte was the first of a turn.
    pub at_turn: bool,
}

impl Meter {
    /// A message that begins with this piece.
    pub fn begin(span: &Span<'_>) -> Self {
        Self {
            first_ns: span.time_ns,
            last_ns: span.time_ns,
            tgid: span.tgid,
            uid: span.uid,
            at_turn: span.turn_start,
            ..Self::default()
        }
    }

    /// A message that begins at that time, of which the rest does not matter.
    pub fn at(time_ns: u64) -> Self {
        Self { first_ns: time_ns, last_ns: time_ns, ..Self::default() }
    }

    /// Bytes that were captured.
    pub fn add(&mut self, bytes: usize, time_ns: u64) {
        self.seen_bytes = self.seen_bytes.saturating_add(bytes as u64);
        self.captured_bytes = self.captured_bytes.saturating_add(bytes as u64);
        self.last_ns = time_ns;
    }

    /// Bytes that were not.
    pub fn hole(&mut self, bytes: u64, reason: Reason, time_ns: u64) {
        self.framed_hole(bytes, Some(bytes), reason, time_ns);
    }

    /// The same, where not all of them are content. `None`: how much content is missing is not known.
    pub fn framed_hole(&mut self, bytes: u64, content: Option<u64>, reason: Reason, time_ns: u64) {
        let at = self.seen_bytes;
        self.seen_bytes = self.seen_bytes.saturating_add(bytes);
        self.last_ns = time_ns;
        match (&mut self.content, content) {
            (Some(_), Some(0)) => {}
            (Some(content), Some(bytes)) => content.hole(bytes, time_ns),
            (Some(content), None) => content.lose(time_ns),
            (None, _) => {}
        }
        self.gap(at, bytes, reason);
    }

    /// More of the message, which was counted by itself.
    pub fn append(&mut self, other: &Self) {
        for gap in &other.gaps {
            self.gap(self.seen_bytes.saturating_add(gap.at), gap.bytes, gap.reason);
        }
        self.seen_bytes = self.seen_bytes.saturating_add(other.seen_bytes);
        self.captured_bytes = self.captured_bytes.saturating_add(other.captured_bytes);
        self.last_ns = other.last_ns;
    }

    fn gap(&mut self, at: u64, bytes: u64, reason: Reason) {
        let full = self.gaps.len() >= GAPS;
        match self.gaps.last_mut() {
            Some(last) if full => last.bytes = last.bytes.saturating_add(bytes),
            Some(last) if last.reason == reason && last.at.saturating_add(last.bytes) == at => {
                last.bytes = last.bytes.saturating_add(bytes);
            }
            _ => self.gaps.push(Gap { at, bytes, reason }),
        }
    }

    /// Its head is over, and had these fields: its content follows.
    pub fn expect(&mut self, fields: &Fields, role: Role, limits: &Limits) {
        self.content = Content::of(fields, role, limits);
    }

    /// Content, which `add` has counted.
    pub fn content(&mut self, bytes: &[u8], time_ns: u64) {
        if let Some(content) = &mut self.content {
            content.add(bytes, time_ns);
        }
    }

    /// Its content, if it matters.
    pub fn content_mut(&mut self) -> Option<&mut Content> {
        self.content.as_deref_mut()
    }

    /// When its first byte was seen.
    pub fn first_ns(&self) -> u64 {
        self.first_ns
    }

    /// When its last byte so far was seen.
    pub fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// Bytes of the message so far.
    pub fn seen_bytes(&self) -> u64 {
        self.seen_bytes
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let content = self.content.as_ref().map_or(0, |content| content.memory_bytes());
        self.gaps.capacity() * size_of::<Gap>() + content
    }

    /// A message of which the head has come.
    pub fn open<H>(&self, head: H, head_bytes: usize) -> Message<H> {
        Message {
            head,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
            head_bytes: head_bytes as u64,
            body_bytes: None,
            seen_bytes: self.seen_bytes,
            captured_bytes: self.captured_bytes,
            gaps: Vec::new(),
            end: MessageEnd::Unknown,
            tgid: self.tgid,
            uid: self.uid,
            trailers: Fields::default(),
            unknown_fields: None,
            content: None,
            count: None,
            messages: Vec::new(),
        }
    }

    /// The message is over: its holes.
    pub fn into_gaps(self) -> Vec<Gap> {
        self.gaps
    }

    /// The message is over: gives it the figures.
    pub fn close<H>(self, message: &mut Message<H>, end: MessageEnd, body_bytes: Option<u64>) {
        message.last_ns = self.last_ns;
        message.seen_bytes = self.seen_bytes;
        message.captured_bytes = self.captured_bytes;
        message.gaps = self.gaps;
        if let Some(mut content) = self.content {
            content.end(end);
            message.messages = content.take_messages(0);
            let Read { front, count, trailers } = content.into_read();
            (message.content, message.count) = (front, count);
            if let Some(trailers) = trailers.filter(|_| message.trailers.is_empty()) {
                message.trailers = grpc::trailers(&trailers);
            }
        }
        message.end = end;
        message.body_bytes = body_bytes;
    }
}

/// Holes of one message that are told apart; later ones widen the last.
const GAPS: usize = 256;
