//! How much of an exchange was seen (`capture`), and what was odd about it (`earwitness`).
//!
//! In: an exchange, its origin. Out: groups of a record.
//! Always: `complete` only if nothing of the exchange is missing; nothing here is a value that a peer chose.
//! Not here: what the messages said (`audit::assemble`).

use std::net::SocketAddr;

use super::record::capture::{Capture, End, Ends, Extra, Gap, Lost, Seen};
use super::record::http2::{Frame, Reset, Stream};
use super::record::party::{End as PartyEnd, Proxied};
use super::record::stream_message;
use super::record::value::{Address, Text};
use crate::model::origin::{Origin, Side};
use crate::model::proxied;
use crate::protocol::Role;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::exchange::{self, Exchange, Message, MessageEnd, Part, StreamRef};
use crate::protocol::stream_message::{Count, Tally};

/// How much of an exchange was seen.
pub(super) fn capture(exchange: &Exchange, origin: &Origin) -> Capture {
    Capture {
        complete: is_complete(exchange),
        open: matches!(exchange.part, Part::Open(_)),
        request: exchange.request.as_ref().map(seen),
        response: exchange.response.as_ref().map(seen),
        attribution: origin.attribution,
    }
}

fn seen<H>(message: &Message<H>) -> Seen {
    // Its bytes are there, but not what they refer to.
    let unknown = message.unknown_fields.map(|unknown| Gap {
        at: 0,
        bytes: 0,
        reason: unknown.reason,
        fields: Some(unknown.fields),
    });
    Seen {
        seen_bytes: message.seen_bytes,
        captured_bytes: message.captured_bytes,
        gaps: unknown.into_iter().chain(message.gaps.iter().map(gap)).collect(),
    }
}

/// Bytes of a message that were seen and not captured.
pub(super) fn gap(gap: &exchange::Gap) -> Gap {
    Gap { at: gap.at, bytes: gap.bytes, reason: gap.reason, fields: None }
}

/// Both messages are there to their last byte, and nothing of a head had to be left out.
fn is_complete(exchange: &Exchange) -> bool {
    let left_out = |anomaly: &Anomaly| {
        matches!(
            anomaly,
            Anomaly::HeadTooLong
                | Anomaly::TooManyFields
                | Anomaly::InvalidField
                | Anomaly::InvalidFieldBlock
        )
    };
    exchange.request.as_ref().is_some_and(is_whole)
        && exchange.response.as_ref().is_some_and(is_whole)
        && exchange.lost_request.is_none()
        && exchange.lost_response.is_none()
        && !exchange.anomalies.iter().any(left_out)
}

fn is_whole<H>(message: &Message<H>) -> bool {
    message.end == MessageEnd::Whole
        && message.unknown_fields.is_none()
        && message.gaps.is_empty()
        && message.captured_bytes >= message.seen_bytes
}

/// What was odd about an exchange.
pub(super) fn extra<'a>(exchange: &'a Exchange, origin: &Origin) -> Extra<'a> {
    let ends = Ends {
        request: exchange.request.as_ref().and_then(|message| end(message.end)),
        response: exchange.response.as_ref().and_then(|message| end(message.end)),
    };
    let lost = Lost { request: exchange.lost_request, response: exchange.lost_response };
    let name = |anomaly: &Anomaly| Text::Borrowed(anomaly.name());
    Extra {
        anomalies: exchange.anomalies.iter().map(name).collect(),
        interim: exchange.interim.clone(),
        end: Some(ends).filter(|ends| *ends != Ends::default()),
        lost: Some(lost).filter(|lost| *lost != Lost::default()),
        http2: exchange.stream.map(stream),
        proxy: origin.proxied.as_deref().map(said),
        route: None,
        request_id: None,
        correlation_id: None,
        messages: counts(exchange),
        escaped: Vec::new(),
    }
}

fn said(said: &proxied::Proxied) -> Proxied<'static> {
    let end = |end: SocketAddr| PartyEnd { address: Address::Ip(end.ip()), port: end.port() };
    Proxied {
        version: said.version,
        command: said.command,
        source: said.source.map(end),
        destination: said.destination.map(end),
    }
}

fn stream(stream: StreamRef) -> Stream<'static> {
    Stream {
        stream_id: stream.id,
        pushed: stream.pushed,
        protocol: None,
        reset: stream.reset.map(|reset| Reset {
            error_code: reset.code,
            error: reset.name().map(Text::Borrowed),
            by: if reset.by_client { Side::Client } else { Side::Server },
            frame: if reset.goaway { Frame::Goaway } else { Frame::RstStream },
        }),
    }
}

/// How a message ended that is not whole.
pub(super) fn end(end: MessageEnd) -> Option<End> {
    match end {
        MessageEnd::Whole => None,
        MessageEnd::Truncated => Some(End::Truncated),
        MessageEnd::Unfinished => Some(End::Unfinished),
        MessageEnd::Unknown => Some(End::Unknown),
        MessageEnd::Reset => Some(End::Reset),
    }
}

/// Counts of the messages within an exchange that has any, as far as it is over.
fn counts(exchange: &Exchange) -> Option<stream_message::Messages> {
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

fn tally(tally: &Tally) -> stream_message::Messages {
    let count = |count: &Count| stream_message::Count {
        messages: count.messages,
        bytes: count.wire_bytes,
        pings: count.pings,
        pongs: count.pongs,
        lost_bytes: count.lost_bytes,
    };
    stream_message::Messages {
        request: count(&tally.request),
        response: count(&tally.response),
        close: tally.close.map(|close| stream_message::Close {
            code: close.code,
            by: match close.role {
                Role::Request => Side::Client,
                Role::Response => Side::Server,
            },
        }),
    }
}
