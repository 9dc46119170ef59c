//! The stream of an HTTP/2 connection that carried an exchange (`earwitness.http2`).
//!
//! In: `protocol::exchange::StreamRef`. Out: a group of a record.
//! Always: an error that has no name in RFC 9113 keeps its number.
//! Not here: what the messages said (`record::message`).

use serde::{Deserialize, Serialize};

use super::value::Text;
use crate::model::origin::Side;

/// The stream of an HTTP/2 connection that carried an exchange.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stream<'a> {
    /// Stream identifier.
    pub stream_id: u32,
    /// The server promised the response unasked (PUSH_PROMISE).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pushed: bool,
    /// What it carries, if an extended CONNECT asked for that (`:protocol`, RFC 8441): `websocket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Text<'a>>,
    /// How it was ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reset<'a>>,
}

/// How a stream was ended early.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reset<'a> {
    /// Error code (RFC 9113 section 7).
    pub error_code: u32,
    /// Its name there: `CANCEL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Text<'a>>,
    /// Which end did it.
    pub by: Side,
    /// By which frame.
    pub frame: Frame,
}

/// What ends a stream early.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// That stream alone.
    RstStream,
    /// The connection.
    Goaway,
}
