//! `cef`: ArcSight Common Event Format, version 0.
//!
//! In: any record. Out: `CEF:0|Earwitness|Earwitness|version|signature|name|severity|key=value …`.
//! Always: in the header `|` and `\` are escaped and ends of lines become spaces; in values `=`, `\` and
//! ends of lines are escaped; other control characters become spaces.
//! Not here: headers and content of messages, for which it has no keys; the frame of syslog.

use super::record::{Gravity, Record, is_ip};

/// What each line begins with.
pub(super) const LINE_START: &[u8] = b"CEF:0|Earwitness|Earwitness|";

/// The record as a line.
pub(super) fn line(record: Record) -> Option<Vec<u8>> {
    let mut line = LINE_START.to_vec();
    let severity = severity(record.gravity()).to_string();
    let signature = signature(&record);
    let name = name(&record);
    let version = record.text("observer.version").unwrap_or_default();
    for field in [version, &signature, &name, &severity] {
        header(&mut line, field);
        line.push(b'|');
    }
    let mut extension = Extension { line, is_empty: true };
    of_any(&mut extension, &record);
    match record.kind() {
        "exchange" => of_exchange(&mut extension, &record),
        "loss" => of_loss(&mut extension, &record),
        _ => {}
    }
    Some(extension.line)
}

/// What rules are written for.
fn signature(record: &Record) -> String {
    let more = record.text("loss.reason").or_else(|| record.text("lifecycle.action"));
    let more = more.or_else(|| record.text("message.type"));
    match more {
        Some(more) => format!("{}.{more}", record.kind()),
        None => record.kind().to_owned(),
    }
}

fn name(record: &Record) -> String {
    match record.kind() {
        "exchange" => "HTTP exchange".to_owned(),
        "message" => "Message within an HTTP exchange".to_owned(),
        "loss" => format!("Not seen: {}", record.text("loss.reason").unwrap_or("-")),
        "lifecycle" => format!("Agent: {}", record.text("lifecycle.action").unwrap_or("-")),
        kind => kind.to_owned(),
    }
}

fn severity(gravity: Gravity) -> u8 {
    match gravity {
        Gravity::Informational => 1,
        Gravity::ClientError => 4,
        Gravity::Loss => 5,
        Gravity::ServerError => 6,
    }
}

fn of_any(extension: &mut Extension, record: &Record) {
    extension.number("rt", Some(ms(record.time_ns())));
    extension.text("msg", Some(&record.summary()));
    extension.text("cat", Some(record.kind()));
    extension.number("externalId", record.number("seq"));
    extension.text("dvchost", record.text("observer.host.name"));
    extension.text("deviceExternalId", record.text("observer.host.id"));
    if matches!(record.kind(), "exchange" | "message") {
        extension.custom(["cs1", "exchange"], Some(&record.exchange_uid()));
    }
}

fn of_exchange(extension: &mut Extension, record: &Record) {
    extension.number("start", Some(ms(record.time_ns())));
    extension.number("end", record.number("duration_ns").map(|_| ms(record.end_ns())));
    ends(extension, record);
    extension.text("app", record.text("url.scheme").map(str::to_uppercase).as_deref());
    let transport = record.text("network.transport").filter(|transport| *transport == "tcp");
    extension.text("proto", transport.map(|_| "TCP"));
    let direction = match record.text("observer.side") {
        Some("server") => Some(0),
        Some("client") => Some(1),
        _ => None,
    };
    extension.number("deviceDirection", direction);
    extension.text("requestMethod", record.text("http.request.method"));
    extension.text("request", record.url().or_else(|| record.target()).as_deref());
    extension.text("requestContext", record.header("request", "referer"));
    extension.text("requestClientApplication", record.text("user_agent.original"));
    extension.text("outcome", record.text("event.outcome"));
    extension.number("in", record.number("capture.request.seen_bytes"));
    extension.number("out", record.number("capture.response.seen_bytes"));
    let ms_of = |key| record.number(key).map(|ns| ns / NS_PER_MS);
    extension.custom_number(["cn1", "status"], record.number("http.response.status_code"));
    extension.custom_number(["cn2", "duration_ms"], ms_of("duration_ns"));
    extension.custom_number(["cn3", "time_to_first_byte_ms"], ms_of("time_to_first_byte_ns"));
    extension.custom(["cs2", "trace"], record.text("trace.id"));
    extension.custom(["cs3", "tls"], record.text("tls.protocol.version"));
    extension.custom(["cs4", "rpc"], rpc(record).as_deref());
    extension.custom(["cs5", "policy"], record.text("policy.level"));
    let complete = record.at("capture.complete").and_then(serde_json::Value::as_bool);
    extension.custom(["cs6", "complete"], complete.map(|yes| if yes { "true" } else { "false" }));
}

/// Addresses, processes and users of both ends.
fn ends(extension: &mut Extension, record: &Record) {
    let client = record.text("source.address").or_else(|| record.text("client.address"));
    extension.address(["src", "c6a2", "Source IPv6 Address"], client);
    // The port is the peer's: nobody tells that of a client behind it.
    let is_peer = record.text("source.address").is_none();
    extension.number("spt", record.number("client.port").filter(|_| is_peer));
    extension.text("suser", record.user());
    extension.number("spid", record.number("client.process.pid"));
    extension.text("sproc", record.text("client.process.executable.path"));
    extension.address(["dst", "c6a3", "Destination IPv6 Address"], record.text("server.address"));
    extension.number("dpt", record.number("server.port"));
    extension.text("dhost", record.text("url.domain"));
    extension.number("dpid", record.number("server.process.pid"));
    extension.text("dproc", record.text("server.process.executable.path"));
    extension.text("duser", record.text("server.process.user.name"));
}

fn rpc(record: &Record) -> Option<String> {
    let parts = ["rpc.service", "rpc.method"].map(|key| record.text(key));
    let known: Vec<_> = parts.into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join("/"))
}

fn of_loss(extension: &mut Extension, record: &Record) {
    extension.text("reason", record.text("loss.reason"));
    extension.number("cnt", record.number("loss.events"));
    extension.custom_number(["cn1", "bytes"], record.number("loss.bytes"));
    extension.custom_number(["cn2", "exchanges"], record.number("loss.exchanges"));
    extension.custom_number(["cn3", "connections"], record.number("loss.connections"));
    extension.number("dpid", record.number("loss.process.pid"));
    extension.text("dproc", record.text("loss.process.executable.path"));
}

fn ms(time_ns: i64) -> u64 {
    u64::try_from(time_ns).unwrap_or_default() / NS_PER_MS
}

/// Keys and values, each pair behind a space but the first.
struct Extension {
    line: Vec<u8>,
    is_empty: bool,
}

impl Extension {
    fn text(&mut self, key: &str, value: Option<&str>) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return };
        if !std::mem::take(&mut self.is_empty) {
            self.line.push(b' ');
        }
        self.line.extend(key.as_bytes());
        self.line.push(b'=');
        escape(&mut self.line, value);
    }

    fn number(&mut self, key: &str, value: Option<u64>) {
        self.text(key, value.map(|value| value.to_string()).as_deref());
    }

    /// A field that has a label of its own.
    fn custom(&mut self, [key, label]: [&str; 2], value: Option<&str>) {
        if value.is_some_and(|value| !value.is_empty()) {
            self.text(&format!("{key}Label"), Some(label));
            self.text(key, value);
        }
    }

    fn custom_number(&mut self, names: [&str; 2], value: Option<u64>) {
        self.custom(names, value.map(|value| value.to_string()).as_deref());
    }

    /// The key for IPv4 holds nothing else; what is no address at all has none.
    fn address(&mut self, [ipv4, ipv6, label]: [&str; 3], address: Option<&str>) {
        let Some(address) = address.filter(|address| is_ip(address)) else { return };
        if address.contains(':') {
            self.custom([ipv6, label], Some(address));
        } else {
            self.text(ipv4, Some(address));
        }
    }
}

fn header(line: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'|' | b'\\' => line.extend([b'\\', byte]),
            ..0x20 | 0x7f => line.push(b' '),
            _ => line.push(byte),
        }
    }
}

fn escape(line: &mut Vec<u8>, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'=' | b'\\' => line.extend([b'\\', byte]),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            ..0x20 | 0x7f => line.push(b' '),
            _ => line.push(byte),
        }
    }
}

const NS_PER_MS: u64 = 1_000_000;
