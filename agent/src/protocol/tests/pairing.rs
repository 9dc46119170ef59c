//! Which response belongs to which request.

use expect_test::expect;

use crate::model::limits::Limits;
use crate::protocol::tests::script::{check, check_late, check_with};

#[test]
fn ten_pipelined_requests_in_one_segment() {
    let requests: String =
        (0..10).map(|number| format!(r"GET /{number} HTTP/1.1\r\nHost: h\r\n\r\n")).collect();
    let responses: String = (0..10)
        .map(|number| {
            format!(r"HTTP/1.1 24{number} OK\r\nContent-Length: {number}\r\n\r\n{{{number}}}")
        })
        .collect();
    check(
        &format!("> {requests}\n< {responses}"),
        expect![[r#"
        GET /0 1.1 [1] 28+0/28 => 240 1.1 [1] 38+0/38
        GET /1 1.1 [1] 28+0/28 => 241 1.1 [1] 38+1/39
        GET /2 1.1 [1] 28+0/28 => 242 1.1 [1] 38+2/40
        GET /3 1.1 [1] 28+0/28 => 243 1.1 [1] 38+3/41
        GET /4 1.1 [1] 28+0/28 => 244 1.1 [1] 38+4/42
        GET /5 1.1 [1] 28+0/28 => 245 1.1 [1] 38+5/43
        GET /6 1.1 [1] 28+0/28 => 246 1.1 [1] 38+6/44
        GET /7 1.1 [1] 28+0/28 => 247 1.1 [1] 38+7/45
        GET /8 1.1 [1] 28+0/28 => 248 1.1 [1] 38+8/46
        GET /9 1.1 [1] 28+0/28 => 249 1.1 [1] 38+9/47
    "#]],
    );
    // And the other way round: the responses are seen first.
    check(
        &format!("< {responses}\n> {requests}"),
        expect![[r#"
        GET /0 1.1 [1] 28+0/28 => 240 1.1 [1] 38+0/38
        GET /1 1.1 [1] 28+0/28 => 241 1.1 [1] 38+1/39
        GET /2 1.1 [1] 28+0/28 => 242 1.1 [1] 38+2/40
        GET /3 1.1 [1] 28+0/28 => 243 1.1 [1] 38+3/41
        GET /4 1.1 [1] 28+0/28 => 244 1.1 [1] 38+4/42
        GET /5 1.1 [1] 28+0/28 => 245 1.1 [1] 38+5/43
        GET /6 1.1 [1] 28+0/28 => 246 1.1 [1] 38+6/44
        GET /7 1.1 [1] 28+0/28 => 247 1.1 [1] 38+7/45
        GET /8 1.1 [1] 28+0/28 => 248 1.1 [1] 38+8/46
        GET /9 1.1 [1] 28+0/28 => 249 1.1 [1] 38+9/47
    "#]],
    );
}

#[test]
fn too_many_pipelined() {
    let limits = Limits { pipelined: 2, ..Limits::default() };
    check_with(
        r"
        > GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 203 OK\r\nContent-Length: 0\r\n\r\n
        ",
        true,
        &limits,
        expect![[r#"
            GET /3 1.1 [1] 28+0/28 => - (response memory_limit) !too_many_pipelined
            GET /1 1.1 [1] 28+0/28 => 201 1.1 [1] 38+0/38
            GET /2 1.1 [1] 28+0/28 => 202 1.1 [1] 38+0/38
            - (request memory_limit) => 203 1.1 [1] 38+0/38
        "#]],
    );
}

#[test]
fn a_response_is_seen_before_its_request() {
    check(
        r"
        < HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx
        tick 100
        > POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n
        > abc
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            POST /a 1.1 [2] 48+3/51 => 200 1.1 [1] 38+1/39
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38
        "#]],
    );
}

#[test]
fn a_response_whose_request_does_not_come() {
    check(
        r"
        > GET /a HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        < HTTP/1.1 408 Timeout\r\nContent-Length: 2\r\n\r\nno
        tick 300
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            GET /a 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
            - (request unparsed) => 408 1.1 [1] 43+2/45
            GET /b 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
        "#]],
    );
}

#[test]
fn connect_makes_a_tunnel() {
    check(
        r"
        > CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\nGET /in HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n
        > GET /more HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 304 Same\r\n\r\n
        ",
        expect![[r#"
            CONNECT h:80 1.1 [1] 37+0/37 => 200 1.1 [0] 19+0/19
            GET /in 1.1 [1] 29+0/29 => 204 1.1 [0] 27+0/27
            GET /more 1.1 [1] 31+0/31 => 304 1.1 [0] 21+0/21
        "#]],
    );
    check(
        r"
        > CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n
        > \x16\x03\x01\x02\0
        < \x16\x03\x03
        ",
        expect![[r#"
            CONNECT h:443 1.1 [1] 39+0/39 => 200 1.1 [1] 39+0/39
            loss opaque_tls 0 connections 1
        "#]],
    );
    check(
        r"
        > CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\nGET /in HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n
        ",
        expect![[r#"
            CONNECT h:443 1.1 [1] 39+0/39 => 407 1.1 [1] 38+0/38
            GET /in 1.1 [1] 29+0/29 => 204 1.1 [0] 27+0/27
        "#]],
    );
}

#[test]
fn upgrades() {
    check(
        r"
        > GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n
        < HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05hello
        > \x81\x05hello
        ",
        expect![[r#"
            GET /ws 1.1 [3] 70+0/70 => 101 1.1 [1] 46+0/46
            <1 WebSocketText 7
            >1 WebSocketText 7
            GET /ws 1.1 [3] 70+0/77 => 101 1.1 [1] 46+0/53 Truncated !invalid_frame
        "#]],
    );
    check(
        r"
        > GET /h2 HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n
        < HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n\0\0\0
        ",
        expect![[r#"
            #1 GET /h2 1.1 [2] 43+0/43 => 101, -
        "#]],
    );
    check(
        r"
        > GET /no HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 OK\r\n\r\n
        ",
        expect![[r#"
            GET /no 1.1 [2] 43+0/43 => 200 1.1 [1] 38+0/38
            GET /next 1.1 [1] 31+0/31 => 204 1.1 [0] 19+0/19
        "#]],
    );
    check(
        r"
        > GET /a HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 101 Not asked for\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            GET /a 1.1 [1] 28+0/28 => 101, 200 1.1 [1] 38+0/38
        "#]],
    );
}

#[test]
fn garbage_between_messages() {
    check(
        r"
        > POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\x01\x02\x03
        < HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok}and more
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            POST /a 1.1 [2] 48+3/51 => 200 1.1 [1] 38+2/40 !extra_bytes
            loss unparsed 3
            loss unparsed 9
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38
        "#]],
    );
    check(
        r"
        > GET /a HTTP/1.1\r\nHost: h\r\n\r\n
        < nonsense
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            GET /a 1.1 [1] 28+0/28 => - (response unparsed) !extra_bytes
            loss unparsed 8
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38
        "#]],
    );
}

#[test]
fn joined_late() {
    check_late(
        r"
        < tail of a body
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 404 OK\r\nContent-Length: 1\r\n\r\nx
        > GET /c HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+1/39
            GET /c 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
        "#]],
    );
    check_late(
        r"
        < HTTP/1.1 404 OK\r\nContent-Length: 1\r\n\r\nx
        > GET /c HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            - (request before_attach) => 404 1.1 [1] 38+1/39
            GET /c 1.1 [1] 28+0/28 => 200 1.1 [1] 38+0/38
        "#]],
    );
}

#[test]
fn a_response_to_an_unseen_head_request() {
    check_late(
        r"
        < HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n
        > GET /c HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            - (request before_attach) => 200 1.1 [1] 41+?/41 Unknown
            GET /c 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38
        "#]],
    );
}
