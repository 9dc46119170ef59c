//! Frames that an endpoint would refuse.
//!
//! In: scripts (`build`). Out: expected text.
//! Always: what an endpoint ends the connection for is passed over; the frames around it are read.
//! Not here: heads (`heads`), holes (`holes`).

use expect_test::expect;

use super::build::check;

#[test]
fn frames_on_the_wrong_stream_or_of_the_wrong_length() {
    check(
        "
        > preface | SETTINGS | DATA 0 : abc | HEADERS 0 end : GET /zero | RST 0 1
        > FRAME 3 0 1 : abc | FRAME 4 0 0 : abcde | FRAME 4 0 1 : abcdef | FRAME 6 0 0 : abc
        > FRAME 7 0 0 : abc | FRAME 8 0 1 : ab | FRAME 2 0 1 : a | FRAME 5 4 1 : abc
        > FRAME 99 255 7 : abc | FRAME 16 0 0 : 1234u=1 | HEADERS 1 : GET /a | DATA 1 end : abc
        < SETTINGS | FRAME 5 4 1 : abc | FRAME 1 0 0 : | HEADERS 2 end : 200 | HEADERS 1 end : 200
        ",
        expect![[r#"
            #2 pushed - (request unparsed) => 200 2 [0] 22+0/22
            #1 GET /a 2 [0] 60+3/72 => 200 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn padding_longer_than_the_frame() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 : POST /a | FRAME 0 8 1 : \\x09abc | FRAME 0 9 1 :
        < SETTINGS | FRAME 1 13 1 : \\xff\\x88
        > HEADERS 3 end : GET /b
        < HEADERS 3 end : 204
        ",
        expect![[r#"
            #1 POST /a 2 [0] 61+0/83 => 0 2 [0] 11+0/11 !invalid_pseudo_header
            #3 GET /b 2 [0] 60+0/60 => 204 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn what_comes_between_the_frames_of_a_block() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end more : +GET /a | DATA 3 : x | CONT 1 : x=1
        < SETTINGS | HEADERS 1 end : 200
        > HEADERS 3 end : GET /b, #62
        < HEADERS 3 end more : 200 | HEADERS 3 end : 201
        > CONT 3 : x=1 | HEADERS 5 more : GET /c | CONT 7 : x=1
        < HEADERS 5 end : 200
        ",
        expect![[r#"
            #1 - (request unparsed) => 200 2 [0] 22+0/22 !invalid_frame
            #3 GET /b 2 [0 ?1 unparsed] 61+0/61 => - (response unparsed) !invalid_frame
            #5 - (request unparsed) => 200 2 [0] 22+0/22 !invalid_frame
        "#]],
    );
}

#[test]
fn field_blocks_that_break_hpack() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a, +x=1, #90, y=2
        < SETTINGS | HEADERS 1 end : 200
        > HEADERS 3 end : GET /b, #62, +z=3
        < HEADERS 3 end : 200
        > HEADERS 5 end : GET /c, #62
        < HEADERS 5 end : 200
        > FRAME 1 5 7 : \\x82\\x84\\x86\\x01\\x7f
        < HEADERS 7 end : 400
        ",
        expect![[r#"
            #1 GET /a 2 [1] 71+0/71 => 200 2 [0] 22+0/22 !invalid_field_block
            #3 GET /b 2 [1 ?1 unparsed] 66+0/66 => 200 2 [0] 22+0/22
            #5 GET /c 2 [1] 61+0/61 => 200 2 [0] 22+0/22
            #7 GET / 2 [0] 14+0/14 => 400 2 [0] 22+0/22 !invalid_field_block
        "#]],
    );
}

#[test]
fn what_is_no_http_2_after_all() {
    check(
        "> RAW : PRI\\s*\\sHTTP/2.0\\r\\n\\r\\nSM\\r\\nxx",
        expect![[r#"
        loss unparsed 0 connections 1
    "#]],
    );
    check(
        "< SETTINGS\n> RAW : \\x01\\x02\\x03",
        expect![[r#"
        loss unparsed 0 connections 1
    "#]],
    );
    check(
        "
        > RAW : PRI\\s*\\sHTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff
        ",
        expect![[r#"
            loss unparsed 9
        "#]],
    );
}

#[test]
fn a_first_frame_that_is_no_settings() {
    check(
        "
        > preface | HEADERS 1 end : GET /a
        < HEADERS 1 end : 200
        ",
        expect![[r#"
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+0/22
        "#]],
    );
}
