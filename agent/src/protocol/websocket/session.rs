//! A WebSocket connection after its handshake, both directions.
//!
//! In: the handshake's exchange, bytes and holes with their role. Out: the exchange, open; a message
//! each; the exchange again when it is over, with counts and the close code.
//! Always: the exchange comes first and last; nothing that is lost goes untold.
//! Not here: one direction (`half`), which bytes belong to it (`protocol`, `http2`).

use earwitness_common::settings::Verdict;

use super::{Event, Extensions, Half, Kind, Message, Sender};
use crate::protocol::anomaly::{Anomaly, note};
use crate::protocol::content::Front;
use crate::protocol::exchange::{self as http, Exchange, Gap, MessageEnd, Part};
use crate::protocol::input::{Hole, Input, Span};
use crate::protocol::parser::{Around, Parser};
use crate::protocol::stream_message::{Closed, StreamKind, StreamMessage, Tally};
use crate::protocol::{Output, Role};

/// A WebSocket connection.
pub struct Session {
    /// What the handshake was.
    exchange: Box<Exchange>,
    number: u64,
    client: Half,
    server: Half,
    tally: Tally,
    last_ns: u64,
    /// Kept for its memory.
    events: Vec<Event>,
}

impl Session {
    /// Whether these are the heads of a handshake that has succeeded (RFC 6455 section 4, RFC 8441).
    pub fn begins(exchange: &Exchange) -> bool {
        let (Some(request), Some(response)) = (&exchange.request, &exchange.response) else {
            return false;
        };
        let is_named = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"websocket");
        match (request.head.protocol.as_deref(), response.head.status) {
            (Some(protocol), Some(200..=299)) => protocol.eq_ignore_ascii_case("websocket"),
            (None, Some(101)) => {
                let mut protocols = response.head.fields.all("upgrade");
                protocols.any(|value| value.split(|&byte| byte == b',').any(is_named))
            }
            _ => false,
        }
    }

    /// Begins after a handshake, which is told as an exchange that stays open.
    pub fn open(mut exchange: Box<Exchange>, number: u64, around: &mut Around<'_>) -> Self {
        let limits = around.limits;
        exchange.part = Part::Open(number);
        let fields = exchange.response.as_ref().map(|response| &response.head.fields);
        let agreed = |sender| {
            let values =
                fields.into_iter().flat_map(|fields| fields.all("sec-websocket-extensions"));
            Extensions::agreed(values, sender)
        };
        // At least one byte: a payload that nobody looks at has no length before compression.
        let client =
            Half::new(Sender::Client, agreed(Sender::Client), limits.request_body_bytes.max(1));
        let server =
            Half::new(Sender::Server, agreed(Sender::Server), limits.response_body_bytes.max(1));
        let last_ns = exchange.response.as_ref().map_or(0, |response| response.last_ns);
        around.out.push(Output::Exchange(exchange.clone()));
        Self {
            exchange,
            number,
            client,
            server,
            tally: Tally::default(),
            last_ns,
            events: Vec::new(),
        }
    }
}

impl Parser for Session {
    fn push(&mut self, role: Role, input: Input<'_>, around: &mut Around<'_>) {
        match input {
            Input::Bytes(span) => self.bytes(role, span, around.out),
            Input::Hole(hole) => self.hole(role, &hole, around.out),
            Input::End(_) => {}
        }
    }

    fn close(&mut self, how: MessageEnd, around: &mut Around<'_>) {
        for role in [Role::Request, Role::Response] {
            let mut events = std::mem::take(&mut self.events);
            self.half(role).end(how, &mut events);
            self.tell(role, events, around.out);
            let counts = self.half(role).counts();
            let count = self.tally.of(role);
            (count.pings, count.pongs) = (counts.pings, counts.pongs);
            if counts.wrong_masks > 0 {
                note(&mut self.exchange.anomalies, Anomaly::InvalidFrame);
            }
        }
        let exchange = &mut self.exchange;
        exchange.part = Part::Close(self.number);
        if let Some(response) = &mut exchange.response {
            response.last_ns = self.last_ns;
            // The agent's stop cuts it short, or lost frames; without a Close frame the connection did.
            response.end = match (how, self.tally.close) {
                _ if response.end == MessageEnd::Unknown => MessageEnd::Unknown,
                (MessageEnd::Unfinished | MessageEnd::Unknown, _) => how,
                (MessageEnd::Reset, None) => how,
                (_, None) => MessageEnd::Truncated,
                (_, Some(_)) => MessageEnd::Whole,
            };
        }
        exchange.tally = Some(Box::new(std::mem::take(&mut self.tally)));
        let nothing = Box::new(Exchange::of(None, None));
        around.out.push(Output::Exchange(std::mem::replace(exchange, nothing)));
    }

    /// A hole of unknown place loses the frames.
    fn wants(&self) -> Verdict {
        Verdict::Full
    }

    fn memory_bytes(&self) -> usize {
        let heads = self.exchange.memory_bytes();
        size_of::<Self>() + heads + self.client.memory_bytes() + self.server.memory_bytes()
    }
}

impl Session {
    fn bytes(&mut self, role: Role, span: Span<'_>, out: &mut Vec<Output>) {
        self.last_ns = span.time_ns;
        let bytes = span.rest.len() as u64;
        self.change(role, |seen| {
            *seen.seen_bytes = seen.seen_bytes.saturating_add(bytes);
            *seen.captured_bytes = seen.captured_bytes.saturating_add(bytes);
        });
        let mut events = std::mem::take(&mut self.events);
        self.half(role).push(span, &mut events);
        self.tell(role, events, out);
    }

    fn hole(&mut self, role: Role, hole: &Hole, out: &mut Vec<Output>) {
        self.last_ns = hole.time_ns;
        let Hole { bytes, reason, .. } = *hole;
        self.change(role, |seen| {
            let at = *seen.seen_bytes;
            *seen.seen_bytes = at.saturating_add(bytes);
            let is_full = seen.gaps.len() >= GAPS;
            match seen.gaps.last_mut() {
                Some(last)
                    if is_full
                        || last.at.saturating_add(last.bytes) == at && last.reason == reason =>
                {
                    last.bytes = last.bytes.saturating_add(bytes);
                }
                _ => seen.gaps.push(Gap { at, bytes, reason }),
            }
        });
        let mut events = std::mem::take(&mut self.events);
        self.half(role).hole(hole, &mut events);
        self.tell(role, events, out);
    }

    fn tell(&mut self, role: Role, mut events: Vec<Event>, out: &mut Vec<Output>) {
        for event in events.drain(..) {
            match event {
                Event::Message(message) => {
                    let count = self.tally.of(role);
                    count.messages += 1;
                    count.wire_bytes = count.wire_bytes.saturating_add(message.wire_bytes);
                    let number = count.messages;
                    let message = stream_message(message, role, self.number, number);
                    out.push(Output::Message(Box::new(message)));
                }
                Event::Close(close) => {
                    self.tally.close.get_or_insert(Closed { code: close.code, role });
                }
                Event::Lost { bytes, .. } => self.lost(role, bytes),
            }
        }
        self.events = events;
    }

    /// Bytes of which it is not known what they were.
    fn lost(&mut self, role: Role, bytes: u64) {
        let count = self.tally.of(role);
        count.lost_bytes = count.lost_bytes.saturating_add(bytes);
        if bytes > 0 {
            self.change(role, |seen| *seen.end = MessageEnd::Unknown);
        }
    }

    /// The direction's message grows by what comes after its head.
    fn change(&mut self, role: Role, change: impl FnOnce(Figures<'_>)) {
        match role {
            Role::Request => self.exchange.request.as_mut().map(Figures::of).map(change),
            Role::Response => self.exchange.response.as_mut().map(Figures::of).map(change),
        };
    }

    fn half(&mut self, role: Role) -> &mut Half {
        match role {
            Role::Request => &mut self.client,
            Role::Response => &mut self.server,
        }
    }
}

/// What is known of the bytes of one direction.
struct Figures<'m> {
    seen_bytes: &'m mut u64,
    captured_bytes: &'m mut u64,
    gaps: &'m mut Vec<Gap>,
    end: &'m mut MessageEnd,
}

impl<'m> Figures<'m> {
    fn of<H>(message: &'m mut http::Message<H>) -> Self {
        Self {
            seen_bytes: &mut message.seen_bytes,
            captured_bytes: &mut message.captured_bytes,
            gaps: &mut message.gaps,
            end: &mut message.end,
        }
    }
}

fn stream_message(message: Message, role: Role, exchange: u64, number: u64) -> StreamMessage {
    let flags = message.flags;
    let odd = [
        (flags.invalid_utf8, Anomaly::InvalidText),
        (flags.bomb, Anomaly::DecompressionBomb),
        (flags.invalid_deflate, Anomaly::InvalidCoding),
        (flags.wrong_mask || flags.long_length, Anomaly::InvalidFrame),
    ];
    let is_cut = message.content_cut;
    StreamMessage {
        exchange,
        kind: match message.kind {
            Kind::Text => StreamKind::WebSocketText,
            Kind::Binary => StreamKind::WebSocketBinary,
        },
        role,
        number,
        first_ns: message.first_ns,
        last_ns: message.last_ns,
        wire_bytes: message.wire_bytes,
        body_bytes: message.body_bytes,
        fragments: message.fragments,
        is_compressed: message.compressed,
        content: message.content.map(|bytes| Front { bytes, is_cut }),
        gaps: message.gaps,
        end: message.end,
        is_last: false,
        anomalies: odd.into_iter().filter(|(is, _)| *is).map(|(_, anomaly)| anomaly).collect(),
    }
}

/// Losses that are told apart.
const GAPS: usize = 64;
