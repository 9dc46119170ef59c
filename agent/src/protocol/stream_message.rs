//! Messages within an exchange: of WebSocket, of server-sent events, of gRPC.
//!
//! In: what the parsers of those give. Out: `StreamMessage`, and `Tally` of all of an exchange.
//! Always: like exchanges, no `Serialize`, and a `Debug` without values.
//! Not here: reading them (`websocket`, `sse`, `grpc`), redaction.

use std::fmt;

use crate::protocol::anomaly::Anomaly;
use crate::protocol::content::Front;
use crate::protocol::exchange::{Exchange, Gap, MessageEnd, Part};
use crate::protocol::{Output, Role};

/// Gives out an exchange that is over, with the messages that have not been told, under a number that no
/// other of its connection has.
pub fn tell(mut exchange: Box<Exchange>, number: u64, out: &mut Vec<Output>) {
    let number = match exchange.part {
        Part::Close(number) | Part::Open(number) | Part::Leads(number) => number,
        Part::Whole => number,
    };
    let request = exchange.request.as_mut().map(|message| std::mem::take(&mut message.messages));
    let response = exchange.response.as_mut().map(|message| std::mem::take(&mut message.messages));
    let mut messages: Vec<StreamMessage> = request.into_iter().chain(response).flatten().collect();
    messages.sort_by_key(|message| message.first_ns);
    for message in &mut messages {
        message.exchange = number;
    }
    if exchange.part != Part::Whole || messages.is_empty() {
        out.extend(messages.into_iter().map(|message| Output::Message(Box::new(message))));
        return out.push(Output::Exchange(exchange));
    }
    exchange.part = Part::Leads(number);
    out.push(Output::Exchange(exchange));
    if let Some(last) = messages.last_mut() {
        last.is_last = true;
    }
    out.extend(messages.into_iter().map(|message| Output::Message(Box::new(message))));
}

/// One message of one direction of an exchange.
#[derive(Clone)]
pub struct StreamMessage {
    /// Which exchange of its connection (`exchange::Part`).
    pub exchange: u64,
    /// What kind of message.
    pub kind: StreamKind,
    /// Sent with the request, by the client, or with the response.
    pub role: Role,
    /// Its number in that direction, from 1.
    pub number: u64,
    /// When its first byte was seen, CLOCK_MONOTONIC.
    pub first_ns: u64,
    /// When its last byte was seen, CLOCK_MONOTONIC.
    pub last_ns: u64,
    /// What it took on the wire, in bytes.
    pub wire_bytes: u64,
    /// Length of what was sent, in bytes; `None` if it cannot be told.
    pub body_bytes: Option<u64>,
    /// Frames that it was sent in.
    pub fragments: u32,
    /// It was sent compressed.
    pub is_compressed: bool,
    /// The front of what was sent, if it was wanted and can be known.
    pub content: Option<Front>,
    /// What was seen and not captured, by offset in `wire_bytes`.
    pub gaps: Vec<Gap>,
    /// How it ended.
    pub end: MessageEnd,
    /// What was odd about it.
    pub anomalies: Vec<Anomaly>,
    /// Nothing more of its exchange is told.
    pub is_last: bool,
}

/// What kind of message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StreamKind {
    /// WebSocket: UTF-8 (RFC 6455 section 5.6).
    WebSocketText,
    /// WebSocket: anything.
    WebSocketBinary,
    /// A server-sent event.
    Event,
    /// A message of gRPC.
    Grpc,
}

/// Counts of the messages of an exchange.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// With the request, by the client.
    pub request: Count,
    /// With the response, by the server.
    pub response: Count,
    /// How WebSocket was closed, if it was.
    pub close: Option<Closed>,
}

/// Counts of one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// Messages.
    pub messages: u64,
    /// What they took on the wire, in bytes.
    pub wire_bytes: u64,
    /// Pings of WebSocket; comments of server-sent events, which keep the connection alive.
    pub pings: u64,
    /// Pongs of WebSocket.
    pub pongs: u64,
    /// Bytes of which it is not known what messages they were.
    pub lost_bytes: u64,
}

/// How WebSocket was closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Closed {
    /// Status code (RFC 6455 section 7.4), if one was given.
    pub code: Option<u16>,
    /// Who said so first.
    pub role: Role,
}

impl Tally {
    /// Counts of one direction.
    pub fn of(&mut self, role: Role) -> &mut Count {
        match role {
            Role::Request => &mut self.request,
            Role::Response => &mut self.response,
        }
    }
}

impl fmt::Debug for StreamMessage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StreamMessage {{ {:?}, {} bytes }}", self.kind, self.wire_bytes)
    }
}
