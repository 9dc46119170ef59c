//! One stream: an exchange under way.
//!
//! In: heads, content, trailers, holes and ends of both directions (`http2`). Out: the `Exchange`.
//! Always: the order in which the two directions come does not matter; an exchange that has neither
//! a request nor a response becomes a loss that counts it.
//! Not here: which stream a frame belongs to, when a stream is given up (`streams`).

use super::head::Head;
use crate::model::limits::Limits;
use crate::model::loss::{Loss, Reason};
use crate::protocol::anomaly::{Anomaly, note};
use crate::protocol::exchange::{
    Exchange, Message, MessageEnd, Part, RequestHead, Reset, ResponseHead, StreamRef, Unknown,
};
use crate::protocol::http1::framing::Method;
use crate::protocol::input::Hole;
use crate::protocol::meter::Meter;
use crate::protocol::stream_message;
use crate::protocol::{Output, Role};

/// An exchange under way.
pub struct Stream {
    exchange: Box<Exchange>,
    request: Direction,
    response: Direction,
    method: Method,
    /// When something of it was seen last.
    pub last_ns: u64,
    /// What it held when its memory was last counted.
    pub counted_bytes: usize,
}

/// One direction of it.
#[derive(Default)]
struct Direction {
    meter: Meter,
    content_bytes: u64,
    /// How much content there was cannot be told.
    murky: bool,
    content_length: Option<u64>,
    over: bool,
    /// Frames may have been lost since its head, or with its head.
    lost: Option<Reason>,
    /// Nothing has come since: perhaps nothing will.
    shaken: Option<Reason>,
}

/// A field block with its circumstances.
pub struct Block<'a> {
    /// What it says, or why it was lost.
    pub head: Result<Head<'a>, Reason>,
    /// Fields that were left out.
    pub unknown: Option<Unknown>,
    /// It is the last frame of its sender.
    pub ends_stream: bool,
    /// When, how long, by whom.
    pub meter: Meter,
    /// What was odd about it besides.
    pub note: Option<Anomaly>,
}

impl Stream {
    /// A stream of which nothing is known yet.
    pub fn new(id: u32, pushed: bool) -> Self {
        let stream = Some(StreamRef { id, pushed, reset: None });
        Self {
            exchange: Box::new(Exchange { stream, ..Exchange::of(None, None) }),
            request: Direction::default(),
            response: Direction::default(),
            method: Method::Unknown,
            last_ns: 0,
            counted_bytes: 0,
        }
    }

    /// The request began as one of HTTP/1 (RFC 7540 section 3.2): it is whole.
    pub fn upgraded(mut exchange: Box<Exchange>) -> Self {
        let mut stream = Self::new(1, false);
        let method = exchange.request.as_ref().and_then(|request| request.head.method.as_deref());
        stream.method = Method::of(method.unwrap_or_default());
        exchange.stream = stream.exchange.stream;
        stream.exchange = exchange;
        stream.request.over = true;
        stream
    }

    /// Whether a head of that kind has come, or is known to be lost.
    pub fn has(&self, role: Role) -> bool {
        match role {
            Role::Request => {
                self.exchange.request.is_some() || self.exchange.lost_request.is_some()
            }
            Role::Response => {
                self.exchange.response.is_some() || self.exchange.lost_response.is_some()
            }
        }
    }

    /// Whether the request was seen.
    pub fn has_request(&self) -> bool {
        self.exchange.request.is_some()
    }

    /// When the request was seen first; 0: it was not.
    pub fn asked_ns(&self) -> u64 {
        self.exchange.request.as_ref().map_or(0, |request| request.first_ns)
    }

    /// Whether a direction is over.
    pub fn is_over(&self, role: Role) -> bool {
        self.part(role).over
    }

    /// Whether it is a tunnel, now that its response has come: what follows is no content.
    pub fn is_tunnel(&self) -> bool {
        let status = self.exchange.response.as_ref().and_then(|response| response.head.status);
        self.method == Method::Connect && matches!(status, Some(200..=299))
    }

    /// Status code of the response, if it is known.
    pub fn status(&self) -> Option<u16> {
        self.exchange.response.as_ref()?.head.status
    }

    /// A field block has come.
    pub fn block(&mut self, role: Role, block: Block<'_>, limits: &Limits) {
        self.last_ns = block.meter.last_ns();
        self.part_mut(role).shaken = None;
        if let Some(anomaly) = block.note {
            note(&mut self.exchange.anomalies, anomaly);
        }
        match role {
            _ if self.is_complete(role) => {
                note(&mut self.exchange.anomalies, Anomaly::InvalidFrame);
            }
            _ if self.is_behind_head(role, &block) => self.lose(role),
            Role::Response if self.is_still_to_come(&block) => self.response(block, limits),
            _ if self.has(role) => self.trailers(role, block),
            Role::Request => self.request(block, limits),
            Role::Response => self.response(block, limits),
        }
    }

    /// Content has come, or other bytes of the direction's frames.
    pub fn bytes(&mut self, role: Role, content: &[u8], wire: usize, time_ns: u64) {
        self.last_ns = time_ns;
        let part = self.part_mut(role);
        part.shaken = None;
        part.content_bytes = part.content_bytes.saturating_add(content.len() as u64);
        part.meter.add(wire, time_ns);
        part.meter.content(content, time_ns);
    }

    /// Tells the heads now if the exchange goes on for long: its response is of the endless kind, it has
    /// more messages than wait, or it began before that time.
    pub fn open_long(&mut self, before_ns: u64, out: &mut Vec<Output>) {
        let Some(response) = &self.exchange.response else { return };
        if self.exchange.part != Part::Whole || self.response.over {
            return;
        }
        let is_long = |part: &mut Direction| {
            let content = part.meter.content_mut();
            content
                .is_some_and(|content| content.is_endless() || content.messages() >= MANY_MESSAGES)
        };
        let is_old = response.first_ns < before_ns;
        if is_old || is_long(&mut self.response) || is_long(&mut self.request) {
            let number = self.exchange.stream.map_or(0, |stream| u64::from(stream.id));
            out.push(self.exchange.open(number));
        }
    }

    /// Tells the messages that have come, of an exchange whose heads have been told.
    pub fn tell_messages(&mut self, role: Role, out: &mut Vec<Output>) {
        let Part::Close(number) = self.exchange.part else { return };
        if let Some(content) = self.part_mut(role).meter.content_mut() {
            let messages = content.take_messages(number);
            out.extend(messages.into_iter().map(|one| Output::Message(Box::new(one))));
        }
    }

    /// Bytes of a DATA frame were lost, of them so many of content.
    pub fn hole(&mut self, role: Role, hole: &Hole, content: Option<u64>) {
        self.last_ns = hole.time_ns;
        let part = self.part_mut(role);
        part.meter.framed_hole(hole.bytes, content, hole.reason, hole.time_ns);
        part.content_bytes = part.content_bytes.saturating_add(content.unwrap_or(0));
        part.murky |= content.is_none();
    }

    /// Frames may have been lost, and some of this stream among them.
    pub fn shake(&mut self, role: Role, reason: Reason, time_ns: u64) {
        let part = self.part_mut(role);
        if !part.over {
            part.meter.framed_hole(0, None, reason, time_ns);
            part.murky = true;
            part.lost = Some(reason);
            part.shaken = Some(reason);
        }
    }

    /// Why nothing more may come although it is not over.
    pub fn shaken(&self) -> Option<Reason> {
        let parts = [&self.request, &self.response];
        parts.into_iter().filter(|part| !part.over).find_map(|part| part.shaken)
    }

    /// The direction is over.
    pub fn end(&mut self, role: Role, end: MessageEnd) {
        let is_tunnel = self.is_tunnel();
        let part = self.part_mut(role);
        if part.over {
            return;
        }
        part.over = true;
        if end == MessageEnd::Whole && !self.has(role) {
            self.lose(role);
        }
        let part = self.part_mut(role);
        let length = (!part.murky && !is_tunnel).then_some(part.content_bytes);
        let mismatch = match (end, length, part.content_length) {
            (MessageEnd::Whole, Some(length), Some(said)) => length != said,
            _ => false,
        };
        let meter = std::mem::take(&mut part.meter);
        let has_content = role == Role::Request || self.has_content();
        if mismatch && has_content {
            note(&mut self.exchange.anomalies, Anomaly::ContentLengthMismatch);
        }
        match role {
            Role::Request => {
                if let Some(message) = &mut self.exchange.request {
                    meter.close(message, end, length);
                }
            }
            Role::Response => {
                if let Some(message) = &mut self.exchange.response {
                    meter.close(message, end, length);
                }
            }
        }
    }

    /// One end has given the stream up, if it has.
    pub fn reset(&mut self, reset: Option<Reset>, time_ns: u64) {
        self.last_ns = time_ns;
        if let Some(stream) = &mut self.exchange.stream {
            stream.reset = stream.reset.or(reset);
        }
    }

    /// Whether one end has given it up.
    pub fn is_reset(&self) -> bool {
        self.exchange.stream.is_some_and(|stream| stream.reset.is_some())
    }

    /// Something was odd.
    pub fn note(&mut self, anomaly: Anomaly) {
        note(&mut self.exchange.anomalies, anomaly);
    }

    /// Whether both directions are over.
    pub fn is_done(&self) -> bool {
        self.request.over && self.response.over
    }

    /// What came of it. Directions that are not over end like that. `reason`: why a message may be
    /// missing.
    pub fn finish(mut self, end: MessageEnd, reason: Option<Reason>, out: &mut Vec<Output>) {
        if !self.has(Role::Request) && !self.has(Role::Response) {
            // It was given up before anything came.
            return;
        }
        let answered = self.response.over;
        for role in [Role::Request, Role::Response] {
            self.end(role, end);
        }
        let exchange = &mut self.exchange;
        if exchange.response.is_none() && exchange.lost_response.is_none() && !answered {
            exchange.lost_response = reason;
        }
        if exchange.request.is_none() && exchange.response.is_none() {
            let reason = exchange.lost_request.or(exchange.lost_response);
            let loss = Loss::exchange(reason.unwrap_or(Reason::Unparsed), 0);
            return out.push(Output::Loss(loss));
        }
        if exchange.request.is_none() {
            exchange.lost_request.get_or_insert(reason.unwrap_or(Reason::Unparsed));
        }
        let number = exchange.stream.map_or(0, |stream| u64::from(stream.id));
        stream_message::tell(self.exchange, number, out);
    }

    /// It is a tunnel: the exchange that made it is over.
    pub fn into_exchange(mut self) -> Box<Exchange> {
        for role in [Role::Request, Role::Response] {
            self.end(role, MessageEnd::Whole);
        }
        self.exchange
    }

    /// The request was not seen, for that reason.
    pub fn lose_request(&mut self, reason: Reason) {
        self.exchange.lost_request.get_or_insert(reason);
        self.request.over = true;
    }

    /// Heap memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let request =
            self.exchange.request.as_ref().map_or(0, Message::<RequestHead>::memory_bytes);
        let response =
            self.exchange.response.as_ref().map_or(0, Message::<ResponseHead>::memory_bytes);
        let content = self.request.meter.memory_bytes() + self.response.meter.memory_bytes();
        let notes = self.exchange.anomalies.capacity() * size_of::<Anomaly>()
            + self.exchange.interim.capacity() * size_of::<u16>();
        size_of::<Self>() + size_of::<Exchange>() + request + response + content + notes
    }

    // === heads ===

    fn request(&mut self, block: Block<'_>, limits: &Limits) {
        self.request = Direction { meter: block.meter, ..Direction::default() };
        match block.head {
            Ok(head) => {
                self.request.content_length = head.content_length;
                let (head, notes) = head.request(block.unknown.is_none());
                self.notes(notes);
                self.method = Method::of(head.method.as_deref().unwrap_or_default());
                let head_bytes = self.request.meter.seen_bytes() as usize;
                self.request.meter.expect(&head.fields, Role::Request, limits);
                let mut message = self.request.meter.open(head, head_bytes);
                message.unknown_fields = block.unknown;
                self.exchange.request = Some(message);
            }
            Err(reason) => self.exchange.lost_request = Some(reason),
        }
    }

    fn response(&mut self, block: Block<'_>, limits: &Limits) {
        let head = match block.head {
            Ok(head) => head,
            Err(reason) => {
                self.response.meter = block.meter;
                self.exchange.lost_response = Some(reason);
                return;
            }
        };
        let content_length = head.content_length;
        let (head, notes) = head.response(block.unknown.is_none());
        self.notes(notes);
        if let Some(status @ 100..200) = head.status {
            if self.exchange.interim.len() < INTERIM {
                self.exchange.interim.push(status);
            }
            return;
        }
        self.response = Direction { meter: block.meter, content_length, ..Direction::default() };
        let head_bytes = self.response.meter.seen_bytes() as usize;
        self.response.meter.expect(&head.fields, Role::Response, limits);
        let mut message = self.response.meter.open(head, head_bytes);
        message.unknown_fields = block.unknown;
        self.exchange.response = Some(message);
        self.exchange.lost_response = None;
    }

    /// Nothing may follow.
    fn is_complete(&self, role: Role) -> bool {
        self.part(role).over
            && match role {
                Role::Request => self.exchange.request.is_some(),
                Role::Response => self.exchange.response.is_some(),
            }
    }

    /// What came as the response's head may have been an interim one: its status is not known.
    fn is_unsure(&self, role: Role) -> bool {
        let is_unsure = match &self.exchange.response {
            Some(message) => message.head.status.is_none() && message.unknown_fields.is_some(),
            None => self.exchange.lost_response.is_some(),
        };
        role == Role::Response && is_unsure && self.response.content_bytes == 0
    }

    /// A head comes after one that may have been an interim one. Trailers would be the end.
    fn is_still_to_come(&self, block: &Block<'_>) -> bool {
        let is_head = |head: &Head<'_>| head.is_response() || !block.ends_stream;
        self.is_unsure(Role::Response) && block.head.as_ref().is_ok_and(is_head)
    }

    /// Trailers come, or what may be some, and the head was lost.
    fn is_behind_head(&self, role: Role, block: &Block<'_>) -> bool {
        let is_no_head = |head: &Head<'_>| !head.is_request() && !head.is_response();
        !self.has(role)
            && self.part(role).lost.is_some()
            && block.ends_stream
            && block.head.as_ref().is_ok_and(is_no_head)
    }

    /// The head of a direction was lost.
    fn lose(&mut self, role: Role) {
        let reason = self.part(role).lost.unwrap_or(Reason::Unparsed);
        match role {
            Role::Request => self.exchange.lost_request.get_or_insert(reason),
            Role::Response => self.exchange.lost_response.get_or_insert(reason),
        };
    }

    fn trailers(&mut self, role: Role, block: Block<'_>) {
        self.part_mut(role).meter.append(&block.meter);
        let Ok(head) = block.head else { return };
        if head.is_request() || head.is_response() {
            note(&mut self.exchange.anomalies, Anomaly::InvalidPseudoHeader);
        }
        self.notes(head.notes);
        // The first head may have been an interim one, and this the response's.
        let is_unsure = self.is_unsure(role) && block.unknown.is_some();
        let (fields, trailers, unknown) = match role {
            Role::Request => match &mut self.exchange.request {
                Some(Message { head, trailers, unknown_fields, .. }) => {
                    (&mut head.fields, trailers, unknown_fields)
                }
                None => return,
            },
            Role::Response => match &mut self.exchange.response {
                Some(Message { head, trailers, unknown_fields, .. }) => {
                    (&mut head.fields, trailers, unknown_fields)
                }
                None => return,
            },
        };
        *unknown = sum(*unknown, block.unknown);
        if is_unsure {
            let left_out = std::mem::take(fields).len() + head.fields.len();
            if let Some(unknown) = unknown {
                let left_out = u32::try_from(left_out).unwrap_or(u32::MAX);
                unknown.fields = unknown.fields.saturating_add(left_out);
            }
        } else if trailers.is_empty() {
            *trailers = head.fields;
        }
    }

    fn notes(&mut self, notes: Vec<Anomaly>) {
        for anomaly in notes {
            note(&mut self.exchange.anomalies, anomaly);
        }
    }

    /// Whether the response may have content.
    fn has_content(&self) -> bool {
        let status = self.status();
        self.method != Method::Head && !matches!(status, None | Some(204 | 304))
    }

    fn part(&self, role: Role) -> &Direction {
        match role {
            Role::Request => &self.request,
            Role::Response => &self.response,
        }
    }

    fn part_mut(&mut self, role: Role) -> &mut Direction {
        match role {
            Role::Request => &mut self.request,
            Role::Response => &mut self.response,
        }
    }
}

fn sum(one: Option<Unknown>, other: Option<Unknown>) -> Option<Unknown> {
    match (one, other) {
        (Some(one), Some(other)) => {
            Some(Unknown { fields: one.fields.saturating_add(other.fields), ..one })
        }
        (one, other) => one.or(other),
    }
}

/// Messages that do not wait for the end of their exchange.
const MANY_MESSAGES: usize = 64;
/// Interim responses noted for one exchange.
const INTERIM: usize = 32;
