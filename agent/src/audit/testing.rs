//! Exchanges for tests.
//!
//! In: heads as text. Out: `Exchange`, `Origin`, `Policy`.
//! Always: fixed times, addresses and processes, so that records can be compared.
//! Not here: parsing of real traffic; a head here is one line a field, `Name: value`.

use std::net::IpAddr;
use std::sync::Arc;

use super::config::AuditConfig;
use super::encode::EncodedRecord;
use super::observer::Observer;
use super::policy::Policy;
use super::token::{KEY_BYTES, Tokens};
use crate::model::origin::{Address, Attribution, Origin, Party, Process, Side, Transport};
use crate::model::sample::ConnId;
use crate::model::time::ClockOffset;
use crate::protocol::exchange::{
    Exchange, Message, MessageEnd, RequestHead, ResponseHead, Version,
};
use crate::protocol::fields::Fields;

/// 2026-11-22T07:00:00Z at monotonic time 0.
pub(super) const CLOCK: ClockOffset = ClockOffset { offset_ns: 1_795_330_800_000_000_000 };

pub(super) fn fields(lines: &[u8]) -> Fields {
    let mut ranges = Vec::new();
    let mut start = 0;
    for line in lines.split(|&byte| byte == b'\n') {
        if let Some(colon) = line.iter().position(|&byte| byte == b':') {
            let value = line[colon + 1..].trim_ascii();
            let value_start = start + colon + 1 + line[colon + 1..].len()
                - line[colon + 1..].trim_ascii_start().len();
            ranges.push((start..start + colon, value_start..value_start + value.len()));
        }
        start += line.len() + 1;
    }
    Fields::new(lines.into(), ranges)
}

pub(super) fn message<H>(head: H, first_ns: u64, body_bytes: u64) -> Message<H> {
    Message {
        head,
        first_ns,
        last_ns: first_ns + 500,
        head_bytes: 100,
        body_bytes: Some(body_bytes),
        seen_bytes: 100 + body_bytes,
        captured_bytes: 100 + body_bytes,
        gaps: Vec::new(),
        end: MessageEnd::Whole,
        tgid: 402,
        uid: 33,
        trailers: Fields::default(),
        unknown_fields: None,
        content: None,
        count: None,
        messages: Vec::new(),
    }
}

pub(super) fn request(method: &str, target: &[u8], lines: &[u8]) -> Message<RequestHead> {
    let head = RequestHead::of(method, target, Version::HTTP_1_1, fields(lines));
    message(head, 1_000, 0)
}

pub(super) fn response(status: u16, lines: &[u8]) -> Message<ResponseHead> {
    let head =
        ResponseHead { status: Some(status), version: Version::HTTP_1_1, fields: fields(lines) };
    message(head, 3_000, 2_048)
}

pub(super) fn exchange(
    request: Option<Message<RequestHead>>,
    response: Option<Message<ResponseHead>>,
) -> Exchange {
    Exchange::of(request, response)
}

pub(super) fn process(pid: u32, executable: &str) -> Option<Arc<Process>> {
    Some(Arc::new(Process {
        pid,
        executable: Some(executable.into()),
        user_id: Some(33),
        user_name: Some("www-data".into()),
    }))
}

pub(super) fn tcp() -> Origin {
    let address = |text: &str| text.parse::<IpAddr>().ok().map(Address::Ip);
    Origin {
        side: Side::Server,
        transport: Transport::Tcp,
        client: Party { address: address("203.0.113.9"), port: Some(51_544), process: None },
        server: Party {
            address: address("10.0.0.4"),
            port: Some(8_080),
            process: process(402, "/usr/sbin/nginx"),
        },
        attribution: Attribution::Socket,
        tls: None,
        proxied: None,
    }
}

pub(super) fn unix() -> Origin {
    Origin {
        side: Side::Client,
        transport: Transport::Unix,
        client: Party {
            address: Some(Address::Path("@client".into())),
            port: None,
            process: process(811, "/usr/bin/curl"),
        },
        server: Party {
            address: Some(Address::Path("/run/app.sock".into())),
            port: None,
            process: None,
        },
        attribution: Attribution::Socket,
        tls: None,
        proxied: None,
    }
}

pub(super) fn observer() -> Arc<Observer> {
    Arc::new(Observer {
        host_name: Some("web-1".into()),
        host_id: Some("0123456789abcdef".into()),
        boot_id: None,
        version: "0.1.0".into(),
    })
}

/// Always the same.
pub(super) fn tokens() -> Tokens {
    Tokens::new("k1", &[7; KEY_BYTES])
}

pub(super) fn policy() -> Arc<Policy> {
    Arc::new(Policy::new(&AuditConfig::default(), tokens(), observer()).unwrap())
}

/// The record of an exchange as the journal gets it; `None`: the policy says `none`.
pub(super) fn encoded(
    policy: &Arc<Policy>,
    exchange: &Exchange,
    origin: &Origin,
) -> Option<EncodedRecord> {
    policy.decide(exchange, origin).record(exchange, ConnId(1), origin, CLOCK)
}
