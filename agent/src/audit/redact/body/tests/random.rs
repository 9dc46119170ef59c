//! Bytes by chance: nothing fails, and the grammar is that of everybody else.

use proptest::prelude::*;
use proptest::sample::select;

use super::{KEY, rules};
use crate::audit::redact::body::{Content, Kept, operations, redact};
use crate::audit::redact::notes::Notes;
use crate::cases::cases;

const MEDIA_TYPES: [&str; 11] = [
    "application/json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "text/plain",
    "text/html; charset=shift_jis",
    "application/json; charset=utf-16",
    "application/octet-stream",
    "application/graphql",
    "multipart/form-data",
    "multipart/form-data; boundary=XX",
    "application/xml",
];

/// Allows nothing, names, or everything.
const ALLOWED: [&[&str]; 3] = [
    &[],
    &["a", "message"],
    &[
        "text/*",
        "application/json",
        "application/octet-stream",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "application/x-ndjson",
    ],
];

fn look(bytes: &[u8], cut: bool) {
    for media_type in MEDIA_TYPES {
        for allowed in ALLOWED {
            let mut notes = Notes::default();
            let content = Content { media_type: Some(media_type.as_bytes()), bytes, cut };
            let kept = redact(&content, &rules(allowed), KEY, &mut notes);
            let _ = operations(&content);
            let Some(Kept { text, truncated, .. }) = kept else { continue };
            let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
            assert!(!text.contains(odd), "{text:?}");
            assert!(!cut || truncated);
            assert!(text.len() <= bytes.len() * 6 + 16, "{} of {}", text.len(), bytes.len());
        }
    }
}

/// Pieces of bodies.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"status\":",
        "\"password\":",
        "1",
        "-",
        "0.5",
        "e9",
        "true",
        "null",
        " ",
        "\n",
        "\\u00",
        "\\ud83d",
        "\\",
        "=",
        "&",
        "%5B",
        "[a]",
        "a@b.cc",
        "token=",
        "\u{e9}",
        "-----BEGIN",
        "-----END",
        "<pin>",
        "</pin>",
        "query",
        "A",
        "(",
        ")",
        "@",
        "#",
        "\"\"\"",
        "...",
        "\"query\":\"{a}\"",
        "\"jsonrpc\":\"2.0\"",
        "\"method\":\"a\"",
        "4111111111111111",
        "eyJhbGciOiJub25lIn0",
        "\r\n",
        "--XX\r\n",
        "\r\n--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
        "Content-Type: application/json\r\n",
        "--XX--",
        "filename=\"b\"",
        "<a>",
        "</a>",
        "<a b='",
        "'>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "&lt;",
        "<?xml version='1.0'?>",
        "<!DOCTYPE a>",
    ]);
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut: bool) {
        look(&bytes, cut);
    }

    #[test]
    fn any_pieces_are_survived(bytes in pieces(), cut: bool) {
        look(&bytes, cut);
    }

}

proptest! {
    #![proptest_config(cases(2_000))]

    /// What is read to its end is JSON, and the other way round.
    #[test]
    fn the_grammar_is_that_of_serde_json(bytes in pieces()) {
        let content = Content { media_type: Some(b"application/json"), bytes: &bytes, cut: false };
        let kept = redact(&content, &rules(&[]), KEY, &mut Notes::default());
        let read = kept.is_some_and(|kept| !kept.truncated);
        let valid = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
        prop_assert_eq!(read, valid, "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn long_runs_take_little_time() {
    let bracketed = ["a", &"[a]".repeat(20_000), "=1"].concat();
    look(bracketed.as_bytes(), false);
    for piece in [
        "\r\n--XX",
        "\r\n--XX\r\n",
        "<a b='c' ",
        " b='c'",
        "<a>",
        "<!--",
        "&lt;",
        "[",
        "{\"a\":",
        "\"",
        "\\",
        "a=",
        "=",
        ":",
        "<",
        ">",
        "<a>",
        "@",
        "+",
        "1",
        "-----BEGIN",
        "eyJ",
        "a ",
        "pin=",
        "[a]",
        "%25",
    ] {
        look(piece.repeat(60_000 / piece.len()).as_bytes(), false);
    }
}
