//! `otel`: a log record of OpenTelemetry in OTLP/JSON.
//!
//! In: any record. Out: `{"resourceLogs":[…]}` with one resource, one scope and one log record: what an
//! OTLP/HTTP receiver takes as an `ExportLogsServiceRequest`, and a line of the OTLP file format.
//! Always: attributes are the record's keys joined with dots, of the type that the value has; 64-bit
//! numbers are texts and ids hexadecimal, as OTLP/JSON has them; the host is the resource.
//! Not here: joining lines to larger requests. Source: opentelemetry-proto 1.5, `logs/v1/logs.proto`.

use serde_json::{Map, Value, json};

use super::record::{Gravity, Record};
use super::tree::Tree;

/// What each line begins with.
pub(super) const LINE_START: &[u8] = b"{\"resourceLogs\":";

/// The record as a line.
pub(super) fn line(mut record: Record) -> Option<Vec<u8>> {
    let (number, name) = severity(record.gravity());
    let mut log = Tree::default();
    log.set("timeUnixNano", record.time_ns().to_string());
    log.set("observedTimeUnixNano", record.end_ns().to_string());
    log.set("severityNumber", number);
    log.set("severityText", name);
    log.set("eventName", format!("earwitness.{}", record.kind()));
    log.set("body", json!({"stringValue": record.summary()}));
    log.put("traceId", take_hex(&mut record, "trace.id", 32));
    log.put("spanId", take_hex(&mut record, "trace.span_id", 16));

    let version = record.text("observer.version").unwrap_or_default().to_owned();
    let resource = resource(&mut record, &version);
    record.take("timestamp");
    let mut attributes = Vec::new();
    for (key, value) in record.into_rest() {
        flatten(key, value, &mut attributes);
    }
    log.set("attributes", attributes);

    let scope = json!({"name": "earwitness", "version": version});
    let scoped = json!({"scope": scope, "logRecords": [Value::from(log)]});
    let mut request = Tree::default();
    request.set("resourceLogs", vec![json!({"resource": resource, "scopeLogs": [scoped]})]);
    request.into_line()
}

/// What says it: the agent, on its host.
fn resource(record: &mut Record, version: &str) -> Value {
    let mut attributes = Vec::new();
    let mut add = |key: &str, value: Option<String>| {
        attributes.extend(value.map(|value| attribute(key, Value::from(value))));
    };
    add("service.name", Some("earwitness".to_owned()));
    add("service.version", Some(version.to_owned()).filter(|version| !version.is_empty()));
    add("host.name", record.take_text("observer.host.name"));
    add("host.id", record.take_text("observer.host.id"));
    json!({"attributes": attributes})
}

fn severity(gravity: Gravity) -> (u64, &'static str) {
    match gravity {
        Gravity::Informational => (9, "INFO"),
        Gravity::ClientError | Gravity::Loss => (13, "WARN"),
        Gravity::ServerError => (17, "ERROR"),
    }
}

/// An id, if it is one: receivers refuse a whole request for one that is not.
fn take_hex(record: &mut Record, key: &str, digits: usize) -> Option<String> {
    let text = record.text(key)?;
    let is_id = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { record.take_text(key) } else { None }
}

/// Groups become dots; everything else is one attribute.
fn flatten(key: String, value: Value, attributes: &mut Vec<Value>) {
    let Value::Object(group) = value else {
        attributes.push(attribute(&key, value));
        return;
    };
    for (name, value) in group {
        flatten(format!("{key}.{name}"), value, attributes);
    }
}

fn attribute(key: &str, value: Value) -> Value {
    json!({"key": key, "value": any_value(value)})
}

/// `AnyValue`.
fn any_value(value: Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({"boolValue": flag}),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => json!({"intValue": integer.to_string()}),
            (None, Some(float)) if number.is_f64() => json!({"doubleValue": float}),
            // Beyond 64 bits with a sign.
            _ => json!({"stringValue": number.to_string()}),
        },
        Value::String(text) => json!({"stringValue": text}),
        Value::Array(values) => {
            let values: Vec<_> = values.into_iter().map(any_value).collect();
            json!({"arrayValue": {"values": values}})
        }
        Value::Object(group) => json!({"kvlistValue": {"values": key_values(group)}}),
    }
}

fn key_values(group: Map<String, Value>) -> Vec<Value> {
    group.into_iter().map(|(key, value)| attribute(&key, value)).collect()
}
