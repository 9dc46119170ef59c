//! Content of one message, as far as records may want it.
//!
//! In: its bytes in order, transfer coding removed, and holes. Out: the front of it; the messages
//! in it, if its media type is one that has some.
//! Always: never more than the limit, and nothing behind a hole; without a limit messages are
//! counted and not kept.
//! Not here: what may be written of it (`audit::redact::body`), taking codings off the front.

use std::fmt;

use crate::model::limits::Limits;
use crate::model::wiped::Wiped;
use crate::protocol::Role;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::coding::{CodingLimits, Decoder, State};
use crate::protocol::exchange::MessageEnd;
use crate::protocol::fields::Fields;
use crate::protocol::grpc::{self, ContentType, FrameKind};
use crate::protocol::kept::Kept;
use crate::protocol::sse::{self, EventStream};
use crate::protocol::stream_message::{Count, StreamKind, StreamMessage};

/// Content that comes in.
pub struct Content {
    kept: Kept,
    is_cut: bool,
    reader: Option<Box<Reader>>,
}

/// The front of a message's content, as sent: content codings are still on it.
#[derive(Clone, Eq, PartialEq)]
pub struct Front {
    /// The bytes.
    pub bytes: Wiped,
    /// More came than is here.
    pub is_cut: bool,
}

/// What a message's content was.
#[derive(Default)]
pub struct Read {
    /// Its front; `None`: nothing of it was seen, or nothing is wanted.
    pub front: Option<Front>,
    /// Counts of the messages in it; `None`: it has none.
    pub count: Option<Count>,
    /// Trailer fields in it (gRPC-Web), as `name: value` lines.
    pub trailers: Option<Vec<u8>>,
}

/// Finds the messages in content.
struct Reader {
    kind: Kind,
    role: Role,
    /// Bytes of each message that are wanted; 0: only their number.
    limit_bytes: usize,
    /// How messages of gRPC are compressed that are.
    coding: Vec<u8>,
    count: Count,
    /// Messages that nobody has taken yet.
    ready: Vec<StreamMessage>,
    ready_bytes: usize,
    trailers: Option<Vec<u8>>,
    last_ns: u64,
}

enum Kind {
    Grpc(grpc::Messages),
    Events(Box<Events>),
}

/// Server-sent events.
struct Events {
    stream: EventStream,
    /// The codings in front of it.
    decoder: Decoder,
    /// Room for what they put out.
    text: Vec<u8>,
}

impl Content {
    /// Of a message with such fields. `None`: nothing of it matters.
    pub fn of(fields: &Fields, role: Role, limits: &Limits) -> Option<Box<Self>> {
        let limit_bytes = match role {
            Role::Request => limits.request_body_bytes,
            Role::Response => limits.response_body_bytes,
        };
        let media_type = fields.all("content-type").next();
        let reader = media_type.and_then(|value| Reader::of(value, fields, role, limit_bytes));
        // What has messages is told by them.
        let kept_bytes = if reader.is_some() { 0 } else { limit_bytes };
        (kept_bytes > 0 || reader.is_some()).then(|| {
            Box::new(Self {
                kept: Kept::new(kept_bytes),
                is_cut: false,
                reader: reader.map(Box::new),
            })
        })
    }

    /// More of it.
    pub fn add(&mut self, bytes: &[u8], time_ns: u64) {
        if let Some(reader) = &mut self.reader {
            return reader.bytes(bytes, time_ns);
        }
        if !self.is_cut {
            let before = self.kept.len();
            self.kept.add(bytes);
            self.is_cut = self.kept.len() < before.saturating_add(bytes.len());
        }
    }

    /// So many bytes of it were not seen.
    pub fn hole(&mut self, bytes: u64, time_ns: u64) {
        match &mut self.reader {
            Some(reader) => reader.hole(bytes, time_ns),
            None => self.is_cut = true,
        }
    }

    /// Some of it was not seen, and how much cannot be told.
    pub fn lose(&mut self, time_ns: u64) {
        match &mut self.reader {
            Some(reader) => reader.lose(time_ns),
            None => self.is_cut = true,
        }
    }

    /// It goes on for as long as both ends like: server-sent events.
    pub fn is_endless(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| matches!(reader.kind, Kind::Events(..)))
    }

    /// The messages that have come since the last call, numbered for that exchange.
    pub fn take_messages(&mut self, exchange: u64) -> Vec<StreamMessage> {
        let Some(reader) = &mut self.reader else { return Vec::new() };
        reader.ready_bytes = 0;
        let mut ready = std::mem::take(&mut reader.ready);
        for message in &mut ready {
            message.exchange = exchange;
        }
        ready
    }

    /// How many wait to be taken.
    pub fn messages(&self) -> usize {
        self.reader.as_ref().map_or(0, |reader| reader.ready.len())
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let reader = self.reader.as_ref().map_or(0, |reader| reader.memory_bytes());
        size_of::<Self>() + self.kept.memory_bytes() + reader
    }

    /// The message is over: the last of its messages can be taken.
    pub fn end(&mut self, how: MessageEnd) {
        if let Some(reader) = &mut self.reader {
            reader.end(how);
        }
    }

    /// What it was.
    pub fn into_read(self) -> Read {
        let front = Front { is_cut: self.is_cut, bytes: self.kept.into_bytes() };
        let front = Some(front).filter(|front| !front.bytes.is_empty());
        match self.reader {
            None => Read { front, ..Read::default() },
            Some(reader) => Read { front, count: Some(reader.count), trailers: reader.trailers },
        }
    }
}

impl Reader {
    fn of(value: &[u8], fields: &Fields, role: Role, limit_bytes: usize) -> Option<Self> {
        let kind = if let Some(content_type) = ContentType::of(value) {
            Kind::Grpc(grpc::Messages::new(content_type.kind, limit_bytes))
        } else if role == Role::Response && is_event_stream(value) {
            let limits = CodingLimits { output_bytes: usize::MAX, ..CodingLimits::default() };
            let decoder = Decoder::new(fields.all("content-encoding"), limits).ok()?;
            let stream = EventStream::new(limit_bytes);
            Kind::Events(Box::new(Events { stream, decoder, text: Vec::new() }))
        } else {
            return None;
        };
        Some(Self {
            kind,
            role,
            limit_bytes,
            coding: fields.all("grpc-encoding").next().unwrap_or_default().to_vec(),
            count: Count::default(),
            ready: Vec::new(),
            ready_bytes: 0,
            trailers: None,
            last_ns: 0,
        })
    }

    fn bytes(&mut self, bytes: &[u8], time_ns: u64) {
        self.last_ns = time_ns;
        match &mut self.kind {
            Kind::Grpc(messages) => {
                let mut found = Found::default();
                messages.bytes(bytes, &mut |frame| found.add(frame));
                self.tell(found, time_ns);
            }
            Kind::Events(events) => {
                let Events { stream, decoder, text } = &mut **events;
                let mut found = Vec::new();
                text.clear();
                decoder.push(bytes, text);
                stream.push(text, time_ns, &mut found);
                self.events(found);
            }
        }
    }

    fn hole(&mut self, bytes: u64, time_ns: u64) {
        self.count.lost_bytes = self.count.lost_bytes.saturating_add(bytes);
        self.skip(bytes, time_ns);
    }

    fn lose(&mut self, time_ns: u64) {
        // No message is so long that it could go on behind it.
        self.skip(u64::MAX, time_ns);
    }

    fn skip(&mut self, bytes: u64, time_ns: u64) {
        self.last_ns = time_ns;
        match &mut self.kind {
            Kind::Grpc(messages) => {
                let mut found = Found::default();
                messages.skip(bytes, &mut |frame| found.add(frame));
                self.tell(found, time_ns);
            }
            Kind::Events(events) => {
                let Events { stream, decoder, text } = &mut **events;
                let mut found = Vec::new();
                text.clear();
                // What is compressed cannot be followed over a hole.
                if decoder.is_plain() {
                    stream.hole(bytes, &mut found);
                } else {
                    decoder.finish(text);
                    stream.push(text, time_ns, &mut found);
                    stream.hole(bytes, &mut found);
                }
                self.events(found);
            }
        }
    }

    fn end(&mut self, how: MessageEnd) {
        let time_ns = self.last_ns;
        match &mut self.kind {
            Kind::Grpc(messages) => {
                let mut found = Found::default();
                messages.end(&mut |frame| found.add(frame));
                self.tell(found, time_ns);
            }
            Kind::Events(events) => {
                let Events { stream, decoder, text } = &mut **events;
                let mut found = Vec::new();
                text.clear();
                decoder.finish(text);
                stream.push(text, time_ns, &mut found);
                stream.end(how, &mut found);
                self.count.pings = stream.counts().comments;
                self.events(found);
            }
        }
    }

    /// Messages of gRPC.
    fn tell(&mut self, found: Found, time_ns: u64) {
        for frame in found.frames {
            if frame.kind == FrameKind::Trailers {
                self.trailers.get_or_insert(frame.payload.to_vec());
                continue;
            }
            self.count.messages = self.count.messages.saturating_add(1);
            let wire_bytes = u64::from(frame.wire_bytes).saturating_add(PREFIX_BYTES);
            self.count.wire_bytes = self.count.wire_bytes.saturating_add(wire_bytes);
            let (content, body_bytes, anomaly) = self.payload(&frame);
            self.ready(StreamMessage {
                exchange: 0,
                kind: StreamKind::Grpc,
                role: self.role,
                number: self.count.messages,
                first_ns: time_ns,
                last_ns: time_ns,
                wire_bytes,
                body_bytes,
                fragments: 1,
                is_compressed: frame.is_compressed,
                content,
                gaps: Vec::new(),
                end: MessageEnd::Whole,
                anomalies: anomaly.into_iter().collect(),
                is_last: false,
            });
        }
    }

    /// What was sent in a frame, its length if it can be told, and what was odd.
    fn payload(&self, frame: &OwnedFrame) -> (Option<Front>, Option<u64>, Option<Anomaly>) {
        let is_cut = frame.payload.len() < frame.wire_bytes as usize;
        if !frame.is_compressed {
            let front = Front { bytes: frame.payload.clone(), is_cut };
            return (Some(front), Some(u64::from(frame.wire_bytes)), None);
        }
        if self.limit_bytes == 0 {
            return (None, None, None);
        }
        let limits = CodingLimits { output_bytes: self.limit_bytes, ..CodingLimits::default() };
        let Ok((bytes, state)) = grpc::decompress(&frame.payload, &self.coding, limits) else {
            return (None, None, None);
        };
        let anomaly = match state {
            State::Bomb => Some(Anomaly::DecompressionBomb),
            State::Invalid => Some(Anomaly::InvalidCoding),
            _ => None,
        };
        let is_whole = state == State::Whole && !is_cut;
        let length = is_whole.then_some(bytes.len() as u64);
        (Some(Front { bytes: bytes.into(), is_cut: !is_whole }), length, anomaly)
    }

    fn events(&mut self, found: Vec<sse::Event>) {
        for event in found {
            self.count.messages = self.count.messages.saturating_add(1);
            self.count.wire_bytes = self.count.wire_bytes.saturating_add(event.wire_bytes);
            let is_cut = event.is_cut;
            self.ready(StreamMessage {
                exchange: 0,
                kind: StreamKind::Event,
                role: self.role,
                number: self.count.messages,
                first_ns: event.first_ns,
                last_ns: event.last_ns,
                wire_bytes: event.wire_bytes,
                body_bytes: Some(event.data_bytes),
                fragments: 1,
                is_compressed: false,
                content: event.data.map(|bytes| Front { bytes, is_cut }),
                gaps: Vec::new(),
                end: event.end,
                anomalies: Vec::new(),
                is_last: false,
            });
        }
    }

    /// Keeps a message until it is taken, if it is wanted and there is room.
    fn ready(&mut self, message: StreamMessage) {
        let bytes = message.content.as_ref().map_or(0, |front| front.bytes.len());
        if self.limit_bytes > 0 {
            self.ready_bytes = self.ready_bytes.saturating_add(bytes + size_of::<StreamMessage>());
            let mut message = message;
            if self.ready_bytes > READY_BYTES {
                // Their number and sizes are told in any case.
                message.content = None;
                message.anomalies.push(Anomaly::TooManyMessages);
            }
            if self.ready.len() < READY {
                self.ready.push(message);
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        let kind = match &self.kind {
            Kind::Grpc(messages) => messages.memory_bytes(),
            Kind::Events(events) => {
                let Events { stream, decoder, text } = &**events;
                stream.memory_bytes() + decoder.memory_bytes() + text.capacity()
            }
        };
        size_of::<Self>() + kind + self.ready_bytes
    }
}

/// Frames of gRPC that one piece gave.
#[derive(Default)]
struct Found {
    frames: Vec<OwnedFrame>,
}

struct OwnedFrame {
    kind: FrameKind,
    is_compressed: bool,
    wire_bytes: u32,
    payload: Wiped,
}

impl Found {
    fn add(&mut self, frame: grpc::Frame<'_>) {
        self.frames.push(OwnedFrame {
            kind: frame.kind,
            is_compressed: frame.is_compressed,
            wire_bytes: frame.wire_bytes,
            payload: frame.payload.to_vec().into(),
        });
    }
}

fn is_event_stream(value: &[u8]) -> bool {
    let media_type = value.split(|&byte| byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

/// Flag and length in front of a message of gRPC.
const PREFIX_BYTES: u64 = 5;
/// Messages of one direction that wait until their exchange is told.
const READY: usize = 4_096;
/// What they may hold, in bytes.
const READY_BYTES: usize = 1 << 20;

// === impl Debug: sizes, never bytes ===

impl fmt::Debug for Content {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Content({} bytes)", self.kept.len())
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Front({} bytes)", self.bytes.len())
    }
}
