//! Connections that are joined late.
//!
//! In: scripts (`build`). Out: expected text.
//! Always: fields that refer to what was not seen are left out and counted; nothing else is taken for
//! HTTP/2.
//! Not here: joining anywhere (`joined`), bodies that look like frames (`fakes`).

use expect_test::expect;

use super::build::{bytes, check_late, script};
use earwitness_common::settings::Verdict;

use crate::model::limits::Limits;
use crate::model::sample::Direction;
use crate::protocol::connection::Connection;
use crate::protocol::input::{Input, Span};
use crate::protocol::tests::script::{self, Event, render, run};

#[test]
fn what_was_not_seen_is_left_out_and_counted() {
    check_late(
        "
        > HEADERS 7 end : GET /a, #63, +x=1, +y=2
        < HEADERS 7 : 200, #62 | DATA 7 end : abc
        > HEADERS 9 end : #2, #6, #65, #64, #62, #63, #67
        < HEADERS 9 end : #62
        tick 1100
        > HEADERS 11 end : GET /c
        < HEADERS 11 end : 204
        ",
        expect![[r#"
            #7 GET /a 2 [2 ?1 before_attach] 71+0/71 => 200 2 [0 ?1 before_attach] 23+3/35
            #9 GET  2 [2 ?3 before_attach] 16+0/16 => 0 2 [0 ?1 before_attach] 10+0/10
            #11 GET /c 2 [0] 60+0/60 => 204 2 [0] 22+0/22
        "#]],
    );
}

/// Nothing is told before it is certain, then everything.
#[test]
fn it_takes_a_second_or_the_end() {
    let text = "
        > HEADERS 7 end : GET /a
        < HEADERS 7 end : 207
        > HEADERS 9 end : GET /b
        < HEADERS 9 end : 209
        ";
    check_late(
        text,
        expect![[r#"
        #7 GET /a 2 [0] 60+0/60 => 207 2 [0] 22+0/22
        #9 GET /b 2 [0] 60+0/60 => 209 2 [0] 22+0/22
    "#]],
    );
    check_late(
        &format!("{text}\ntick 1001\nstop"),
        expect![[r#"
        #7 GET /a 2 [0] 60+0/60 => 207 2 [0] 22+0/22
        #9 GET /b 2 [0] 60+0/60 => 209 2 [0] 22+0/22
    "#]],
    );
    let mut connection = Connection::new(false);
    let (limits, mut out) = (Limits::default(), Vec::new());
    for event in script(text) {
        let Event::Bytes(direction, bytes) = event else { continue };
        let (call_start, turn_start) = (true, true);
        let span = Span { time_ns: 5, rest: &bytes, call_start, turn_start, tgid: 1, uid: 2 };
        connection.push(direction, Input::Bytes(span), &limits, &mut out);
    }
    assert!(connection.is_read() && connection.awaits_tick() && out.is_empty());
    assert_eq!(connection.request_direction(), Some(Direction::Ingress));
    connection.tick(999_999_999, &limits, &mut out);
    assert!(out.is_empty());
    connection.tick(1_000_000_005, &limits, &mut out);
    assert_eq!(out.len(), 2);
    assert!(!connection.awaits_tick());
    assert_eq!(connection.wants(), Verdict::Full);
}

#[test]
fn the_preface_may_come_late_too() {
    check_late(
        "
        > preface | SETTINGS | HEADERS 1 end : +GET /a
        < SETTINGS | HEADERS 1 end : 200
        > HEADERS 3 end : #65, #64, #63, #62
        < HEADERS 3 end : 204
        ",
        expect![[r#"
            #1 GET /a 2 [0] 60+0/60 => 200 2 [0] 22+0/22
            #3 GET /a 2 [0] 13+0/13 => 204 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn requests_may_go_either_way() {
    check_late(
        "
        < HEADERS 7 end : GET /a
        > HEADERS 7 end : 207
        ",
        expect![[r#"
            #7 GET /a 2 [0] 60+0/60 => 207 2 [0] 22+0/22
        "#]],
    );
}

/// What was open is not told, but for responses to requests that came before us.
#[test]
fn streams_that_were_open() {
    check_late(
        "
        < DATA 5 : abc | HEADERS 3 end : 203
        > DATA 7 : abc | WINDOW 5 100 | DATA 7 : def
        < DATA 5 : abc
        > HEADERS 9 end : GET /a | HEADERS 7 end : t=1
        < HEADERS 9 : 209 | DATA 9 end : x | HEADERS 5 end : t=1 | HEADERS 7 end : 207
        > HEADERS 11 end : GET /b
        < RST 11 2
        tick 1100
        < PING
        ",
        expect![[r#"
            #3 - (request before_attach) => 203 2 [0] 22+0/22
            #9 GET /a 2 [0] 60+0/60 => 209 2 [0] 22+1/32
            #7 - (request before_attach) => 207 2 [0] 22+0/22
            #11 GET /b 2 [0] 60+0/60 => - reset INTERNAL_ERROR by server
        "#]],
    );
}

#[test]
fn one_direction_is_in_the_middle_of_a_frame() {
    check_late(
        "
        < RAW : \\x08abcdefghijklmnopqrstuvwxyz
        > WINDOW 0 100
        < RAW : some more of it | DATA 1 end : x
        > HEADERS 9 end : GET /a
        < HEADERS 9 end : 209
        > HEADERS 11 end : GET /b
        < HEADERS 11 end : 211
        ",
        expect![[r#"
            #9 GET /a 2 [0] 60+0/60 => 209 2 [0] 22+0/22
            #11 GET /b 2 [0] 60+0/60 => 211 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn a_hole_while_it_is_not_certain() {
    check_late(
        "
        > HEADERS 7 end : GET /a
        < HEADERS 7 end : 207
        >gap 10
        > HEADERS 11 end : GET /c
        < HEADERS 11 end : 211
        ",
        expect![[r#"
            loss ring_full 10
            loss before_attach 60
            #7 - (request before_attach) => 207 2 [0] 22+0/22
            #11 GET /c 2 [0] 60+0/60 => 211 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn one_direction_alone_is_nothing() {
    for text in [
        "> HEADERS 7 end : GET /a\n> HEADERS 9 end : GET /b",
        "> HEADERS 7 end : GET /a\n< HEADERS 9 end : 200",
        "> HEADERS 7 end : GET /a\n< HEADERS 7 end : GET /a",
        "> HEADERS 7 end : 200\n< HEADERS 7 end : 200",
        "> HEADERS 7 end : x=1\n< HEADERS 7 end : 200",
        "> HEADERS 6 end : GET /a\n< HEADERS 6 end : 200",
        "> HEADERS 7 end : GET /a, :path=/b\n< HEADERS 7 end : 200",
        "> HEADERS 7 end : GET a\n< HEADERS 7 end : 200",
        "> HEADERS 7 end : GET /a | RAW : abcdefghi\n< HEADERS 7 end : 200",
        "> CONT 7 : GET /a\n< HEADERS 7 end : 200",
        "> HEADERS 7 end : GET /a\n< PUSH 7 2 : GET /a",
        "> PING | PING | SETTINGS\n< PING | SETTINGS ack",
    ] {
        let outputs = run(&script(&format!("{text}\ntick 2000")), false, &Limits::default());
        assert_eq!(render(&outputs), "", "{text}");
    }
}

/// A connection that carries something else is not taken for HTTP/2, whatever its messages hold.
#[test]
fn other_protocols() {
    let frames = bytes("HEADERS 7 end : GET /a | PING | DATA 9 end : abc");
    let answers = bytes("HEADERS 7 end : 200 | PING");
    let record = |bytes: &[u8]| [&[23, 3, 3, 0, bytes.len() as u8][..], bytes].concat();
    for (request, response) in [
        (record(&frames), record(&answers)),
        ([b"\0\0\0\x50", &frames[..]].concat(), [b"\0\0\0\x20", &answers[..]].concat()),
        (vec![0; 100], vec![0; 100]),
        (b"\0\0\0\x01\0\0\0\x01\0".repeat(20), b"\0\0\0\x01\0\0\0\x01\0".repeat(20)),
        (
            b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x01".repeat(9),
            b"\0\0\x08\x06\x01\0\0\0\0abcdefgh".to_vec(),
        ),
    ] {
        let events = [
            Event::Bytes(Direction::Ingress, request),
            Event::Bytes(Direction::Egress, response),
            Event::Tick(600),
        ];
        let outputs = run(&vec![events; 20].concat(), false, &Limits::default());
        assert!(!render(&outputs).contains('#'), "{}", render(&outputs));
    }
}

/// Bodies of HTTP/1 that look like frames, one way: the next turn begins with a message.
#[test]
fn http_1_stays_http_1() {
    let frames = bytes("HEADERS 7 end : GET /fake | PING | HEADERS 9 end : GET /fake");
    let mut events = vec![Event::Bytes(Direction::Ingress, frames)];
    events.extend(script::parse(
        r"
        < HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n
        ",
    ));
    expect![[r#"
        - (request before_attach) => 200 1.1 [1] 38+2/40
        GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38
    "#]]
    .assert_eq(&render(&run(&events, false, &Limits::default())));
}

/// Turns change with every WINDOW_UPDATE; that is no reason to give up.
#[test]
fn a_long_download_is_waited_for() {
    let mut events = Vec::new();
    for _ in 0..500 {
        events.extend(script("< DATA 5 : {3000}\n> WINDOW 5 3000"));
    }
    events.extend(script("> HEADERS 7 end : GET /a\n< HEADERS 7 end : 207\ntick 1100"));
    expect![[r#"
        #7 GET /a 2 [0] 60+0/60 => 207 2 [0] 22+0/22
    "#]]
    .assert_eq(&render(&run(&events, false, &Limits::default())));
}

/// Messages whose lengths look like frames, for a while.
#[test]
fn what_seems_to_be_frames_is_given_up_in_the_end() {
    let mut connection = Connection::new(false);
    let ping = bytes("PING");
    let other = b"no frame";
    for turn in 0..2_000_u64 {
        let bytes: &[u8] = if turn % 20 > 17 { other } else { &ping };
        let direction = if turn % 2 == 0 { Direction::Ingress } else { Direction::Egress };
        let (call_start, turn_start) = (true, true);
        let span = Span { time_ns: turn, rest: bytes, call_start, turn_start, tgid: 1, uid: 2 };
        connection.push(direction, Input::Bytes(span), &Limits::default(), &mut Vec::new());
    }
    assert_eq!(connection.wants(), Verdict::Ignore);
}

/// It carries TLS: what is read of it is another connection.
#[test]
fn a_connection_that_carries_tls() {
    let mut connection = Connection::new(false);
    let (limits, mut out) = (Limits::default(), Vec::new());
    connection.carry();
    for event in script("> HEADERS 7 end : GET /a\n< HEADERS 7 end : 200") {
        let Event::Bytes(direction, bytes) = event else { continue };
        let (call_start, turn_start) = (true, true);
        let span = Span { time_ns: 5, rest: &bytes, call_start, turn_start, tgid: 1, uid: 2 };
        connection.push(direction, Input::Bytes(span), &limits, &mut out);
    }
    connection.tick(2_000_000_000, &limits, &mut out);
    connection.close(2_000_000_001, &limits, &mut out);
    assert!(out.is_empty() && connection.tls().is_some());
}
