//! A message within an exchange (`message`), and counts of all of them (`earwitness.messages`).
//!
//! In: `protocol::stream_message`. Out: groups of a record.
//! Always: a size is that of what was sent, before compression.
//! Not here: the exchange; `exchange_seq` names its record.

use serde::{Deserialize, Serialize};

use super::message::ContentEncoding;
use super::value::Text;
use crate::model::origin::Side;

/// A message within an exchange.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamMessage<'a> {
    /// What kind of message.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Whether it was sent by the client or by the server.
    pub direction: Direction,
    /// Its number in that direction, from 1.
    pub number: u64,
    /// Of WebSocket: what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opcode: Option<Opcode>,
    /// Length of what was sent, in bytes; absent where it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Frames that it was sent in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragments: Option<u32>,
    /// It was sent compressed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compressed: bool,
    /// What was sent, decoded and redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Text<'a>>,
    /// How `content` is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<ContentEncoding>,
    /// `content` is not all of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Where the policy asks for content and nothing of it may be written: token of the type `body` over the
    /// message, decompressed; absent where not all of it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Text<'a>>,
}

/// What kind of message.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Type {
    /// RFC 6455.
    Websocket,
    /// A server-sent event.
    Sse,
    /// A message of gRPC.
    Grpc,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The client.
    Request,
    /// The server.
    Response,
}

/// What a message of WebSocket holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Opcode {
    /// UTF-8.
    Text,
    /// Anything.
    Binary,
}

/// Counts of the messages within an exchange.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Messages {
    /// Sent by the client.
    pub request: Count,
    /// Sent by the server.
    pub response: Count,
    /// How WebSocket was closed; absent if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<Close>,
}

/// Counts of one direction.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Count {
    /// Messages.
    pub messages: u64,
    /// What they took, in bytes on the wire.
    pub bytes: u64,
    /// Pings of WebSocket; comments among server-sent events.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pings: u64,
    /// Pongs of WebSocket.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pongs: u64,
    /// Bytes of which it is not known what messages they were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_bytes: u64,
}

/// How WebSocket was closed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Close {
    /// Status code (RFC 6455 section 7.4); absent where none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Who said so first.
    pub by: Side,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
