//! Bodies and their ends.

use expect_test::{Expect, expect};

use crate::protocol::tests::script::check;

#[test]
fn a_plain_exchange() {
    check(
        r"
        > GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX:  y \r\n\r\nhello
        ",
        expect![[r#"
            GET /a?b=c 1.1 [1] 32+0/32 => 200 1.1 [2] 46+5/51
        "#]],
    );
}

#[test]
fn keep_alive() {
    check(
        r"
        > GET /a HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello
        > POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc
        < HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n
        > \r\n\r\nDELETE /c HTTP/1.0\r\n\r\n
        < HTTP/1.0 204 No Content\r\n\r\n
        ",
        expect![[r#"
            GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 38+5/43
            POST /b 1.1 [2] 48+3/51 => 404 1.1 [1] 45+0/45
            DELETE /c 1.0 [0] 22+0/22 => 204 1.0 [0] 27+0/27
        "#]],
    );
}

#[test]
fn any_method_and_target_form() {
    check(
        r"
        > PROPFIND http://h/a HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 207 Multi-Status\r\nContent-Length: 1\r\n\r\nx
        > OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        > my-own~method /c HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 405 \r\nContent-Length: 0\r\n\r\n
        > QUERY /d HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab
        < HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            PROPFIND http://h/a 1.1 [1] 41+0/41 => 207 1.1 [1] 48+1/49
            OPTIONS * 1.1 [1] 31+0/31 => 200 1.1 [1] 38+0/38
            my-own~method /c 1.1 [1] 38+0/38 => 405 1.1 [1] 36+0/36
            QUERY /d 1.1 [2] 49+2/51 => 299 1.1 [1] 35+0/35
        "#]],
    );
}

#[test]
fn responses_without_a_body() {
    check(
        r"
        > HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n
        > GET /c HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n
        > GET /d HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab
        ",
        expect![[r#"
            HEAD /a 1.1 [1] 29+0/29 => 200 1.1 [1] 41+0/41
            GET /b 1.1 [1] 28+0/28 => 304 1.1 [1] 51+0/51
            GET /c 1.1 [1] 28+0/28 => 204 1.1 [1] 55+0/55
            GET /d 1.1 [1] 28+0/28 => 200 1.1 [1] 38+2/40
        "#]],
    );
}

#[test]
fn interim_responses() {
    check(
        r"
        > POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n
        < HTTP/1.1 100 Continue\r\n\r\n
        > abc
        < HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok
        ",
        expect![[r#"
            POST /a 1.1 [3] 70+3/73 => 100, 103, 200 1.1 [1] 38+2/40
        "#]],
    );
}

#[test]
fn chunked() {
    check(
        r"
        > POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n
        < HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n00A;x=1;y=\x22z\x22\r\n0123456789\r\n1 ;q\r\nZ\r\n000\r\nTrailer: 1\r\nOther: 2\r\n\r\n
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\na\n0\n\n
        ",
        expect![[r#"
            POST /a 1.1 [2] 57+4/71 => 200 1.1 [1] 47+11/112
            GET /b 1.1 [1] 28+0/28 => 200 1.1 [1] 53+1/60 !unknown_transfer_coding !bare_lf
        "#]],
    );
}

#[test]
fn chunked_grammar_broken() {
    broken_at(
        r"g\r\n",
        expect![[r#"
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 47+?/94 Unknown !invalid_chunk
        GET /b 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
    "#]],
    );
    broken_at(
        r"\r\n",
        expect![[r#"
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 47+?/94 Unknown !invalid_chunk
        GET /b 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
    "#]],
    );
    broken_at(
        r"1\r\nab",
        expect![[r#"
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 47+?/94 Unknown !invalid_chunk
        GET /b 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
    "#]],
    );
    broken_at(
        r"-1\r\n",
        expect![[r#"
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 47+?/94 Unknown !invalid_chunk
        GET /b 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
    "#]],
    );
    broken_at(
        r"1\rx",
        expect![[r#"
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 47+?/94 Unknown !invalid_chunk
        GET /b 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
    "#]],
    );
    broken_at(
        r"1 1\r\n",
        expect![[r#"
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 47+?/94 Unknown !invalid_chunk
        GET /b 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
    "#]],
    );
    broken_at(
        r"fffffffffffffffff\r\n",
        expect![[r#"
        GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 47+?/94 Unknown !invalid_chunk
        GET /b 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
    "#]],
    );
}

#[track_caller]
fn broken_at(body: &str, expected: Expect) {
    let escapes = body.matches('\\').count();
    let pad = "y".repeat(40 + escapes - body.len());
    let head = r"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(
        &format!(
            r"
            > GET /a HTTP/1.1\r\nHost: h\r\n\r\n
            < {head}2\r\nab\r\n{body}{pad}
            > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
            < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
            "
        ),
        expected,
    );
}

#[test]
fn delimited_by_the_end() {
    check(
        r"
        > GET /a HTTP/1.0\r\n\r\n
        >end
        < HTTP/1.0 200 OK\r\n\r\nsome
        < bytes
        <end
        ",
        expect![[r#"
            GET /a 1.0 [0] 19+0/19 => 200 1.0 [0] 19+9/28
        "#]],
    );
}

#[test]
fn truncated_and_aborted() {
    check(
        r"
        > GET /a HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell
        ",
        expect![[r#"
            GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 39+4/43 Truncated !response_truncated
        "#]],
    );
    check(
        r"
        > POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc
        ",
        expect![[r#"
            POST /a 1.1 [2] 49+3/52 Truncated => - !request_truncated
        "#]],
    );
    check(
        r"
        > GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHo
        < HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc
        ",
        expect![[r#"
            GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 47+3/53 Truncated !response_truncated
            GET /b 1.1 [0] 19+?/19 Truncated => - !request_truncated
        "#]],
    );
    check(
        r"
        > GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b
        < HTTP/1.1 200 OK\r\nContent-Le
        ",
        expect![[r#"
            loss unparsed 6 exchanges 1
            GET /a 1.1 [1] 28+0/28 => 200 1.1 [0] 27+?/27 Truncated !response_truncated
        "#]],
    );
}

#[test]
fn early_response() {
    check(
        r"
        > POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc
        < HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno
        > defghij
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            POST /a 1.1 [2] 49+10/59 => 413 1.1 [1] 45+2/47 !early_response
            GET /b 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
        "#]],
    );
    check(
        r"
        > POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc
        < HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno
        ",
        expect![[r#"
            POST /a 1.1 [2] 49+3/52 Truncated => 413 1.1 [1] 45+2/47 !early_response !request_truncated
        "#]],
    );
}

#[test]
fn the_agent_stops() {
    check(
        r"
        > GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell
        stop
        ",
        expect![[r#"
            GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 39+4/43 Unfinished
            GET /b 1.1 [1] 28+0/28 => - (response agent_stop)
        "#]],
    );
}
