//! What stands in place of sensitive values in records as a whole.

use std::sync::Arc;

use super::check_line;
use crate::audit::config::AuditConfig;
use crate::audit::policy::Policy;
use crate::audit::redact::RedactionConfig;
use crate::audit::testing::{encoded, exchange, observer, request, response, tcp, tokens};
use crate::protocol::content::Front;

const REQUEST_RESPONSE: &str = "default = \"request_response\"";

fn policy(actions: &str) -> Arc<Policy> {
    let redaction =
        RedactionConfig { actions: toml::from_str(actions).unwrap(), ..RedactionConfig::default() };
    let policy = toml::from_str(REQUEST_RESPONSE).unwrap();
    let config = AuditConfig { redaction, policy, ..AuditConfig::default() };
    Arc::new(Policy::new(&config, tokens(), observer()).unwrap())
}

/// The record of a request with these fields and this content.
fn line(actions: &str, target: &str, fields: &str, content: Front) -> String {
    let mut request = request("POST", target.as_bytes(), fields.as_bytes());
    request.content = Some(content);
    let exchange = exchange(Some(request), Some(response(200, b"")));
    let line = encoded(&policy(actions), &exchange, &tcp()).unwrap().line(0);
    let line = String::from_utf8(line).unwrap();
    check_line(&line);
    line
}

fn whole(content: &[u8]) -> Front {
    Front { bytes: content.to_vec().into(), is_cut: false }
}

#[test]
fn a_value_has_the_same_token_wherever_it_is() {
    let key = "AKIAIOSFODNN7EXAMPLE";
    let token = tokens().token("api_key", key.as_bytes());
    let fields = format!("User-Agent: {key}\nContent-Type: application/json\nCookie: c4n4ry");
    let content = whole(format!("[{key:?}]").as_bytes());
    let target = format!("/a/{key}?x={key}&y=%41{}", &key[1..]);
    let line = line("api_key = \"token\"", &target, &fields, content);
    assert!(!line.contains(key) && !line.contains("c4n4ry"), "{line}");
    for place in [
        format!("\"path\":\"/a/{token}\""),
        format!("\"query\":\"x={token}&y={token}\""),
        format!("\"original\":\"{token}\""),
        format!("\"content\":\"[\\\"{token}\\\"]\""),
        "\"type\":\"api_key\",\"action\":\"token\"".to_owned(),
    ] {
        assert!(line.contains(&place), "{place}\n{line}");
    }
}

#[test]
fn content_that_is_not_kept_has_a_digest_if_it_is_all_there() {
    let content = b"\x00\x01c4n4ry";
    let digest = format!("\"digest\":\"{}\"", tokens().token("body", content));
    for fields in ["Content-Type: image/png", "Content-Encoding: secret", ""] {
        let line = line("", "/", fields, whole(content));
        assert!(line.contains(&digest) && !line.contains("c4n4ry"), "{line}");
    }
    let cut = Front { bytes: content.to_vec().into(), is_cut: true };
    assert!(!line("", "/", "Content-Type: image/png", cut).contains("\"digest\":\"hmac"));
    let kept = line("", "/", "Content-Type: application/json", whole(b"{\"a\":1}"));
    assert!(!kept.contains("\"digest\":\"hmac"), "{kept}");
}

#[test]
fn credentials_are_dropped_or_tokens() {
    for (actions, action) in
        [("", "drop"), ("credential = \"mask\"", "drop"), ("credential = \"token\"", "token")]
    {
        let line = line(actions, "/", "Authorization: Bearer c4n4ry-7Qx", whole(b""));
        assert!(!line.contains("c4n4ry"), "{line}");
        let note = format!(
            r#"{{"path":"http.request.header.authorization","type":"credential","action":"{action}","count":1}}"#
        );
        assert!(line.contains(&note), "{line}");
    }
}

#[test]
fn the_digest_of_the_policy_covers_actions() {
    let digest = |actions| policy(actions).digest().to_owned();
    assert_eq!(digest(""), digest("payment_card = \"partial\""));
    assert_ne!(digest(""), digest("payment_card = \"mask\""));
    assert_ne!(digest(""), digest("secret = \"token\""));
}
