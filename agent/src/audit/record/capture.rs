//! How much of an exchange was seen (`capture`), and what was odd about it (`earwitness`).
//!
//! In: `protocol::exchange`. Out: groups of a record.
//! Always: `complete` only if nothing of the exchange is missing.
//! Not here: what was lost outside of exchanges (`record::agent::Loss`).

use serde::{Deserialize, Serialize};

use super::http2::Stream;
use super::party::Proxied;
use super::stream_message::Messages;
use super::value::Text;
use crate::model::loss::Reason;
use crate::model::origin::Attribution;

/// How much of the exchange was seen.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capture {
    /// Nothing of the exchange is missing.
    pub complete: bool,
    /// It goes on: another record, whose `exchange_seq` is this one's `seq`, ends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// Of the request; absent where it was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Seen>,
    /// Of the response; absent where none was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Seen>,
    /// How the stream was tied to its socket.
    pub attribution: Attribution,
}

/// How much of one message was seen.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Seen {
    /// Bytes of the message on the wire.
    pub seen_bytes: u64,
    /// Those of them that were captured.
    pub captured_bytes: u64,
    /// Those that were not.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

/// Bytes that were seen and not captured.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gap {
    /// Offset from the message's first byte.
    pub at: u64,
    /// Length.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
    /// Fields that were left out, since they refer to what was not seen (HPACK); `at` and `bytes` are 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<u32>,
}

/// What the conventions have no key for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Extra<'a> {
    /// What was odd about the messages, in order of appearance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anomalies: Vec<Text<'a>>,
    /// Status codes of interim responses, in order of arrival.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interim: Vec<u16>,
    /// How the messages ended that did not end as their framing says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Ends>,
    /// Why a message is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// Its place on an HTTP/2 connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http2: Option<Stream<'a>>,
    /// What a proxy has said before the connection's first byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxied<'a>>,
    /// Where `http.route` comes from, if nobody has given it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteFrom>,
    /// `X-Request-ID` of the request, or else of the response, if it is plain and harmless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Text<'a>>,
    /// `X-Correlation-ID`, the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Text<'a>>,
    /// Counts of the messages within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Messages>,
    /// Keys whose value had control characters or bytes outside UTF-8: these, and `%` itself, are
    /// written percent-encoded there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escaped: Vec<Text<'a>>,
}

impl Extra<'_> {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.anomalies.is_empty()
            && self.interim.is_empty()
            && self.end.is_none()
            && self.lost.is_none()
            && self.http2.is_none()
            && self.proxy.is_none()
            && self.route.is_none()
            && self.request_id.is_none()
            && self.correlation_id.is_none()
            && self.messages.is_none()
            && self.escaped.is_empty()
    }
}

/// Where the template of a path comes from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RouteFrom {
    /// From the paths of other requests.
    Learned,
}

/// How the messages ended that did not end as their framing says.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ends {
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<End>,
    /// The response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<End>,
}

/// How a message ended that is not whole.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The connection ended first.
    Truncated,
    /// The agent stopped first.
    Unfinished,
    /// Its framing could not be followed.
    Unknown,
    /// One end gave it up.
    Reset,
}

/// Why a message is missing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lost {
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Reason>,
    /// The response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Reason>,
}
