//! Forms, text and binary content.

use expect_test::{Expect, expect};

use super::{check, content, rules, show};
use crate::audit::redact::body::Content;

fn check_form(body: &str, expected: Expect) {
    check("application/x-www-form-urlencoded", body, &[], expected);
}

#[test]
fn forms_keep_values_under_allowed_names() {
    check_form(
        "status=active&name=Alice&pass%77ord=x&page=2&empty=&user[Type]=a&user%5Bpin%5D=1&items[0][size]=3&items[][id]=7&a%40example.com=1&%FF=1",
        expect![[r#"
            status=active&name=***&password=***&page=2&empty=&user[Type]=a&user[pin]=***&items[0][size]=3&items[][id]=***&***=***&***=***
            .password Secret Mask 1
            .user.pin Secret Mask 1
             Email Mask 1
            .name Unlisted Mask 1
            .items.id Unlisted Mask 1
            .*** Unlisted Mask 2
             Unlisted Mask 1"#]],
    );
}

#[test]
fn forms_hide_what_is_no_value_of_a_name() {
    check_form(
        "hunter2",
        expect![[r#"
        ***
         Unlisted Mask 1"#]],
    );
    check_form(
        "{\"a\":\"b=c\"}",
        expect![[r#"
        ***=***
         Unlisted Mask 1
        .*** Unlisted Mask 1"#]],
    );
    check_form(
        "status=a;x=secret&type=%00&kind=a+b&size=1%2641&token[type]=x&count=a@example.com&a]b=1&a[b=2",
        expect![[r#"
            status=***&type=%00&kind=a+b&size=***&token[type]=***&count=***&***=***&***=***
            .token.type Secret Mask 1
            .count Email Mask 1
            .status Unlisted Mask 1
            .size Unlisted Mask 1
             Unlisted Mask 2
            .*** Unlisted Mask 2"#]],
    );
}

#[test]
fn a_cut_pair_has_no_value() {
    for (body, text) in [
        ("page=1&status=act", "page=1&status=*** …\n.status Unlisted Mask 1"),
        ("page=1&stat", "page=1 …"),
        ("page=1&status=", "page=1&status=*** …\n.status Unlisted Mask 1"),
        ("pag", "nothing\n Unlisted Drop 1"),
    ] {
        let content = content("application/x-www-form-urlencoded", body.as_bytes());
        assert_eq!(show(&Content { cut: true, ..content }, &rules(&[])), text);
    }
}

#[test]
fn other_media_types_are_kept_only_if_allowed() {
    for media_type in [
        "text/plain",
        "text/html",
        "application/xml",
        "application/octet-stream",
        "multipart/form-data; boundary=x",
        "nonsense",
        "",
    ] {
        let kept =
            show(&content(media_type, b"hello"), &rules(&["image/png", "multipart/form-data"]));
        assert_eq!(kept, "nothing\n Unlisted Drop 1", "{media_type}");
    }
    let unknown = Content { media_type: None, bytes: b"{}", cut: false };
    assert_eq!(show(&unknown, &rules(&[])), "nothing\n Unlisted Drop 1");
}

#[test]
fn allowed_text_is_kept_without_what_looks_sensitive() {
    check(
        "text/plain; charset=iso-8859-1",
        "hello\tworld\u{7}\nmail a@example.com now\npassword: hunter2 x\n\
         card 4111 1111 1111 1111 end\nx -----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nlast",
        &["text/*"],
        expect![[r#"
            hello	world�
            mail *** now
            password:***
            ***
            x ***
            last
             Email Mask 1
             Secret Mask 1
             PaymentCard Mask 1
             PrivateKey Mask 1"#]],
    );
    check(
        "text/plain",
        "a\nsecret:\n  hunter2\nb\n",
        &["text/plain"],
        expect![[r#"
            a
            secret:*** …
             Secret Mask 1"#]],
    );
}

#[test]
fn allowed_markup_is_kept_without_elements_that_hold_secrets() {
    check(
        "text/html",
        "<a>\n<u:password type=\"t\">hunter2<b/>\n</u:password>\n<name>Bob</name><x pin='1' y='2'/>\n<email>",
        &["text/html"],
        expect![[r#"
            <a>
            <u:password type="t">***</u:password>
            <name>Bob</name><x pin=*** y='2'/>
            <email>*** …
             Secret Mask 2
             Personal Mask 1"#]],
    );
}

#[test]
fn of_cut_text_the_last_line_goes() {
    for (body, text) in [("one\ntwo eyJhb", "one\n …"), ("eyJhb", "nothing\n Unlisted Drop 1")] {
        let content = Content { cut: true, ..content("text/plain", body.as_bytes()) };
        assert_eq!(show(&content, &rules(&["text/plain"])), text);
    }
}

#[test]
fn allowed_binary_content_is_kept_unless_it_holds_text_that_looks_sensitive() {
    let kept = |bytes: &[u8], cut| {
        let content = Content { cut, ..content("application/octet-stream", bytes) };
        show(&content, &rules(&["application/octet-stream"]))
    };
    assert_eq!(kept(b"\x00\xffPNG\x01", false), "base64 AP9QTkcB");
    assert_eq!(kept(b"\x00\xffAKIAIOSFOD", true), "base64 AP8= …");
    assert_eq!(kept(b"text", true), "nothing\n Unlisted Drop 1");
    assert_eq!(kept(b"\x00pin=1234\xff", false), "nothing\n Secret Drop 1");
    assert_eq!(kept(b"\xff\x01a\0@\0b\0.\0e\0x\0\x02", false), "nothing\n Email Drop 1");
}
