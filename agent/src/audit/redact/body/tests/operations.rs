//! Names of operations, and what is none.

use super::content;
use crate::audit::redact::body::{Content, Operations, operations};

fn show(operations: &Operations) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
    let batch = |batch: Option<u32>| batch.map_or(String::new(), |count| format!(" of {count}"));
    match (&operations.graphql, &operations.jsonrpc) {
        (None, None) => "none".into(),
        (Some(one), None) => format!("{} {}{}", one.kind.name(), text(&one.name), batch(one.batch)),
        (None, Some(one)) => format!(
            "{} {} {} {}{}",
            one.version,
            text(&one.method),
            text(&one.request_id),
            one.error_code.map_or("-".into(), |code| code.to_string()),
            batch(one.batch)
        ),
        _ => unreachable!("both"),
    }
}

fn check(media_type: &str, body: &str, expected: &str) {
    let content = content(media_type, body.as_bytes());
    assert_eq!(show(&operations(&content)), expected, "{body}");
}

#[test]
fn graphql_requests() {
    for (body, expected) in [
        (
            r#"{"query":"query GetUser($id: ID!) @live(a: 1) { user(id: $id) { name } }"}"#,
            "query GetUser",
        ),
        (r#"{"query":"{ me }","variables":{"a":[{}]}}"#, "query -"),
        (r#"{"query":"mutation {a}","operationName":null}"#, "mutation -"),
        (
            r#"{"operationName":"B","query":"query A {a} subscription B {b(x: \"}\")}"}"#,
            "subscription B",
        ),
        (
            r##"{"query":"# query C {c}\nfragment F on T { a } query A { ...F ...on T { b } }"}"##,
            "query A",
        ),
        (r#"{"query":"query A(\u0024a: S = \"\"\"x } \\\"\"\" y\"\"\") {a}"}"#, "query A"),
        (r#"[{"query":"query A {a}"},{"query":"{b}"}]"#, "query A of 2"),
        (r#"{"query":"query c4n4ry7Qx9 {a}"}"#, "query -"),
        (r#"{"query":"query A {a} query B {b}"}"#, "none"),
        (r#"{"query":"query A {a}","operationName":"B"}"#, "none"),
        (r#"{"query":"query A {a}","query":"query B {b}"}"#, "none"),
        (r#"{"query":"red shoes"}"#, "none"),
        (r#"{"query":"query"}"#, "none"),
        (r#"{"query":"mutation rates {in} virus"}"#, "none"),
        (r#"{"query":"{}"}"#, "none"),
        (r#"{"query":"query A {a"}"#, "none"),
        (r#"{"query":"query A {a]}"}"#, "none"),
        (r#"{"query":"query A {a(x: \"y)}"}"#, "none"),
        (r#"{"query":"fragment F on T {a}"}"#, "none"),
        (r#"{"query":{"match_all":{}}}"#, "none"),
        (r#"{"a":{"query":"{a}"}}"#, "none"),
        (r#"[{"query":"{a}"},1]"#, "none"),
        (r#"{"query":"{a}"} x"#, "none"),
        ("[]", "none"),
        ("", "none"),
    ] {
        check("application/json", body, expected);
    }
    check("application/graphql", "subscription OnEvent { e }", "subscription OnEvent");
    check("text/plain", r#"{"query":"{a}"}"#, "none");
}

#[test]
fn jsonrpc_calls_and_answers() {
    for (body, expected) in [
        (
            r#"{"jsonrpc":"2.0","method":"eth_getBlockByNumber","params":["x"],"id":7}"#,
            "2.0 eth_getBlockByNumber 7 -",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{}}"#,
            "2.0 textDocument/didOpen - -",
        ),
        (r#"{"jsonrpc":"2.0","id":"a-1","result":{"code":1}}"#, "2.0 - a-1 -"),
        (
            r#"{"jsonrpc":"2.0","error":{"data":{"code":5},"code":-32601,"message":"x"},"id":null}"#,
            "2.0 - - -32601",
        ),
        (
            r#"{"id":"f81d4fae-7dec-11d0-a765-00a0c91e6bf6","jsonrpc":"2.0","method":"a.b"}"#,
            "2.0 a.b f81d4fae-7dec-11d0-a765-00a0c91e6bf6 -",
        ),
        (
            r#"{"jsonrpc":"2.0","id":"somebody@example.com","method":"alice@example.com"}"#,
            "2.0 - - -",
        ),
        (r#"{"jsonrpc":"2.0","id":4111111111111111,"method":"c4n4ry-7Qx"}"#, "2.0 - - -"),
        (
            r#"[{"jsonrpc":"2.0","method":"a","id":1},{"jsonrpc":"2.0","method":"b","id":2}]"#,
            "2.0 a 1 - of 2",
        ),
        (r#"{"method":"echo","params":["a"],"id":1}"#, "1.0 echo 1 -"),
        (r#"{"method":"echo","params":["a"],"id":1,"x":2}"#, "none"),
        (r#"{"method":"echo","params":{},"id":1}"#, "none"),
        (r#"{"method":"card","params":["a"]}"#, "none"),
        (r#"{"jsonrpc":"1.0","method":"a","id":1,"x":2}"#, "none"),
        (r#"{"jsonrpc":2.0,"method":"a","id":1}"#, "none"),
        (r#"{"jsonrpc":"2.0","method":"a","method":"b","id":1}"#, "none"),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"a"}"#, "2.0 a - -"),
        (r#"{"jsonrpc":"2.0","id":"k3x9q","method":"a"}"#, "2.0 a - -"),
        (r#"{"jsonrpc":"2.0","id":1}"#, "none"),
        (r#"{"id":1,"result":2,"error":null}"#, "none"),
    ] {
        check("application/json", body, expected);
    }
}

#[test]
fn a_cut_body_tells_what_came_before_the_cut() {
    let whole =
        r#"[{"jsonrpc":"2.0","id":1,"method":"sendMessage","params":["x"]},{"jsonrpc":"2.0"}]"#;
    for end in 0..whole.len() {
        let content =
            Content { cut: true, ..content("application/json", &whole.as_bytes()[..end]) };
        let expected =
            if end > whole.find(",\"params").unwrap() - 1 { "2.0 sendMessage 1 -" } else { "none" };
        assert_eq!(show(&operations(&content)), expected, "{}", &whole[..end]);
    }
    let shape = br#"{"method":"echo","params":["a"],"id":1"#;
    let content = Content { cut: true, ..content("application/json", shape) };
    assert_eq!(show(&operations(&content)), "none");
}
