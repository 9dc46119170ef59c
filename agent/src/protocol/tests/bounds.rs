//! Memory and time stay bounded.

use earwitness_common::settings::Verdict;

use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::model::sample::Direction;
use crate::protocol::Output;
use crate::protocol::connection::Connection;
use crate::protocol::exchange::MessageEnd;
use crate::protocol::input::{Hole, Input, Span};

/// A connection under test, with what it gave.
struct Rig {
    connection: Connection,
    limits: Limits,
    out: Vec<Output>,
    last: Option<Direction>,
    time_ns: u64,
}

impl Rig {
    fn new() -> Self {
        Self {
            connection: Connection::new(true),
            limits: Limits::default(),
            out: Vec::new(),
            last: None,
            time_ns: 1,
        }
    }

    fn turn(&mut self, direction: Direction) -> bool {
        self.time_ns += 1_000;
        self.last.replace(direction) != Some(direction)
    }

    fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        let turn_start = self.turn(direction);
        let span = Span {
            time_ns: self.time_ns,
            rest: bytes,
            call_start: true,
            turn_start,
            tgid: 1,
            uid: 2,
        };
        self.connection.push(direction, Input::Bytes(span), &self.limits, &mut self.out);
    }

    fn requests(&mut self, text: &str) {
        self.bytes(Direction::Ingress, text.as_bytes());
    }

    fn responses(&mut self, text: &str) {
        self.bytes(Direction::Egress, text.as_bytes());
    }

    fn response_gap(&mut self, bytes: u64) {
        let turn_start = self.turn(Direction::Egress);
        let hole = Hole { time_ns: self.time_ns, bytes, reason: Reason::OverLimit, turn_start };
        self.connection.push(Direction::Egress, Input::Hole(hole), &self.limits, &mut self.out);
    }
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn an_idle_connection_is_small() {
    let mut rig = Rig::new();
    for _ in 0..100 {
        rig.requests(GET);
        rig.responses(OK);
    }
    assert!(rig.connection.memory_bytes() < 1_024, "{}", rig.connection.memory_bytes());
    assert!(!rig.connection.awaits_tick());
    assert_eq!(rig.out.len(), 100);
}

#[test]
fn a_body_of_a_gibibyte_is_counted_and_not_held() {
    let mut rig = Rig::new();
    rig.requests(GET);
    rig.responses("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..512 {
        rig.bytes(Direction::Egress, &piece);
        rig.response_gap(1 << 20);
        assert!(rig.connection.memory_bytes() < 20_000);
        assert_eq!(rig.connection.wants(), Verdict::Capture);
    }
    let [Output::Exchange(exchange)] = &rig.out[..] else {
        panic!("{:?}", rig.out);
    };
    let response = exchange.response.as_ref().unwrap();
    assert_eq!(response.body_bytes, Some(1 << 30));
    assert_eq!(response.end, MessageEnd::Whole);
    assert_eq!(response.seen_bytes - response.captured_bytes, 512 << 20);
}

#[test]
fn requests_without_responses_are_bounded() {
    let mut rig = Rig::new();
    rig.limits.pipelined = 100;
    for _ in 0..10_000 {
        rig.requests(GET);
    }
    assert!(rig.connection.memory_bytes() < 200_000, "{}", rig.connection.memory_bytes());
    assert_eq!(rig.out.len(), 9_900);
}

#[test]
fn responses_without_requests_are_bounded() {
    let mut rig = Rig::new();
    for _ in 0..100_000 {
        rig.responses(OK);
        assert!(rig.connection.memory_bytes() < 400_000);
    }
    assert!(!rig.out.is_empty());
}

#[test]
fn heads_without_end_are_bounded() {
    let mut rig = Rig::new();
    for _ in 0..1_000_000 {
        rig.requests("a");
        assert!(rig.connection.memory_bytes() < 200_000);
    }
    let mut rig = Rig::new();
    rig.requests("GET / HTTP/1.1\r\n");
    for _ in 0..200_000 {
        rig.requests("a:b\r\n");
        assert!(rig.connection.memory_bytes() < 200_000);
    }
}

#[test]
fn bytes_after_connect_are_bounded() {
    let mut rig = Rig::new();
    rig.requests("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n");
    for _ in 0..10_000 {
        rig.requests("0123456789012345678901234567890123456789");
        assert!(rig.connection.memory_bytes() < 300_000);
    }
}

#[test]
fn large_chunked_responses_with_holes_stay_paired() {
    // The budget of a turn ends in the middle of a chunked body: every time.
    let mut rig = Rig::new();
    for _ in 0..40 {
        rig.requests(GET);
        rig.responses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\nabc");
        rig.response_gap(100_000);
    }
    rig.time_ns += 300_000_000;
    rig.connection.tick(rig.time_ns, &rig.limits, &mut rig.out);
    let mut pairs = 0;
    for output in &rig.out {
        if let Output::Exchange(exchange) = output {
            assert!(exchange.request.is_some() && exchange.response.is_some());
            pairs += 1;
        }
    }
    assert_eq!(pairs, 40);
}
