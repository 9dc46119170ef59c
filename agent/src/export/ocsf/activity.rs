//! API Activity (6003): an exchange, or a message within one.
//!
//! In: a record. Out: the attributes of the class.
//! Always: the activity is what the method means; calls of another kind inside of HTTP (gRPC, JSON-RPC,
//! mutations of GraphQL) are named instead, since their method is POST whatever they do. The operation
//! is the call's name, or the method with the route where one is known: of few different values.
//! Not here: TLS, which the class has no attribute for (`unmapped.tls`).

use serde_json::{Value, json};

use super::super::record::{Record, is_ip};
use super::super::tree::Tree;
use super::common::{Class, Common, OTHER, classify};
use super::endpoint;

/// Puts the attributes of the class.
pub(super) fn put(event: &mut Tree, record: &mut Record, common: &Common) {
    let (activity, name) = activity(record);
    classify(event, &API_ACTIVITY, (activity, &name));
    event.put("observables", observables(record));
    event.set("api", api(record, common.exchange()));
    event.put("http_request", request(record));
    event.put("http_response", response(record));
    event.set("actor", endpoint::actor(record));
    event.set("src_endpoint", endpoint::source(record, common.host()));
    event.put("dst_endpoint", endpoint::destination(record, common.host()));
    if record.kind() == "exchange" {
        event.put("trace.uid", record.take("trace.id"));
    }
}

/// Number and name of what was done.
fn activity(record: &Record) -> (u64, String) {
    let named = |id, name: &str| (id, name.to_owned());
    if record.kind() != "exchange" {
        return named(OTHER, record.text("message.type").unwrap_or("message"));
    }
    if let Some(system) = record.text("rpc.system") {
        return named(OTHER, system);
    }
    match record.text("graphql.operation.type") {
        Some("mutation") => return named(OTHER, "mutation"),
        Some(_) => return named(2, "Read"),
        None => {}
    }
    match record.text("http.request.method") {
        Some("POST") => named(1, "Create"),
        Some("GET" | "HEAD" | "OPTIONS" | "TRACE" | "QUERY" | "PROPFIND" | "REPORT" | "SEARCH") => {
            named(2, "Read")
        }
        Some("PUT" | "PATCH") => named(3, "Update"),
        Some("DELETE") => named(4, "Delete"),
        Some(method) => named(OTHER, method),
        None => named(0, "Unknown"),
    }
}

/// What was called, with both contents.
fn api(record: &mut Record, exchange: &str) -> Tree {
    let mut api = Tree::default();
    api.set("operation", operation(record));
    let service = ["rpc.service", "url.domain", "tls.server_name"];
    api.put("service.name", service.into_iter().find_map(|key| record.text(key)));
    api.put("service.version", record.text("rpc.jsonrpc.version"));
    api.set("request.uid", exchange);
    api.put("request.data", content(record, "request"));
    api.put("response.code", record.number("http.response.status_code"));
    let error = record.text("rpc.response.status_code").filter(|status| *status != "OK");
    api.put("response.error", error);
    api.put("response.data", content(record, "response"));
    api
}

fn operation(record: &Record) -> String {
    if record.kind() != "exchange" {
        return format!("{} message", record.text("message.type").unwrap_or("unknown"));
    }
    let name = record.text("rpc.method").or_else(|| record.text("graphql.operation.name"));
    let method = record.text("http.request.method");
    match (name, method, record.text("http.route")) {
        (Some(name), ..) => name.to_owned(),
        (None, Some(method), Some(route)) => format!("{method} {route}"),
        (None, method, _) => method.unwrap_or("unknown").to_owned(),
    }
}

/// Redacted content: of that message of the exchange, or of the one message that the record is.
fn content(record: &mut Record, message: &str) -> Option<Value> {
    if record.text("message.direction") == Some(message) {
        return record.take("message.content");
    }
    record.take(&format!("http.{message}.body.content"))
}

fn request(record: &mut Record) -> Option<Value> {
    record.at("http.request")?;
    let mut request = Tree::default();
    // The schema lists the methods that there may be.
    if record.text("http.request.method").is_some_and(|method| METHODS.contains(&method)) {
        request.put("http_method", record.take("http.request.method"));
    }
    request.put("url", url(record));
    request.put("user_agent", record.take("user_agent.original"));
    request.put("referrer", record.header("request", "referer").map(str::to_owned));
    request.put("version", record.take("network.protocol.version"));
    size_and_fields(&mut request, record, "request");
    request.some()
}

fn response(record: &mut Record) -> Option<Value> {
    let mut response = Tree::default();
    response.set("code", record.take_number("http.response.status_code")?);
    response.put("content_type", record.take("http.response.body.media_type"));
    response.put("latency", record.number("time_to_first_byte_ns").map(|ns| ns / NS_PER_MS));
    size_and_fields(&mut response, record, "response");
    response.some()
}

/// What both messages have. The length is that on the wire.
fn size_and_fields(tree: &mut Tree, record: &mut Record, message: &str) {
    tree.put("length", record.number(&format!("capture.{message}.seen_bytes")));
    tree.put("body_length", record.take(&format!("http.{message}.body.size")));
    let fields = record.take(&format!("http.{message}.header"));
    let mut headers = Vec::new();
    for (name, values) in fields.iter().filter_map(Value::as_object).flatten() {
        for value in values.as_array().into_iter().flatten() {
            headers.push(json!({"name": name, "value": value}));
        }
    }
    tree.put("http_headers", Some(headers).filter(|headers| !headers.is_empty()));
}

/// The schema wants a path or a whole URL.
fn url(record: &mut Record) -> Option<Value> {
    let mut url = Tree::default();
    url.put("url_string", record.url());
    url.put("path", record.take_text("url.path"));
    if url.is_empty() {
        return None;
    }
    url.put("scheme", record.take("url.scheme"));
    url.put("hostname", record.take("url.domain"));
    url.put("port", record.take("url.port"));
    url.put("query_string", record.take("url.query"));
    url.some()
}

/// What to search for in events of any class.
fn observables(record: &Record) -> Option<Vec<Value>> {
    let mut found = Vec::new();
    let mut add = |name: &str, (id, kind): (u64, &str), key: &str| {
        let is_fit = |text: &&str| id != ADDRESS.0 || is_ip(text);
        if let Some(value) = record.text(key).filter(is_fit) {
            found.push(json!({"name": name, "type_id": id, "type": kind, "value": value}));
        }
    };
    if record.text("source.address").is_some_and(is_ip) {
        add("src_endpoint.ip", ADDRESS, "source.address");
        add("src_endpoint.proxy_endpoint.ip", ADDRESS, "client.address");
    } else {
        add("src_endpoint.ip", ADDRESS, "client.address");
    }
    add("dst_endpoint.ip", ADDRESS, "server.address");
    add("http_request.url.hostname", HOST, "url.domain");
    add("actor.user.name", USER, "principal.id");
    Some(found).filter(|found| !found.is_empty())
}

const API_ACTIVITY: Class = Class { uid: 6003, name: "API Activity" };
const METHODS: [&str; 9] =
    ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH"];
const HOST: (u64, &str) = (1, "Hostname");
const ADDRESS: (u64, &str) = (2, "IP Address");
const USER: (u64, &str) = (4, "User Name");
const NS_PER_MS: u64 = 1_000_000;
