//! Holes in places that matter.
//!
//! In: scripts (`build`). Out: expected text.
//! Always: what a hole leaves certain is told exactly; the rest is told as lost.
//! Not here: holes by chance (`joined`), bodies that look like frames (`fakes`).

use expect_test::expect;

use super::build::check;

#[test]
fn in_content() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 : POST /a, content-length=10 | FRAME 0 0 1 : 12345
        < SETTINGS
        > RAW : \\0\\0\\x05\\0\\x01\\0\\0\\0\\x01ab
        >gap 2
        > RAW : e
        < HEADERS 1 : 200 | RAW : \\0\\0\\x05\\0\\x01\\0\\0\\0\\x01
        <gap 5
        > HEADERS 3 end : GET /b
        < HEADERS 3 end : 204
        ",
        expect![[r#"
            #1 POST /a 2 [1] 80+10/108 gap 105+2 ring_full => 200 2 [0] 22+5/36 gap 31+5 ring_full
            #3 GET /b 2 [0] 60+0/60 => 204 2 [0] 22+0/22
        "#]],
    );
}

/// The hole takes the padding's length, the front of the content and all of the padding but a byte; the
/// padding in whole; padding and more.
#[test]
fn in_padding() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 : POST /a
        < SETTINGS
        > RAW : \\0\\0\\x09\\0\\x08\\0\\0\\0\\x01
        >gap 3
        > RAW : cde123 | DATA 1 end : abc
        < HEADERS 1 end : 200
        > HEADERS 3 : POST /b | RAW : \\0\\0\\x09\\0\\x09\\0\\0\\0\\x03\\x04abcd
        >gap 4
        < HEADERS 3 end : 200
        > HEADERS 5 : POST /c | RAW : \\0\\0\\x09\\0\\x09\\0\\0\\0\\x05\\x04ab
        >gap 5
        > RAW : 4
        < HEADERS 5 end : 200
        ",
        expect![[r#"
            #1 POST /a 2 [0] 61+?/91 gap 70+3 ring_full => 200 2 [0] 22+0/22
            #3 POST /b 2 [0] 61+4/79 gap 75+4 ring_full => 200 2 [0] 22+0/22
            #5 POST /c 2 [0] 61+4/79 gap 73+5 ring_full => 200 2 [0] 22+0/22
        "#]],
    );
}

/// Its stream is known, and that it ends; its table entries are not.
#[test]
fn in_a_head() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : +GET /a
        < SETTINGS | HEADERS 1 end : 200
        > RAW : \\0\\0\\x0f\\x01\\x05\\0\\0\\0\\x03\\x40\\x01
        >gap 13
        > HEADERS 5 end : GET /c, #62, +x=1
        < HEADERS 3 end : 203 | HEADERS 5 end : 205
        > HEADERS 7 end : GET /d, #62
        < HEADERS 7 more : 207
        <gap 13
        tick 1
        > HEADERS 9 : POST /e, #62
        ",
        expect![[r#"
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+0/22
            #3 - (request ring_full) => 203 2 [0] 22+0/22
            #5 GET /c 2 [1 ?1 ring_full] 66+0/66 => 205 2 [0] 22+0/22
            loss ring_full 13
            #7 GET /d 2 [1] 61+0/61 => - (response ring_full)
            #9 POST /e 2 [1] 62+0/62 Truncated => - (response ring_full)
        "#]],
    );
}

#[test]
fn in_trailers() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a
        < SETTINGS | HEADERS 1 : 200 | DATA 1 : abc | RAW : \\0\\0\\x05\\x01\\x05\\0\\0\\0\\x01\\0
        <gap 4
        > HEADERS 3 end : GET /b
        < HEADERS 3 end : 204
        ",
        expect![[r#"
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+3/48 gap 44+4 ring_full
            #3 GET /b 2 [0] 60+0/60 => 204 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn in_short_frames() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a | HEADERS 3 end : GET /b
        < SETTINGS | HEADERS 1 : 200 | RAW : \\0\\0\\x04\\x03\\0\\0\\0\\0\\x01\\0
        <gap 3
        < RAW : \\0\\0\\x08\\x07\\0\\0\\0\\0\\0\\0\\0\\0
        <gap 5
        < RAW : \\0\\0\\x06\\x04\\0\\0\\0\\0\\0\\0
        <gap 5
        < PING | HEADERS 3 end : 203
        ",
        expect![[r#"
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+0/22 Reset
            #3 GET /b 2 [0] 60+0/60 => 203 2 [0] 22+0/22
        "#]],
    );
}

/// What goes beyond a frame takes frames with it; what was open may have ended.
#[test]
fn beyond_a_frame() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a | HEADERS 3 end : GET /b
        < SETTINGS | HEADERS 1 : 200, content-length=5 | RAW : \\0\\0\\x05\\0\\x01\\0\\0\\0\\x01ab
        <gap 30
        < HEADERS 3 : 203 | DATA 3 end : ok
        > HEADERS 5 end : GET /c
        < HEADERS 5 : 205, +x=1 | DATA 5 end : ok
        tick 1100
        > HEADERS 7 end : GET /d
        < HEADERS 7 end : 207, #62
        ",
        expect![[r#"
            #1 GET /a 2 [0] 60+0/60 => 200 2 [1] 40+5/54 gap 51+3 ring_full
            loss ring_full 27
            #3 GET /b 2 [0] 60+0/60 => 203 2 [0] 22+2/33
            #5 GET /c 2 [0] 60+0/60 => 205 2 [1] 27+2/38
            #7 GET /d 2 [0] 60+0/60 => 207 2 [1] 23+0/23
        "#]],
    );
}

#[test]
fn requests_are_lost() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a | HEADERS 3 : POST /b | DATA 3 : abc
        < SETTINGS
        >gap 60
        < HEADERS 1 end : 201 | HEADERS 5 end : 205
        > HEADERS 7 end : GET /d, x=1
        < HEADERS 7 end : 207 | HEADERS 3 : 203
        tick 1100
        > HEADERS 9 end : GET /e
        < HEADERS 9 end : 209 | HEADERS 5 end : 299 | DATA 3 end : done
        tick 31000
        < PING
        ",
        expect![[r#"
            loss ring_full 60
            #1 GET /a 2 [0] 60+0/60 => 201 2 [0] 22+0/22
            #7 GET /d 2 [1] 65+0/65 => 207 2 [0] 22+0/22
            #5 - (request ring_full) => 205 2 [0] 22+0/22
            #9 GET /e 2 [0] 60+0/60 => 209 2 [0] 22+0/22
            #3 POST /b 2 [0] 61+?/73 Unknown gap 73+0 ring_full => 203 2 [0] 22+4/35
        "#]],
    );
}

#[test]
fn both_directions_are_lost() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a
        < SETTINGS
        >gap 100
        <gap 100
        > HEADERS 7 : POST /d | DATA 7 : abc
        < HEADERS 7 : 207
        > DATA 7 end : d
        < DATA 7 end : ok
        > HEADERS 9 end : GET /e
        tick 1100
        < HEADERS 9 end : 209 | HEADERS 1 end : 201
        ",
        expect![[r#"
            loss ring_full 100
            loss ring_full 100
            #7 POST /d 2 [0] 61+4/83 => 207 2 [0] 22+2/33
            #9 GET /e 2 [0] 60+0/60 => 209 2 [0] 22+0/22
            #1 GET /a 2 [0] 60+0/60 => 201 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn the_preface_is_lost() {
    check(
        "
        >gap 24
        > SETTINGS | HEADERS 1 end : GET /a
        < SETTINGS | HEADERS 1 end : 200
        > HEADERS 3 end : GET /b
        < HEADERS 3 end : 200
        ",
        expect![[r#"
            loss ring_full 24
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+0/22
            #3 GET /b 2 [0] 60+0/60 => 200 2 [0] 22+0/22
        "#]],
    );
    check(
        "
        > preface
        >gap 9
        > HEADERS 1 end : GET /a
        < SETTINGS | HEADERS 1 end : 200
        > HEADERS 3 end : GET /b
        < HEADERS 3 end : 200
        ",
        expect![[r#"
            loss ring_full 9
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+0/22
            #3 GET /b 2 [0] 60+0/60 => 200 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn promises_are_lost() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a
        < SETTINGS | RAW : \\0\\0\\x08\\x05\\x04\\0\\0\\0\\x01\\0
        <gap 7
        < HEADERS 2 : 202 | DATA 2 end : x | HEADERS 1 end : 201 | HEADERS 2 end : 299
        ",
        expect![[r#"
            #2 pushed - (request ring_full) => 202 2 [0] 22+1/32
            #1 GET /a 2 [0] 60+0/60 => 201 2 [0] 22+0/22
        "#]],
    );
}

/// A response whose status is not known may have been an interim one.
#[test]
fn a_lost_interim_response() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 : POST /a | DATA 1 end : abc
        < SETTINGS | RAW : \\0\\0\\x05\\x01\\x04\\0\\0\\0\\x01\\0
        <gap 4
        < HEADERS 1 : 200, x=1 | DATA 1 end : ok
        ",
        expect![[r#"
            #1 POST /a 2 [0] 61+3/73 => 200 2 [1] 27+2/38
        "#]],
    );
}
