//! One direction of a WebSocket connection: messages out of bytes and holes.
//!
//! In: chunks and holes in order. Out: `Event`s.
//! Always: same events however the bytes were cut; a hole inside a payload is passed over exactly;
//! after a hole over a header, or what is no frame, nothing is taken for a frame until `resync`
//! has found one, and every byte passed over is told as lost.
//! Not here: content (`message`), the other direction. Source: RFC 6455 sections 5 and 7.

use crate::model::loss::Reason;
use crate::protocol::exchange::MessageEnd;
use crate::protocol::input::{Hole, Span};
use crate::protocol::websocket::extensions::Extensions;
use crate::protocol::websocket::frame::{self, Head, HeadReader, Opcode, Taken};
use crate::protocol::websocket::inflate::Inflater;
use crate::protocol::websocket::message::{Assembly, Plan};
use crate::protocol::websocket::resync::Resync;
use crate::protocol::websocket::{Close, Counts, Event, Kind, Sender};

/// One direction.
pub struct Half {
    sender: Sender,
    extensions: Extensions,
    content_bytes: usize,
    state: State,
    reader: HeadReader,
    /// When the header's first byte came.
    head_ns: u64,
    message: Option<Assembly>,
    inflater: Inflater,
    /// Payload of a Close frame.
    close: Vec<u8>,
    counts: Counts,
}

/// ```text
/// Head --header--> Payload --its last byte--> Head
///                     `-- of a Close frame --> Lost
/// any --no frame, hole over a header--> Lost --resync--> Head
/// ```
enum State {
    /// `reader` holds the front of a header, or nothing.
    Head,
    /// Payload of that frame; bytes left.
    Payload(Head, u64),
    /// Not in step with the frames; why, and the search for them, if there can be any.
    Lost(Reason, Option<Resync>),
}

impl Half {
    /// A direction of which nothing has come yet. Of each message at most `content_bytes` of
    /// content are kept; with 0 payloads are counted and not looked at.
    pub fn new(sender: Sender, extensions: Extensions, content_bytes: usize) -> Self {
        Self {
            sender,
            extensions,
            content_bytes,
            state: State::Head,
            reader: HeadReader::default(),
            head_ns: 0,
            message: None,
            inflater: Inflater::new(extensions.deflate),
            close: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Bytes that follow those before.
    pub fn push(&mut self, span: Span<'_>, out: &mut Vec<Event>) {
        let Span { time_ns, rest: mut bytes, call_start, .. } = span;
        if let State::Lost(_, Some(resync)) = &mut self.state
            && call_start
            && !bytes.is_empty()
            && resync.call_start()
        {
            self.state = State::Head;
        }
        while !bytes.is_empty() {
            match &mut self.state {
                State::Head => self.head(&mut bytes, time_ns, out),
                State::Payload(..) => self.payload(&mut bytes, time_ns, out),
                State::Lost(reason, resync) => {
                    let reserved = reserved(&self.extensions);
                    if let Some(resync) = resync {
                        resync.bytes(bytes, reserved);
                    }
                    lost(*reason, bytes.len() as u64, out);
                    return;
                }
            }
        }
    }

    /// A hole that follows the bytes before.
    pub fn hole(&mut self, hole: &Hole, out: &mut Vec<Event>) {
        let mut left = hole.bytes;
        if let State::Payload(_, payload) = &mut self.state {
            let inside = left.min(*payload);
            *payload -= inside;
            left -= inside;
            self.hole_inside(inside, hole, out);
        }
        match &mut self.state {
            _ if left == 0 => {}
            State::Lost(_, resync) => {
                if let Some(resync) = resync {
                    resync.hole();
                }
                lost(hole.reason, left, out);
            }
            State::Head | State::Payload(..) => {
                let bytes = left.saturating_add(self.reader.held_bytes());
                self.lose(hole.reason, bytes, out);
            }
        }
    }

    /// Nothing more comes: the stream has ended (`MessageEnd::Truncated`) or the agent stops
    /// (`MessageEnd::Unfinished`).
    pub fn end(&mut self, how: MessageEnd, out: &mut Vec<Event>) {
        let (how, reason) = match how {
            MessageEnd::Unfinished => (how, Reason::AgentStop),
            _ => (MessageEnd::Truncated, Reason::Unparsed),
        };
        self.finish(how, out);
        let rest = match &self.state {
            State::Payload(head, left) if head.opcode.is_control() => {
                head.head_bytes.saturating_add(head.payload_bytes - left)
            }
            _ => self.reader.held_bytes(),
        };
        if rest > 0 {
            lost(reason, rest, out);
        }
        self.reader.clear();
        self.close = Vec::new();
        self.state = State::Lost(Reason::Unparsed, None);
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Why frames are not followed, if they are not. After a Close frame `Unparsed`.
    pub fn lost(&self) -> Option<Reason> {
        match self.state {
            State::Lost(reason, _) => Some(reason),
            State::Head | State::Payload(..) => None,
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let message = self.message.as_ref().map_or(0, Assembly::memory_bytes);
        message + self.inflater.memory_bytes() + self.close.capacity()
    }

    fn head(&mut self, bytes: &mut &[u8], time_ns: u64, out: &mut Vec<Event>) {
        if self.reader.held_bytes() == 0 {
            self.head_ns = time_ns;
        }
        match self.reader.take(bytes) {
            Taken::More => {}
            Taken::Head(head) if self.is_expected(&head) => self.begin(head, time_ns, out),
            Taken::Head(head) => self.lose(Reason::Unparsed, head.head_bytes, out),
            Taken::Broken(taken) => self.lose(Reason::Unparsed, taken, out),
        }
    }

    /// The frame may come here, and its reserved bits mean something.
    fn is_expected(&self, head: &Head) -> bool {
        let (order, allowed) = match head.opcode {
            Opcode::Continuation => (self.message.is_some(), 0),
            Opcode::Text | Opcode::Binary => (self.message.is_none(), reserved(&self.extensions)),
            Opcode::Close | Opcode::Ping | Opcode::Pong => (true, 0),
        };
        order && (self.extensions.unknown || head.reserved & !allowed == 0)
    }

    fn begin(&mut self, head: Head, time_ns: u64, out: &mut Vec<Event>) {
        let wrong_mask = head.mask.is_some() != (self.sender == Sender::Client);
        self.counts.wrong_masks = self.counts.wrong_masks.saturating_add(u64::from(wrong_mask));
        if let Some(kind) = kind(head.opcode) {
            let plan = self.plan(kind, &head);
            self.message = Some(Assembly::new(plan, &self.inflater, self.head_ns));
        }
        if let Some(message) = self.message.as_mut().filter(|_| !head.opcode.is_control()) {
            message.frame(&head, wrong_mask, time_ns);
        }
        self.state = State::Payload(head, head.payload_bytes);
        self.over_if_empty(time_ns, out);
    }

    fn plan(&self, kind: Kind, head: &Head) -> Plan {
        Plan {
            kind,
            compressed: self.extensions.deflate.is_some() && head.reserved & frame::RSV1 != 0,
            changed: self.extensions.unknown,
            content_bytes: self.content_bytes,
        }
    }

    fn payload(&mut self, bytes: &mut &[u8], time_ns: u64, out: &mut Vec<Event>) {
        let State::Payload(head, left) = &mut self.state else { return };
        let at = head.payload_bytes - *left;
        let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
        let piece = bytes.split_off(..used).unwrap_or_default();
        *left -= piece.len() as u64;
        match head.opcode {
            Opcode::Ping | Opcode::Pong => {}
            // Behind a hole it would be in the wrong place.
            Opcode::Close if at == self.close.len() as u64 => {
                self.close.extend_from_slice(piece);
                if let (Some(mask), Some(piece)) = (head.mask, self.close.get_mut(at as usize..)) {
                    frame::unmask(mask, at, piece);
                }
            }
            Opcode::Close => {}
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                if let Some(message) = &mut self.message {
                    message.payload(head, at, piece, time_ns, &mut self.inflater);
                }
            }
        }
        self.over_if_empty(time_ns, out);
    }

    /// A hole within the payload of a frame; so much of it is already passed over.
    fn hole_inside(&mut self, bytes: u64, hole: &Hole, out: &mut Vec<Event>) {
        let State::Payload(head, _) = &self.state else { return };
        match &mut self.message {
            Some(message) if !head.opcode.is_control() => {
                message.hole(bytes, hole.reason, hole.time_ns, &mut self.inflater);
            }
            _ => lost(hole.reason, bytes, out),
        }
        self.over_if_empty(hole.time_ns, out);
    }

    /// The frame is over if nothing of it is left.
    fn over_if_empty(&mut self, time_ns: u64, out: &mut Vec<Event>) {
        let State::Payload(head, 0) = self.state else { return };
        self.state = State::Head;
        match head.opcode {
            Opcode::Ping => self.counts.pings = self.counts.pings.saturating_add(1),
            Opcode::Pong => self.counts.pongs = self.counts.pongs.saturating_add(1),
            Opcode::Close => self.closed(&head, time_ns, out),
            _ if head.fin => self.finish(MessageEnd::Whole, out),
            _ => {}
        }
    }

    /// A Close frame ends the direction; a message under way stays as it is.
    fn closed(&mut self, head: &Head, time_ns: u64, out: &mut Vec<Event>) {
        self.finish(MessageEnd::Truncated, out);
        let payload = std::mem::take(&mut self.close);
        let is_cut = (payload.len() as u64) < head.payload_bytes;
        let (code, reason) = match payload.split_first_chunk() {
            Some((code, reason)) => (Some(u16::from_be_bytes(*code)), reason.to_vec()),
            None => (None, payload),
        };
        out.push(Event::Close(Close { time_ns, code, reason, is_cut }));
        self.state = State::Lost(Reason::Unparsed, None);
    }

    fn finish(&mut self, end: MessageEnd, out: &mut Vec<Event>) {
        if let Some(message) = self.message.take() {
            out.push(Event::Message(message.finish(end, &mut self.inflater)));
        }
    }

    /// Frames cannot be followed from here; so many bytes were passed over for it.
    fn lose(&mut self, reason: Reason, bytes: u64, out: &mut Vec<Event>) {
        self.finish(MessageEnd::Unknown, out);
        self.inflater.give_up();
        self.reader.clear();
        self.close = Vec::new();
        lost(reason, bytes, out);
        // What is no frame ends the connection; its receiver reads no further (section 7.1.7).
        let may_resync = self.sender == Sender::Client && reason != Reason::Unparsed;
        self.state = State::Lost(reason, may_resync.then(Resync::default));
    }
}

/// Reserved bits that a message's first frame may have.
fn reserved(extensions: &Extensions) -> u8 {
    match extensions {
        Extensions { unknown: true, .. } => frame::RESERVED,
        Extensions { deflate: Some(_), .. } => frame::RSV1,
        Extensions { deflate: None, .. } => 0,
    }
}

/// What a message is that begins with such a frame.
fn kind(opcode: Opcode) -> Option<Kind> {
    match opcode {
        Opcode::Text => Some(Kind::Text),
        Opcode::Binary => Some(Kind::Binary),
        Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => None,
    }
}

/// Tells of lost bytes, together with those told just before.
fn lost(reason: Reason, more: u64, out: &mut Vec<Event>) {
    match out.last_mut() {
        Some(Event::Lost { reason: last, bytes }) if *last == reason => {
            *bytes = bytes.saturating_add(more);
        }
        _ => out.push(Event::Lost { reason, bytes: more }),
    }
}
