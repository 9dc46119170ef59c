//! A record as its JSON says it: read by key, and taken apart.
//!
//! In: one line of the journal. Out: values by their keys joined with dots (`http.request.method`).
//! Always: what is absent, or of another type than asked for, is `None`; what is taken is gone, so that
//! what is left at the end is what a format has no place for.
//! Not here: names of other formats. JSON and not `audit::record`, so that a key that is added there
//! reaches every format.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// One record; always a JSON object.
pub(super) struct Record(Value);

/// How much somebody should care.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Gravity {
    /// An exchange that went well, or whose end is not known; what the agent does.
    Informational,
    /// The client was told that it made a mistake.
    ClientError,
    /// The server could not do it.
    ServerError,
    /// Something was not seen.
    Loss,
}

impl Record {
    /// Reads a line. `None` if it is no JSON object.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok().filter(Value::is_object).map(Self)
    }

    /// Any value.
    pub(super) fn at(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(&self.0, |value, part| value.get(part))
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.at(key)?.as_str().filter(|text| !text.is_empty())
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.at(key)?.as_u64()
    }

    /// The first value of a header field.
    pub(super) fn header(&self, message: &str, name: &str) -> Option<&str> {
        let fields = self.at(&format!("http.{message}.header"))?;
        fields.get(name)?.get(0)?.as_str()
    }

    /// Who asked, where the request says so: not the process that sent it.
    pub(super) fn user(&self) -> Option<&str> {
        self.text("principal.id").filter(|_| self.text("principal.kind") != Some("process"))
    }

    /// Takes a value out, and the groups that are empty without it.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        take(self.0.as_object_mut()?, key)
    }

    /// Takes a text out.
    pub(super) fn take_text(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?.to_owned();
        self.take(key);
        Some(text)
    }

    /// Takes a number out.
    pub(super) fn take_number(&mut self, key: &str) -> Option<u64> {
        let number = self.number(key)?;
        self.take(key);
        Some(number)
    }

    /// Takes a number out as text, for formats whose identifiers are texts.
    pub(super) fn take_digits(&mut self, key: &str) -> Option<String> {
        self.take_number(key).map(|number| number.to_string())
    }

    /// All that was not taken.
    pub(super) fn into_rest(self) -> Map<String, Value> {
        match self.0 {
            Value::Object(rest) => rest,
            _ => Map::new(),
        }
    }

    /// `exchange`, `message`, `loss` or `lifecycle`.
    pub(super) fn kind(&self) -> &str {
        self.text("event.kind").unwrap_or_default()
    }

    /// Nanoseconds since the Unix epoch; 0 if the record tells no time.
    pub(super) fn time_ns(&self) -> i64 {
        let time = self.text("timestamp").and_then(|text| text.parse::<Timestamp>().ok());
        time.and_then(|time| i64::try_from(time.as_nanosecond()).ok()).unwrap_or_default()
    }

    /// The moment of the last byte, or of the first if it is not known how long it took.
    pub(super) fn end_ns(&self) -> i64 {
        let duration = self.number("duration_ns").and_then(|ns| i64::try_from(ns).ok());
        self.time_ns().saturating_add(duration.unwrap_or_default())
    }

    /// What names the same exchange in all of its records: the host, and the first record's number.
    pub(super) fn exchange_uid(&self) -> String {
        let seq = self.number("exchange_seq").or_else(|| self.number("seq")).unwrap_or_default();
        match self.text("observer.host.id").or_else(|| self.text("observer.host.name")) {
            Some(host) => format!("{host}/{seq}"),
            None => seq.to_string(),
        }
    }

    /// How much somebody should care.
    pub(super) fn gravity(&self) -> Gravity {
        let status = self.number("http.response.status_code");
        match (self.kind(), self.text("event.outcome"), status) {
            ("loss", ..) => Gravity::Loss,
            (_, Some("failure"), Some(400..=499)) => Gravity::ClientError,
            (_, Some("failure"), _) => Gravity::ServerError,
            _ => Gravity::Informational,
        }
    }

    /// One line for a person.
    pub(super) fn summary(&self) -> String {
        let count = |key| self.number(key).unwrap_or_default();
        let text = |key| self.text(key).unwrap_or("-");
        match self.kind() {
            "exchange" => {
                let status = self.number("http.response.status_code");
                let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
                let (domain, path) = (self.text("url.domain"), self.text("url.path"));
                let target = [domain, path].into_iter().flatten().collect::<String>();
                let target = if target.is_empty() { "-" } else { &target };
                format!("{} {target} {status}", text("http.request.method"))
            }
            "message" => {
                let number = count("message.number");
                format!("{} {} {number}", text("message.type"), text("message.direction"))
            }
            "loss" => {
                let (events, bytes) = (count("loss.events"), count("loss.bytes"));
                format!("not seen: {}, {events} events, {bytes} bytes", text("loss.reason"))
            }
            "lifecycle" => format!("agent: {}", text("lifecycle.action")),
            kind => kind.to_owned(),
        }
    }

    /// Path and query, or else what the request named instead (`*`, an authority).
    pub(super) fn target(&self) -> Option<String> {
        let Some(path) = self.text("url.path") else { return self.authority() };
        Some(match self.text("url.query") {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        })
    }

    /// The whole URL, where scheme, domain and path are known.
    pub(super) fn url(&self) -> Option<String> {
        let (scheme, path) = (self.text("url.scheme")?, self.text("url.path")?);
        let target = self.target().filter(|_| path.starts_with('/'))?;
        Some(format!("{scheme}://{}{target}", self.authority()?))
    }

    fn authority(&self) -> Option<String> {
        let domain = self.text("url.domain")?;
        let domain = if domain.contains(':') { format!("[{domain}]") } else { domain.to_owned() };
        Some(match self.number("url.port") {
            Some(port) => format!("{domain}:{port}"),
            None => domain,
        })
    }
}

/// Whether it is an IP address.
pub(super) fn is_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(path)
}

fn take(group: &mut Map<String, Value>, key: &str) -> Option<Value> {
    let Some((first, rest)) = key.split_once('.') else { return group.remove(key) };
    let inner = group.get_mut(first)?.as_object_mut()?;
    let taken = take(inner, rest);
    if inner.is_empty() {
        group.remove(first);
    }
    taken
}
