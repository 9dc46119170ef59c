//! What a server or a client says happened: one JSON line an exchange.
//!
//! In: lines with `method`, `target`, `status` and whatever else the program can tell: `port` of the
//! client, `pid` of the server's process, `body_bytes` (content), `wire_bytes` (content with its
//! transfer coding), `sent_bytes` (the whole response), `request_bytes` (head and content), `tls`
//! (version), `stream` (of HTTP/2), `user`, `subject` (who asked). Out: `Entry`.
//! Not here: comparing (`compare`).

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::record::Record;
use crate::wait;

/// One exchange as somebody else saw it.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Method as sent.
    pub method: String,
    /// Request target as sent.
    pub target: String,
    /// Status code.
    pub status: u64,
    /// Port of the client; 0 on unix sockets.
    pub port: u64,
    /// Process that answered.
    pub pid: Option<u64>,
    /// Content of the response in bytes.
    pub body_bytes: Option<u64>,
    /// The same on the wire.
    pub wire_bytes: Option<u64>,
    /// The response with its head on the wire.
    pub sent_bytes: Option<u64>,
    /// The request on the wire.
    pub request_bytes: Option<u64>,
    /// Stream of an HTTP/2 connection.
    pub stream: Option<u64>,
    /// Version of TLS, as in `1.3`.
    pub tls: Option<String>,
    /// Whom the request comes from, as the server understands it; not compared by `line`.
    pub user: Option<String>,
    /// Subject of the client's certificate; not compared either.
    pub subject: Option<String>,
}

impl Entry {
    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(line).with_context(|| format!("log: {line}"))?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
        let some = |key: &str| Some(text(key)).filter(|text| !matches!(text.as_str(), "-" | ""));
        let number = |key: &str| value.get(key).and_then(Value::as_u64);
        Ok(Self {
            method: text("method"),
            target: text("target"),
            status: number("status").unwrap_or(0),
            // In quotes where a program may have nothing to say.
            port: number("port").or_else(|| text("port").parse().ok()).unwrap_or(0),
            pid: number("pid"),
            body_bytes: number("body_bytes"),
            wire_bytes: number("wire_bytes"),
            sent_bytes: number("sent_bytes"),
            request_bytes: number("request_bytes"),
            stream: number("stream").or_else(|| text("stream").parse().ok()),
            user: some("user"),
            subject: some("subject"),
            tls: text("tls").strip_prefix("TLSv").map(str::to_owned),
        })
    }

    /// Everything it tells, as text.
    pub fn line(&self) -> String {
        let mut line = format!("{} {} {}", self.method, self.target, self.status);
        let figures = [
            (" pid ", self.pid),
            (" body ", self.body_bytes),
            (" wire ", self.wire_bytes),
            (" sent ", self.sent_bytes),
            (" request ", self.request_bytes),
            (" stream ", self.stream),
        ];
        for (name, value) in figures {
            line.extend(value.map(|value| format!("{name}{value}")));
        }
        line.extend(self.tls.iter().map(|version| format!(" tls {version}")));
        line
    }

    /// A record, as text of the same form: only figures that this entry tells too.
    pub fn like(&self, record: &Record) -> String {
        let pid = record.number("/server/process/pid").unwrap_or(0);
        let version = record.text("/tls/protocol/version");
        let like = Self {
            method: record.method().to_owned(),
            target: record.target(),
            status: record.status().unwrap_or(0),
            port: record.client_port(),
            pid: self.pid.map(|_| pid),
            body_bytes: self.body_bytes.map(|_| record.body_bytes()),
            wire_bytes: self.wire_bytes.map(|_| record.wire_bytes()),
            sent_bytes: self.sent_bytes.map(|_| record.response_bytes()),
            request_bytes: self.request_bytes.map(|_| record.request_bytes()),
            stream: self.stream.map(|_| record.stream()),
            tls: self.tls.as_ref().map(|_| version.unwrap_or("-").to_owned()),
            user: None,
            subject: None,
        };
        like.line()
    }
}

/// All lines of a log.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {path:?}"))?;
    text.lines().map(Entry::parse).collect()
}

/// All lines of a log, as soon as there are so many: servers log after they have answered.
pub fn read_at_least(path: &Path, count: usize) -> Result<Vec<Entry>> {
    wait::until(&format!("{count} lines in {}", path.display()), LIMIT_SECONDS, || {
        let whole = |text: &str| text.ends_with('\n') || text.is_empty();
        let is_whole = std::fs::read_to_string(path).is_ok_and(|text| whole(&text));
        let entries = if is_whole { read(path)? } else { Vec::new() };
        Ok((entries.len() >= count).then_some(entries))
    })
}

const LIMIT_SECONDS: u64 = 10;
