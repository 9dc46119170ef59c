//! The remote procedure call (`rpc`) or GraphQL request (`graphql`) that an exchange is.
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
    /// What is special to JSON-RPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jsonrpc: Option<JsonRpc<'a>>,
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

/// What is special to JSON-RPC.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JsonRpc<'a> {
    /// `2.0` or `1.0`.
    pub version: Text<'a>,
    /// The call's id, if it is a number, a UUID or a short identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Text<'a>>,
    /// Code of the error that the server answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<i64>,
    /// Calls in the body, where it is a list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
}

/// A GraphQL request (`graphql`).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Graphql<'a> {
    /// The operation, or the first one of a list.
    pub operation: Operation<'a>,
    /// Requests in the body, where it is a list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
}

/// An operation of GraphQL.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Operation<'a> {
    /// Its name; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// `query`, `mutation`, `subscription`.
    #[serde(rename = "type")]
    pub kind: Text<'a>,
}
