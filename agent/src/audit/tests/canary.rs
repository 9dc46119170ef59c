//! Secrets planted in every place of an exchange: none may be in the line.
//!
//! In: exchanges with secrets. Out: nothing.
//! Always: the line is valid whatever a peer sent.
//! Not here: what is told about the secret (`redact`'s own tests).

use std::sync::Arc;

use proptest::prelude::*;

use super::check_line;
use crate::audit::config::AuditConfig;
use crate::audit::policy::Policy;
use crate::audit::redact::RedactionConfig;
use crate::audit::testing::{encoded, exchange, observer, policy, request, response, tcp, tokens};
use crate::audit::trace;
use crate::cases::cases;

/// Nothing of these may be in the line; `SECRET` stands for a text that no gate would know.
const SECRET: &str = "c4n4ry-7Qx";

fn line_of(target: &[u8], request_fields: &str, response_fields: &str, allow: &[&str]) -> String {
    let mut redaction = RedactionConfig::default();
    redaction.header_allow.extend(allow.iter().map(|name| (*name).to_owned()));
    let config = AuditConfig { redaction, ..AuditConfig::default() };
    let policy = Arc::new(Policy::new(&config, tokens(), observer()).unwrap());
    let exchange = exchange(
        Some(request("GET", target, request_fields.as_bytes())),
        Some(response(200, response_fields.as_bytes())),
    );
    let debug = format!("{exchange:?}");
    assert!(!debug.contains("c4n4ry"), "{debug}");
    String::from_utf8(encoded(&policy, &exchange, &tcp()).unwrap().line(1)).unwrap()
}

#[test]
fn canaries_in_headers_do_not_get_out_even_when_allowed() {
    let names = [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "Api-Key",
        "X-Auth-Token",
        "X-Amz-Security-Token",
        "X-CSRF-Token",
        "X-Acme-Secret",
        "X-My-Api-Key",
        "X-Session-Id",
        "Private-Token",
        "Cookie2",
        "AUTHENTICATION-INFO",
    ];
    for name in names {
        for value in [SECRET.to_owned(), format!("Bearer {SECRET}"), format!("a={SECRET}; b=1")] {
            let field = format!("Accept: */*\n{name}: {value}");
            let line = line_of(b"/", &field, &field, &[name]);
            assert!(!line.contains(SECRET), "{line}");
            let path = format!("http.request.header.{}\"", name.to_lowercase());
            assert!(line.contains(&path), "{name}: {line}");
        }
    }
    let line = line_of(b"/", &format!("X-Unknown: {SECRET}\nReferer: /{SECRET}"), "", &[]);
    assert!(!line.contains(SECRET));
    assert!(
        line.contains(
            r#"{"path":"http.request.header","type":"unlisted","action":"drop","count":2}"#
        )
    );
}

#[test]
fn canaries_in_values_of_allowed_headers_do_not_get_out() {
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjNG40cnkifQ.c4n4ry";
    for value in [
        format!("Bearer {SECRET}"),
        "basic YzRuNHJ5OmM0bjRyeQ== c4n4ry".to_owned(),
        jwt.to_owned(),
        format!("app/1 ({jwt})"),
        format!("https://bob:{SECRET}@host/"),
        format!("-----BEGIN PRIVATE KEY----- {SECRET}"),
        format!("for=1;secret={SECRET}"),
        "AKIAIOSFODNN7EXAMPLE c4n4ry".to_owned(),
        "4111 1111 1111 1111 c4n4ry".to_owned(),
    ] {
        for name in ["Accept", "User-Agent", "Origin", "Forwarded", "X-Request-Id", "Via"] {
            let field = format!("{name}: {value}");
            let line = line_of(b"/", &field, &field, &[]);
            assert!(!line.contains("c4n4ry"), "{line}");
            let actions = [r#""action":"mask""#, r#""action":"token""#];
            assert!(actions.iter().any(|action| line.contains(action)), "{line}");
        }
    }
}

#[test]
fn canaries_in_traces_ids_and_forwarding_do_not_get_out() {
    let forwarding = ["forwarded", "x-forwarded-for", "x-real-ip"];
    let values = [
        SECRET.to_owned(),
        format!("for={SECRET}"),
        format!("for=_{SECRET}, for=10.0.0.1"),
        format!("00-{SECRET}-00f067aa0ba902b7-01"),
        format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-{SECRET}"),
        format!("Root=1-67891233-abcdef012345678912345678;Sampled=1;Self={SECRET}"),
        "00-4bf92f3577b34da6a3ce929d0e0e4736-4111111111111111-01".to_owned(),
    ];
    let config = toml::from_str("trusted_proxies = [\"203.0.113.9\"]").unwrap();
    let redaction = RedactionConfig { header_allow: Vec::new(), ..RedactionConfig::default() };
    let config = AuditConfig { identity: config, redaction, ..AuditConfig::default() };
    let policy = Arc::new(Policy::new(&config, tokens(), observer()).unwrap());
    let names = trace::Name::ALL.iter().map(|(name, _)| *name).chain(forwarding);
    // An id of a request is what it is: nothing tells a word in it from a secret.
    for name in names.filter(|name| !name.ends_with("n-id") && *name != "x-request-id") {
        for value in &values {
            let fields = format!("{name}: {value}");
            let request = request("GET", b"/a", fields.as_bytes());
            let exchange = exchange(Some(request), Some(response(200, fields.as_bytes())));
            let line = encoded(&policy, &exchange, &tcp()).unwrap().line(1);
            let line = String::from_utf8(line).unwrap();
            check_line(&line);
            assert!(!line.contains(SECRET) && !line.contains("41111111"), "{name}: {line}");
        }
    }
}

#[test]
fn canaries_in_paths_do_not_become_routes() {
    for target in
        ["/a/bob:c4n4ry@host/b", "/reset/c4n4ry-7Qx9f86d081884c7d65", "/k/AKIAIOSFODNN7EXAMPLE"]
    {
        let line = line_of(target.as_bytes(), "", "", &[]);
        let record: serde_json::Value = serde_json::from_str(&line).unwrap();
        let route = record["http"]["route"].as_str().unwrap();
        assert!(
            route.contains("{id}") && !route.contains("c4n4ry") && !route.contains("AKIA"),
            "{route}"
        );
    }
}

#[test]
fn canaries_in_targets_do_not_get_out() {
    for target in [
        format!("http://bob:{SECRET}@host/a"),
        format!("http://{SECRET}@host/a"),
        format!("//bob:{SECRET}@host/a"),
        format!("/a/bob:{SECRET}@host"),
        format!("/a?token={SECRET}"),
        format!("/a?x=1&access_token={SECRET}&y=2"),
        format!("/a?x=1;password={SECRET}"),
        format!("/a?%70assword={SECRET}"),
        format!("/a?user%5Bpassword%5D={SECRET}"),
        format!("/a?next=https%3A%2F%2Fh%2F%3Ftoken%3D{SECRET}"),
        format!("/a?next=https%253A%252F%252Fh%252F%253Ftoken%253D{SECRET}"),
        format!("/a?q=%7B%22secret%22%3A%22{SECRET}%22%7D"),
        format!("/a?q=Bearer+{SECRET}"),
        "/a?q=eyJhbGciOiJub25lIn0.c4n4ry".to_owned(),
        "/a?eyJhbGciOiJub25lIn0.c4n4ry".to_owned(),
        format!("/a?q=http://u:{SECRET}@h/"),
        format!("/a#access_token={SECRET}"),
        format!("/a;jsessionid={SECRET}/b"),
        "/a/eyJhbGciOiJub25lIn0.c4n4ry".to_owned(),
        format!("/reset-password/{SECRET}-0123456789"),
        format!("/a?code={SECRET}&email={SECRET}&pin={SECRET}&card={SECRET}&ssn={SECRET}"),
    ] {
        let line = line_of(target.as_bytes(), "Host: h", "", &[]);
        assert!(!line.contains("c4n4ry"), "{target}: {line}");
        assert!(line.contains("\"redactions\""), "{target}: {line}");
    }
    let line = line_of(b"/a", &format!("Host: bob:{SECRET}@h"), "", &[]);
    assert!(!line.contains("c4n4ry") && !line.contains(r#""domain""#), "{line}");
    let line = line_of(b"/a", &format!("Host: {SECRET}@h"), "", &[]);
    assert!(!line.contains("c4n4ry") && !line.contains(r#""domain""#), "{line}");
}

proptest! {
    #![proptest_config(cases(256))]

    /// Whatever a peer sends, the line is valid, and credentials are not in it.
    #[test]
    fn any_bytes_give_a_valid_line(
        target in proptest::collection::vec(any::<u8>(), 0..80),
        value in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let value: Vec<u8> = value.into_iter().filter(|&byte| byte != b'\n').collect();
        let fields =
            [b"Via: ", &*value, b"\nUser-Agent: ", &*value, b"\nCookie: c4n4ry"].concat();
        let exchange = exchange(Some(request("GET", &target, &fields)), Some(response(200, &fields)));
        let line = encoded(&policy(), &exchange, &tcp()).unwrap().line(1);
        let line = String::from_utf8(line).unwrap();
        prop_assert!(!line.contains("c4n4ry"));
        prop_assert!(!line.chars().any(char::is_control));
        check_line(&line);
    }

    /// A parameter of a telling name is hidden wherever it stands and however it is encoded.
    #[test]
    fn telling_parameters_are_hidden(
        before in "[a-z=&;%20]{0,10}",
        name in "(access_token|apiKey|PASSWORD|client%5Fsecret|sig|%74oken)",
        after in "(&[a-z]{0,3}=[a-z]{0,3})?",
    ) {
        let target = format!("/a?{before}&{name}={SECRET}{after}");
        prop_assert!(!line_of(target.as_bytes(), "", "", &[]).contains(SECRET));
    }
}
