//! Which operations a body asks for: JSON-RPC and GraphQL.
//!
//! In: `Content`. Out: `Operations`: names that may be written.
//! Always: ordinary JSON has none; where two readers may read two things there is none; names are
//! written only if they read as names.
//! Not here: the rest of the body (`json`).
//! Source: JSON-RPC 2.0 specification, JSON-RPC 1.0 specification (2005), GraphQL (October 2021) with
//! GraphQL over HTTP section 5.

mod envelope;
mod graphql;
mod jsonrpc;

use self::envelope::{Body, Envelope, Field, Value};
use super::media::{Kind, Media};
use super::names::reads_as_name;
use super::{Content, charset};

pub use self::graphql::OperationKind;

/// What a body asks for. At most one of them is there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Operations {
    /// `graphql.*`
    pub graphql: Option<Graphql>,
    /// `rpc.*`, with `rpc.system` `jsonrpc`.
    pub jsonrpc: Option<JsonRpc>,
}

/// A GraphQL request, or the first of a batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Graphql {
    /// `graphql.operation.type`
    pub kind: OperationKind,
    /// `graphql.operation.name`; `None`: it has none, or one that may not be written.
    pub name: Option<String>,
    /// Number of requests, if the body is a list of them that was read to its end.
    pub batch: Option<u32>,
}

/// A JSON-RPC request or response, or the first of a batch.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JsonRpc {
    /// `rpc.jsonrpc.version`: `2.0` or `1.0`.
    pub version: &'static str,
    /// `rpc.method`; `None`: a response, or a name that may not be written.
    pub method: Option<String>,
    /// `rpc.jsonrpc.request_id`, if it is an integer, a UUID, or a short name with a number.
    pub request_id: Option<String>,
    /// `rpc.jsonrpc.error_code` of a response.
    pub error_code: Option<i64>,
    /// Number of requests, if the body is a list of them that was read to its end.
    pub batch: Option<u32>,
}

/// The operations that a body asks for, or answers.
pub fn operations(content: &Content<'_>) -> Operations {
    find(content).unwrap_or_default()
}

fn find(content: &Content<'_>) -> Option<Operations> {
    let media = Media::parse(content.media_type?)?;
    let bytes = charset::utf8(content.bytes, media.charset(content.bytes))?;
    if media.essence == "application/graphql" {
        let document = std::str::from_utf8(&bytes).ok().filter(|_| !content.cut)?;
        let (kind, name) = graphql::operation(document, None)?;
        return Some(Operations {
            graphql: Some(Graphql { kind, name, batch: None }),
            jsonrpc: None,
        });
    }
    if media.kind() != Kind::Json {
        return None;
    }
    let Body { first, batch } = Body::read(&bytes, content.cut)?;
    let jsonrpc = jsonrpc::of(&first).map(|call| JsonRpc { batch, ..call });
    let request = || {
        let (kind, name) = graphql_request(&first)?;
        Some(Graphql { kind, name, batch })
    };
    Some(match jsonrpc {
        Some(_) => Operations { graphql: None, jsonrpc },
        None => Operations { graphql: request(), jsonrpc: None },
    })
}

fn graphql_request(envelope: &Envelope<'_>) -> Option<(OperationKind, Option<String>)> {
    let document = envelope.query.text()?;
    match envelope.operation_name {
        Field::Absent | Field::Once(Value::Word("null")) => graphql::operation(&document, None),
        Field::Once(Value::String(_)) => {
            graphql::operation(&document, Some(&envelope.operation_name.text()?))
        }
        _ => None,
    }
}

/// A name that may be written.
fn shown(name: &str, longest_bytes: usize) -> Option<String> {
    reads_as_name(name, longest_bytes).then(|| name.to_owned())
}
