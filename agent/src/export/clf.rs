//! `clf`: the combined log format of web servers.
//!
//! In: a record. Out: `host ident authuser [date] "request" status bytes "referer" "user-agent"`; nothing
//! for what is no exchange, nor for the first record of one that goes on.
//! Always: `-` for what is absent; quotes, backslashes, control characters and bytes beyond ASCII are
//! escaped as Apache escapes them, and spaces outside of quotes too, so that a line has as many fields.
//! Not here: other orders of fields. `host` is the peer, or the client behind trusted proxies, as with
//! Apache's mod_remoteip; the date is the request's, in UTC; bytes are content without transfer coding.

use std::io::Write as _;

use jiff::Timestamp;

use super::record::Record;

/// The record as a line.
pub(super) fn line(record: Record) -> Option<Vec<u8>> {
    let goes_on = record.at("capture.open").and_then(serde_json::Value::as_bool) == Some(true);
    if record.kind() != "exchange" || goes_on {
        return None;
    }
    let mut line = Vec::with_capacity(256);
    let host = record.text("source.address").or_else(|| record.text("client.address"));
    bare(&mut line, host);
    line.extend(b" - ");
    bare(&mut line, record.user());
    line.extend(b" [");
    line.extend(date(record.time_ns()).as_bytes());
    line.extend(b"] ");
    quoted(&mut line, request(&record).as_deref());
    number(&mut line, record.number("http.response.status_code"));
    number(&mut line, record.number("http.response.body.size"));
    line.push(b' ');
    quoted(&mut line, record.header("request", "referer"));
    line.push(b' ');
    quoted(&mut line, record.text("user_agent.original"));
    Some(line)
}

/// The request's first line; of HTTP/2, as servers write it.
fn request(record: &Record) -> Option<String> {
    let method = record.text("http.request.method")?;
    let target = record.target().unwrap_or_else(|| "-".to_owned());
    Some(match record.text("network.protocol.version") {
        Some(version) if version.contains('.') => format!("{method} {target} HTTP/{version}"),
        Some(version) => format!("{method} {target} HTTP/{version}.0"),
        None => format!("{method} {target}"),
    })
}

fn date(time_ns: i64) -> String {
    let time = Timestamp::from_nanosecond(time_ns.into()).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

fn number(line: &mut Vec<u8>, number: Option<u64>) {
    line.push(b' ');
    match number {
        // Cannot fail: it is memory.
        Some(number) => drop(write!(line, "{number}")),
        None => line.push(b'-'),
    }
}

fn bare(line: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => escape(line, text, true),
        None => line.push(b'-'),
    }
}

fn quoted(line: &mut Vec<u8>, text: Option<&str>) {
    line.push(b'"');
    match text {
        Some(text) => escape(line, text, false),
        None => line.push(b'-'),
    }
    line.push(b'"');
}

/// As Apache's `ap_escape_logitem`.
fn escape(line: &mut Vec<u8>, text: &str, bare: bool) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => line.extend([b'\\', byte]),
            0x08 => line.extend(b"\\b"),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            b'\t' => line.extend(b"\\t"),
            0x0b => line.extend(b"\\v"),
            b' ' if !bare => line.push(b' '),
            // It begins the date.
            b'[' if bare => line.extend(b"\\x5b"),
            0x21..0x7f => line.push(byte),
            _ => drop(write!(line, "\\x{byte:02x}")),
        }
    }
}
