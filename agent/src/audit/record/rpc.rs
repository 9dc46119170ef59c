//! The remote procedure call that an exchange is (`rpc`).
//!
//! In: `audit::rpc`. Out: a group of a record.
//! Always: the keys of the OpenTelemetry conventions.
//! Not here: telling a call from other exchanges.

use serde::{Deserialize, Serialize};

use super::value::Text;

/// A remote procedure call.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rpc<'a> {
    /// What kind of calls: `grpc`, `jsonrpc`.
    pub system: Text<'a>,
    /// Full name of the service, with its package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Text<'a>>,
    /// Name of the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Text<'a>>,
    /// What the server answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response<'a>>,
    /// What is special to gRPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Grpc>,
}

/// What the server answered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Response<'a> {
    /// Name of the status (`OK`, `NOT_FOUND`), or its number where it has none.
    pub status_code: Text<'a>,
}

/// What is special to gRPC.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grpc {
    /// Number of the status, 0 for `OK`.
    pub status_code: u32,
}
