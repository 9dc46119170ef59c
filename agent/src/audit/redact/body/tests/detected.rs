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
fn tables_are_judged_by_their_columns() {
    check_detecting(
        "text/csv; charset=utf-8",
        "id,password,note\n1,hunter2,\"a \"\"b\"\", c\"\n2,x,call bob@example.com\n3,,\n",
        expect![[r#"
            id,password,note
            1,***,"a ""b"", c"
            2,***,***
            3,,

            .password Secret Mask 2
            .note Email Mask 1"#]],
    );
    let crlf = content("text/csv", b"id,pin\r\n1,1234\r\n");
    assert!(show(&crlf, &detecting()).starts_with("id,pin\r\n1,***\r\n"));
    // Semicolons, and a line in which nobody can tell what is what.
    check_detecting(
        "text/csv",
        "name;pin;card\nAlice;1234;4111111111111111\nBob;x;secret;y\n",
        expect![[r#"
            name;pin;card
            Alice;***;***
            ***;***;***;***

            .pin Secret Mask 1
            .card PaymentCard Mask 1
             Secret Mask 4"#]],
    );
    check_detecting(
        "text/tab-separated-values",
        "a\tb\n1\t2\n",
        expect![[r#"
        a	b
        1	2
    "#]],
    );
    // Values without names are looked at all the same.
    check_detecting(
        "text/csv",
        "bob@example.com,1\n4111111111111111,2",
        expect![[r#"
        ***,1
        ***,2

         Email Mask 1
        .*** PaymentCard Mask 1"#]],
    );
    let cut = Content { cut: true, ..content("text/csv", b"a,b\n1,2\n3,411111") };
    expect![[r#"
        a,b
        1,2
         …"#]]
    .assert_eq(&show(&cut, &detecting()));
    let odd = content("text/csv", b"a,b\n\xff,2\n");
    expect![[r#"
        nothing
         Unlisted Drop 1"#]]
    .assert_eq(&show(&odd, &detecting()));
}

#[test]
fn markup_and_sentences_name_secrets_as_well() {
    check_detecting(
        "text/html",
        "<input type=hidden name=csrf value=\"x\">\n<input name=page value=2>\n",
        expect![[r#"
            <input type=hidden name=csrf***
            <input name=page value=2>

             Secret Mask 1"#]],
    );
    check_detecting(
        "text/plain",
        "my password is: hunter2\nit is: fine\n",
        expect![[r#"
        my password is:***
        it is: fine

         Secret Mask 1"#]],
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
