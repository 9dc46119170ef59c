//! Multipart forms: parts stay, values go.

use expect_test::{Expect, expect};

use super::{KEY, content, detecting, rules, show};
use crate::audit::redact::action::Actions;
use crate::audit::redact::body::{Content, redact};
use crate::audit::redact::notes::Notes;
use crate::audit::testing::tokens;

const FORM: &str = "multipart/form-data; boundary=XX";

/// Lines of a text with the line ends of a form.
fn form(text: &str) -> String {
    text.replace('\n', "\r\n")
}

fn check_form(body: &str, expected: Expect) {
    let shown = show(&content(FORM, form(body).as_bytes()), &detecting());
    expected.assert_eq(&shown.replace("\r\n", "\n"));
}

#[test]
fn harmless_forms_stay_as_they_are() {
    let browser = "------WebKitFormBoundary7MA4YWxkTrZu0gW";
    let body = form(&format!(
        "{browser}\nContent-Disposition: form-data; name=\"comment\"\n\ntwo\nlines; 100%\n\
         {browser}\nContent-Disposition: form-data; name=\"user[size]\"\n\n\n\
         {browser}\nContent-Disposition: form-data; name=\"empty\"; filename=\"\"\nContent-Type: application/octet-stream\n\n\n\
         {browser}\nContent-Disposition: form-data; name=\"meta\"; filename=\"blob\"\nContent-Type: application/json\n\n{{\"a\": [1, \"b\"]}}\n\
         {browser}\nContent-Disposition: form-data; name=\"caf\u{e9}\"\nContent-Type: text/plain; charset=UTF-8\n\ncaf\u{e9}\n\
         {browser}--\n"
    ));
    let media = format!("multipart/form-data; boundary={}", &browser[2..]);
    assert_eq!(show(&content(&media, body.as_bytes()), &detecting()), body);
    assert_eq!(
        show(&content("multipart/form-data; boundary=\"XX\"", b"--XX--"), &detecting()),
        "--XX--"
    );
}

#[test]
fn values_are_judged_as_those_of_forms() {
    check_form(
        "--XX\nContent-Disposition: form-data; name=\"user[password]\"\n\nhunter2\n\
         --XX\nContent-Disposition: form-data; name=\"note\"\n\nwrite to\na@example.com\n\
         --XX\nContent-Disposition: form-data; name=\"a@example.com\"\n\n1\n\
         --XX\nContent-Disposition: form-data; name=\"code\"\n\n123456\n\
         --XX\nContent-Type: text/plain\nContent-Disposition: form-data; name=page\n\n2\n\
         --XX\nContent-Disposition: form-data\n\nx\n\
         --XX--\n",
        expect![[r#"
            --XX
            Content-Disposition: form-data; name="user[password]"

            ***
            --XX
            Content-Disposition: form-data; name="note"

            ***
            --XX
            Content-Disposition: form-data; name="***"

            1
            --XX
            Content-Disposition: form-data; name="code"

            ***
            --XX
            Content-Type: text/plain
            Content-Disposition: form-data; name="page"

            2
            --XX
            Content-Disposition: form-data

            x
            --XX--

            .user.password Secret Mask 1
            .note Email Mask 1
             Email Mask 1
            .code Secret Mask 1"#]],
    );
}

#[test]
fn parts_are_read_by_their_own_type() {
    check_form(
        "--XX\nContent-Disposition: form-data; name=\"user\"\nContent-Type: application/json\n\n\
         {\"name\": \"Alice\", \"pin\": 1}\n\
         --XX\nContent-Disposition: form-data; name=\"broken\"\nContent-Type: application/json\n\n{\"a\": \n\
         --XX\nContent-Disposition: form-data; name=\"token\"\nContent-Type: application/json\n\n{\"a\": 1}\n\
         --XX\nContent-Disposition: form-data; name=\"file\"; filename=\"a@example.com.txt\"\nContent-Type: text/plain\n\nhello\n\
         --XX\nContent-Disposition: form-data; name=\"page\"\nContent-Type: text/html\n\n<a>\n\
         --XX\nContent-Disposition: form-data; name=\"coded\"\nContent-Transfer-Encoding: base64\nX-Canary: x\n\naGVsbG8=\n\
         --XX--\n",
        expect![[r#"
            --XX
            Content-Disposition: form-data; name="user"
            Content-Type: application/json

            {"name": "Alice", "pin": "***"}
            --XX
            Content-Disposition: form-data; name="broken"
            Content-Type: application/json

            ***
            --XX
            Content-Disposition: form-data; name="token"
            Content-Type: application/json

            ***
            --XX
            Content-Disposition: form-data; name="file"; filename="***"
            Content-Type: text/plain

            *** (5 bytes)
            --XX
            Content-Disposition: form-data; name="page"
            Content-Type: text/html

            *** (3 bytes)
            --XX
            Content-Disposition: form-data; name="coded"
            Content-Transfer-Encoding: ***

            *** (8 bytes)
            --XX--

            .user.pin Secret Mask 1
            .token Secret Mask 1
            .file.filename Email Mask 1
            .broken Unlisted Mask 1
            .file Unlisted Drop 1
            .page Unlisted Drop 1
            .coded Unlisted Drop 2"#]],
    );
}

#[test]
fn of_files_there_is_a_keyed_digest() {
    let body = form(
        "--XX\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\n\n\u{0}\u{1}\n--XX--",
    );
    let actions = Actions::new(&toml::from_str("").unwrap(), tokens());
    let mut notes = Notes::new(&actions);
    let kept = redact(&content(FORM, body.as_bytes()), &detecting(), KEY, &mut notes).unwrap();
    let digest = tokens().token("body", b"\0\x01");
    let expected = format!("filename=\"a.bin\"\n\n*** (2 bytes, {digest})\n--XX--");
    assert!(kept.text.ends_with(&form(&expected)), "{}", kept.text);
}

#[test]
fn only_listed_names_are_kept_where_a_list_decides() {
    let body = "--XX\nContent-Disposition: form-data; name=\"status\"; filename=\"blob\"\nContent-Type: text/plain\n\nok\n\
         --XX\nContent-Disposition: form-data; name=\"name\"\n\nAlice\n\
         --XX\nContent-Disposition: form-data; name=\"user\"\nContent-Type: application/json\n\n{\"name\":\"Bob\",\"status\":\"x\"}\n\
         --XX--";
    let shown = show(&content(FORM, form(body).as_bytes()), &rules(&[]));
    expect![[r#"
        --XX
        Content-Disposition: form-data; name="status"; filename="blob"
        Content-Type: text/plain

        ok
        --XX
        Content-Disposition: form-data; name="name"

        ***
        --XX
        Content-Disposition: form-data; name="user"
        Content-Type: application/json

        {"name":"***","status":"x"}
        --XX--
        .name Unlisted Mask 1
        .user.name Unlisted Mask 1"#]]
    .assert_eq(&shown.replace("\r\n", "\n"));
}

#[test]
fn what_cannot_be_read_or_in_two_ways_has_no_value() {
    check_form(
        "before\n--XX\n\nheadless\n\
         --XX\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\n\ntwice\n\
         --XX\nContent-Disposition: form-data; name=\"c\"\n\nx --XX y\n\
         --XX\nContent-Disposition: form-data; name=\"d\"\n\ncut",
        expect![[r#"
            --XX

            ***
            --XX

            ***
            --XX
            Content-Disposition: form-data; name="c"

            ***
            --XX
            Content-Disposition: form-data; name="d"

            ***
             …
             Unlisted Drop 1
             Unlisted Mask 2
            .c Unlisted Mask 1
            .d Unlisted Mask 1"#]],
    );
    for media in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a;b\"",
        "multipart/mixed; boundary=XX",
    ] {
        let kept = show(&content(media, b"--XX\r\n\r\n1\r\n--XX--"), &detecting());
        assert_eq!(kept, "nothing\n Unlisted Drop 1", "{media}");
    }
}

#[test]
fn a_boundary_may_be_a_secret() {
    let key = "AKIAIOSFODNN7EXAMPLE";
    let body = format!(
        "--{key}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\n--***\r\n--{key}--"
    );
    let shown = show(
        &content(&format!("multipart/form-data; boundary={key}"), body.as_bytes()),
        &detecting(),
    );
    let expected =
        "--***\nContent-Disposition: form-data; name=\"a\"\n\n***\n--***--\n.a Unlisted Mask 1";
    assert_eq!(shown.replace("\r\n", "\n"), expected);
}

#[test]
fn a_cut_form_shows_whole_parts_only() {
    let body = form(
        "--XX\nContent-Disposition: form-data; name=\"a\"\n\nqx1\n\
         --XX\nContent-Disposition: form-data; name=\"b\"\n\nqx2\n--XX--\n",
    );
    for end in 0..body.len() {
        for cut in [true, false] {
            let content = Content { cut, ..content(FORM, &body.as_bytes()[..end]) };
            let mut notes = Notes::default();
            let Some(kept) = redact(&content, &detecting(), KEY, &mut notes) else { continue };
            let closed = end >= body.find("--XX--").unwrap() + "--XX--".len();
            assert_eq!(kept.truncated, cut || !closed, "{}", &body[..end]);
            for (value, delimiter) in [("qx1", "--XX\r\n"), ("qx2", "--XX--")] {
                let at = body.find(value).unwrap() + 5;
                let whole = body[..end].get(at..).is_some_and(|rest| rest.starts_with(delimiter));
                assert_eq!(kept.text.contains(value), whole, "{}", &body[..end]);
            }
        }
    }
}
