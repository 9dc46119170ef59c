//! Records as a whole: golden records, the JSON Schema, and canaries in every place.

use std::sync::Arc;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::config::AuditConfig;
use super::facts::Facts;
use super::identity::IdentityConfig;
use super::observer::{Concerns, host_id};
use super::policy::Policy;
use super::record::agent::{Lifecycle, LifecycleAction};
use super::record::{Record, SCHEMA};
use super::redact::RedactionConfig;
use super::rule::{Level, PolicyConfig, RuleConfig};
use super::testing::{
    CLOCK, encoded, exchange, observer, policy, process, request, response, tcp, tokens, unix,
};
use crate::cases::cases;
use crate::config::Config;
use crate::model::loss::{Loss, Reason};
use crate::model::origin::Origin;
use crate::model::proxied::{Command, Proxied};
use crate::protocol::anomaly::Anomaly;
use crate::protocol::exchange::{Exchange, Gap, MessageEnd, Version};

/// The line must be what serde writes, fit the schema, and read back; then keys that every record
/// has alike are left out for comparing.
fn check(exchange: Exchange, origin: &Origin, expected: Expect) {
    let policy = policy();
    let record = policy.decide(&exchange, origin).typed(&exchange, origin, CLOCK).unwrap();
    let by_serde = serde_json::to_string(&record).unwrap();
    let line = String::from_utf8(encoded(&policy, &exchange, origin).unwrap().line(0)).unwrap();
    assert_eq!(line, by_serde);
    let read = check_line(&line);
    let observer = serde_json::to_string(&read.observer).unwrap();
    let policy = serde_json::to_string(&read.policy).unwrap();
    let mut text = line.replace(&observer, "…").replace(&policy, "…");
    for group in ["client", "server", "network", "url", "http", "response", "user_agent"]
        .into_iter()
        .chain([
            "principal",
            "identity",
            "duration_ns",
            "capture",
            "redactions",
            "policy",
            "earwitness",
        ])
    {
        text = text.replace(&format!(",\"{group}\":"), &format!(",\n\"{group}\":"));
    }
    expected.assert_eq(&text);
}

fn check_line(line: &str) -> Record<'static> {
    assert!(line.starts_with(r#"{"schema":1,"seq":"#) && !line.contains('\n'));
    #[cfg(feature = "schema")]
    {
        use std::sync::LazyLock;
        static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
            let schema = schemars::schema_for!(Record<'static>).to_value();
            jsonschema::validator_for(&schema).unwrap()
        });
        let value = serde_json::from_str(line).unwrap();
        let errors: Vec<_> = SCHEMA.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{line}");
    }
    let record: Record<'static> = serde_json::from_str(line).unwrap();
    assert_eq!(serde_json::to_string(&record).unwrap(), line);
    record
}

#[test]
fn a_plain_exchange() {
    let fields = b"Host: api.example.com:8080\nUser-Agent: curl/7.88.1\nAccept: */*\nX-Own: 1";
    let request = request("GET", b"/v1/users/7?page=2", fields);
    let fields = b"Content-Type: Application/JSON; charset=utf-8\nContent-Encoding: gzip\n\
                   Vary: a\nVary: b\nSet-Cookie: sid=1";
    let response = response(200, fields);
    check(
        exchange(Some(request), Some(response)),
        &tcp(),
        expect![[r#"
            {"schema":1,"seq":0,"timestamp":"2026-11-22T07:00:00.000001000Z","event":{"kind":"exchange","outcome":"success"},"observer":…,
            "client":{"address":"203.0.113.9","port":51544},
            "server":{"address":"10.0.0.4","port":8080,"process":{"pid":402,"executable":{"path":"/usr/sbin/nginx"},"user":{"id":33,"name":"www-data"}}},
            "network":{"transport":"tcp","type":"ipv4","protocol":{"name":"http","version":"1.1"}},
            "url":{"scheme":"http","domain":"api.example.com","port":8080,"path":"/v1/users/7","query":"page=2"},
            "http":{"route":"/v1/users/{id}","request":{"method":"GET","header":{"host":["api.example.com:8080"],"user-agent":["curl/7.88.1"],"accept":["*/*"]},"header_size":100,"body":{"size":0}},
            "response":{"status_code":200,"header":{"content-type":["Application/JSON; charset=utf-8"],"content-encoding":["gzip"],"vary":["a","b"]},"header_size":100,"body":{"size":2048,"media_type":"application/json","encoding":"gzip"}}},
            "user_agent":{"original":"curl/7.88.1"},
            "duration_ns":2500,"time_to_first_byte_ns":2000,
            "capture":{"complete":true,"request":{"seen_bytes":100,"captured_bytes":100,"gaps":[]},
            "response":{"seen_bytes":2148,"captured_bytes":2148,"gaps":[]},"attribution":"socket"},
            "redactions":[{"path":"http.request.header","type":"unlisted","action":"drop","count":1},{"path":"http.response.header.set-cookie","type":"credential","action":"drop","count":1}],
            "policy":…,
            "earwitness":{"route":"learned"}}"#]],
    );
}

#[test]
fn a_response_that_never_came_over_a_unix_socket() {
    let mut request = request("POST", b"http://Proxy.Example/x", b"Host: other");
    request.end = MessageEnd::Truncated;
    request.body_bytes = None;
    let mut exchange = exchange(Some(request), None);
    exchange.anomalies = vec![Anomaly::RequestSmuggling, Anomaly::RequestTruncated];
    exchange.interim = vec![100, 103];
    check(
        exchange,
        &unix(),
        expect![[r#"
            {"schema":1,"seq":0,"timestamp":"2026-11-22T07:00:00.000001000Z","event":{"kind":"exchange","outcome":"unknown"},"observer":…,
            "client":{"process":{"pid":811,"executable":{"path":"/usr/bin/curl"},"user":{"id":33,"name":"www-data"}}},
            "server":{"address":"/run/app.sock"},
            "network":{"transport":"unix","protocol":{"name":"http","version":"1.1"}},
            "url":{"scheme":"http","domain":"proxy.example","path":"/x"},
            "http":{"request":{"method":"POST","header":{"host":["other"]},"header_size":100}},
            "principal":{"kind":"process","id":"uid 33","verified":"kernel"},
            "identity":[{"kind":"process","source":"kernel","id":"uid 33","executable":"/usr/bin/curl","verified":"kernel"}],
            "capture":{"complete":false,"request":{"seen_bytes":100,"captured_bytes":100,"gaps":[]},"attribution":"socket"},
            "policy":…,
            "earwitness":{"anomalies":["request_smuggling","request_truncated"],"interim":[100,103],"end":{"request":"truncated"}}}"#]],
    );
}

#[test]
fn a_response_whose_request_was_lost() {
    let mut response = response(503, b"Retry-After: 5");
    response.head.version = Version::HTTP_1_0;
    response.gaps = vec![Gap { at: 100, bytes: 2_000, reason: Reason::Sendfile }];
    response.captured_bytes = 148;
    let mut exchange = exchange(None, Some(response));
    exchange.lost_request = Some(Reason::RingFull);
    check(
        exchange,
        &tcp(),
        expect![[r#"
        {"schema":1,"seq":0,"timestamp":"2026-11-22T07:00:00.000003000Z","event":{"kind":"exchange","outcome":"failure"},"observer":…,
        "client":{"address":"203.0.113.9","port":51544},
        "server":{"address":"10.0.0.4","port":8080,"process":{"pid":402,"executable":{"path":"/usr/sbin/nginx"},"user":{"id":33,"name":"www-data"}}},
        "network":{"transport":"tcp","type":"ipv4","protocol":{"name":"http","version":"1.0"}},
        "http":{"response":{"status_code":503,"header":{"retry-after":["5"]},"header_size":100,"body":{"size":2048}}},
        "capture":{"complete":false,
        "response":{"seen_bytes":2148,"captured_bytes":148,"gaps":[{"at":100,"bytes":2000,"reason":"sendfile"}]},"attribution":"socket"},
        "policy":…,
        "earwitness":{"lost":{"request":"ring_full"}}}"#]],
    );
}

#[test]
fn odd_bytes_are_encoded_and_named() {
    let fields = b"Host: h\nHost: g\nUser-Agent: a\xff%\x01\nContent-Type: nonsense\nVia: 1\x1b[0m";
    let request = request("CONNECT", b"user:pw@example.com:443", fields);
    check(
        exchange(Some(request), Some(response(600, b""))),
        &tcp(),
        expect![[r#"
        {"schema":1,"seq":0,"timestamp":"2026-11-22T07:00:00.000001000Z","event":{"kind":"exchange","outcome":"failure"},"observer":…,
        "client":{"address":"203.0.113.9","port":51544},
        "server":{"address":"10.0.0.4","port":8080,"process":{"pid":402,"executable":{"path":"/usr/sbin/nginx"},"user":{"id":33,"name":"www-data"}}},
        "network":{"transport":"tcp","type":"ipv4","protocol":{"name":"http","version":"1.1"}},
        "url":{"domain":"example.com","port":443},
        "http":{"request":{"method":"CONNECT","header":{"host":["h","g"],"user-agent":["a%FF%25%01"],"content-type":["nonsense"],"via":["1%1B[0m"]},"header_size":100,"body":{"size":0}},
        "response":{"status_code":600,"header_size":100,"body":{"size":2048}}},
        "user_agent":{"original":"a%FF%25%01"},
        "duration_ns":2500,"time_to_first_byte_ns":2000,
        "capture":{"complete":true,"request":{"seen_bytes":100,"captured_bytes":100,"gaps":[]},
        "response":{"seen_bytes":2148,"captured_bytes":2148,"gaps":[]},"attribution":"socket"},
        "redactions":[{"path":"url.user_info","type":"user_info","action":"drop","count":1}],
        "policy":…,
        "earwitness":{"escaped":["user_agent.original","http.request.header.user-agent","http.request.header.via"]}}"#]],
    );
}

#[test]
fn behind_a_proxy_and_within_a_trace() {
    let fields = b"X-Forwarded-For: 6.6.6.6, 198.51.100.7, 10.7.7.7\nX-Request-Id: req-1\n\
        traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let exchange = exchange(
        Some(request("GET", b"/v1/users/7", fields)),
        Some(response(404, b"X-Request-Id: req-2\nX-Correlation-Id: c-1")),
    );
    let mut origin = tcp();
    origin.proxied = Some(Arc::new(Proxied {
        version: 2,
        command: Command::Proxy,
        source: Some("10.8.8.8:4711".parse().unwrap()),
        destination: Some("10.0.0.4:8080".parse().unwrap()),
    }));
    let config = r#"
        identity.trusted_proxies = ["203.0.113.9", "10.0.0.0/8"]
        route.patterns = ["/v1/users/{id}"]"#;
    let (config, _) = Config::parse("", config, []).unwrap();
    let policy = Arc::new(Policy::new(&config.audit(), tokens(), observer()).unwrap());
    let line = encoded(&policy, &exchange, &origin).unwrap().line(0);
    let line = String::from_utf8(line).unwrap();
    check_line(&line);
    let record: serde_json::Value = serde_json::from_str(&line).unwrap();
    let show = |pointer: &str| record.pointer(pointer).unwrap_or_default().to_string();
    let text = ["/source", "/trace", "/http/route", "/earwitness"].map(show).join("\n");
    expect![[r#"
        {"address":"198.51.100.7","rule":"x-forwarded-for","chain":["198.51.100.7","10.7.7.7","10.8.8.8","203.0.113.9"]}
        {"id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","sampled":true,"format":"w3c"}
        "/v1/users/{id}"
        {"proxy":{"version":2,"command":"proxy","source":{"address":"10.8.8.8","port":4711},"destination":{"address":"10.0.0.4","port":8080}},"request_id":"req-1","correlation_id":"c-1"}"#]].assert_eq(&text);
}

#[test]
fn times_never_run_backwards() {
    let mut request = request("GET", b"/", b"");
    request.first_ns = 9_000;
    let exchange = exchange(Some(request), Some(response(100, b"")));
    let policy = policy();
    let origin = tcp();
    let record = policy.decide(&exchange, &origin).typed(&exchange, &origin, CLOCK).unwrap();
    assert_eq!((record.duration_ns, record.time_to_first_byte_ns), (Some(0), Some(0)));
}

#[test]
fn complete_means_that_nothing_is_missing() {
    let complete = |change: &dyn Fn(&mut Exchange)| {
        let mut exchange = exchange(Some(request("GET", b"/", b"")), Some(response(200, b"")));
        change(&mut exchange);
        let (policy, origin) = (policy(), tcp());
        let record = policy.decide(&exchange, &origin).typed(&exchange, &origin, CLOCK);
        record.and_then(|record| record.capture).unwrap().complete
    };
    assert!(complete(&|_| ()));
    assert!(complete(&|exchange| exchange.anomalies = vec![Anomaly::ObsFold]));
    assert!(!complete(&|exchange| exchange.anomalies = vec![Anomaly::TooManyFields]));
    assert!(!complete(&|exchange| exchange.response = None));
    assert!(!complete(&|exchange| exchange.request = None));
    assert!(!complete(&|exchange| exchange.lost_response = Some(Reason::Upgraded)));
    assert!(!complete(&|exchange| {
        exchange.response.as_mut().unwrap().end = MessageEnd::Truncated;
    }));
    assert!(!complete(&|exchange| {
        let gap = Gap { at: 0, bytes: 1, reason: Reason::OverLimit };
        exchange.request.as_mut().unwrap().gaps.push(gap);
    }));
}

#[test]
fn losses_and_events_of_the_agent() {
    let observer = observer();
    let loss = Loss { connections: Some(2), ..Loss::hole(Reason::RingFull, 90_112) };
    let nginx = process(402, "/usr/sbin/nginx");
    let concerns =
        Concerns { process: nginx.as_deref(), server: Some(&tcp().server), ..Concerns::default() };
    let line = observer.loss(&loss, 1, 2_000_000_000, concerns).line(7);
    let line = String::from_utf8(line).unwrap();
    check_line(&line);
    expect![[r#"{"schema":1,"seq":7,"timestamp":"1970-01-01T00:00:02.000000000Z","event":{"kind":"loss"},"observer":{"host":{"name":"web-1","id":"0123456789abcdef"},"version":"0.1.0"},"loss":{"reason":"ring_full","events":1,"bytes":90112,"since":"1970-01-01T00:00:00.000000001Z","until":"1970-01-01T00:00:02.000000000Z","connections":2,"process":{"pid":402,"executable":{"path":"/usr/sbin/nginx"},"user":{"id":33,"name":"www-data"}},"server":{"address":"10.0.0.4","port":8080,"process":{"pid":402,"executable":{"path":"/usr/sbin/nginx"},"user":{"id":33,"name":"www-data"}}}}}"#]].assert_eq(&line);
    let event = Lifecycle::new(LifecycleAction::Recovered)
        .with("dropped_bytes", 17_u64)
        .with("path", "a\"b")
        .with("signals", vec!["TERM".to_owned()])
        .with("clean", false);
    let line = String::from_utf8(observer.lifecycle(event, 3).line(u64::MAX)).unwrap();
    check_line(&line);
    expect![[r#"{"schema":1,"seq":18446744073709551615,"timestamp":"1970-01-01T00:00:00.000000003Z","event":{"kind":"lifecycle"},"observer":{"host":{"name":"web-1","id":"0123456789abcdef"},"version":"0.1.0"},"lifecycle":{"action":"recovered","detail":{"clean":false,"dropped_bytes":17,"path":"a\"b","signals":["TERM"]}}}"#]].assert_eq(&line);
}

#[test]
fn encoded_records_are_lines_without_their_number() {
    let exchange = exchange(Some(request("GET", b"/", b"")), None);
    let encoded = encoded(&policy(), &exchange, &tcp()).unwrap();
    assert!(encoded.as_bytes().starts_with(b"\"timestamp\":\"2026-11-22T07:00:00.000001000Z\","));
    assert!(encoded.as_bytes().ends_with(b"}"));
    let line = [b"{\"schema\":1,\"seq\":12,", encoded.as_bytes()].concat();
    assert_eq!(encoded.line(12), line);
    assert_eq!(SCHEMA, 1);
}

#[test]
fn host_ids_do_not_show_the_machine_id() {
    let id = host_id("3d1219c7c4c5404aaa1f6d2a48adfda4\n");
    assert_eq!(id, host_id("3d1219c7c4c5404aaa1f6d2a48adfda4"));
    assert!(id.len() == 32 && !id.contains("3d1219c7"));
}

// === policy ===

fn with_rules(rules: &str) -> Arc<Policy> {
    let policy = toml::from_str(rules).unwrap();
    let config = AuditConfig { policy, ..AuditConfig::default() };
    Arc::new(Policy::new(&config, tokens(), observer()).unwrap())
}

#[test]
fn the_first_rule_that_matches_decides() {
    let policy = with_rules(
        r#"
        default = "none"
        rule = [
            { level = "none", path = "/health/**" },
            { level = "metadata", method = ["GET"], host = "*.example", status = ["2xx"] },
            { level = "metadata", executable = "/usr/sbin/nginx", user = "33", port = 1 },
            { level = "metadata", side = "client" },
        ]"#,
    );
    let met = |target: &[u8], host: &[u8], status, origin: &Origin| {
        let request = request("GET", target, &[b"Host: ", host].concat());
        let met = exchange(Some(request), Some(response(status, b"")));
        policy.decide(&met, origin).rule()
    };
    assert_eq!(met(b"/health/x", b"a.example", 200, &tcp()), Some(0));
    assert_eq!(met(b"/%68ealth/x", b"a.example", 200, &tcp()), Some(0));
    assert_eq!(met(b"/v1", b"A.Example:80", 204, &tcp()), Some(1));
    assert_eq!(met(b"/v1", b"a.example", 404, &tcp()), None);
    let mut origin = tcp();
    origin.server.port = Some(1);
    assert_eq!(met(b"/v1", b"", 404, &origin), Some(2));
    assert_eq!(met(b"/v1", b"", 404, &unix()), Some(3));
}

#[test]
fn a_rule_may_ask_for_the_media_type_of_either_body() {
    let policy = with_rules(
        r#"rule = [
            { level = "none", media_type = "text/*" },
            { level = "request", media_type = "application/*+json" },
        ]"#,
    );
    let met = |asked: &[u8], answered: &[u8]| {
        let request = request("POST", b"/", asked);
        let met = exchange(Some(request), Some(response(200, answered)));
        policy.decide(&met, &tcp()).rule()
    };
    assert_eq!(met(b"Content-Type: Text/Html; charset=utf-8", b""), Some(0));
    assert_eq!(met(b"", b"content-type: application/problem+JSON"), Some(1));
    assert_eq!(met(b"Content-Type: application/json", b"Content-Type: text"), None);
    assert_eq!(met(b"", b""), None);
}

proptest! {
    #![proptest_config(cases(256))]

    /// What is explained is what is decided, and it is the first rule all of whose conditions hold.
    #[test]
    fn explaining_agrees_with_deciding(
        rules in proptest::collection::vec(any_rule(), 0..6),
        host in "[ab]\\.[Aa]",
        target in "/[a%]{0,2}[61]{0,2}/?b?",
        status in 198..206_u16,
        media_type in "(a/b)?(\\+c)?",
    ) {
        let config = PolicyConfig { rule: rules, ..PolicyConfig::default() };
        let config = AuditConfig { policy: config, ..AuditConfig::default() };
        let policy = Arc::new(Policy::new(&config, tokens(), observer()).unwrap());
        let request = request("GET", target.as_bytes(), format!("Host: {host}").as_bytes());
        let answer = response(status, format!("Content-Type: {media_type}").as_bytes());
        let (exchange, origin) = (exchange(Some(request), Some(answer)), tcp());
        let told = policy.explain(&Facts::of(&exchange, &origin));
        let first = told.iter().position(|(_, list)| list.iter().all(|(_, holds)| *holds));
        let decision = policy.decide(&exchange, &origin);
        prop_assert_eq!(decision.rule(), first.map(|index| index as u32));
        let level = first.map_or(config.policy.default, |index| told[index].0);
        prop_assert_eq!(decision.level(), level);
        for (rule, (level, list)) in config.policy.rule.iter().zip(&told) {
            let given = serde_json::to_value(rule).unwrap().as_object().unwrap().len() - 1;
            prop_assert_eq!((rule.level, given), (*level, list.len()));
        }
    }
}

fn any_rule() -> impl Strategy<Value = RuleConfig> {
    let some = |list: &'static [&'static str]| {
        proptest::option::weighted(0.3, proptest::sample::select(list))
    };
    (
        some(&["GET", "PUT"]),
        some(&["/**", "/a*", "/*/b"]),
        some(&["*.a", "b.*"]),
        some(&["2xx", "200", "204"]),
        some(&["a/*", "a/*+c"]),
        some(&["/usr/sbin/nginx", "/bin/x"]),
        some(&["33", "www-data", "root"]),
        proptest::option::weighted(0.3, 8_080..8_082_u16),
    )
        .prop_map(|(method, path, host, status, media_type, executable, user, port)| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let list = |one: Option<&str>| one.into_iter().map(str::to_owned).collect();
            RuleConfig {
                level: port.map_or(Level::Request, |_| Level::None),
                method: list(method),
                path: text(path),
                host: text(host),
                port,
                status: list(status),
                media_type: text(media_type),
                executable: text(executable),
                user: text(user),
                ..RuleConfig::default()
            }
        })
}

#[test]
fn none_records_nothing() {
    let exchange = exchange(Some(request("GET", b"/", b"")), None);
    assert_eq!(encoded(&with_rules("default = \"none\""), &exchange, &tcp()), None);
}

#[test]
fn the_digest_changes_with_what_is_recorded_only() {
    let digest = |header_allow: &[&str]| {
        let header_allow = header_allow.iter().map(|name| (*name).to_owned()).collect();
        let redaction = RedactionConfig { header_allow, ..RedactionConfig::default() };
        let config = AuditConfig { redaction, ..AuditConfig::default() };
        let policy = Policy::new(&config, tokens(), observer()).unwrap();
        policy.digest().to_owned()
    };
    assert_eq!(digest(&["accept", "via"]), digest(&["Via", "accept", "via"]));
    assert_ne!(digest(&["accept"]), digest(&["via"]));
    assert!(digest(&[]).starts_with("sha256:") && digest(&[]).len() == 71);
    let trusting = |networks: &[&str]| {
        let trusted_proxies = networks.iter().map(|&network| network.to_owned()).collect();
        let identity = IdentityConfig { trusted_proxies, ..IdentityConfig::default() };
        let config = AuditConfig { identity, ..AuditConfig::default() };
        Policy::new(&config, tokens(), observer()).unwrap().digest().to_owned()
    };
    assert_ne!(trusting(&[]), trusting(&["10.0.0.0/8"]));
}

mod actions;
mod canary;
mod encrypted;
mod presets;
