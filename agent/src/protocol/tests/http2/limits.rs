//! Memory and time stay bounded.
//!
//! In: conversations that are made to be hard. Out: nothing.
//! Always: what is held stays within the limits, and the work is linear in what comes.
//! Not here: HPACK's table (`hpack::tests`).

use std::time::Instant;

use expect_test::expect;

use super::build::{bytes, check_with};
use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::model::sample::Direction;
use crate::protocol::Output;
use crate::protocol::connection::Connection;
use crate::protocol::input::{Hole, Input, Span};

/// A connection under test, with what it gave.
pub struct Rig {
    pub connection: Connection,
    pub limits: Limits,
    pub out: Vec<Output>,
    pub time_ns: u64,
}

impl Rig {
    pub fn new(fresh: bool) -> Self {
        let connection = Connection::new(fresh);
        Self { connection, limits: Limits::default(), out: Vec::new(), time_ns: 1 }
    }

    pub fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        self.time_ns += 1_000;
        let (time_ns, call_start, turn_start) = (self.time_ns, true, true);
        let span = Span { time_ns, rest: bytes, call_start, turn_start, tgid: 1, uid: 2 };
        self.connection.push(direction, Input::Bytes(span), &self.limits, &mut self.out);
    }

    pub fn requests(&mut self, frames: &str) {
        self.bytes(Direction::Ingress, &bytes(frames));
    }

    pub fn responses(&mut self, frames: &str) {
        self.bytes(Direction::Egress, &bytes(frames));
    }

    pub fn hole(&mut self, direction: Direction, bytes: u64) {
        self.time_ns += 1_000;
        let hole =
            Hole { time_ns: self.time_ns, bytes, reason: Reason::RingFull, turn_start: false };
        self.connection.push(direction, Input::Hole(hole), &self.limits, &mut self.out);
    }

    fn begin() -> Self {
        let mut rig = Self::new(true);
        rig.requests("preface | SETTINGS");
        rig.responses("SETTINGS");
        rig
    }
}

#[test]
fn streams_beyond_the_limit() {
    let limits = Limits { streams: 2, ..Limits::default() };
    check_with(
        "
        > preface | SETTINGS | HEADERS 1 end : GET /1 | HEADERS 3 end : GET /3
        > HEADERS 5 end : GET /5
        < SETTINGS | HEADERS 1 end : 201 | HEADERS 5 end : 205 | HEADERS 3 end : 203
        ",
        &limits,
        expect![[r#"
            #1 GET /1 2 [0] 60+0/60 => - (response memory_limit) !too_many_streams
            #5 GET /5 2 [0] 60+0/60 => 205 2 [0] 22+0/22
            #3 GET /3 2 [0] 60+0/60 => 203 2 [0] 22+0/22
        "#]],
    );
}

#[test]
fn an_idle_connection_is_small() {
    let mut rig = Rig::begin();
    for id in (1..2_000).step_by(2) {
        rig.requests(&format!("HEADERS {id} end : GET /a, x=1"));
        rig.responses(&format!("HEADERS {id} : 200, y=1 | DATA {id} end : hello"));
    }
    assert_eq!(rig.out.len(), 1_000);
    assert!(rig.connection.memory_bytes() < 4_096, "{}", rig.connection.memory_bytes());
    assert!(!rig.connection.awaits_tick());
}

#[test]
fn requests_without_responses_are_bounded() {
    let mut rig = Rig::begin();
    for id in 0..40_000 {
        rig.requests(&format!("HEADERS {} end : GET /a", 2 * id + 1));
    }
    assert_eq!(rig.out.len(), 40_000 - rig.limits.streams);
    assert!(rig.connection.memory_bytes() < 32 << 20, "{}", rig.connection.memory_bytes());
    rig.connection.close(rig.time_ns, &rig.limits, &mut rig.out);
    assert_eq!(rig.out.len(), 40_000);
    assert_eq!(rig.connection.memory_bytes(), 0);
}

#[test]
fn blocks_without_end_are_bounded() {
    let mut rig = Rig::begin();
    rig.requests("HEADERS 1 end more : GET /a");
    for _ in 0..10_000 {
        rig.requests("CONT 1 more : a={100}");
        assert!(rig.connection.memory_bytes() < 400_000);
    }
    rig.requests("CONT 1 : b=1 | HEADERS 3 end : GET /b");
    rig.responses("HEADERS 1 end : 201 | HEADERS 3 end : 203");
    assert_eq!(rig.out.len(), 2);
}

/// Streams are opened and reset as fast as they can be (CVE-2023-44487).
#[test]
fn rapid_resets_are_linear() {
    let mut rig = Rig::begin();
    let begin = Instant::now();
    let frames: String = (0..1_000)
        .map(|at| format!("HEADERS {} end : GET /a | RST {} 8", 2 * at + 1, 2 * at + 1))
        .collect::<Vec<_>>()
        .join(" | ");
    rig.requests(&frames);
    assert_eq!(rig.out.len(), 1_000);
    for at in 1_000..30_000 {
        rig.requests(&format!("HEADERS {} end : GET /a | RST {} 8", 2 * at + 1, 2 * at + 1));
    }
    assert_eq!(rig.out.len(), 30_000);
    assert!(begin.elapsed().as_secs() < 20);
}

/// Many open streams, and input that makes each of them be looked at if anything does.
#[test]
fn many_open_streams_cost_nothing_by_themselves() {
    let mut rig = Rig::begin();
    for at in 0..16_000 {
        rig.requests(&format!("HEADERS {} end : GET /a", 2 * at + 1));
    }
    // One response that waits for its request keeps `tick` awake.
    rig.responses("HEADERS 90001 end : 200");
    assert!(rig.connection.awaits_tick());
    let begin = Instant::now();
    let (ping, goaway, content) = (bytes("PING"), bytes("GOAWAY 100000 0"), bytes("DATA 1 : x"));
    for _ in 0..100_000 {
        rig.time_ns -= 990;
        rig.bytes(Direction::Egress, &ping);
        rig.bytes(Direction::Egress, &goaway);
        rig.bytes(Direction::Egress, &content);
    }
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

/// Holes shake every stream that is open; but only where the direction was in step again before.
#[test]
fn many_holes_with_many_streams() {
    let mut rig = Rig::begin();
    for at in 0..16_000 {
        rig.requests(&format!("HEADERS {} end : GET /a", 2 * at + 1));
    }
    let begin = Instant::now();
    let response = bytes("HEADERS 1 : 200 | DATA 1 : abc");
    for _ in 0..20_000 {
        rig.hole(Direction::Egress, 50);
        rig.bytes(Direction::Egress, &response);
    }
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
    assert!(rig.connection.memory_bytes() < 32 << 20);
}

/// What a search keeps is bounded however it is cut, and so is its work.
#[test]
fn a_search_is_bounded() {
    for piece_bytes in [1, 9, 100, 50_000] {
        let mut rig = Rig::new(false);
        let begin = Instant::now();
        let mut id = 1;
        let mut frames = Vec::new();
        while frames.len() < 1_000_000 {
            frames.extend(bytes(&format!("HEADERS {id} end : #2, #6, #4")));
            id += 2;
        }
        for piece in frames.chunks(piece_bytes) {
            rig.bytes(Direction::Ingress, piece);
            let held_bytes = rig.connection.memory_bytes();
            assert!(held_bytes < 1 << 20, "{held_bytes} bytes are held");
        }
        assert!(begin.elapsed().as_secs() < 30, "{:?}", begin.elapsed());
        assert!(rig.out.is_empty());
    }
}

/// Content of ever other streams makes a chain begin anew each time.
#[test]
fn strangers_are_bounded() {
    let mut rig = Rig::new(false);
    let begin = Instant::now();
    let frames: Vec<u8> = (1..100_000).flat_map(|id| bytes(&format!("DATA {id} : x"))).collect();
    for piece in frames.chunks(60_000) {
        rig.bytes(Direction::Ingress, piece);
        let held_bytes = rig.connection.memory_bytes();
        assert!(held_bytes < 1 << 20, "{held_bytes} bytes are held");
    }
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

/// Frames of the largest size that a receiver can allow.
#[test]
fn large_frames() {
    let mut rig = Rig::begin();
    rig.responses("SETTINGS 5=16777215");
    rig.requests("HEADERS 1 : POST /a");
    rig.bytes(Direction::Ingress, &[0xff, 0xff, 0xff, 0, 1, 0, 0, 0, 1]);
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..15 {
        rig.bytes(Direction::Ingress, &piece);
        assert!(rig.connection.memory_bytes() < 10_000);
    }
    rig.hole(Direction::Ingress, (1 << 20) - 1);
    rig.responses("HEADERS 1 end : 200");
    let [Output::Exchange(exchange)] = &rig.out[..] else { panic!("{:?}", rig.out) };
    assert_eq!(exchange.request.as_ref().unwrap().body_bytes, Some((1 << 24) - 1));
}
