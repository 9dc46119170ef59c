//! Both ends of an exchange in OCSF, and who is at the asking one.
//!
//! In: a record. Out: `src_endpoint`, `dst_endpoint`, `actor`.
//! Always: the source is the client behind trusted proxies where the record names one, and then the
//! connection's peer is its proxy. A unix socket has both ends on this host.
//! Not here: the process that answers: the class has no attribute for it.

use serde_json::Value;

use super::super::record::{Record, file_name, is_ip};
use super::super::tree::Tree;

/// `src_endpoint`, which the class requires.
pub(super) fn source(record: &mut Record, host: Option<&str>) -> Value {
    let behind = record.text("source.address").filter(|address| is_ip(address)).map(str::to_owned);
    let peer = end(record, "client", host);
    let mut endpoint = match behind {
        None => peer,
        Some(address) => {
            let mut endpoint = Tree::default();
            endpoint.set("ip", address.as_str());
            endpoint.put("proxy_endpoint", peer.some());
            let hops = hops(record, &address);
            endpoint.put("intermediate_ips", Some(hops).filter(|hops| !hops.is_empty()));
            record.take("source.address");
            endpoint
        }
    };
    if endpoint.is_empty() {
        endpoint.set("name", UNKNOWN);
    }
    container(&mut endpoint, record, "client");
    endpoint.into()
}

/// `dst_endpoint`, if it is known.
pub(super) fn destination(record: &mut Record, host: Option<&str>) -> Option<Value> {
    let mut endpoint = end(record, "server", host);
    container(&mut endpoint, record, "server");
    endpoint.some()
}

fn end(record: &mut Record, end: &str, host: Option<&str>) -> Tree {
    let mut endpoint = Tree::default();
    let address = record.take_text(&format!("{end}.address"));
    match &address {
        Some(address) if is_ip(address) => endpoint.set("ip", address.as_str()),
        Some(path) => endpoint.set("name", path.as_str()),
        None => {}
    }
    if record.text("network.transport") == Some("unix") {
        endpoint.put("hostname", host);
    }
    // By itself it is no endpoint.
    if !endpoint.is_empty() {
        endpoint.put("port", record.take(&format!("{end}.port")));
    }
    endpoint
}

/// What lies between the client and us.
fn hops(record: &Record, client: &str) -> Vec<String> {
    let chain = record.at("source.chain").and_then(Value::as_array);
    let chain = chain.into_iter().flatten().filter_map(Value::as_str);
    chain.filter(|hop| is_ip(hop) && *hop != client).map(str::to_owned).collect()
}

/// The watched process's container, at the watched end.
fn container(endpoint: &mut Tree, record: &mut Record, side: &str) {
    let is_there = !endpoint.is_empty() && record.text("container.id").is_some();
    if !is_there || record.text("observer.side").unwrap_or("server") != side {
        return;
    }
    let mut container = Tree::default();
    container.put("uid", record.take("container.id"));
    container.put("name", record.take("container.name"));
    container.put("runtime", record.take("container.runtime"));
    if record.at("k8s").is_some() {
        container.set("orchestrator", "Kubernetes");
    }
    endpoint.set("container", container);
}

/// `actor`, which the class requires: who asked, and by which program.
pub(super) fn actor(record: &mut Record) -> Tree {
    let mut actor = Tree::default();
    actor.put("user", user(record));
    actor.put("process", process(record, "client.process"));
    actor.put("app_uid", record.take_text("principal.client_id"));
    if actor.is_empty() {
        actor.set("app_name", record.text("user_agent.original").unwrap_or(UNKNOWN));
    }
    actor.put("idp.name", record.take_text("principal.issuer"));
    actor
}

/// Who asked; of a key that has no name, its fingerprint.
fn user(record: &mut Record) -> Option<Value> {
    let mut user = Tree::default();
    let fingerprint = record.take_text("principal.fingerprint");
    match record.take_text("principal.id") {
        Some(id) => {
            user.set("name", id.as_str());
            user.set("uid", id);
        }
        None => user.set("uid", fingerprint.clone()?),
    }
    if let Some(fingerprint) = fingerprint {
        let mut credential = Tree::default();
        credential.set("uid", fingerprint);
        credential.put("type", record.text("principal.kind"));
        user.set("programmatic_credentials", vec![Value::from(credential)]);
    }
    user.some()
}

/// A process on this host.
fn process(record: &mut Record, key: &str) -> Option<Value> {
    let mut process = Tree::default();
    let key = |name: &str| format!("{key}.{name}");
    process.set("pid", record.take_number(&key("pid"))?);
    if let Some(path) = record.take_text(&key("executable.path")) {
        process.set("name", file_name(&path));
        process.set("file.name", file_name(&path));
        process.set("file.path", path.as_str());
        process.set("file.type_id", 8);
        process.set("file.type", "Executable File");
    }
    process.put("user.uid", record.take_digits(&key("user.id")));
    process.put("user.name", record.take(&key("user.name")));
    process.some()
}

const UNKNOWN: &str = "unknown";
