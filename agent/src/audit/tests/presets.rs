//! What records hold under each preset.

use std::sync::Arc;

use expect_test::{Expect, expect};

use super::check_line;
use crate::audit::policy::Policy;
use crate::audit::testing::{encoded, exchange, observer, request, response, tcp, tokens};
use crate::config::Config;
use crate::protocol::content::Front;

const BODY: &str = r#"{"card":"4111 1111 1111 1111","cvv":"123","pan":4111111111111111,"email":"alice@mail.example","patient":{"name":"Alice Doe","mrn":"00123456","diagnosis":"E11.9"},"status":"ok","key":"AKIAIOSFODNN7EXAMPLE"}"#;

fn policy(preset: &str, more: &str) -> Arc<Policy> {
    let text = format!("policy.preset = {preset:?}\n{more}");
    let (config, _) = Config::parse("test", &text, []).unwrap_or_else(|e| panic!("{e}"));
    Arc::new(Policy::new(&config.audit(), tokens(), observer()).unwrap())
}

fn line(policy: &Arc<Policy>) -> String {
    let fields = b"Host: a.example\nUser-Agent: curl/8\nX-Real-IP: 203.0.113.9\n\
                   Authorization: Basic YWxpY2U6Yw==\nContent-Type: application/json";
    let target = b"/v1/pay?card=4111111111111111&email=alice@mail.example&page=2";
    let mut request = request("POST", target, fields);
    request.content = Some(Front { bytes: BODY.as_bytes().to_vec().into(), is_cut: false });
    let exchange = exchange(Some(request), Some(response(200, b"")));
    let line = encoded(policy, &exchange, &tcp()).unwrap().line(0);
    String::from_utf8(line).unwrap()
}

/// Query, fields, content and principal.
fn shown(line: &str) -> String {
    let record = check_line(line);
    let (http, url) = (record.http.unwrap(), record.url.unwrap());
    let request = http.request.unwrap();
    let header = serde_json::to_string(&request.header).unwrap();
    let content = request.body.and_then(|body| body.content).unwrap_or_default();
    let principal = serde_json::to_string(&record.principal).unwrap();
    format!("{}\n{header}\n{content}\n{principal}\n", url.query.unwrap())
}

fn check(preset: &str, more: &str, expected: Expect) {
    let line = line(&policy(preset, more));
    for secret in ["4111111111111111", "4111 1111", "alice@mail", "\"123\"", "YWxpY2U6Yw", "AKIA"] {
        assert!(!line.contains(secret), "{preset}: {secret}\n{line}");
    }
    expected.assert_eq(&shown(&line));
}

#[test]
fn payment_cards() {
    check(
        "pci",
        "",
        expect![[r#"
        card=***&email=***&page=2
        {"host":["a.example"],"user-agent":["curl/8"],"x-real-ip":["203.0.113.9"],"content-type":["application/json"]}

        {"kind":"basic","id":"alice","verified":"unverified","accepted":true}
    "#]],
    );
    check(
        "pci",
        "policy.default = 'request_response'",
        expect![[r#"
        card=***&email=***&page=2
        {"host":["a.example"],"user-agent":["curl/8"],"x-real-ip":["203.0.113.9"],"content-type":["application/json"]}
        {"card":"***","***":null,"pan":"***","email":"***","patient":{"name":"***","mrn":"***","diagnosis":"***"},"status":"ok","key":null}
        {"kind":"basic","id":"alice","verified":"unverified","accepted":true}
    "#]],
    );
    let detected = "policy.default = 'request_response'\nredaction.body_values = 'detected'";
    check(
        "pci",
        detected,
        expect![[r#"
        card=***&email=***&page=2
        {"host":["a.example"],"user-agent":["curl/8"],"x-real-ip":["203.0.113.9"],"content-type":["application/json"]}
        {"card":"411111******1111","cvv":null,"pan":"411111******1111","email":"***","patient":{"name":"Alice Doe","mrn":"00123456","diagnosis":"E11.9"},"status":"ok","key":"hmac:k1:0GWDOK_M7btLMZWBqYDNhA"}
        {"kind":"basic","id":"alice","verified":"unverified","accepted":true}
    "#]],
    );
}

#[test]
fn health_information() {
    check(
        "hipaa",
        "",
        expect![[r#"
        card=***&email=***&page=2
        {"host":["a.example"],"user-agent":["curl/8"],"x-real-ip":["203.0.113.9"],"content-type":["application/json"]}

        {"kind":"basic","id":"alice","verified":"unverified","accepted":true}
    "#]],
    );
    check(
        "hipaa",
        "policy.default = 'request_response'",
        expect![[r#"
        card=***&email=***&page=2
        {"host":["a.example"],"user-agent":["curl/8"],"x-real-ip":["203.0.113.9"],"content-type":["application/json"]}
        {"card":"***","***":null,"pan":"***","email":"***","patient":{"name":"***","mrn":"***","diagnosis":"***"},"status":"ok","key":null}
        {"kind":"basic","id":"alice","verified":"unverified","accepted":true}
    "#]],
    );
}

#[test]
fn personal_data() {
    check(
        "gdpr-minimal",
        "",
        expect![[r#"
        card=&email=&page=2
        {"host":["a.example"],"content-type":["application/json"]}

        {"kind":"basic","id":"hmac:k1:VJKYiy63lloOfqnj9u8dBA","verified":"unverified","accepted":true}
    "#]],
    );
    check(
        "gdpr-minimal",
        "policy.default = 'request_response'",
        expect![[r#"
        card=&email=&page=2
        {"host":["a.example"],"content-type":["application/json"]}
        {"card":null,"***":null,"pan":null,"email":null,"patient":{"name":null,"mrn":null,"diagnosis":null},"status":"ok","key":null}
        {"kind":"basic","id":"hmac:k1:VJKYiy63lloOfqnj9u8dBA","verified":"unverified","accepted":true}
    "#]],
    );
}

/// The digest is over what holds, wherever it was written.
#[test]
fn the_digest_covers_what_a_preset_sets() {
    let digest = |preset: &str, more: &str| policy(preset, more).digest().to_owned();
    let default = super::policy().digest().to_owned();
    let all = ["pci", "hipaa", "gdpr-minimal"].map(|preset| digest(preset, ""));
    assert!(all.iter().all(|one| *one != default));
    assert!(all[0] != all[1] && all[1] != all[2]);
    assert_ne!(digest("pci", "redaction.body_values = 'detected'"), all[0]);
    assert_eq!(digest("pci", "redaction.body_values = 'listed'"), all[0]);
}
