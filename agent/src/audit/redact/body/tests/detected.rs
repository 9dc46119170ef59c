//! Values are kept unless something is found in them, or their name says otherwise.

use expect_test::expect;

use super::{check_detecting, content, detecting, show};
use crate::audit::redact::body::Content;

#[test]
fn values_of_json_are_kept_unless_something_is_found() {
    check_detecting(
        "application/json",
        r#"{"id":17,"name":"Alice","password":"x","mail":{"to":"y"},"note":"write to a@example.com",
            "card":"4111 1111 1111 1111","tags":["a","b c"],"a@example.com":1,"ok":true}"#,
        expect![[r#"
            {"id":17,"name":"Alice","password":"***","mail":{"to":"y"},"note":"***",
                        "card":"***","tags":["a","b c"],"***":1,"ok":true}
            .password Secret Mask 1
            .note Email Mask 1
            .card PaymentCard Mask 1
             Email Mask 1"#]],
    );
}

#[test]
fn forms_and_text_are_kept_likewise() {
    check_detecting(
        "application/x-www-form-urlencoded",
        "id=17&name=Alice+B&pass%77ord=x&to=a%40example.com&empty=",
        expect![[r#"
            id=17&name=Alice+B&password=***&to=***&empty=
            .password Secret Mask 1
            .to Email Mask 1"#]],
    );
    check_detecting(
        "text/plain",
        "hello\nmail a@example.com now\npassword: x\n",
        expect![[r#"
            hello
            mail *** now
            password:***

             Email Mask 1
             Secret Mask 1"#]],
    );
    check_detecting(
        "application/xml",
        "<a><name>Alice</name><password>x</password></a>",
        expect![[r#"
            <a><name>Alice</name><password>***</password></a>
            .a.password Secret Mask 1"#]],
    );
}

#[test]
fn what_is_not_understood_is_still_hidden() {
    for media_type in ["application/octet-stream", "image/png", "nonsense", ""] {
        let kept = show(&content(media_type, b"hello"), &detecting());
        assert_eq!(kept, "nothing\n Unlisted Drop 1", "{media_type}");
    }
    let cut = Content { cut: true, ..content("application/json", b"{\"a\":\"b\",\"c\":\"d") };
    assert_eq!(show(&cut, &detecting()), "{\"a\":\"b\",\"c\": …");
}
