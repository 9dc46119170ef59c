//! Streams and connections that end early.
//!
//! In: scripts (`build`). Out: expected text, error codes in it.
//! Always: each script also runs cut at every byte.
//! Not here: holes (`holes`).

use expect_test::expect;

use super::build::check;

#[test]
fn streams_reset_by_each_side() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 : POST /a | DATA 1 : abc | HEADERS 3 end : GET /b
        < SETTINGS | HEADERS 3 : 200 | DATA 3 : ab
        > RST 3 8 | DATA 1 : abc | RST 1 0
        < DATA 3 : late | HEADERS 1 : 200
        > HEADERS 5 : POST /c | DATA 5 : abc
        < HEADERS 5 : 413 | DATA 5 end : no | RST 5 0
        > DATA 5 end : late
        < RST 5 0
        > HEADERS 7 end : GET /d
        < RST 7 7
        > HEADERS 9 end : GET /e
        < RST 9 77
        > RST 9 8 | RST 99 8 | RST 0 1
        < RST 11 1
        ",
        expect![[r#"
            #3 GET /b 2 [0] 60+0/60 => 200 2 [0] 22+2/33 Reset reset CANCEL by client
            #1 POST /a 2 [0] 61+6/85 Reset => - reset NO_ERROR by client
            #5 POST /c 2 [0] 61+3/73 Reset => 413 2 [0] 22+2/33 reset NO_ERROR by server
            #7 GET /d 2 [0] 60+0/60 => - reset REFUSED_STREAM by server
            #9 GET /e 2 [0] 60+0/60 => - reset 77 by server
        "#]],
    );
}

#[test]
fn goaway_refuses_streams_beyond_the_last_one() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a | HEADERS 3 end : GET /b | HEADERS 5 : POST /c
        < SETTINGS | HEADERS 3 : 200 | GOAWAY 2147483647 0
        < GOAWAY 3 0 : bye
        > HEADERS 7 end : GET /d
        < DATA 3 end : ok | HEADERS 1 end : 201
        ",
        expect![[r#"
            #5 POST /c 2 [0] 61+0/61 Reset => - goaway NO_ERROR by server
            #3 GET /b 2 [0] 60+0/60 => 200 2 [0] 22+2/33
            #1 GET /a 2 [0] 60+0/60 => 201 2 [0] 22+0/22
            #7 GET /d 2 [0] 60+0/60 => - goaway NO_ERROR by server
        "#]],
    );
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a | HEADERS 3 end : GET /b
        < SETTINGS | HEADERS 1 : 200 | GOAWAY 1 11 : calm
        ",
        expect![[r#"
            #3 GET /b 2 [0] 60+0/60 => - goaway ENHANCE_YOUR_CALM by server
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+0/22 Truncated goaway ENHANCE_YOUR_CALM by server
        "#]],
    );
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a
        < SETTINGS | PUSH 1 2 : GET /b | PUSH 1 4 : GET /c | HEADERS 2 : 200
        > GOAWAY 2 1
        < DATA 2 end : abc
        ",
        expect![[r#"
            #4 pushed GET /c 2 [0] 64+0/64 => - goaway PROTOCOL_ERROR by client
            #2 pushed GET /b 2 [0] 64+0/64 => 200 2 [0] 22+3/34
            #1 GET /a 2 [0] 60+0/60 => - goaway PROTOCOL_ERROR by client
        "#]],
    );
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a
        < SETTINGS | GOAWAY 1 2 | GOAWAY 1 0
        ",
        expect![[r#"
            #1 GET /a 2 [0] 60+0/60 => - goaway INTERNAL_ERROR by server
        "#]],
    );
}

#[test]
fn early_responses() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 : POST /a | DATA 1 : abc
        < SETTINGS | HEADERS 1 end : 403
        > DATA 1 : def | DATA 1 end : ghi
        > HEADERS 3 : POST /b | DATA 3 : abc
        < HEADERS 3 end : 403
        ",
        expect![[r#"
            #1 POST /a 2 [0] 61+9/97 => 403 2 [0] 22+0/22
            #3 POST /b 2 [0] 61+3/73 Truncated => 403 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn what_comes_after_the_end() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a | DATA 1 : more | HEADERS 1 end : t=1
        < SETTINGS | HEADERS 1 : 200 | DATA 1 end : ok
        < DATA 1 end : more | HEADERS 1 end : 200
        > HEADERS 1 end : GET /again
        > HEADERS 5 end : GET /b | HEADERS 3 end : GET /back
        < HEADERS 5 end : 205 | HEADERS 3 end : 203
        ",
        expect![[r#"
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+2/33 !invalid_frame
            #5 GET /b 2 [0] 60+0/60 => 205 2 [0] 22+0/22
        "#]],
    );
}
