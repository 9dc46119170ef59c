//! JSON: structure stays, values go.

use expect_test::{Expect, expect};

use super::{check, content, rules, show};
use crate::audit::redact::body::Content;

const JSON: &str = "application/json";

fn check_json(body: &str, expected: Expect) {
    check(JSON, body, &["message"], expected);
}

#[test]
fn only_values_under_allowed_names_are_kept() {
    check_json(
        r#" { "id": 17, "status": "active", "ok": true, "parent": null,
              "user": {"name": "Alice", "email": "a@example.com", "Version": 1.10, "roles": ["x", false]},
              "page": 2, "types": [], "meta": {}, "type": ["a", ["b", {"c": 1, "kind": "d"}]] } "#,
        expect![[r#"
             { "id": "***", "status": "active", "ok": true, "parent": null,
                          "user": {"name": "***", "email": "***", "Version": 1.10, "roles": ["***", false]},
                          "page": 2, "types": [], "meta": {}, "type": ["a", ["b", {"c": "***", "kind": "d"}]] }
            .user.email Personal Mask 1
            .id Unlisted Mask 1
            .user.name Unlisted Mask 1
            .user.roles Unlisted Mask 1
            .type.c Unlisted Mask 1"#]],
    );
}

#[test]
fn allowed_values_that_look_sensitive_are_hidden() {
    check_json(
        r#"{"status": "Bearer abcdefgh", "kind": 4111111111111111, "type": "a@example.com",
            "version": "x\u0040example.com", "message": "ok", "count": 12.50, "page": "\ud800",
            "size": "+49 151 1234567", "message": "password: x"}"#,
        expect![[r#"
            {"status": "***", "kind": "***", "type": "***",
                        "version": "***", "message": "ok", "count": 12.50, "page": "***",
                        "size": "***", "message": "***"}
            .status Credential Mask 1
            .kind PaymentCard Mask 1
            .type Email Mask 1
            .version Email Mask 1
            .size Phone Mask 1
            .message Secret Mask 1
            .page Unlisted Mask 1"#]],
    );
    let long = format!(r#"{{"status":"{}","kind":"{}"}}"#, "x".repeat(256), "x".repeat(257));
    let kept = show(&content(JSON, long.as_bytes()), &rules(&[]));
    assert!(kept.starts_with(r#"{"status":"xxx"#) && kept.contains(r#""kind":"***""#));
}

#[test]
fn what_a_secret_name_holds_is_hidden_at_every_depth() {
    check_json(
        r#"{"credentials": {"type": "x", "list": [{"version": 1}]}, "card": {"status": "s"},
            "tokens": ["a", "b"], "token_type": {"type": "x"}}"#,
        expect![[r#"
            {"credentials": {"type": "***", "list": [{"version": "***"}]}, "card": {"status": "***"},
                        "tokens": ["***", "***"], "token_type": {"type": "x"}}
            .credentials.type Secret Mask 1
            .credentials.list.version Secret Mask 1
            .card.status Personal Mask 1
            .tokens Secret Mask 2"#]],
    );
}

#[test]
fn names_that_are_data_are_hidden() {
    check_json(
        r#"{"alice@example.com": {"status": "s", "x": 1}, "4111111111111111": 1, "c4n4ry-7Qx": 2,
            "my password": {"type": "t"}, "first name": {"type": "t"}, "\u0061ge": 1, "age": 2,
            "": 3, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6": 4, "\ud800": 5}"#,
        expect![[r#"
            {"***": {"status": "s", "x": "***"}, "***": "***", "***": "***",
                        "***": {"type": "***"}, "***": {"type": "t"}, "\u0061ge": "***", "age": "***",
                        "***": "***", "***": "***", "***": "***"}
             Email Mask 1
             PaymentCard Mask 1
            .***.type Secret Mask 1
            .***.x Unlisted Mask 1
            .*** Unlisted Mask 11
            .age Unlisted Mask 2"#]],
    );
}

#[test]
fn values_without_a_name_are_hidden() {
    check_json(
        "\"hunter2\"",
        expect![[r#"
        "***"
         Unlisted Mask 1"#]],
    );
    check_json(
        "[1, [\"a\"], true]",
        expect![[r#"
            ["***", ["***"], true]
             Unlisted Mask 2"#]],
    );
    check_json("null", expect!["null"]);
}

#[test]
fn after_a_fault_nothing_is_written() {
    check_json(
        r#"{"status": "s", "x": "y", "type": 'z'}"#,
        expect![[r#"
            {"status": "s", "x": "***", "type": …
            .x Unlisted Mask 1"#]],
    );
    check_json(
        "{\"a\": 1} {\"status\": \"s\"}",
        expect![[r#"
            {"a": "***"} …
            .a Unlisted Mask 1"#]],
    );
    check_json(
        ")]}',\n{\"status\": 1}",
        expect![[r#"
        nothing
         Unlisted Drop 1"#]],
    );
    check_json(
        "<html>",
        expect![[r#"
        nothing
         Unlisted Drop 1"#]],
    );
    check_json("", expect!["nothing"]);
    let deep = [&"[".repeat(200)[..], "1", &"]".repeat(200)].concat();
    let kept = show(&content(JSON, deep.as_bytes()), &rules(&[]));
    assert_eq!(kept, format!("{} …", "[".repeat(128)));
}

#[test]
fn a_cut_token_is_not_shown() {
    for (body, text) in [
        (r#"{"status": "abc"#, r#"{"status": …"#),
        (r#"{"status": "abc""#, r#"{"status": "abc" …"#),
        (r#"{"count": 12"#, r#"{"count": …"#),
        (r#"{"count": 12,"#, r#"{"count": 12 …"#),
        (r#"{"status": "abc", "stat"#, r#"{"status": "abc" …"#),
        ("{}", "{} …"),
        ("[1", "[ …"),
    ] {
        let content = Content { cut: true, ..content(JSON, body.as_bytes()) };
        assert_eq!(show(&content, &rules(&[])), text);
    }
    let number = Content { cut: true, ..content(JSON, b"12") };
    assert!(show(&number, &rules(&[])).starts_with("nothing"));
}

#[test]
fn lines_are_read_each_by_itself() {
    check(
        "application/x-ndjson",
        "{\"status\":1}\r\n\n{\"a\":\n\u{1e}{\"status\": 2, \"b\": 3}\n[",
        &[],
        expect![[r#"
            {"status":1}
            {"a":
            {"status": 2, "b": "***"}
            [
             …
            .b Unlisted Mask 1"#]],
    );
}

#[test]
fn charsets_are_honoured() {
    let wide: Vec<u8> =
        "\u{feff}{\"status\":\"\u{e9}\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (media_type, bytes) in [
        (JSON, &wide[..]),
        (JSON, "\u{feff}{\"status\":\"\u{e9}\"}".as_bytes()),
        ("application/json; charset=ISO-8859-1", b"{\"status\":\"\xe9\"}"),
        ("application/problem+json; charset=\"UTF-8\"", "{\"status\":\"\u{e9}\"}".as_bytes()),
    ] {
        assert_eq!(show(&content(media_type, bytes), &rules(&[])), "{\"status\":\"\u{e9}\"}");
    }
    check(
        "application/json; charset=utf-7",
        "{}",
        &[],
        expect![[r#"
        nothing
         Unlisted Drop 1"#]],
    );
    let invalid = show(&content(JSON, b"{\"status\":\"\xff\",\"\xff\":1}"), &rules(&[]));
    assert!(invalid.starts_with(r#"{"status":"***","***":"***"}"#), "{invalid}");
}

#[test]
fn an_allowed_media_type_keeps_what_looks_harmless() {
    check(
        JSON,
        r#"{"name": "Alice", "first name": [1, "x"], "password": "x", "a@example.com": 1,
            "card": {"network": "visa"}, "note": "token=abc", "cookie": null}"#,
        &["application/json"],
        expect![[r#"
            {"name": "Alice", "first name": [1, "x"], "password": "***", "***": 1,
                        "card": {"network": "visa"}, "note": "***", "cookie": null}
            .password Secret Mask 1
             Email Mask 1
            .note Secret Mask 1"#]],
    );
}

#[test]
fn notes_are_bounded() {
    let fields: Vec<_> =
        ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("\"x{a}{b}o\":1"))).collect();
    let body = format!("{{{},\"password\":1,{}}}", fields.join(","), fields.join(","));
    let kept = show(&content(JSON, body.as_bytes()), &rules(&[]));
    assert!(kept.lines().count() <= 34, "{}", kept.lines().count());
    assert!(kept.contains("\n.password Secret Mask 1\n"), "what was found is named first");
    let names = kept.lines().next().unwrap().matches("\"***\":").count() as u64;
    let counts = kept.lines().skip(1).filter_map(|line| line.rsplit(' ').next());
    let counted: u64 = counts.map(|count| count.parse::<u64>().unwrap()).sum();
    assert_eq!(counted, 2 * fields.len() as u64 + 1 + names, "every value and name counts");
}
