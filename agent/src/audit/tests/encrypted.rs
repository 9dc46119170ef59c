//! What only an auditor can read.

use std::sync::Arc;

use regex::Regex;

use super::check_line;
use crate::audit::policy::Policy;
use crate::audit::record::Action;
use crate::audit::seal::{AuditorKey, VALUE_BYTES};
use crate::audit::testing::{encoded, exchange, observer, request, response, tcp, tokens};
use crate::config::Config;
use crate::protocol::content::Front;

fn policy(key: &AuditorKey) -> Arc<Policy> {
    let text = format!(
        "policy.default = 'request_response'\n[redaction]\nencrypt_to = '{}'\n\
         actions = {{ default = 'encrypt', payment_card = 'encrypt' }}\n",
        key.auditor().public()
    );
    let (config, _) = Config::parse("test", &text, []).unwrap_or_else(|e| panic!("{e}"));
    Arc::new(Policy::new(&config.audit(), tokens(), observer()).unwrap())
}

fn line(policy: &Arc<Policy>, target: &str, content: String) -> String {
    let fields = b"Authorization: Bearer c4n4ry-7Qx\nContent-Type: application/json";
    let mut request = request("POST", target.as_bytes(), fields);
    request.content = Some(Front { bytes: content.into_bytes().into(), is_cut: false });
    let exchange = exchange(Some(request), Some(response(200, b"")));
    let line = String::from_utf8(encoded(policy, &exchange, &tcp()).unwrap().line(0)).unwrap();
    check_line(&line);
    line
}

fn opened(key: &AuditorKey, line: &str) -> Vec<String> {
    let sealed = Regex::new("encrypt:[0-9a-f]{8}:[A-Za-z0-9_-]+").unwrap();
    let open = |found: regex::Match<'_>| {
        String::from_utf8(key.open(found.as_str()).unwrap().to_vec()).unwrap()
    };
    sealed.find_iter(line).map(open).collect()
}

/// How many values of the record something was done to.
fn done(line: &str, action: Action) -> u64 {
    let redactions = check_line(line).redactions;
    redactions.iter().filter(|one| one.action == action).map(|one| one.count).sum()
}

#[test]
fn an_auditor_reads_what_records_do_not_show() {
    let key = AuditorKey::generate();
    let content = r#"{"password":"hunter2 \u00fc","cards":["4111 1111 1111 1111"],"a":1}"#;
    let line = line(&policy(&key), "/pay?token=s%20cret&page=2", content.to_owned());
    for secret in ["hunter2", "4111 1111", "c4n4ry", "s%20cret", "s cret"] {
        assert!(!line.contains(secret), "{line}");
    }
    let mut values = opened(&key, &line);
    values.sort_unstable();
    let expected = ["4111 1111 1111 1111", "Bearer c4n4ry-7Qx", "hunter2 \u{fc}", "s cret"];
    assert_eq!(values, expected);
    assert_eq!(done(&line, Action::Encrypt), 4);
    assert!(line.contains(r#"\"a\":1"#) && line.contains("&page=2"), "{line}");
}

#[test]
fn long_values_are_dropped_and_many_are_masked() {
    let key = AuditorKey::generate();
    let policy = policy(&key);
    let long = format!(r#"{{"password":"{}"}}"#, "x y ".repeat(VALUE_BYTES / 4 + 1));
    let first = line(&policy, "/", long);
    assert!(first.contains(r#"{\"password\":null}"#), "{first}");
    assert_eq!(done(&first, Action::Drop), 1);

    let many: Vec<_> = (0..100).map(|number| format!("\"hunter{number}\"")).collect();
    let second = line(&policy, "/", format!(r#"{{"password":[{}]}}"#, many.join(",")));
    assert_eq!(opened(&key, &second).len(), 1 + 32);
    assert_eq!(done(&second, Action::Mask), 100 - 32);

    let query: Vec<_> = (0..100).map(|number| format!("token=hunter{number}")).collect();
    let third = line(&policy, &format!("/?{}", query.join("&")), "{}".to_owned());
    assert_eq!(opened(&key, &third).len(), 32);
    assert!(!third.contains("hunter"), "{third}");
}

#[test]
fn the_digest_covers_the_key() {
    let keys = [AuditorKey::generate(), AuditorKey::generate()];
    let [one, other] = keys.each_ref().map(|key| policy(key).digest().to_owned());
    assert_ne!(one, other);
    assert_eq!(policy(&keys[0]).digest(), one);
}
