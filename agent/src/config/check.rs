//! Whether values make sense.
//!
//! In: a configuration whose form is right. Out: what is wrong, with the path of the value.
//! Always: every mistake is reported, none is put right silently.
//! Not here: keys that this version does not heed (`config::available`).

use earwitness_common::settings::{MAX_RULES, MAX_SHARDS};

use super::Config;
use super::capture::{CaptureConfig, CaptureRule};
use super::read::Step::{self, Index, Key};
use crate::audit::identity::{self, IdentityConfig};
use crate::audit::redact::body::rules;
use crate::audit::redact::detect::custom::{Detector, DetectorConfig};
use crate::audit::redact::{RedactionConfig, lists};
use crate::audit::route::{RouteConfig, Routes};
use crate::audit::rule::{PolicyConfig, Rule};
use crate::audit::seal::Auditor;
use crate::audit::trusted::Trusted;
use crate::sink::{self, Mistake};

/// Takes the path of a value, what is wrong with it, and advice.
pub(super) type Report<'r> = &'r mut dyn FnMut(&[Step<'_>], String, Option<String>);

/// Smallest ring buffer, in bytes: a sample may be 32 KiB.
const MIN_RING_BYTES: u32 = 256 << 10;
/// Largest ring buffer, in bytes.
const MAX_RING_BYTES: u32 = 1 << 30;
/// Least memory that connections can work with, in bytes.
const MIN_MEMORY_BYTES: u64 = 16 << 20;
/// Smallest segment, in bytes.
const MIN_SEGMENT_BYTES: u64 = 4 << 10;
/// Longest time a record may wait for the disk, in milliseconds.
const MAX_SYNC_MS: u64 = 60_000;

pub(super) fn check(config: &Config, report: Report<'_>) {
    capture(&config.capture, report);
    policy(&config.policy, report);
    header_allow(&config.redaction.header_allow, report);
    body_allow(&config.redaction.body_allow, report);
    for (name, error) in config.redaction.actions.check() {
        let path = [Key("redaction"), Key("actions"), Key(name)];
        report(&path, error.to_string(), Some(error.hint()));
    }
    auditor(&config.redaction, report);
    trusted_proxies(&config.identity.trusted_proxies, report);
    routes(&config.route, report);
    identity(&config.identity, report);
    kept_credentials(config, report);
    detectors(&config.redaction.detector, report);
    sink::check(&config.sink, &mut |index, Mistake { key, text, hint }| {
        report(&[Key("sink"), Index(index), Key(key)], text, hint.map(str::to_owned));
    });
    let journal = &config.journal;
    if journal.sync_ms > MAX_SYNC_MS {
        let message = format!("{} ms, more than {MAX_SYNC_MS}", journal.sync_ms);
        report(&[Key("journal"), Key("sync_ms")], message, None);
    }
    if journal.retain_days == 0 {
        let message = String::from("0 days: every finished segment would be removed at once");
        report(&[Key("journal"), Key("retain_days")], message, None);
    }
    if journal.segment_bytes < MIN_SEGMENT_BYTES {
        let message = format!("{} bytes, fewer than {MIN_SEGMENT_BYTES}", journal.segment_bytes);
        report(&[Key("journal"), Key("segment_bytes")], message, None);
    }
}

fn capture(capture: &CaptureConfig, report: Report<'_>) {
    for (name, rules) in [("include", &capture.include), ("exclude", &capture.exclude)] {
        if rules.len() > MAX_RULES as usize {
            let message = format!("{} rules, more than {MAX_RULES}", rules.len());
            report(&[Key("capture"), Key(name)], message, None);
        }
        for (index, rule) in rules.iter().enumerate() {
            capture_rule(rule, &[Key("capture"), Key(name), Index(index)], report);
        }
    }
    ring(capture, report);
    if capture.memory_limit_bytes < MIN_MEMORY_BYTES {
        let message =
            format!("{} bytes, fewer than {MIN_MEMORY_BYTES}", capture.memory_limit_bytes);
        report(&[Key("capture"), Key("memory_limit_bytes")], message, None);
    }
}

fn ring(capture: &CaptureConfig, report: Report<'_>) {
    let ring_bytes = capture.ring_bytes;
    if !ring_bytes.is_power_of_two() || !(MIN_RING_BYTES..=MAX_RING_BYTES).contains(&ring_bytes) {
        let message = format!(
            "{ring_bytes} bytes is not a power of two from {MIN_RING_BYTES} to {MAX_RING_BYTES}"
        );
        report(&[Key("capture"), Key("ring_bytes")], message, None);
    }
    let shards = capture.shards;
    if shards != 0 && !(shards.is_power_of_two() && shards <= MAX_SHARDS) {
        let message = format!("{shards} is neither 0 nor a power of two up to {MAX_SHARDS}");
        report(&[Key("capture"), Key("shards")], message, None);
    }
}

fn capture_rule(rule: &CaptureRule, path: &[Step<'_>], report: Report<'_>) {
    if *rule == CaptureRule::default() {
        let hint = "leave the rule out: with no rule the whole host is watched";
        report(path, "rule has no condition".into(), Some(hint.into()));
    }
    let mut key = |name, message: &str| {
        report(&[path, &[Key(name)]].concat(), message.to_owned(), None);
    };
    if rule.port == Some(0) {
        key("port", "0 is no port");
    }
    if rule.pid == Some(0) {
        key("pid", "0 is no process id");
    }
    if rule.executable.as_ref().is_some_and(|path| !path.starts_with('/')) {
        key("executable", "path is not absolute");
    }
    if rule.cgroup.as_ref().is_some_and(String::is_empty) {
        key("cgroup", "path is empty");
    }
}

fn policy(policy: &PolicyConfig, report: Report<'_>) {
    for (index, rule) in policy.rule.iter().enumerate() {
        if let Err(error) = Rule::new(rule) {
            let path = [Key("policy"), Key("rule"), Index(index), Key(error.key())];
            report(&path, error.to_string(), None);
        }
    }
}

fn header_allow(names: &[String], report: Report<'_>) {
    for (index, name) in names.iter().enumerate() {
        let path = [Key("redaction"), Key("header_allow"), Index(index)];
        if name.is_empty() || !name.bytes().all(is_token) {
            report(&path, format!("`{name}` is no name of a header field"), None);
        } else if lists::is_never(&name.to_ascii_lowercase()) {
            let message = format!("`{name}` carries credentials and is never recorded");
            report(&path, message, Some("leave it out; that it was sent is recorded".into()));
        }
    }
}

fn body_allow(entries: &[String], report: Report<'_>) {
    for (index, entry) in entries.iter().enumerate() {
        let Err(error) = rules::check(entry) else { continue };
        let path = [Key("redaction"), Key("body_allow"), Index(index)];
        let hint = error.hint().map(str::to_owned);
        report(&path, error.to_string(), hint);
    }
}

fn auditor(redaction: &RedactionConfig, report: Report<'_>) {
    let hint = "`earwitness keys auditor generate FILE` makes one";
    match redaction.encrypt_to.as_deref().map(Auditor::new) {
        Some(Ok(_)) => {}
        Some(Err(error)) => {
            report(&[Key("redaction"), Key("encrypt_to")], error.to_string(), Some(hint.into()));
        }
        None => {
            for name in redaction.actions.encrypted() {
                let path = [Key("redaction"), Key("actions"), Key(name)];
                let message =
                    "`encrypt` needs the public key of an auditor in `redaction.encrypt_to`";
                report(&path, message.into(), Some(hint.into()));
            }
        }
    }
}

fn identity(identity: &IdentityConfig, report: Report<'_>) {
    for identity::Mistake { key, index, inner, text } in identity.mistakes() {
        let steps = [Some(Key(key)), index.map(Index), inner.map(Key)].into_iter().flatten();
        let path: Vec<_> = std::iter::once(Key("identity")).chain(steps).collect();
        report(&path, text, None);
    }
}

/// A field that holds a credential cannot be one that records keep.
fn kept_credentials(config: &Config, report: Report<'_>) {
    let lists = [
        ("jwt_headers", &config.identity.jwt_headers),
        ("api_key_headers", &config.identity.api_key_headers),
    ];
    let kept =
        |name: &str| config.redaction.header_allow.iter().any(|one| one.eq_ignore_ascii_case(name));
    for (key, names) in lists {
        for (index, name) in names.iter().enumerate().filter(|(_, name)| kept(name)) {
            let path = [Key("identity"), Key(key), Index(index)];
            let hint = "leave it out of `redaction.header_allow`";
            report(&path, format!("`{name}` would be recorded as it is"), Some(hint.into()));
        }
    }
}

fn trusted_proxies(networks: &[String], report: Report<'_>) {
    for (index, network) in networks.iter().enumerate() {
        let Err(error) = Trusted::new(std::slice::from_ref(network)) else { continue };
        let path = [Key("identity"), Key("trusted_proxies"), Index(index)];
        let hint = "bits behind the prefix have to be 0";
        report(&path, error.to_string(), network.contains('/').then(|| hint.to_owned()));
    }
}

fn routes(route: &RouteConfig, report: Report<'_>) {
    for (index, text) in route.patterns.iter().enumerate() {
        if let Err(error) = Routes::check_pattern(text) {
            let hint = "`/v1/users/{id}`, or `api.example.com/files/{path...}`";
            let path = [Key("route"), Key("patterns"), Index(index)];
            report(&path, error.to_string(), Some(hint.to_owned()));
        }
    }
    for (index, file) in route.openapi.iter().enumerate() {
        if let Err(error) = Routes::check_openapi(file) {
            report(&[Key("route"), Key("openapi"), Index(index)], error.to_string(), None);
        }
    }
}

fn detectors(detectors: &[DetectorConfig], report: Report<'_>) {
    for (index, config) in detectors.iter().enumerate() {
        if let Err(error) = Detector::new(config) {
            let path = [Key("redaction"), Key("detector"), Index(index), Key(error.key())];
            report(&path, error.to_string(), None);
        }
    }
}

/// Characters of a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
