//! Deciding which rule an exchange meets allocates nothing, whatever the exchange looks like.
//!
//! In: a policy with every kind of condition, exchanges. Out: nothing.
//! Always: a program of its own, since it counts allocations.
//! Not here: which rule it is (`audit::tests`).

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;

use earwitness::audit::config::AuditConfig;
use earwitness::audit::observer::Observer;
use earwitness::audit::policy::Policy;
use earwitness::audit::rule::{Level, PolicyConfig, RuleConfig};
use earwitness::audit::token::Tokens;
use earwitness::model::origin::{Attribution, Origin, Party, Process, Side, Transport};
use earwitness::protocol::exchange::{Exchange, Message, RequestHead, ResponseHead, Version};
use earwitness::protocol::fields::Fields;

#[test]
fn deciding_allocates_nothing() {
    let policy = policy();
    let origin = origin();
    for (target, rule) in [
        ("/elsewhere", None),
        ("/%68ealth/%2565nd", Some(7)),
        ("http://API.Example:80/a%20b/c?d", None),
        ("/%", None),
    ] {
        let exchange = exchange(target);
        let mut met = None;
        let counts = allocation_counter::measure(|| met = policy.decide(&exchange, &origin).rule());
        assert_eq!(counts.count_total, 0, "allocations for {target}");
        assert_eq!(met, rule, "{target}");
    }
    let counts = allocation_counter::measure(|| drop(vec![1]));
    assert_eq!(counts.count_total, 1, "allocations are not counted");
}

/// Of every condition one that does not hold, and at last a rule whose conditions do.
fn policy() -> Arc<Policy> {
    let text = |text: &str| Some(text.to_owned());
    let rule = [
        RuleConfig { method: vec!["PUT".to_owned()], ..RuleConfig::default() },
        RuleConfig { host: text("*.example.com"), ..RuleConfig::default() },
        RuleConfig { status: vec!["4xx".to_owned(), "500".to_owned()], ..RuleConfig::default() },
        RuleConfig { media_type: text("application/*+json"), ..RuleConfig::default() },
        RuleConfig { executable: text("/usr/bin/other"), ..RuleConfig::default() },
        RuleConfig { user: text("nobody"), ..RuleConfig::default() },
        RuleConfig { side: Some(Side::Client), port: Some(1), ..RuleConfig::default() },
        RuleConfig {
            level: Level::None,
            path: text("/health/**"),
            method: vec!["GET".to_owned()],
            host: text("api.example"),
            status: vec!["2xx".to_owned()],
            media_type: text("text/*"),
            executable: text("/usr/sbin/nginx"),
            user: text("33"),
            port: Some(8080),
            side: Some(Side::Server),
            ..RuleConfig::default()
        },
    ];
    let policy = PolicyConfig { rule: rule.into(), ..PolicyConfig::default() };
    let config = AuditConfig { policy, ..AuditConfig::default() };
    let tokens = Tokens::ephemeral().unwrap();
    Arc::new(Policy::new(&config, tokens, Arc::new(Observer::default())).unwrap())
}

fn exchange(target: &str) -> Exchange {
    let fields = fields(&[("Accept", "*/*"), ("Host", "API.Example:80")]);
    let request = RequestHead::of("GET", target.as_bytes(), Version::HTTP_1_1, fields);
    let fields = self::fields(&[("Vary", "a"), ("Content-Type", "Text/Plain; charset=utf-8")]);
    let response = ResponseHead { status: Some(204), version: Version::HTTP_1_1, fields };
    Exchange::of(Some(Message::of(request)), Some(Message::of(response)))
}

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut buffer = Vec::new();
    let mut push = |text: &str| {
        buffer.extend_from_slice(text.as_bytes());
        buffer.len() - text.len()..buffer.len()
    };
    let ranges: Vec<_> = list.iter().map(|(name, value)| (push(name), push(value))).collect();
    Fields::new(buffer.into(), ranges)
}

fn origin() -> Origin {
    let process = Process {
        pid: 402,
        executable: Some("/usr/sbin/nginx".into()),
        user_id: Some(33),
        user_name: Some("www-data".into()),
    };
    Origin {
        side: Side::Server,
        transport: Transport::Tcp,
        client: Party::default(),
        server: Party { port: Some(8_080), process: Some(Arc::new(process)), address: None },
        attribution: Attribution::Socket,
        tls: None,
        proxied: None,
    }
}
