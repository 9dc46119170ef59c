//! What fuzzers feed to redaction and to what reads heads for the record.
//!
//! In: any bytes. Out: nothing, or a panic that names what does not hold.
//! Always: what is written is bounded, holds no control characters and, but for text, does not change when it is
//! redacted again; of a cut body nothing is written as if it were whole; a record is one JSON object.
//! Not here: secrets that must be found (`audit::redact`'s own tests).

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use crate::audit::config::AuditConfig;
use crate::audit::observer::Observer;
use crate::audit::policy::Policy;
use crate::audit::redact::body::rules::BodyRules;
use crate::audit::redact::body::{self, Content, Kept};
use crate::audit::redact::detect::{self, context::Context};
use crate::audit::redact::notes::Notes;
use crate::audit::redact::{BodyValues, RedactionConfig};
use crate::audit::rule::Level;
use crate::audit::token::{KEY_BYTES, Tokens};
use crate::model::limits::Limits;
use crate::model::origin::{Address, Attribution, Origin, Party, Side, Transport};
use crate::model::sample::{ConnId, Direction};
use crate::model::time::ClockOffset;
use crate::protocol::Output;
use crate::protocol::connection::Connection;
use crate::protocol::input::{Input, Span};

/// JSON, and JSON on lines. What comes out of a whole text is JSON.
pub fn json(bytes: &[u8]) {
    for kept in redacted("application/json", bytes).into_iter().flatten() {
        if !kept.truncated {
            let read = serde_json::from_str::<serde::de::IgnoredAny>(&kept.text);
            assert!(read.is_ok(), "no JSON comes out: {read:?}");
        }
    }
    redacted("application/x-ndjson", bytes);
}

/// A form.
pub fn form(bytes: &[u8]) {
    redacted("application/x-www-form-urlencoded", bytes);
}

/// A multipart form.
pub fn multipart(bytes: &[u8]) {
    redacted("multipart/form-data; boundary=XX", bytes);
}

/// An XML document.
pub fn xml(bytes: &[u8]) {
    redacted("application/xml", bytes);
}

/// Text and HTML.
pub fn plain(bytes: &[u8]) {
    for media_type in ["text/plain", "text/html"] {
        redacted(media_type, bytes);
    }
}

/// What is kept of a body by either kind of rules.
fn redacted(media_type: &str, bytes: &[u8]) -> [Option<Kept>; 2] {
    let Some((flags, bytes)) = bytes.split_first() else { return [None, None] };
    let cut = flags & 1 == 1;
    [&*DETECTED, &*LISTED].map(|rules| {
        let once = kept(media_type, bytes, cut, rules)?;
        let length = once.text.len();
        assert!(length <= GROWTH * bytes.len() + ROOM_BYTES, "{length} bytes of {}", bytes.len());
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        assert!(!once.text.contains(odd), "a control character comes out");
        assert!(once.truncated || !cut, "a cut body is not said to be one");
        // Of files there is a digest, which is a value as any other; what stands for a value of text has no quotes, so
        // that more of the line may seem to belong to it.
        let settles = !media_type.starts_with("text/") && !once.text.contains(" bytes)");
        if settles && !once.truncated {
            let again = kept(media_type, once.text.as_bytes(), false, rules);
            let text = again.map(|again| again.text);
            assert!(text.as_ref() == Some(&once.text), "{:?} becomes {text:?}", once.text);
        }
        Some(once)
    })
}

fn kept(media_type: &str, bytes: &[u8], cut: bool, rules: &BodyRules) -> Option<Kept> {
    let content = Content { media_type: Some(media_type.as_bytes()), bytes, cut };
    body::redact(&content, rules, "content", &mut Notes::default())
}

static DETECTED: LazyLock<BodyRules> = LazyLock::new(|| rules(BodyValues::Detected));
static LISTED: LazyLock<BodyRules> = LazyLock::new(|| rules(BodyValues::Listed));

fn rules(body_values: BodyValues) -> BodyRules {
    BodyRules::new(&RedactionConfig { body_values, ..RedactionConfig::default() })
}

/// Most bytes that are written for one that is read, and those of what stands for an empty value.
const GROWTH: usize = 6;
const ROOM_BYTES: usize = 64;

/// A value under a name, which is on the first line. What is found is in it.
pub fn detectors(bytes: &[u8]) {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(0);
    let (name, text) = bytes.split_at(end);
    if let Some(found) = detect::find(text, &Context::of_name(name)) {
        assert!(text.get(found.range.clone()).is_some(), "{found:?} is not within the text");
    }
}

/// Fields of a request: what they say of who asked, and what of them is kept.
pub fn identity(bytes: &[u8]) {
    record(b"GET /a?access_token=x HTTP/1.1\r\nHost: h\r\n", bytes);
}

/// Fields in which proxies say for whom they ask, all with this value; and a target.
pub fn forwarded(bytes: &[u8]) {
    let value: Vec<u8> = bytes.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
    for name in
        ["Forwarded", "X-Forwarded-For", "X-Real-IP", "X-Forwarded-Client-Cert", "traceparent"]
    {
        record(b"GET /b HTTP/1.1\r\nHost: h\r\n", &[name.as_bytes(), b": ", &value].concat());
    }
    let target: Vec<u8> = value.iter().copied().filter(|byte| !b" \t".contains(byte)).collect();
    record(&[b"GET /", &target[..], b" HTTP/1.1\r\nHost: h\r\n"].concat(), b"X-A: b");
}

/// The record of a request with these fields and its response.
fn record(front: &[u8], fields: &[u8]) {
    let mut connection = Connection::new(true);
    let mut out = Vec::new();
    let request = [front, fields, b"\r\n\r\n"].concat();
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let messages = [(Direction::Ingress, &request[..]), (Direction::Egress, response)];
    for (time_ns, (direction, rest)) in (1..).zip(messages) {
        let (call_start, turn_start, tgid, uid) = (true, true, 1, 0);
        let span = Span { time_ns, rest, call_start, turn_start, tgid, uid };
        connection.push(direction, Input::Bytes(span), &Limits::default(), &mut out);
    }
    connection.close(3, &Limits::default(), &mut out);
    let Some(policy) = &*POLICY else { return };
    let origin = origin();
    for output in out {
        let Output::Exchange(exchange) = output else { continue };
        let decision = policy.decide(&exchange, &origin);
        let record = decision.record(&exchange, ConnId(1), &origin, ClockOffset { offset_ns: 0 });
        let line = record.map(|record| record.line(1)).unwrap_or_default();
        let read = serde_json::from_slice::<serde::de::IgnoredAny>(&line);
        assert!(line.is_empty() || read.is_ok(), "a record is no JSON: {read:?}");
        let most = GROWTH * request.len() + RECORD_BYTES;
        assert!(line.len() <= most, "{} bytes for {}", line.len(), request.len());
    }
}

static POLICY: LazyLock<Option<Arc<Policy>>> = LazyLock::new(|| {
    let mut config = AuditConfig::default();
    config.policy.default = Level::RequestResponse;
    config.identity.trusted_proxies = vec!["10.0.0.0/8".to_owned()];
    let tokens = Tokens::new("k1", &[7; KEY_BYTES]);
    Policy::new(&config, tokens, Arc::new(Observer::default())).ok().map(Arc::new)
});

/// A request of a proxy that is believed.
fn origin() -> Origin {
    let party = |last: u8| Party {
        address: Some(Address::Ip(IpAddr::from([10, 0, 0, last]))),
        port: Some(8_080),
        process: None,
    };
    Origin {
        side: Side::Server,
        transport: Transport::Tcp,
        client: party(1),
        server: party(2),
        attribution: Attribution::Socket,
        tls: None,
        proxied: None,
    }
}

/// What a record says of everything else.
const RECORD_BYTES: usize = 16_384;
