//! Tests of the filter: text and record in, yes or no or the error's text out.
//!
//! In: nothing. Out: nothing. Always: one `check`. Not here: anything else.

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn record() -> Value {
    json!({
        "seq": 42,
        "event": {"kind": "exchange"},
        "url": {"path": "/v1/users/7", "query": ""},
        "server": {"address": "10.0.0.4", "port": 8443},
        "http": {
            "request": {"method": "GET", "header": {"content-type": ["text/html", "x (y) 'z'"]}},
            "response": {"status_code": 503},
        },
        "identity": [{"kind": "jwt", "id": "alice"}, {"kind": "process"}],
        "k8s": {"labels": {"app.kubernetes.io/name": "api", "app": "shop"}},
        "capture": {"complete": true, "request": {"gaps": []}},
        "tls": {"resumed": false},
        "duration_ns": 1_834_112_u64,
        "large": u64::MAX,
        "ratio": 0.5,
        "nothing": null,
    })
}

fn check(expected: bool, filters: &[&str]) {
    for text in filters {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(filter.matches(&record()), expected, "{text}");
    }
}

fn check_error(text: &str, expected: Expect) {
    let error = Filter::parse(text).expect_err(text);
    expected.assert_eq(&error.to_string());
}

#[test]
fn comparisons() {
    check(
        true,
        &[
            "http.response.status_code = 503",
            "http.response.status_code == 503",
            "http.response.status_code=503",
            "http.response.status_code != 200",
            "http.response.status_code >= 500",
            "http.response.status_code <= 503",
            "http.response.status_code > 502.5",
            "http.response.status_code < 504",
            "http.response.status_code = \"503\"",
            "url.path = \"/v1/users/7\"",
            "url.path = '/v1/users/7'",
            "url.path = /v1/users/7",
            "http.request.method = GET",
            "url.query = ''",
            "capture.complete = true",
            "capture.complete = 'true'",
            "tls.resumed = false",
            "server.address = 10.0.0.4",
            "server.address < '10.0.0.5'",
            "large = 18446744073709551615 or large > 9223372036854775807",
            "ratio = 0.5",
            "ratio < 1",
            "ratio > -1",
        ],
    );
    check(
        false,
        &[
            "http.response.status_code = 200",
            "http.response.status_code != 503",
            "http.response.status_code > 503",
            "url.path = '/v1/users'",
            "url.path > 5",
            "capture.complete = false",
            "http.request.method = get",
            "http.response = 503",
        ],
    );
}

#[test]
fn a_missing_key_fails_every_comparison() {
    check(false, &["no.such = 1", "no.such < 1", "no.such >= 1", "no.such ~ ''", "no.such in [1]"]);
    check(true, &["no.such != 1", "no.such !~ ''", "no.such not in [1]", "not no.such = 1"]);
    check(false, &["url.path.more = 1", "seq.more", "exists url.path.more"]);
}

#[test]
fn existence() {
    check(true, &["url.path", "exists url.path", "exists tls.resumed", "exists nothing", "url"]);
    check(true, &["not exists no.such", "not no.such", "not tls.resumed", "not nothing"]);
    check(false, &["tls.resumed", "nothing", "no.such", "exists no.such"]);
    check(false, &["exists capture.request.gaps", "capture.request.gaps"]);
}

#[test]
fn patterns() {
    check(
        true,
        &[
            "url.path ~ '^/v1/'",
            "url.path ~ \"users\"",
            "url.path ~ users",
            "url.path ~ '/\\d+$'",
            "url.path !~ '^/v2/'",
            "http.response.status_code ~ '^5'",
            "http.request.header.content-type ~ '\\(y\\) \\'z\\''",
        ],
    );
    check(false, &["url.path ~ '^users'", "url.path !~ users", "http ~ '.'"]);
}

#[test]
fn lists_and_arrays() {
    check(
        true,
        &[
            "http.request.method in [GET, HEAD]",
            "http.response.status_code in [502,503 , 504]",
            "http.request.method not in ['PUT']",
            "http.request.header.content-type = 'text/html'",
            "identity.kind = jwt",
            "identity.kind = process",
            "identity.id",
            "k8s.labels.app = shop",
            "k8s.labels.app.kubernetes.io/name = api",
        ],
    );
    check(false, &["identity.kind = mtls", "identity.kind != jwt", "seq in [1, 2]"]);
}

#[test]
fn logic() {
    check(
        true,
        &[
            "seq = 42 and url.path",
            "seq = 1 or url.path",
            "seq = 42 or seq = 1 and seq = 2",
            "not seq = 1",
            "not not seq = 42",
            "not (seq = 1 or seq = 2)",
            "(seq = 1 or seq = 42) and ((url.path))",
            "NOT seq = 1 AND seq = 42",
            "  seq  =  42\tand\n url.path ",
            "seq = 42 and not tls.resumed",
        ],
    );
    check(false, &["(seq = 42 or seq = 1) and seq = 2", "not seq = 42", "not not not seq"]);
}

#[test]
fn amounts_with_units() {
    check(true, &["duration_ns > 1ms", "duration_ns < 2ms", "duration_ns < 1.9ms"]);
    check(true, &["duration_ns > 1834us", "duration_ns < 1s", "seq < 1KiB", "server.port > 8KiB"]);
    check(false, &["duration_ns > 1m", "duration_ns >= 2ms"]);
}

#[test]
fn words_of_the_language_may_begin_keys() {
    let filter = Filter::parse("order = 1 and inner = 2 and not nothing and android").unwrap();
    assert!(filter.matches(&json!({"order": 1, "inner": 2, "android": 1})));
}

#[test]
fn errors_show_the_place() {
    check_error(
        "seq >= ",
        expect![[r#"
        filter, column 8: expected a value
          seq >= 
                 ^"#]],
    );
    check_error(
        "seq = 1 seq = 2",
        expect![[r#"
        filter, column 9: expected an operator, `and`, `or` or the end
          seq = 1 seq = 2
                  ^"#]],
    );
    check_error(
        "seq = 1 and",
        expect![[r#"
        filter, column 12: expected a key, `not`, `exists` or `(`
          seq = 1 and
                     ^"#]],
    );
    check_error(
        "(seq = 1",
        expect![[r#"
        filter, column 9: expected `)`, `and` or `or`
          (seq = 1
                  ^"#]],
    );
    check_error(
        "seq = 1)",
        expect![[r#"
        filter, column 8: expected an operator, `and`, `or` or the end
          seq = 1)
                 ^"#]],
    );
    check_error(
        "url.path ~ '[a'",
        expect![[r#"
        filter, column 12: regular expression: unclosed character class
          url.path ~ '[a'
                     ^"#]],
    );
    check_error(
        "url.path = '/v1",
        expect![[r#"
        filter, column 16: expected the closing quote
          url.path = '/v1
                         ^"#]],
    );
    check_error(
        "seq in 5",
        expect![[r#"
        filter, column 8: expected `[`
          seq in 5
                 ^"#]],
    );
    check_error(
        "seq in [5 6]",
        expect![[r#"
        filter, column 11: expected `,` or `]`
          seq in [5 6]
                    ^"#]],
    );
    check_error(
        "seq in []",
        expect![[r#"
        filter, column 9: expected a value
          seq in []
                  ^"#]],
    );
    check_error(
        "seq = 5x",
        expect![[r#"
        filter, column 7: `5x` is not a number; put text in quotes
          seq = 5x
                ^"#]],
    );
    check_error(
        "seq ! 5",
        expect![[r#"
        filter, column 5: expected an operator, `and`, `or` or the end
          seq ! 5
              ^"#]],
    );
    check_error(
        "= 5",
        expect![[r#"
        filter, column 1: expected a key, `not`, `exists` or `(`
          = 5
          ^"#]],
    );
    check_error(
        "exists",
        expect![[r#"
        filter, column 7: expected a key
          exists
                ^"#]],
    );
    check_error(
        "not",
        expect![[r#"
        filter, column 4: expected a key, `not`, `exists` or `(`
          not
             ^"#]],
    );
    check_error(
        "é = 1 and\u{1b} = 2",
        expect![[r#"
        filter, column 10: expected a key, `not`, `exists` or `(`
          é = 1 and  = 2
                   ^"#]],
    );
}

#[test]
fn an_empty_filter_is_none() {
    for text in ["", " "] {
        let error = Filter::parse(text).unwrap_err();
        assert_eq!(error.column, text.len() + 1);
        assert_eq!(error.message, "expected a key, `not`, `exists` or `(`");
    }
}

#[test]
fn depth_is_bounded() {
    let deep = format!("{}seq{}", "(".repeat(100_000), ")".repeat(100_000));
    let error = Filter::parse(&deep).unwrap_err();
    assert_eq!(error.column, 65);
    let nots = format!("{}seq", "not ".repeat(100_000));
    assert!(Filter::parse(&nots).unwrap().matches(&record()));
}
