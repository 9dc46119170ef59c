//! A record out of a message within an exchange.
//!
//! In: a message, its origin, the policy that its exchange has met. Out: `Record`.
//! Always: nothing of the content but through `audit::redact`.
//! Not here: the exchange (`audit::assemble`).

use super::assemble::{Met, attribution, end};
use super::content::{self, ContentRules};
use super::observer::Observer;
use super::record::capture::{Capture, Ends, Extra, Gap, Seen};
use super::record::stream_message as group;
use super::record::value::Text;
use super::record::{self, Kind, PolicyRef, Record};
use super::redact::body::{self, Content};
use super::redact::notes::Notes;
use crate::model::origin::{self, Origin};
use crate::model::time::ClockOffset;
use crate::protocol::Role;
use crate::protocol::exchange::Exchange;
use crate::protocol::stream_message::{Count, StreamKind, StreamMessage, Tally};

/// The record of a message.
pub(super) fn record<'a>(
    message: &'a StreamMessage,
    origin: &'a Origin,
    clock: ClockOffset,
    rules: ContentRules<'_>,
    observer: &'a Observer,
    met: Met<'a>,
) -> Record<'a> {
    let side = match origin.side {
        origin::Side::Server => record::Side::Server,
        origin::Side::Client => record::Side::Client,
    };
    let extra = Extra {
        anomalies: message.anomalies.iter().map(|one| Text::Borrowed(one.name())).collect(),
        end: ends(message),
        ..Extra::default()
    };
    let (kind, opcode) = match message.kind {
        StreamKind::WebSocketText => (group::Type::Websocket, Some(group::Opcode::Text)),
        StreamKind::WebSocketBinary => (group::Type::Websocket, Some(group::Opcode::Binary)),
        StreamKind::Event => (group::Type::Sse, None),
        StreamKind::Grpc => (group::Type::Grpc, None),
    };
    let mut notes = Notes::default();
    let keeps = match message.role {
        Role::Request => met.level.keeps_request(),
        Role::Response => met.level.keeps_response(),
    };
    let kept = message.content.as_ref().filter(|_| keeps).and_then(|front| {
        let media_type = Some(media_type(message.kind, &front.bytes));
        let content = Content { media_type, bytes: &front.bytes, cut: front.is_cut };
        body::redact(&content, rules.body, "message.content", &mut notes)
    });
    let content_encoding = kept.as_ref().map(|kept| content::encoding(kept.encoding));
    let truncated = kept.as_ref().is_some_and(|kept| kept.truncated);
    Record {
        observer: observer.group(Some(side)),
        message: Some(group::StreamMessage {
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
            content: kept.map(|kept| Text::Owned(kept.text)),
            content_encoding,
            truncated,
        }),
        capture: Some(capture(message, origin)),
        redactions: notes.into_list(),
        policy: Some(PolicyRef {
            level: met.level,
            rule: met.rule,
            digest: Text::Borrowed(met.digest),
        }),
        earwitness: Some(extra).filter(|extra| !extra.is_empty()),
        ..observer.record(Kind::Message, clock.wall_ns(message.first_ns))
    }
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

fn ends(message: &StreamMessage) -> Option<Ends> {
    let end = end(message.end)?;
    Some(match message.role {
        Role::Request => Ends { request: Some(end), response: None },
        Role::Response => Ends { request: None, response: Some(end) },
    })
}

fn capture(message: &StreamMessage, origin: &Origin) -> Capture {
    let gap = |gap: &crate::protocol::exchange::Gap| Gap {
        at: gap.at,
        bytes: gap.bytes,
        reason: gap.reason,
        fields: None,
    };
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
    Capture { complete, open: false, request, response, attribution: attribution(origin) }
}

/// Counts of the messages within an exchange that has any, as far as it is over.
pub(super) fn counts(exchange: &Exchange) -> Option<group::Messages> {
    if let Some(counts) = &exchange.tally {
        return Some(tally(counts));
    }
    let request = exchange.request.as_ref().and_then(|message| message.count);
    let response = exchange.response.as_ref().and_then(|message| message.count);
    (request.is_some() || response.is_some()).then(|| {
        tally(&Tally {
            request: request.unwrap_or_default(),
            response: response.unwrap_or_default(),
            close: None,
        })
    })
}

fn tally(tally: &Tally) -> group::Messages {
    let count = |count: &Count| group::Count {
        messages: count.messages,
        bytes: count.wire_bytes,
        pings: count.pings,
        pongs: count.pongs,
        lost_bytes: count.lost_bytes,
    };
    group::Messages {
        request: count(&tally.request),
        response: count(&tally.response),
        close: tally.close.map(|close| group::Close {
            code: close.code,
            by: match close.role {
                Role::Request => record::Side::Client,
                Role::Response => record::Side::Server,
            },
        }),
    }
}
