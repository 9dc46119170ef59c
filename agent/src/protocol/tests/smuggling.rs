//! Messages whose end two readers may see in different places.

use std::fmt::Write;

use expect_test::{Expect, expect};

use crate::protocol::tests::script::{check, parse, render, run};

/// A request with these fields, its body, a response and another exchange, in one line.
#[track_caller]
fn requests(cases: &[(&str, &str)], expected: Expect) {
    let mut text = String::new();
    for (fields, body) in cases {
        let script = format!(
            r"
            > POST /a HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n{body}
            < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
            > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
            < HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n
            "
        );
        let rendered = render(&run(&parse(&script), true, &Default::default()));
        let _ = writeln!(text, "{fields}\n{rendered}");
        check(&script, expect_of(&rendered));
    }
    expected.assert_eq(&text);
}

/// An expectation of a text that is not in the source.
fn expect_of(text: &str) -> Expect {
    Expect {
        position: expect![[""]].position,
        data: Box::leak(text.to_owned().into_boxed_str()),
        indent: false,
    }
}

#[test]
fn framing_of_requests() {
    requests(
        &[
            (r"Transfer-Encoding: chunked\r\nContent-Length: 3", r"0\r\n\r\n"),
            (r"Content-Length: 3\r\nTransfer-Encoding: chunked", r"0\r\n\r\n"),
            (r"Content-Length: 3\r\nContent-Length: 4", "abcd"),
            (r"Content-Length: 3\r\nContent-Length: 3", "abc"),
            ("Content-Length: 3, 3", "abc"),
            ("Content-Length: 3, 4", "abc"),
            ("Content-Length: +3", "abc"),
            ("Content-Length: ", "abc"),
            ("Content-Length: 99999999999999999999", "abc"),
            ("Transfer-Encoding: xchunked", r"0\r\n\r\n"),
            (r"Transfer-Encoding: \x0bchunked", r"0\r\n\r\n"),
            (r"Transfer-Encoding: chunked\x0b", r"0\r\n\r\n"),
            ("Transfer-Encoding : chunked", r"0\r\n\r\n"),
            (r"Transfer-Encoding:\r\n chunked", r"0\r\n\r\n"),
            (r"X: y\rTransfer-Encoding: chunked", r"0\r\n\r\n"),
            (r"\sTransfer-Encoding: chunked", r"0\r\n\r\n"),
            ("Transfer-Encoding: chunked, identity", r"0\r\n\r\n"),
            ("Transfer-Encoding: identity", r"0\r\n\r\n"),
            ("Transfer-Encoding: chunked, chunked", r"0\r\n\r\n"),
            (r"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", r"0\r\n\r\n"),
            (r"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", r"0\r\n\r\n"),
            (r"Transfer-Encoding: \tchunked", r"0\r\n\r\n"),
        ],
        expect![[r#"
            Transfer-Encoding: chunked\r\nContent-Length: 3
            POST /a 1.1 [3] 76+0/81 => 200 1.1 [1] 38+0/38 !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Content-Length: 3\r\nTransfer-Encoding: chunked
            POST /a 1.1 [3] 76+0/81 => 200 1.1 [1] 38+0/38 !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Content-Length: 3\r\nContent-Length: 4
            POST /a 1.1 [3] 67+?/71 Unknown => 200 1.1 [1] 38+0/38 !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Content-Length: 3\r\nContent-Length: 3
            POST /a 1.1 [3] 67+3/70 => 200 1.1 [1] 38+0/38 !repeated_content_length
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Content-Length: 3, 3
            POST /a 1.1 [2] 51+3/54 => 200 1.1 [1] 38+0/38 !repeated_content_length
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Content-Length: 3, 4
            POST /a 1.1 [2] 51+?/54 Unknown => 200 1.1 [1] 38+0/38 !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Content-Length: +3
            POST /a 1.1 [2] 49+?/52 Unknown => 200 1.1 [1] 38+0/38 !invalid_content_length
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Content-Length: 
            POST /a 1.1 [2] 47+?/50 Unknown => 200 1.1 [1] 38+0/38 !invalid_content_length
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Content-Length: 99999999999999999999
            POST /a 1.1 [2] 67+?/70 Unknown => 200 1.1 [1] 38+0/38 !invalid_content_length
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding: xchunked
            POST /a 1.1 [2] 58+?/63 Unknown => 200 1.1 [1] 38+0/38 !unknown_transfer_coding !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding: \x0bchunked
            POST /a 1.1 [1] 58+?/63 Unknown => 200 1.1 [1] 38+0/38 !invalid_field !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding: chunked\x0b
            POST /a 1.1 [1] 58+?/63 Unknown => 200 1.1 [1] 38+0/38 !invalid_field !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding : chunked
            POST /a 1.1 [2] 58+?/63 Unknown => 200 1.1 [1] 38+0/38 !space_before_colon !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding:\r\n chunked
            POST /a 1.1 [2] 59+?/64 Unknown => 200 1.1 [1] 38+0/38 !obs_fold !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            X: y\rTransfer-Encoding: chunked
            POST /a 1.1 [1] 62+?/67 Unknown => 200 1.1 [1] 38+0/38 !invalid_field !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            \sTransfer-Encoding: chunked
            POST /a 1.1 [1] 58+?/63 Unknown => 200 1.1 [1] 38+0/38 !obs_fold !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding: chunked, identity
            POST /a 1.1 [2] 67+?/72 Unknown => 200 1.1 [1] 38+0/38 !unknown_transfer_coding !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding: identity
            POST /a 1.1 [2] 58+?/63 Unknown => 200 1.1 [1] 38+0/38 !unknown_transfer_coding !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding: chunked, chunked
            POST /a 1.1 [2] 66+?/71 Unknown => 200 1.1 [1] 38+0/38 !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding: chunked\r\nTransfer-Encoding: x
            POST /a 1.1 [3] 79+?/84 Unknown => 200 1.1 [1] 38+0/38 !unknown_transfer_coding !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked
            POST /a 1.1 [3] 82+0/87 => 200 1.1 [1] 38+0/38 !unknown_transfer_coding !request_smuggling
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

            Transfer-Encoding: \tchunked
            POST /a 1.1 [2] 58+0/63 => 200 1.1 [1] 38+0/38
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

        "#]],
    );
}

#[test]
fn framing_of_responses() {
    let mut text = String::new();
    for (fields, body) in [
        (r"Transfer-Encoding: chunked\r\nContent-Length: 3", r"0\r\n\r\n"),
        (r"Content-Length: 3\r\nContent-Length: 4", "abcd"),
        ("Transfer-Encoding: gzip", "abcd"),
        ("Transfer-Encoding: xchunked", "abcd"),
        ("Content-Length: x", "abcd"),
    ] {
        let script = format!(
            r"
            > GET /a HTTP/1.1\r\nHost: h\r\n\r\n
            < HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}
            > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
            < HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n
            "
        );
        let rendered = render(&run(&parse(&script), true, &Default::default()));
        let _ = writeln!(text, "{fields}\n{rendered}");
        check(&script, expect_of(&rendered));
    }
    expect![[r#"
        Transfer-Encoding: chunked\r\nContent-Length: 3
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [2] 66+0/71 !request_smuggling
        GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

        Content-Length: 3\r\nContent-Length: 4
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [2] 57+?/61 Unknown !request_smuggling
        GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

        Transfer-Encoding: gzip
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 44+42/86 !unknown_transfer_coding
        GET /b 1.1 [1] 28+0/28 => -

        Transfer-Encoding: xchunked
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 48+?/52 Unknown !unknown_transfer_coding !request_smuggling
        GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

        Content-Length: x
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 38+?/42 Unknown !invalid_content_length
        GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38

    "#]].assert_eq(&text);
}

#[test]
fn chunked_in_http_1_0() {
    check(
        r"
        > POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n
        < HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n
        ",
        expect![[r#"
            POST /a 1.0 [1] 48+1/59 => 200 1.0 [1] 47+0/52 !transfer_encoding_in_http10 !request_smuggling
        "#]],
    );
}

#[test]
fn a_smuggled_request_is_never_paired_wrongly() {
    // The server reads two requests where the fields also allow one.
    check(
        r"
        > POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\nContent-Length: 3\r\n\r\nabcGET /evil HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            POST /a 1.1 [3] 68+?/102 Unknown => 200 1.1 [1] 38+0/38 !request_smuggling
            - (request unparsed) => 403 1.1 [1] 38+0/38
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38
        "#]],
    );
}
