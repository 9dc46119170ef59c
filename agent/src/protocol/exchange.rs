//! An exchange: a request with its response, not redacted.
//!
//! In: messages of the protocol parsers. Out: `Exchange`, which only `audit` turns into a record.
//! Always: no `Serialize`, no `Display`, and a `Debug` that hides every value, so an exchange
//! cannot be written anywhere.
//! Not here: addresses and processes (`pipeline::tracker` knows them), policy, redaction.

use std::fmt;

use crate::model::loss::Reason;
use crate::model::wiped::wipe;
use crate::protocol::Output;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::content::Front;
use crate::protocol::fields::Fields;
use crate::protocol::stream_message::{Count, StreamMessage, Tally};

/// A request with its response; either may be missing, never both.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// `None`: its bytes were not seen.
    pub request: Option<Message<RequestHead>>,
    /// `None`: none came, or its bytes were not seen (`lost_response`).
    pub response: Option<Message<ResponseHead>>,
    /// Status codes of interim (1xx) responses in order of arrival.
    pub interim: Vec<u16>,
    /// Why a response is missing although one may have been sent.
    pub lost_response: Option<Reason>,
    /// Why a request is missing.
    pub lost_request: Option<Reason>,
    /// What was odd about it; no duplicates, in order of appearance.
    pub anomalies: Vec<Anomaly>,
    /// Its place on an HTTP/2 connection.
    pub stream: Option<StreamRef>,
    /// Whether it is told at once or in two parts.
    pub part: Part,
    /// Counts of the messages within it, where it has any.
    pub tally: Option<Box<Tally>>,
}

/// Whether an exchange is told at once or in two parts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// All of it; messages within it follow, under that number.
    Leads(u64),
    /// Its heads; it goes on. By a number that no other exchange of the connection has.
    Open(u64),
    /// All of it, after its heads have been told under that number.
    Close(u64),
}

impl Exchange {
    /// An exchange of which nothing but these is known.
    pub fn of(
        request: Option<Message<RequestHead>>,
        response: Option<Message<ResponseHead>>,
    ) -> Self {
        Self {
            request,
            response,
            interim: Vec::new(),
            lost_response: None,
            lost_request: None,
            anomalies: Vec::new(),
            stream: None,
            part: Part::Whole,
            tally: None,
        }
    }

    /// Tells the heads now, under that number; what follows will end what they have begun.
    pub fn open(&mut self, number: u64) -> Output {
        let mut heads = self.clone();
        heads.part = Part::Open(number);
        // They are not cut off: they go on.
        if let Some(request) = &mut heads.request {
            request.end = MessageEnd::Whole;
        }
        if let Some(response) = &mut heads.response {
            response.end = MessageEnd::Whole;
        }
        self.part = Part::Close(number);
        Output::Exchange(Box::new(heads))
    }

    /// Heap memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let request = self.request.as_ref().map_or(0, Message::<RequestHead>::memory_bytes);
        let response = self.response.as_ref().map_or(0, Message::<ResponseHead>::memory_bytes);
        size_of::<Self>() + request + response
    }
}

/// The stream of an HTTP/2 connection that carried an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StreamRef {
    /// Stream identifier (RFC 9113 section 5.1.1).
    pub id: u32,
    /// The server promised the response unasked (RFC 9113 section 8.4).
    pub pushed: bool,
    /// How it ended, if not as its messages say.
    pub reset: Option<Reset>,
}

/// A stream that was ended early.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reset {
    /// Error code (RFC 9113 section 7).
    pub code: u32,
    /// The client did it.
    pub by_client: bool,
    /// With the whole connection (GOAWAY), not by RST_STREAM.
    pub goaway: bool,
}

impl Reset {
    /// Name of its error code (RFC 9113 section 7), if it has one.
    pub fn name(self) -> Option<&'static str> {
        ERRORS.get(usize::try_from(self.code).ok()?).copied()
    }
}

/// One HTTP message (RFC 9110 section 6): head, content, trailers.
#[derive(Clone, Debug)]
pub struct Message<H> {
    /// Start line and fields.
    pub head: H,
    /// When its first byte was seen, CLOCK_MONOTONIC.
    pub first_ns: u64,
    /// When its last byte was seen, CLOCK_MONOTONIC.
    pub last_ns: u64,
    /// Start line, fields and the empty line, in bytes.
    pub head_bytes: u64,
    /// Content after transfer coding is removed, in bytes; `None` if it cannot be told.
    pub body_bytes: Option<u64>,
    /// Bytes of the message on the wire, seen by any means.
    pub seen_bytes: u64,
    /// Bytes of the message that were captured.
    pub captured_bytes: u64,
    /// What was seen and not captured; offsets from the message's first byte.
    pub gaps: Vec<Gap>,
    /// How the message ended.
    pub end: MessageEnd,
    /// Process that read or wrote its first byte, 0 if unknown.
    pub tgid: u32,
    /// Real user id of that process.
    pub uid: u32,
    /// Fields of the trailer section (RFC 9110 section 6.5).
    pub trailers: Fields,
    /// Fields of head and trailers that were left out, since they refer to what was not seen.
    pub unknown_fields: Option<Unknown>,
    /// The front of its content, if it was wanted and there is any.
    pub content: Option<Front>,
    /// Counts of the messages in its content, if it has any.
    pub count: Option<Count>,
    /// Those of them that are wanted and have not been told.
    pub messages: Vec<StreamMessage>,
}

/// Fields that could not be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unknown {
    /// How many.
    pub fields: u32,
    /// Why what they refer to was not seen.
    pub reason: Reason,
}

impl<H> Message<H> {
    /// A whole message of which nothing but the head is known.
    pub fn of(head: H) -> Self {
        Self {
            head,
            first_ns: 0,
            last_ns: 0,
            head_bytes: 0,
            body_bytes: None,
            seen_bytes: 0,
            captured_bytes: 0,
            gaps: Vec::new(),
            end: MessageEnd::Whole,
            tgid: 0,
            uid: 0,
            trailers: Fields::default(),
            unknown_fields: None,
            content: None,
            count: None,
            messages: Vec::new(),
        }
    }
}

impl Message<RequestHead> {
    /// Heap memory of its head, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let head = &self.head;
        let target = head.target.as_ref().map_or(0, |target| target.len());
        let authority = head.authority.as_ref().map_or(0, |authority| authority.len());
        let content = self.content.as_ref().map_or(0, |front| front.bytes.memory_bytes());
        head.fields.memory_bytes() + self.trailers.memory_bytes() + target + authority + content
    }
}

impl Message<ResponseHead> {
    /// Heap memory of its head, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let content = self.content.as_ref().map_or(0, |front| front.bytes.memory_bytes());
        self.head.fields.memory_bytes() + self.trailers.memory_bytes() + content
    }
}

/// How a message ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MessageEnd {
    /// At the place its framing says, or at the close that delimits it.
    Whole,
    /// The connection ended first.
    Truncated,
    /// The agent stopped first.
    Unfinished,
    /// Its framing could not be followed; the end was taken from what came next.
    Unknown,
    /// One end gave it up (RST_STREAM, GOAWAY).
    Reset,
}

/// A hole in a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// Offset from the message's first byte.
    pub at: u64,
    /// Length; where it ends a message (`MessageEnd::Unknown`) it may reach beyond it.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
}

/// Head of a request.
#[derive(Clone)]
pub struct RequestHead {
    /// Method token as sent (RFC 9110 section 9: case-sensitive, any token). `None`: not known.
    pub method: Option<Box<str>>,
    /// Request target as sent: origin, absolute, authority or asterisk form (RFC 9112 section 3.2), or
    /// `:path` (RFC 9113 section 8.3.1). `None`: there is none, or it is not known.
    pub target: Option<Box<[u8]>>,
    /// `:authority` of HTTP/2.
    pub authority: Option<Box<[u8]>>,
    /// `:protocol` of an extended CONNECT (RFC 8441 section 4).
    pub protocol: Option<Box<str>>,
    /// Protocol version.
    pub version: Version,
    /// Fields in order of arrival.
    pub fields: Fields,
}

impl Drop for RequestHead {
    fn drop(&mut self) {
        self.target.iter_mut().chain(&mut self.authority).for_each(|bytes| wipe(bytes));
    }
}

impl RequestHead {
    /// A head of which nothing else is known.
    pub fn of(method: &str, target: &[u8], version: Version, fields: Fields) -> Self {
        Self {
            method: Some(method.into()),
            target: Some(target.into()),
            authority: None,
            protocol: None,
            version,
            fields,
        }
    }

    /// Whether it asks for a tunnel (RFC 9110 section 9.3.6): its target is an authority.
    pub fn is_connect(&self) -> bool {
        self.method.as_deref() == Some("CONNECT") && self.protocol.is_none()
    }
}

/// Head of a response.
#[derive(Clone)]
pub struct ResponseHead {
    /// Status code, 100 to 999. `None`: not known.
    pub status: Option<u16>,
    /// Protocol version.
    pub version: Version,
    /// Fields in order of arrival.
    pub fields: Fields,
}

/// What a message says that it is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version {
    /// Name of the protocol, in small letters: `network.protocol.name`, and its scheme without TLS.
    pub protocol: &'static str,
    /// `network.protocol.version`: of HTTP `1.0`, `1.1` or `2`.
    pub number: &'static str,
    /// Its scheme inside TLS.
    pub secure: &'static str,
}

impl Version {
    /// RFC 1945.
    pub const HTTP_1_0: Self = Self::http("1.0");
    /// RFC 9112.
    pub const HTTP_1_1: Self = Self::http("1.1");
    /// RFC 9113.
    pub const HTTP_2: Self = Self::http("2");

    const fn http(number: &'static str) -> Self {
        Self { protocol: "http", number, secure: "https" }
    }
}

/// Error codes of RFC 9113 section 7, in order.
const ERRORS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

// === impl Debug: shapes, never values ===

impl fmt::Debug for RequestHead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "RequestHead {{ target: {} bytes, fields: {} }}",
            self.target.as_ref().map_or(0, |target| target.len()),
            self.fields.len()
        )
    }
}

impl fmt::Debug for ResponseHead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ResponseHead {{ status: {:?}, fields: {} }}", self.status, self.fields.len())
    }
}
