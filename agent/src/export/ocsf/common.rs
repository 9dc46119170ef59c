//! What OCSF events of every class have: class, severity, status, time, metadata, device.
//!
//! In: the record, before and after its class has taken what belongs there. Out: the rest of the event.
//! Always: `metadata.uid` names the record, `correlation_uid` its exchange.
//! Not here: attributes of one class.

use super::super::record::{Gravity, Record};
use super::super::tree::Tree;

/// A class of the category Application Activity.
pub(super) struct Class {
    /// Its number.
    pub(super) uid: u64,
    /// Its caption.
    pub(super) name: &'static str,
}

/// Puts what says what the event is. `activity`: number and name; 99 for one that has none in the class.
pub(super) fn classify(event: &mut Tree, class: &Class, activity: (u64, &str)) {
    let (id, name) = activity;
    let caption = if id == OTHER { "Other" } else { name };
    event.set("activity_id", id);
    event.set("activity_name", name);
    event.set("category_uid", 6);
    event.set("category_name", "Application Activity");
    event.set("class_uid", class.uid);
    event.set("class_name", class.name);
    event.set("type_uid", class.uid * 100 + id);
    event.set("type_name", format!("{}: {caption}", class.name));
}

/// The agent. To be called while the record has its version.
pub(super) fn product(record: &Record) -> Tree {
    let mut product = Tree::default();
    product.set("name", "Earwitness");
    product.set("vendor_name", "Earwitness");
    product.put("version", record.text("observer.version"));
    product
}

/// What was read before the class took its part.
pub(super) struct Common {
    event: Tree,
    host: Option<String>,
    /// The same in all records of an exchange.
    exchange: String,
}

/// Reads what is in every record, and takes what then stands for it.
pub(super) fn take(record: &mut Record) -> Common {
    let mut event = Tree::default();
    let ms = |ns: i64| ns.div_euclid(NS_PER_MS);
    let (time, end) = (ms(record.time_ns()), ms(record.end_ns()));
    event.set("time", time);
    if let Some(duration) = record.number("duration_ns") {
        event.set("duration", duration / NS_PER_MS.unsigned_abs());
        event.set("start_time", time);
        event.set("end_time", end);
    }
    severity(&mut event, record.gravity());
    status(&mut event, record);
    event.set("message", record.summary());
    let exchange = record.exchange_uid();
    metadata(&mut event, record, &exchange);
    let host = record.text("observer.host.name").map(str::to_owned);
    device(&mut event, record);
    Common { event, host, exchange }
}

impl Common {
    /// Name of the host.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// What names the exchange.
    pub(super) fn exchange(&self) -> &str {
        &self.exchange
    }

    /// Puts it, and what is left of the record.
    pub(super) fn put(self, event: &mut Tree, mut record: Record) {
        for key in ["observer.version", "timestamp", "event"] {
            record.take(key);
        }
        event.merge(self.event);
        let rest = record.into_rest();
        if !rest.is_empty() {
            event.set("unmapped", rest);
        }
    }
}

fn severity(event: &mut Tree, gravity: Gravity) {
    let (id, name) = match gravity {
        Gravity::Informational => (1, "Informational"),
        Gravity::ClientError => (2, "Low"),
        Gravity::ServerError | Gravity::Loss => (3, "Medium"),
    };
    event.set("severity_id", id);
    event.set("severity", name);
}

/// How it went: of exchanges alone is that known.
fn status(event: &mut Tree, record: &Record) {
    let (id, name) = match record.text("event.outcome") {
        Some("success") => (1, "Success"),
        Some("failure") => (2, "Failure"),
        Some(_) => (0, "Unknown"),
        None => return,
    };
    event.set("status_id", id);
    event.set("status", name);
    let code = record.number("http.response.status_code");
    event.put("status_code", code.map(|code| code.to_string()));
}

fn metadata(event: &mut Tree, record: &mut Record, exchange: &str) {
    let mut metadata = Tree::default();
    metadata.set("version", "1.7.0");
    metadata.set("product", product(record));
    let time = record.text("timestamp").unwrap_or_default();
    metadata.set("uid", format!("{exchange}/{}/{time}", record.number("seq").unwrap_or_default()));
    if matches!(record.kind(), "exchange" | "message") {
        metadata.set("correlation_uid", exchange);
    }
    metadata.put("original_time", record.text("timestamp"));
    metadata.set("event_code", record.kind());
    metadata.set("log_name", "earwitness");
    metadata.set("log_format", "JSON");
    metadata.put("log_version", record.take_digits("schema"));
    metadata.put("sequence", record.take("seq"));
    let has = |key| record.at(key).is_some();
    let mut profiles = Vec::new();
    profiles.extend(has("observer.host").then_some("host"));
    profiles.extend((record.kind() == "exchange" && has("trace.id")).then_some("trace"));
    profiles.extend(has("container.id").then_some("container"));
    metadata.put("profiles", Some(profiles).filter(|profiles| !profiles.is_empty()));
    event.set("metadata", metadata);
}

/// The host; what kind of machine it is we do not know.
fn device(event: &mut Tree, record: &mut Record) {
    let mut device = Tree::default();
    device.put("hostname", record.take("observer.host.name"));
    device.put("uid", record.take("observer.host.id"));
    // The schema wants one of the two.
    if !device.is_empty() {
        device.set("type_id", 0);
        device.set("type", "Unknown");
        device.put("boot_uid", record.take("observer.host.boot_id"));
        event.set("device", device);
    }
}

/// An activity that the class has no number for.
pub(super) const OTHER: u64 = 99;
const NS_PER_MS: i64 = 1_000_000;
