//! A record out of a message within an exchange.
//!
//! In: a message, its origin, the policy that its exchange has met. Out: `Record`.
//! Always: nothing of the content but through `audit::redact`.
//! Not here: the exchange (`audit::assemble`).

use super::capture::{end, gap};
use super::content::{self, ContentRules, digest};
use super::observer::Observer;
use super::record::capture::{Capture, Ends, Extra, Seen};
use super::record::stream_message as group;
use super::record::value::Text;
use super::record::{Kind, PolicyRef, Record};
use super::redact::body::{self, Content, Kept};
use super::redact::notes::Notes;
use super::rule::Level;
use crate::model::origin::Origin;
use crate::model::time::ClockOffset;
use crate::protocol::Role;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::content::Front;
use crate::protocol::stream_message::{StreamKind, StreamMessage};

/// The record of a message.
pub(super) fn record<'a>(
    message: &'a StreamMessage,
    origin: &'a Origin,
    clock: ClockOffset,
    rules: ContentRules<'a>,
    observer: &'a Observer,
    policy: PolicyRef<'a>,
) -> Record<'a> {
    let mut notes = Notes::new(rules.actions);
    let front = wanted(message, policy.level);
    let kept = front.and_then(|front| content(message.kind, front, rules, &mut notes));
    let digest = front.filter(|_| kept.is_none()).and_then(|front| digest(front, rules.actions));
    let extra = extra(message);
    Record {
        observer: observer.group(Some(origin.side)),
        message: Some(group(message, kept, digest)),
        capture: Some(capture(message, origin)),
        redactions: notes.into_list(),
        policy: Some(policy),
        earwitness: Some(extra).filter(|extra| !extra.is_empty()),
        ..observer.record(Kind::Message, clock.wall_ns(message.first_ns))
    }
}

/// The group `message`. `kept`: what may be written of its content. `digest`: what stands for all of it.
fn group(
    message: &StreamMessage,
    kept: Option<Kept>,
    digest: Option<String>,
) -> group::StreamMessage<'static> {
    let (kind, opcode) = match message.kind {
        StreamKind::WebSocketText => (group::Type::Websocket, Some(group::Opcode::Text)),
        StreamKind::WebSocketBinary => (group::Type::Websocket, Some(group::Opcode::Binary)),
        StreamKind::Event => (group::Type::Sse, None),
        StreamKind::Grpc => (group::Type::Grpc, None),
    };
    group::StreamMessage {
        kind,
        direction: match message.role {
            Role::Request => group::Direction::Request,
            Role::Response => group::Direction::Response,
        },
        number: message.number,
        opcode,
        size: message.body_bytes,
        fragments: opcode.map(|_| message.fragments),
        compressed: message.is_compressed,
        content_encoding: kept.as_ref().map(|kept| content::encoding(kept.encoding)),
        truncated: kept.as_ref().is_some_and(|kept| kept.truncated),
        content: kept.map(|kept| Text::Owned(kept.text)),
        digest: digest.map(Text::Owned),
    }
}

/// Its content, if that is wanted at this level.
fn wanted(message: &StreamMessage, level: Level) -> Option<&Front> {
    let is_kept = match message.role {
        Role::Request => level.keeps_request(),
        Role::Response => level.keeps_response(),
    };
    message.content.as_ref().filter(|_| is_kept)
}

/// What may be written of its content.
fn content(
    kind: StreamKind,
    front: &Front,
    rules: ContentRules<'_>,
    notes: &mut Notes<'_>,
) -> Option<Kept> {
    let media_type = Some(media_type(kind, &front.bytes));
    let content = Content { media_type, bytes: &front.bytes, cut: front.is_cut };
    body::redact(&content, rules.body, "message.content", notes)
}

/// What the content of such a message is taken for: nothing says so.
fn media_type(kind: StreamKind, bytes: &[u8]) -> &'static [u8] {
    let is_json = || matches!(bytes.trim_ascii_start(), [b'{' | b'[', ..]);
    match kind {
        StreamKind::Grpc => b"application/grpc",
        StreamKind::WebSocketBinary => b"application/octet-stream",
        StreamKind::WebSocketText | StreamKind::Event if is_json() => b"application/json",
        StreamKind::WebSocketText | StreamKind::Event => b"text/plain",
    }
}

fn extra(message: &StreamMessage) -> Extra<'_> {
    let name = |anomaly: &Anomaly| Text::Borrowed(anomaly.name());
    let anomalies = message.anomalies.iter().map(name).collect();
    Extra { anomalies, end: ends(message), ..Extra::default() }
}

fn ends(message: &StreamMessage) -> Option<Ends> {
    let end = end(message.end)?;
    Some(match message.role {
        Role::Request => Ends { request: Some(end), response: None },
        Role::Response => Ends { request: None, response: Some(end) },
    })
}

fn capture(message: &StreamMessage, origin: &Origin) -> Capture {
    let missing: u64 = message.gaps.iter().map(|gap| gap.bytes).sum();
    let seen = Some(Seen {
        seen_bytes: message.wire_bytes,
        captured_bytes: message.wire_bytes.saturating_sub(missing),
        gaps: message.gaps.iter().map(gap).collect(),
    });
    let (request, response) = match message.role {
        Role::Request => (seen, None),
        Role::Response => (None, seen),
    };
    let complete = message.gaps.is_empty() && end(message.end).is_none();
    Capture { complete, open: false, request, response, attribution: origin.attribution }
}
