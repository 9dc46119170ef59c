//! Heads that an endpoint would refuse.
//!
//! In: scripts (`build`). Out: expected text, anomalies in it.
//! Always: the exchange is told, what is wrong about it is named, and nothing is made up.
//! Not here: field blocks that break HPACK (`broken`).

use expect_test::{Expect, expect};

use super::build::{check, check_with};
use crate::model::limits::Limits;

/// A request with such fields, answered by 200.
#[track_caller]
fn request(fields: &str, expected: Expect) {
    check(
        &format!(
            "> preface | SETTINGS | HEADERS 1 end : {fields}\n< SETTINGS | HEADERS 1 end : 200"
        ),
        expected,
    );
}

/// A response with such fields and content.
#[track_caller]
fn response(fields: &str, expected: Expect) {
    check(
        &format!(
            "
            > preface | SETTINGS | HEADERS 1 end : GET /a
            < SETTINGS | HEADERS 1 : {fields} | DATA 1 end : hello
            "
        ),
        expected,
    );
}

#[test]
fn pseudo_header_fields_of_requests() {
    for fields in [
        // Missing.
        ":scheme=http, :path=/a, :authority=h",
        ":method=GET, :path=/a",
        ":method=GET, :scheme=http",
        "x=1",
        // Twice.
        "GET /a, :method=POST",
        "GET /a, :path=/a",
        // Unknown, of the wrong kind, out of place.
        "GET /a, :foo=1",
        "GET /a, :status=200",
        "GET /a, :=1",
        ":method=GET, :scheme=http, x=1, :path=/a",
        // Malformed.
        ":method=, :scheme=http, :path=/a",
        ":method=G\\sET, :scheme=http, :path=/a",
        ":method=GET, :scheme=http, :path=",
        ":method=GET, :scheme=http, :path=a",
        // CONNECT.
        ":method=CONNECT, :scheme=http, :authority=h:1",
        ":method=CONNECT, :path=/, :authority=h:1",
        ":method=CONNECT",
        ":method=GET, :protocol=websocket, :scheme=http, :path=/a",
    ] {
        let text = format!(
            "> preface | SETTINGS | HEADERS 1 end : {fields}\n< SETTINGS | HEADERS 1 end : 404"
        );
        let outputs = crate::protocol::tests::script::run(
            &super::build::script(&text),
            true,
            &Limits::default(),
        );
        let text = crate::protocol::tests::script::render(&outputs);
        assert!(text.contains("=> 404 2"), "{fields}: {text}");
        assert!(text.trim_end().ends_with(" !invalid_pseudo_header"), "{fields}: {text}");
    }
    request(
        ":method=GET, :scheme=http",
        expect![[r#"
        #1 GET  2 [0] 36+0/36 => 200 2 [0] 22+0/22 !invalid_pseudo_header
    "#]],
    );
    request(
        ":method=OPTIONS, :scheme=http, :path=*",
        expect![[r#"
        #1 OPTIONS * 2 [0] 49+0/49 => 200 2 [0] 22+0/22
    "#]],
    );
    request(
        ":method=X, :scheme=coap, :path=a",
        expect![[r#"
        #1 X a 2 [0] 43+0/43 => 200 2 [0] 22+0/22
    "#]],
    );
    request(
        "GET /a, :path=/b",
        expect![[r#"
        #1 GET /a 2 [0] 70+0/70 => 200 2 [0] 22+0/22 !invalid_pseudo_header
    "#]],
    );
    request(
        "x=1",
        expect![[r#"
        #1 ?  2 [1] 14+0/14 => 200 2 [0] 22+0/22 !invalid_pseudo_header
    "#]],
    );
}

#[test]
fn pseudo_header_fields_of_responses() {
    response(
        "x=1",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 0 2 [1] 14+5/28 !invalid_pseudo_header
    "#]],
    );
    response(
        ":status=20",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 0 2 [0] 21+5/35 !invalid_pseudo_header
    "#]],
    );
    response(
        ":status=2000",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 0 2 [0] 23+5/37 !invalid_pseudo_header
    "#]],
    );
    response(
        ":status=099",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 0 2 [0] 22+5/36 !invalid_pseudo_header
    "#]],
    );
    response(
        "200, :status=404",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 35+5/49 !invalid_pseudo_header
    "#]],
    );
    response(
        "200, :path=/a",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 32+5/46 !invalid_pseudo_header
    "#]],
    );
    response(
        ":status=999",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 999 2 [0] 22+5/36
    "#]],
    );
}

#[test]
fn fields_that_are_not_allowed() {
    request(
        "GET /a, connection=close",
        expect![[r#"
        #1 GET /a 2 [1] 78+0/78 => 200 2 [0] 22+0/22 !forbidden_field
    "#]],
    );
    request(
        "GET /a, X-Upper=1",
        expect![[r#"
        #1 GET /a 2 [1] 71+0/71 => 200 2 [0] 22+0/22 !forbidden_field
    "#]],
    );
    request(
        "GET /a, transfer-encoding=chunked",
        expect![[r#"
        #1 GET /a 2 [1] 87+0/87 => 200 2 [0] 22+0/22 !forbidden_field !request_smuggling
    "#]],
    );
    request(
        "GET /a, te=gzip",
        expect![[r#"
        #1 GET /a 2 [1] 69+0/69 => 200 2 [0] 22+0/22 !forbidden_field
    "#]],
    );
    request(
        "GET /a, te=trailers",
        expect![[r#"
        #1 GET /a 2 [1] 73+0/73 => 200 2 [0] 22+0/22
    "#]],
    );
    request(
        "GET /a, =empty-name",
        expect![[r#"
        #1 GET /a 2 [1] 73+0/73 => 200 2 [0] 22+0/22 !forbidden_field
    "#]],
    );
    request(
        "GET /a, a\\sb=1",
        expect![[r#"
        #1 GET /a 2 [1] 67+0/67 => 200 2 [0] 22+0/22 !forbidden_field
    "#]],
    );
    request(
        "GET /a, x=\\s1",
        expect![[r#"
        #1 GET /a 2 [1] 66+0/66 => 200 2 [0] 22+0/22 !forbidden_field
    "#]],
    );
    request(
        "GET /a, x=1\\r\\nevil:\\s2",
        expect![[r#"
        #1 GET /a 2 [1] 74+0/74 => 200 2 [0] 22+0/22 !forbidden_field !request_smuggling
    "#]],
    );
    request(
        "GET /a, x=1\\0",
        expect![[r#"
        #1 GET /a 2 [1] 66+0/66 => 200 2 [0] 22+0/22 !forbidden_field !request_smuggling
    "#]],
    );
    request(
        "GET /a\\r\\nevil, x=1",
        expect![[r#"
        #1 GET /a\r\nevil 2 [1] 71+0/71 => 200 2 [0] 22+0/22 !forbidden_field !request_smuggling !invalid_target
    "#]],
    );
    response(
        "200, keep-alive=5, upgrade=h2c, proxy-connection=x",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 200 2 [3] 69+5/83 !forbidden_field
    "#]],
    );
}

#[test]
fn hosts() {
    request(
        "GET /a, host=h",
        expect![[r#"
        #1 GET /a 2 [1] 68+0/68 => 200 2 [0] 22+0/22
    "#]],
    );
    request(
        "GET /a, host=H",
        expect![[r#"
        #1 GET /a 2 [1] 68+0/68 => 200 2 [0] 22+0/22
    "#]],
    );
    request(
        "GET /a, host=other",
        expect![[r#"
        #1 GET /a 2 [1] 72+0/72 => 200 2 [0] 22+0/22 !invalid_host
    "#]],
    );
    request(
        "GET /a, host=h, host=h",
        expect![[r#"
        #1 GET /a 2 [2] 76+0/76 => 200 2 [0] 22+0/22 !invalid_host
    "#]],
    );
    request(
        ":method=GET, :scheme=http, :path=/a, host=h",
        expect![[r#"
        #1 GET /a 2 [1] 54+0/54 => 200 2 [0] 22+0/22
    "#]],
    );
}

#[test]
fn content_lengths() {
    response(
        "200, content-length=5",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 200 2 [1] 40+5/54
    "#]],
    );
    response(
        "200, content-length=6",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 200 2 [1] 40+5/54 !content_length_mismatch
    "#]],
    );
    response(
        "200, content-length=5, content-length=5",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 200 2 [2] 58+5/72 !repeated_content_length
    "#]],
    );
    response(
        "200, content-length=5, content-length=6",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 200 2 [2] 58+5/72 !request_smuggling
    "#]],
    );
    response(
        "200, content-length=+5",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 200 2 [1] 41+5/55 !invalid_content_length
    "#]],
    );
    response(
        "200, content-length=99999999999999999999",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 200 2 [1] 59+5/73 !invalid_content_length
    "#]],
    );
    response(
        "304, content-length=6",
        expect![[r#"
        #1 GET /a 2 [0] 60+0/60 => 304 2 [1] 40+5/54
    "#]],
    );
    check(
        "
        > preface | SETTINGS | HEADERS 1 : POST /a, content-length=4 | DATA 1 end : abc
        < SETTINGS | HEADERS 1 end : 200, content-length=1
        > HEADERS 3 end : GET /b, content-length=7
        < HEADERS 3 end : 200
        > HEADERS 5 : POST /c, content-length=4 | DATA 5 : abc
        < RST 5 1
        ",
        expect![[r#"
            #1 POST /a 2 [1] 79+3/91 => 200 2 [1] 40+0/40 !content_length_mismatch
            #3 GET /b 2 [1] 78+0/78 => 200 2 [0] 22+0/22 !content_length_mismatch
            #5 POST /c 2 [1] 79+3/91 Reset => - reset PROTOCOL_ERROR by server
        "#]],
    );
}

#[test]
fn trailers_are_looked_at_too() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 : POST /a | DATA 1 : abc | HEADERS 1 end : X=1, y=a\\nb
        < SETTINGS | HEADERS 1 : 200 | DATA 1 : abc | HEADERS 1 end : :status=404, x=1
        > HEADERS 3 end : GET /b
        < HEADERS 3 : 200 | HEADERS 3 : x=1 | DATA 3 : abc | HEADERS 3 end : y=1
        ",
        expect![[r#"
            #1 POST /a 2 [0+2] 61+3/94 => 200 2 [0+1] 22+3/61 !forbidden_field !request_smuggling !invalid_pseudo_header
            #3 GET /b 2 [0] 60+0/60 => 200 2 [0+1] 22+3/62
        "#]],
    );
}

#[test]
fn heads_beyond_the_limits() {
    let limits = Limits { fields: 5, head_bytes: 200, ..Limits::default() };
    check_with(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a, a=1, b=2, c=3
        < SETTINGS | HEADERS 1 : 200, a={300}, b=1 | DATA 1 end : ok
        > HEADERS 3 end : GET /b, +a={150}, b=2
        < HEADERS 3 more : 200, a={300} | CONT 3 more : a={300} | CONT 3 : +b=1 | DATA 3 end : abc
        > HEADERS 5 end : GET /c, #62
        < HEADERS 5 end : 200, #62
        ",
        &limits,
        expect![[r#"
            #1 GET /a 2 [1] 75+0/75 => 200 2 [0] 333+2/344 !too_many_fields !head_too_long
            #3 GET /b 2 [1] 220+0/220 => - (response unparsed) !too_many_fields !head_too_long
            #5 GET /c 2 [1] 61+0/61 => 200 2 [0 ?1 unparsed] 23+0/23
        "#]],
    );
}
