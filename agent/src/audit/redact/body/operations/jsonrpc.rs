//! JSON-RPC.
//!
//! In: the fields of an object. Out: the call or answer that it is.
//! Always: version 2.0 says so itself; version 1.0 only with the three fields of a request, and no other.
//! Not here: reading the object (`envelope`), batches.
//! Source: JSON-RPC 2.0 sections 4 and 5, JSON-RPC 1.0 section 1.1.

use super::super::json::scan::Group;
use super::super::scalar;
use super::envelope::{Envelope, Field, Value};
use super::{JsonRpc, reads_as_name};

/// The call or answer. `None`: it is neither.
pub(super) fn of(envelope: &Envelope<'_>) -> Option<JsonRpc> {
    let version = version(envelope)?;
    let call = JsonRpc {
        version,
        method: envelope.method.text().filter(|name| is_method(name)).map(|name| name.into_owned()),
        request_id: request_id(&envelope.id),
        error_code: error_code(envelope),
        batch: None,
    };
    Some(call)
}

fn version(envelope: &Envelope<'_>) -> Option<&'static str> {
    let is_string = |field: &Field<'_>| matches!(field, Field::Once(Value::String(_)));
    let is_there = |field: &Field<'_>| matches!(field, Field::Once(_));
    let call = is_string(&envelope.method);
    let answer = is_there(&envelope.result) || is_there(&envelope.error);
    if envelope.jsonrpc.text().as_deref() == Some("2.0") {
        return (call != answer).then_some("2.0");
    }
    let list = envelope.params == Field::Once(Value::Group(Group::Array));
    let only = !answer
        && !envelope.others
        && [
            envelope.jsonrpc,
            envelope.query,
            envelope.operation_name,
            envelope.result,
            envelope.error,
        ]
        .iter()
        .all(|field| *field == Field::Absent);
    (envelope.whole && call && list && only && is_there(&envelope.id)).then_some("1.0")
}

/// `eth_call`, `textDocument/didOpen`, `rpc.discover`: each part reads as a name.
fn is_method(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"_./$-".contains(&byte);
    (1..=METHOD_BYTES).contains(&name.len())
        && name.bytes().all(part)
        && name
            .split('/')
            .filter(|part| !part.is_empty())
            .all(|part| reads_as_name(part, METHOD_BYTES))
        && scalar::suspicion(name).is_none()
}

/// Longest method, in bytes.
const METHOD_BYTES: usize = 128;

fn request_id(id: &Field<'_>) -> Option<String> {
    let text = match id {
        Field::Once(Value::Number(number)) => {
            let number = std::str::from_utf8(number).ok()?;
            // Fractions are not allowed, and might be anything.
            number.parse::<i64>().is_ok().then(|| number.to_owned())?
        }
        _ => id.text().filter(|text| is_identifier(text))?.into_owned(),
    };
    scalar::suspicion(&text).is_none().then_some(text)
}

/// A UUID, or a short name and a number: `7`, `req-7`.
fn is_identifier(text: &str) -> bool {
    let hex = |(group, length): (&str, usize)| {
        group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut groups = text.split('-').zip([8, 4, 4, 4, 12]);
    if text.split('-').count() == 5 && groups.all(hex) {
        return true;
    }
    let name = text.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['-', '_']);
    let short = (1..=IDENTIFIER_BYTES).contains(&text.len());
    short && (name.is_empty() || reads_as_name(name, IDENTIFIER_BYTES))
}

/// Longest identifier that is not a UUID, in bytes.
const IDENTIFIER_BYTES: usize = 16;

fn error_code(envelope: &Envelope<'_>) -> Option<i64> {
    match (envelope.error, envelope.code) {
        (Field::Once(Value::Group(Group::Object)), Field::Once(Value::Number(code))) => {
            std::str::from_utf8(code).ok()?.parse().ok()
        }
        _ => None,
    }
}
