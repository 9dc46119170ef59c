//! Exchanges as they should be.
//!
//! In: scripts (`build`). Out: expected text.
//! Always: each script also runs cut at every byte.
//! Not here: what endpoints refuse (`heads`, `broken`), how streams end early (`ends`).

use expect_test::expect;

use super::build::{bytes, check, fields, frame};
use crate::model::limits::Limits;
use crate::model::sample::Direction;
use crate::protocol::http2::frame::{flag, kind};
use crate::protocol::tests::script::{Event, render, run};

#[test]
fn a_plain_exchange() {
    check(
        "
        > preface | SETTINGS 1=4096 | WINDOW 0 1000 | HEADERS 1 end : GET /a, accept=*/*
        < SETTINGS | SETTINGS ack | HEADERS 1 : 200, x=1, y=2 | DATA 1 end : hello
        > SETTINGS ack | PING
        < PING ack
        ",
        expect![[r#"
            #1 GET /a 2 [1] 72+0/72 => 200 2 [2] 32+5/46
        "#]],
    );
}

#[test]
fn bodies_trailers_padding_and_priority() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 prio pad=7 : POST /a, content-length=10
        > DATA 1 pad=3 : hello | DATA 1 pad=0 : world | PRIORITY 1 | HEADERS 1 end : t=1, u=2
        < SETTINGS | HEADERS 1 : 200 | DATA 1 : abc | DATA 1 end pad=255 : de
        > HEADERS 3 end prio : GET /b
        < HEADERS 3 : 200, content-length=3 | DATA 3 : abc | DATA 3 end :
        > HEADERS 5 : POST /c | DATA 5 end pad=5 :
        < HEADERS 5 end pad=2 : 204
        ",
        expect![[r#"
            #1 POST /a 2 [1+2] 93+10/145 => 200 2 [0] 22+5/301
            #3 GET /b 2 [0] 65+0/65 => 200 2 [1] 40+3/61
            #5 POST /c 2 [0] 61+0/76 => 204 2 [0] 25+0/25
        "#]],
    );
}

#[test]
fn interim_responses_and_responses_without_content() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 : POST /a, expect=100-continue
        < SETTINGS | HEADERS 1 : 100
        > DATA 1 end : abc
        < HEADERS 1 : 103, link=x | HEADERS 1 : 200, x=1 | DATA 1 end : ok
        > HEADERS 3 end : HEAD /b
        < HEADERS 3 end : 200, content-length=100
        > HEADERS 5 end : GET /c
        < HEADERS 5 end : 304, content-length=100
        > HEADERS 7 end : GET /d
        < HEADERS 7 : 200 | DATA 7 : abc | HEADERS 7 end : grpc-status=0, grpc-message=
        ",
        expect![[r#"
            #1 POST /a 2 [1] 82+3/94 => 100, 103, 200 2 [1] 27+2/38
            #3 HEAD /b 2 [0] 61+0/61 => 200 2 [1] 42+0/42
            #5 GET /c 2 [0] 60+0/60 => 304 2 [1] 42+0/42
            #7 GET /d 2 [0] 60+0/60 => 200 2 [0+2] 22+3/73
        "#]],
    );
}

#[test]
fn interleaved_streams_and_connections_that_close() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 : POST /a | HEADERS 3 : POST /b | HEADERS 5 end : GET /c
        > DATA 3 : 1234 | DATA 1 : 12 | DATA 3 end : 5
        < SETTINGS | HEADERS 5 : 205 | HEADERS 3 : 203 | DATA 5 : abc | DATA 3 end : xyz | DATA 5 end : d
        > HEADERS 7 end : GET /d | HEADERS 9 end : GET /e
        < HEADERS 7 : 207 | DATA 7 : ab
        >end
        <end
        ",
        expect![[r#"
            #3 POST /b 2 [0] 61+5/84 => 203 2 [0] 22+3/34
            #5 GET /c 2 [0] 60+0/60 => 205 2 [0] 22+4/44
            #1 POST /a 2 [0] 61+2/72 Truncated => -
            #7 GET /d 2 [0] 60+0/60 => 207 2 [0] 22+2/33 Truncated
            #9 GET /e 2 [0] 60+0/60 => -
        "#]],
    );
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a | HEADERS 3 : POST /b
        < SETTINGS | HEADERS 1 : 200
        stop
        ",
        expect![[r#"
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+0/22 Unfinished
            #3 POST /b 2 [0] 61+0/61 Unfinished => - (response agent_stop)
        "#]],
    );
}

#[test]
fn responses_may_be_seen_before_their_requests() {
    check(
        "
        > preface | SETTINGS
        < SETTINGS | HEADERS 5 : 205 | DATA 5 end : abc | HEADERS 1 : 201
        > HEADERS 1 end : GET /1 | HEADERS 3 end : GET /3 | HEADERS 5 end : GET /5
        < DATA 1 end : a | HEADERS 3 end : 203
        ",
        expect![[r#"
            #5 GET /5 2 [0] 60+0/60 => 205 2 [0] 22+3/34
            #1 GET /1 2 [0] 60+0/60 => 201 2 [0] 22+1/32
            #3 GET /3 2 [0] 60+0/60 => 203 2 [0] 22+0/22
        "#]],
    );
    check(
        "
        < SETTINGS | HEADERS 1 end : 201
        > preface | SETTINGS | HEADERS 1 end : GET /1
        < RST 3 7
        > HEADERS 3 end : GET /3
        < HEADERS 5 : 200 | DATA 5 end : abc
        tick 100
        > HEADERS 5 end : GET /5
        < HEADERS 7 : 207 | DATA 7 end : abc
        tick 300
        > HEADERS 7 end : GET /too-late
        < HEADERS 9 end : 209
        > HEADERS 9 end : GET /9
        ",
        expect![[r#"
            #1 GET /1 2 [0] 60+0/60 => 201 2 [0] 22+0/22
            #3 GET /3 2 [0] 60+0/60 => - reset REFUSED_STREAM by server
            #5 GET /5 2 [0] 60+0/60 => 200 2 [0] 22+3/34
            #7 - (request unparsed) => 207 2 [0] 22+3/34
            #9 GET /9 2 [0] 60+0/60 => 209 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn fields_of_the_dynamic_table() {
    check(
        "
        > preface | SETTINGS 1=100 | HEADERS 1 end : +GET /a, +x=1
        < SETTINGS 1=0 | HEADERS 1 end : +200, +server=s
        > HEADERS 3 end : #66, #65, #64, #63, #62 | HEADERS 5 end : ^0, GET /c
        < HEADERS 3 end : #63, #62 | HEADERS 5 end : ^0, 204
        ",
        expect![[r#"
            #1 GET /a 2 [1] 65+0/65 => 200 2 [1] 32+0/32
            #3 GET /a 2 [1] 14+0/14 => 200 2 [1] 11+0/11
            #5 GET /c 2 [0] 61+0/61 => 204 2 [0] 23+0/23
        "#]],
    );
}

#[test]
fn pushed_streams() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /a
        < SETTINGS | PUSH 1 2 : GET /style, accept=x | PUSH 1 4 pad=4 : HEAD /script
        < HEADERS 1 : 200 | HEADERS 2 : 200, x=1 | DATA 2 end : body | DATA 1 end : page
        < HEADERS 4 end : 304
        < PUSH 1 6 more : GET /six | CONT 1 more : a=1 | CONT 1 : b=2
        > RST 6 8
        < PUSH 1 6 : GET /again | PUSH 1 3 : GET /odd | PUSH 1 0 : GET /zero
        > PUSH 1 8 : GET /by-client
        < HEADERS 8 end : 200
        ",
        expect![[r#"
            #2 pushed GET /style 2 [1] 78+0/78 => 200 2 [1] 27+4/40
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+4/35
            #4 pushed HEAD /script 2 [0] 75+0/75 => 304 2 [0] 22+0/22
            #6 pushed GET /six 2 [2] 94+0/94 => - reset CANCEL by client
        "#]],
    );
}

#[test]
fn tunnels() {
    check(
        "
        > preface | SETTINGS | HEADERS 1 : :method=CONNECT, :authority=h:443
        < SETTINGS 8=1 | HEADERS 1 : 200
        > DATA 1 : abc
        < DATA 1 end : def
        > HEADERS 3 : :method=CONNECT, :authority=h:443
        < HEADERS 3 end : 502
        > HEADERS 5 : :method=CONNECT, :protocol=websocket, :scheme=http, :path=/chat, :authority=h
        < HEADERS 5 : 200
        > DATA 5 : abc
        ",
        expect![[r#"
            #1 CONNECT h:443 2 [0] 44+?/44 => 200 2 [0] 22+?/22
            loss upgraded 0 connections 1
            #5 CONNECT /chat 2 (websocket) [0] 88+?/88 => 200 2 [0] 22+?/22
            #5 CONNECT /chat 2 (websocket) [0] 88+?/91 Unknown => 200 2 [0] 22+?/22 Truncated
            #3 CONNECT h:443 2 [0] 44+0/44 Truncated => 502 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn upgraded_from_http_1() {
    let get = r"> RAW : GET /a HTTP/1.1\r\nHost:\sh\r\nUpgrade:\sh2c\r\n\r\n";
    let switching = r"RAW : HTTP/1.1\s101\sSwitching\r\nUpgrade:\sh2c\r\n\r\n";
    check(
        &format!(
            "
            {get}
            < {switching}
            < SETTINGS | HEADERS 1 : 200, x=1 | DATA 1 end : hello
            > preface | SETTINGS | HEADERS 3 end : GET /b
            < HEADERS 3 end : 204
            "
        ),
        expect![[r#"
            #1 GET /a 1.1 [2] 42+0/42 => 101, 200 2 [1] 27+5/41
            #3 GET /b 2 [0] 60+0/60 => 204 2 [0] 22+0/22
        "#]],
    );
    check(
        &format!(
            "
            {get}
            < {switching} | SETTINGS | HEADERS 1 end : 404
            > preface | SETTINGS
            > HEADERS 1 end : GET /not-this-one
            "
        ),
        expect![[r#"
            #1 GET /a 1.1 [2] 42+0/42 => 101, 404 2 [0] 22+0/22
        "#]],
    );
}

/// The head in two, three and four frames, cut at every byte.
#[test]
fn field_blocks_may_be_cut_anywhere() {
    let block = fields("+GET /a, x=1, +yy=22, #62");
    let response = fields("+200, z=1");
    let expected = render(&run(&conversation(&[&block], &[&response]), true, &Limits::default()));
    for at in 0..=block.len() {
        for second in [at, at + (block.len() - at) / 2, block.len()] {
            let blocks = [&block[..at], &block[at..second], &block[second..]];
            let cut = at.min(response.len());
            let answers = [&response[..cut], &response[cut..]];
            let outputs = run(&conversation(&blocks, &answers), true, &Limits::default());
            // The frames have headers of their own.
            assert_eq!(words(&render(&outputs)), words(&expected), "{at} {second}");
        }
    }
}

fn conversation(request: &[&[u8]], response: &[&[u8]]) -> Vec<Event> {
    let requests = [bytes("preface | SETTINGS"), block(request, 0)].concat();
    let responses = [bytes("SETTINGS"), block(response, 0)].concat();
    vec![Event::Bytes(Direction::Ingress, requests), Event::Bytes(Direction::Egress, responses)]
}

fn block(parts: &[&[u8]], flags: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let (kind, flags) = match at {
            0 => (kind::HEADERS, flags | flag::END_STREAM),
            _ => (kind::CONTINUATION, flags),
        };
        let last = if at + 1 == parts.len() { flag::END_HEADERS } else { 0 };
        bytes.extend(frame(kind, flags | last, 1, part));
    }
    bytes
}

/// Without sizes.
fn words(text: &str) -> Vec<&str> {
    text.split(' ').filter(|word| !word.contains('+')).collect()
}
