//! A record as a test sees it: JSON, read by key, with what holds for every record checked.
//!
//! Not here: comparing with what really happened (`compare`).

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::schema;

/// One line of the agent's output.
#[derive(Clone, Debug)]
pub struct Record(Value);

impl Record {
    /// Reads a line. Errors: it is no JSON object.
    pub fn parse(line: &[u8]) -> Result<Self> {
        let text = || format!("no JSON: {}", String::from_utf8_lossy(line));
        let value: Value = serde_json::from_slice(line).with_context(text)?;
        ensure!(value.is_object(), "no object: {value}");
        Ok(Self(value))
    }

    /// Checks what holds for every record, whatever happened.
    pub fn check(&self) -> Result<()> {
        schema::check(&self.0)?;
        ensure!(self.number("/schema") == Some(1), "schema is not 1: {self}");
        for message in ["request", "response"] {
            self.check_figures(message)?;
        }
        let (first, whole) = (self.number("/time_to_first_byte_ns"), self.number("/duration_ns"));
        // How long it takes is not known while it goes on.
        ensure!(self.is_open() || first <= whole, "the first byte came after the last: {self}");
        Ok(())
    }

    /// Every byte that was seen is captured or in a gap, and `complete` means it.
    fn check_figures(&self, message: &str) -> Result<()> {
        let Some(capture) = self.0.pointer(&format!("/capture/{message}")) else { return Ok(()) };
        let of = |value: &Value, key| value.pointer(key).and_then(Value::as_u64).unwrap_or(0);
        let gaps = capture.pointer("/gaps").and_then(Value::as_array);
        let missing: u64 = gaps.into_iter().flatten().map(|gap| of(gap, "/bytes")).sum();
        let (seen, captured) = (of(capture, "/seen_bytes"), of(capture, "/captured_bytes"));
        let sums = seen == captured + missing;
        ensure!(
            sums,
            "{message}: {seen} bytes seen, {captured} captured, {missing} missing: {self}"
        );
        let complete = self.flag("/capture/complete") == Some(true);
        ensure!(!complete || missing == 0, "complete, but {message} has gaps: {self}");
        Ok(())
    }

    /// A text, by JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }

    /// Fails unless there is this text, by JSON pointer.
    pub fn must_be(&self, pointer: &str, expected: &str) -> Result<()> {
        let found = self.text(pointer);
        ensure!(found == Some(expected), "{pointer}: {expected} expected, {found:?} came: {self}");
        Ok(())
    }

    /// A number, by JSON pointer.
    pub fn number(&self, pointer: &str) -> Option<u64> {
        self.0.pointer(pointer)?.as_u64()
    }

    /// Yes or no, by JSON pointer.
    pub fn flag(&self, pointer: &str) -> Option<bool> {
        self.0.pointer(pointer)?.as_bool()
    }

    /// A list of texts, by JSON pointer; empty if it is absent.
    pub fn texts(&self, pointer: &str) -> Vec<&str> {
        let list = self.0.pointer(pointer).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Any value, by JSON pointer.
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// Its place in the journal.
    pub fn seq(&self) -> Result<u64> {
        self.number("/seq").with_context(|| format!("no seq: {self}"))
    }

    /// `exchange`, `message`, `loss` or `lifecycle`.
    pub fn kind(&self) -> &str {
        self.text("/event/kind").unwrap_or_default()
    }

    /// Whether it is an exchange.
    pub fn is_exchange(&self) -> bool {
        self.kind() == "exchange"
    }

    /// Whether it is a loss.
    pub fn is_loss(&self) -> bool {
        self.kind() == "loss"
    }

    /// Why something was lost.
    pub fn reason(&self) -> Option<&str> {
        self.text("/loss/reason")
    }

    /// How many exchanges a loss may stand for: as many as it says, or else one an event.
    pub fn lost_exchanges(&self) -> u64 {
        let events = || self.number("/loss/events").unwrap_or(0);
        self.number("/loss/exchanges").unwrap_or_else(events)
    }

    /// What was odd about an exchange.
    pub fn anomalies(&self) -> Vec<&str> {
        self.texts("/earwitness/anomalies")
    }

    /// Reasons of all gaps in the response, no duplicates.
    pub fn response_gaps(&self) -> Vec<&str> {
        let gaps = self.0.pointer("/capture/response/gaps").and_then(Value::as_array);
        let gaps = gaps.into_iter().flatten();
        let mut reasons: Vec<_> = gaps.filter_map(|gap| gap.pointer("/reason")?.as_str()).collect();
        reasons.sort_unstable();
        reasons.dedup();
        reasons
    }

    /// Method, `-` if the request was lost.
    pub fn method(&self) -> &str {
        self.text("/http/request/method").unwrap_or("-")
    }

    /// Path and query, or `domain:port` where there is no path; `-` if the request was lost.
    pub fn target(&self) -> String {
        match (self.text("/url/path"), self.text("/url/query")) {
            (Some(path), Some(query)) => format!("{path}?{query}"),
            (Some(path), None) => path.to_owned(),
            (None, _) => self.authority().unwrap_or_else(|| "-".to_owned()),
        }
    }

    fn authority(&self) -> Option<String> {
        let domain = self.text("/url/domain")?;
        let port = self.number("/url/port").map(|port| format!(":{port}"));
        Some(format!("{domain}{}", port.unwrap_or_default()))
    }

    /// Status code of the final response.
    pub fn status(&self) -> Option<u64> {
        self.number("/http/response/status_code")
    }

    /// Content of the response in bytes, without transfer coding; 0 if absent.
    pub fn body_bytes(&self) -> u64 {
        self.number("/http/response/body/size").unwrap_or(0)
    }

    /// Bytes of the response on the wire behind its head.
    pub fn wire_bytes(&self) -> u64 {
        let seen = self.number("/capture/response/seen_bytes").unwrap_or(0);
        seen.saturating_sub(self.number("/http/response/header_size").unwrap_or(0))
    }

    /// Bytes of the response on the wire.
    pub fn response_bytes(&self) -> u64 {
        self.number("/capture/response/seen_bytes").unwrap_or(0)
    }

    /// Bytes of the request on the wire.
    pub fn request_bytes(&self) -> u64 {
        self.number("/capture/request/seen_bytes").unwrap_or(0)
    }

    /// Stream of an HTTP/2 connection; 0 if it is on none.
    pub fn stream(&self) -> u64 {
        self.number("/earwitness/http2/stream_id").unwrap_or(0)
    }

    /// Whether it is an exchange that goes on: another record ends it.
    pub fn is_open(&self) -> bool {
        self.is_exchange() && self.flag("/capture/open") == Some(true)
    }

    /// Whether it is an exchange that is over.
    pub fn is_over(&self) -> bool {
        self.is_exchange() && !self.is_open()
    }

    /// Whether it is a message within an exchange.
    pub fn is_message(&self) -> bool {
        self.kind() == "message"
    }

    /// Place in the journal of the record that its exchange began with.
    pub fn exchange_seq(&self) -> Option<u64> {
        self.number("/exchange_seq")
    }

    /// Port of the asking end; 0 on a unix socket.
    pub fn client_port(&self) -> u64 {
        self.number("/client/port").unwrap_or(0)
    }

    /// In short, as in `GET /a?b 200 5`: method, target, status, content of the response in bytes.
    pub fn summary(&self) -> String {
        let status = self.status().map_or_else(|| "-".to_owned(), |status| status.to_string());
        format!("{} {} {status} {}", self.method(), self.target(), self.body_bytes())
    }
}

impl std::fmt::Display for Record {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(out)
    }
}
