//! `ecs`: Elastic Common Schema.
//!
//! In: any record. Out: one document; what the schema has no field for is under `earwitness`.
//! Always: `client` and `source` are the connection's peer, as `server` and `destination` are its other
//! end; a client behind trusted proxies is `network.forwarded_ip`. `process` is the one that was watched.
//! Not here: mappings of an index. Source: ECS 8.17, field reference.

use serde_json::Value;

use super::record::{Record, file_name, is_ip};
use super::tree::Tree;

/// What each line begins with.
pub(super) const LINE_START: &[u8] = b"{\"@timestamp\":";

/// The record as a line.
pub(super) fn line(mut record: Record) -> Option<Vec<u8>> {
    let mut document = Tree::default();
    let timestamp = record.take("timestamp").unwrap_or_else(|| "1970-01-01T00:00:00Z".into());
    document.set("@timestamp", timestamp);
    document.set("ecs.version", VERSION);
    document.set("message", record.summary());
    document.set("agent.type", "earwitness");
    if record.at("k8s.pod").is_some() {
        document.set("orchestrator.type", "kubernetes");
        document.set("orchestrator.resource.type", "pod");
    }
    event(&mut document, &mut record);
    network(&mut document, &mut record);
    end(&mut document, &record, "client", "source");
    end(&mut document, &record, "server", "destination");
    for end in ["client", "server"] {
        record.take(&format!("{end}.address"));
        record.take(&format!("{end}.port"));
    }
    http(&mut document, &mut record);
    process(&mut document, &mut record);
    user(&mut document, &mut record);
    document.carry(&mut record, SAME);
    rest(&mut document, record);
    document.into_line()
}

fn event(document: &mut Tree, record: &mut Record) {
    let kind = record.kind().to_owned();
    let (event_kind, category, types) = classes(&kind, record);
    document.set("event.kind", event_kind);
    document.set("event.category", category);
    document.set("event.type", types);
    document.set("event.module", "earwitness");
    document.set("event.dataset", format!("earwitness.{kind}"));
    document.put("event.outcome", record.text("event.outcome"));
    document.put("event.duration", record.take("duration_ns"));
    document.put("event.sequence", record.take("seq"));
    let action = record.text("loss.reason").or_else(|| record.text("lifecycle.action"));
    document.put("event.action", action);
}

/// Kind, categories and types.
fn classes(kind: &str, record: &Record) -> (&'static str, Vec<&'static str>, Vec<&'static str>) {
    match kind {
        "exchange" if record.text("event.outcome") == Some("failure") => {
            ("event", vec!["web"], vec!["access", "error"])
        }
        "exchange" => ("event", vec!["web"], vec!["access"]),
        "loss" => ("pipeline_error", vec!["host"], vec!["error"]),
        "lifecycle" => match record.text("lifecycle.action") {
            Some("start") => ("event", vec!["process"], vec!["start"]),
            Some("stop") => ("event", vec!["process"], vec!["end"]),
            Some("config") => ("event", vec!["configuration"], vec!["change"]),
            _ => ("event", vec!["process"], vec!["info"]),
        },
        _ => ("event", vec!["web"], vec!["info"]),
    }
}

fn network(document: &mut Tree, record: &mut Record) {
    document.put("http.version", record.take("network.protocol.version"));
    document.put("network.protocol", record.take("network.protocol.name"));
    let direction = match record.text("observer.side") {
        Some("server") => Some("ingress"),
        Some("client") => Some("egress"),
        _ => None,
    };
    document.put("network.direction", direction);
    document.put("network.forwarded_ip", record.text("source.address").filter(|text| is_ip(text)));
    let ends = ["client.address", "server.address", "source.address"];
    let mut ips: Vec<_> = ends.iter().filter_map(|key| record.text(key)).collect();
    ips.retain(|address| is_ip(address));
    ips.sort_unstable();
    ips.dedup();
    document.put("related.ip", Some(ips).filter(|ips| !ips.is_empty()));
    document.put("related.hosts", record.text("url.domain").map(|domain| vec![domain]));
}

/// One end under both of its names.
fn end(document: &mut Tree, record: &Record, end: &str, role: &str) {
    let address = record.text(&format!("{end}.address"));
    let port = record.number(&format!("{end}.port"));
    for name in [end, role] {
        document.put(&format!("{name}.address"), address);
        document.put(&format!("{name}.ip"), address.filter(|address| is_ip(address)));
        document.put(&format!("{name}.port"), port);
    }
}

fn http(document: &mut Tree, record: &mut Record) {
    document.put("url.full", record.url());
    document.put("http.request.referrer", record.header("request", "referer").map(str::to_owned));
    for message in ["request", "response"] {
        let seen = record.number(&format!("capture.{message}.seen_bytes"));
        document.put(&format!("http.{message}.bytes"), seen);
        // As base64 it is not the content.
        let body = format!("http.{message}.body");
        if record.text(&format!("{body}.content_encoding")) == Some("utf-8") {
            document.put(&format!("{body}.content"), record.take(&format!("{body}.content")));
        }
        document.put(&format!("{body}.bytes"), record.take(&format!("{body}.size")));
        let media_type = record.take(&format!("{body}.media_type"));
        document.put(&format!("http.{message}.mime_type"), media_type);
    }
}

/// The watched process; that of the other end stays among the rest.
fn process(document: &mut Tree, record: &mut Record) {
    let from = match (record.text("observer.side"), record.kind()) {
        (Some("client"), _) => "client.process",
        (_, "loss") => "loss.process",
        _ => "server.process",
    };
    let name = record.text(&format!("{from}.executable.path")).map(file_name).map(str::to_owned);
    document.put("process.name", name);
    let key = |name: &str| format!("{from}.{name}");
    document.put("process.pid", record.take(&key("pid")));
    document.put("process.executable", record.take(&key("executable.path")));
    document.put("process.real_user.id", record.take_digits(&key("user.id")));
    document.put("process.real_user.name", record.take(&key("user.name")));
}

/// Who asked, as the record holds it for the most trustworthy; the rest of `principal` stays.
fn user(document: &mut Tree, record: &mut Record) {
    let Some(id) = record.text("principal.id").map(str::to_owned) else { return };
    let is_name = matches!(record.text("principal.kind"), Some("basic" | "digest"));
    document.set(if is_name { "user.name" } else { "user.id" }, id.as_str());
    document.set("related.user", vec![id]);
}

fn rest(document: &mut Tree, mut record: Record) {
    record.take("event");
    // Its keys go beside the others.
    let own = record.take("earwitness");
    for (key, value) in record.into_rest() {
        document.set(&format!("earwitness.{key}"), value);
    }
    for (key, value) in own.iter().filter_map(Value::as_object).flatten() {
        document.set(&format!("earwitness.{key}"), value.clone());
    }
}

/// Fields that differ by name alone, or not at all.
const SAME: &[(&str, &str)] = &[
    ("http.request.method", "http.request.method"),
    ("http.response.status_code", "http.response.status_code"),
    ("url.scheme", "url.scheme"),
    ("url.domain", "url.domain"),
    ("url.port", "url.port"),
    ("url.path", "url.path"),
    ("url.query", "url.query"),
    ("user_agent.original", "user_agent.original"),
    ("network.transport", "network.transport"),
    ("network.type", "network.type"),
    ("tls.protocol.name", "tls.version_protocol"),
    ("tls.protocol.version", "tls.version"),
    ("tls.cipher", "tls.cipher"),
    ("tls.next_protocol", "tls.next_protocol"),
    ("tls.server_name", "tls.client.server_name"),
    ("tls.client.subject", "tls.client.subject"),
    ("tls.client.x509.alternative_names", "tls.client.x509.alternative_names"),
    ("trace.id", "trace.id"),
    ("trace.span_id", "span.id"),
    ("container.id", "container.id"),
    ("container.name", "container.name"),
    ("container.runtime", "container.runtime"),
    ("k8s.namespace.name", "orchestrator.namespace"),
    ("k8s.pod.name", "orchestrator.resource.name"),
    ("k8s.pod.uid", "orchestrator.resource.id"),
    ("observer.host.name", "host.name"),
    ("observer.host.id", "host.id"),
    ("observer.host.boot_id", "host.boot.id"),
    ("observer.version", "agent.version"),
];

const VERSION: &str = "8.17.0";
