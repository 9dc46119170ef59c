//! Whether an exchange is a remote procedure call or a GraphQL request, and which.
//!
//! In: an exchange, the operations in its content. Out: the record's `rpc`, `graphql`.
//! Always: names are those of a service, by their grammar; a status is the server's own.
//! Not here: the messages of a call (`audit::stream_message`).

use super::record::rpc::{self as group, Grpc, Response, Rpc};
use super::record::value::Text;
use super::redact::body::{Graphql, JsonRpc, OperationKind};
use super::redact::value::{Place, inspect};
use crate::protocol::exchange::Exchange;
use crate::protocol::grpc::{ContentType, Status, method};

/// The call that an exchange is. `asked`, `answered`: what its content was, if it was kept.
pub(super) fn rpc(
    exchange: &Exchange,
    asked: Option<JsonRpc>,
    answered: Option<JsonRpc>,
) -> Option<Rpc<'_>> {
    grpc(exchange).or_else(|| jsonrpc(asked, answered))
}

fn jsonrpc(asked: Option<JsonRpc>, answered: Option<JsonRpc>) -> Option<Rpc<'static>> {
    let error_code = answered.as_ref().and_then(|answer| answer.error_code);
    let call = asked.or(answered)?;
    Some(Rpc {
        system: Text::Borrowed("jsonrpc"),
        method: call.method.map(Text::Owned),
        response: error_code.map(|code| Response { status_code: Text::Owned(code.to_string()) }),
        jsonrpc: Some(group::JsonRpc {
            version: Text::Borrowed(call.version),
            request_id: call.request_id.map(Text::Owned),
            error_code,
            batch: call.batch,
        }),
        ..Rpc::default()
    })
}

/// The GraphQL request that a body is.
pub(super) fn graphql(request: Graphql) -> group::Graphql<'static> {
    let kind = match request.kind {
        OperationKind::Query => "query",
        OperationKind::Mutation => "mutation",
        OperationKind::Subscription => "subscription",
    };
    let operation =
        group::Operation { name: request.name.map(Text::Owned), kind: Text::Borrowed(kind) };
    group::Graphql { operation, batch: request.batch }
}

fn grpc(exchange: &Exchange) -> Option<Rpc<'_>> {
    let request = exchange.request.as_ref().map(|message| &message.head);
    let response = exchange.response.as_ref();
    let asked = request.and_then(|head| head.fields.all("content-type").next());
    let answered = response.and_then(|message| message.head.fields.all("content-type").next());
    asked.or(answered).and_then(ContentType::of)?;
    let target = request.and_then(|head| head.target.as_deref());
    let is_harmless = |path: &&[u8]| inspect(path, Place::Path).is_none();
    let names = target.filter(is_harmless).and_then(method);
    // A response of trailers alone has its status in its head.
    let status = response.and_then(|message| {
        Status::of(message.trailers.iter()).or_else(|| Status::of(message.head.fields.iter()))
    });
    Some(Rpc {
        system: Text::Borrowed("grpc"),
        service: names.map(|(service, _)| Text::Borrowed(service)),
        method: names.map(|(_, method)| Text::Borrowed(method)),
        response: status.as_ref().map(|status| Response {
            status_code: match status.name() {
                Some(name) => Text::Borrowed(name),
                None => Text::Owned(status.code.to_string()),
            },
        }),
        grpc: status.map(|status| Grpc { status_code: status.code }),
        jsonrpc: None,
    })
}
