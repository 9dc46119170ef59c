//! What is HTTP and what is not.

use expect_test::expect;

use earwitness_common::settings::Verdict;

use crate::model::limits::Limits;
use crate::model::sample::Direction;
use crate::protocol::connection::Connection;
use crate::protocol::input::{Input, Span};
use crate::protocol::tests::script::{check, check_late};

fn wants(pieces: &[(Direction, &[u8])], fresh: bool) -> Verdict {
    let mut connection = Connection::new(fresh);
    let mut last = None;
    for &(direction, bytes) in pieces {
        let span = Span {
            time_ns: 1,
            rest: bytes,
            call_start: true,
            turn_start: last != Some(direction),
            tgid: 1,
            uid: 2,
        };
        last = Some(direction);
        connection.push(direction, Input::Bytes(span), &Limits::default(), &mut Vec::new());
    }
    connection.wants()
}

#[test]
fn other_protocols_are_ignored_at_once() {
    for first in [
        b"\0\0\0\x08\x04\xd2\x16\x2f".as_slice(),
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        b"220 mail ESMTP\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"PING\r\n",
        b"get key\r\n",
        b"OPTIONS rtsp://h/a RTSP/1.0\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n",
        b"GET /\r\n",
        b"GET / HTTP/2.0\r\n",
        b"GET / http/1.1\r\n",
        b"HTTP/2 200 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 099 OK\r\n",
        b"\x17\x03\x03",
    ] {
        assert_eq!(wants(&[(Direction::Ingress, first)], true), Verdict::Ignore, "{first:?}");
        assert_eq!(wants(&[(Direction::Egress, first)], true), Verdict::Ignore, "{first:?}");
    }
}

#[test]
fn undecided_until_the_line_is_whole() {
    let first = b"\r\nGET /a HTTP/1.1\r\n";
    for length in 1..first.len() {
        let front = (Direction::Ingress, &first[..length]);
        assert_eq!(wants(&[front], true), Verdict::Undecided);
    }
    assert_eq!(wants(&[(Direction::Ingress, first)], true), Verdict::Capture);
}

#[test]
fn protocols_that_are_not_read_are_named() {
    check(
        "> \\x16\\x03\\x01\\x02\\0\n< \\x16\\x03\\x03\\x02\\0",
        expect![[r#"
        loss opaque_tls 0 connections 1
    "#]],
    );
    // Nobody has answered: nothing can have been exchanged.
    check("> \\x16\\x03\\x01\\x02\\0", expect![""]);
}

#[test]
fn nothing_comes_of_nothing() {
    check("", expect![[""]]);
    check(">end", expect![[""]]);
    check("> GET /a HTTP/1.", expect![[""]]);
    check_late("> GET /a HTTP/1.", expect![[""]]);
}

#[test]
fn given_up_after_sixteen_turns() {
    let mut pieces = Vec::new();
    for turn in 0..8 {
        assert_ne!(wants(&pieces, false), Verdict::Ignore, "turn {turn}");
        pieces.push((Direction::Ingress, b"\x01\x02".as_slice()));
        pieces.push((Direction::Egress, b"\x03\x04".as_slice()));
    }
    assert_ne!(wants(&pieces, false), Verdict::Ignore);
    pieces.push((Direction::Ingress, b"\x01\x02".as_slice()));
    assert_eq!(wants(&pieces, false), Verdict::Ignore);
}

#[test]
fn a_fresh_connection_whose_beginning_was_lost() {
    check(
        r"
        >gap 30
        < HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
        > GET /b HTTP/1.1\r\nHost: h\r\n\r\n
        < HTTP/1.1 404 OK\r\nContent-Length: 0\r\n\r\n
        ",
        expect![[r#"
            loss ring_full 30
            - (request ring_full) => 200 1.1 [1] 38+0/38
            GET /b 1.1 [1] 28+0/28 => 404 1.1 [1] 38+0/38
        "#]],
    );
    check(
        ">gap 30\n<gap 30",
        expect![[r#"
        loss ring_full 60
    "#]],
    );
}

#[test]
fn chunked_bodies_that_grow_want_everything() {
    let request = (Direction::Ingress, b"GET /a HTTP/1.1\r\n\r\n".as_slice());
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n".as_slice();
    let data = [b'x'; 0x10000];
    let mut pieces = vec![request, (Direction::Egress, head)];
    assert_eq!(wants(&pieces, true), Verdict::Capture);
    pieces.push((Direction::Egress, &data));
    assert_eq!(wants(&pieces, true), Verdict::Full);
    pieces.push((Direction::Egress, b"\r\n0\r\n\r\n"));
    assert_eq!(wants(&pieces, true), Verdict::Capture);
}

#[test]
fn pipelining_wants_everything_for_a_while() {
    let two = b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n".as_slice();
    assert_eq!(wants(&[(Direction::Ingress, two)], true), Verdict::Full);
}
