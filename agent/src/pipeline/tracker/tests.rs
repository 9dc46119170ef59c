//! What a proxy says before a connection's first byte reaches the exchanges that the connection carries.

use std::net::IpAddr;

use super::*;
use crate::model::origin::{Attribution, Origin, Process};
use crate::model::sample::{Endpoints, ProcessEvent, Role, TlsStream};
use crate::model::tls::TlsLibrary;

const SOCKET: ConnId = ConnId(1);
const STREAM: ConnId = ConnId(2);
const HEADER: &[u8] = b"PROXY TCP4 198.51.100.7 10.0.0.4 4711 443\r\n";
const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03";
const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

struct Nobody;

impl Names for Nobody {
    fn process(&self, tgid: u32, _: u32) -> Arc<Process> {
        Arc::new(Process { pid: tgid, ..Process::default() })
    }

    fn event(&self, _: &ProcessEvent) {}
}

fn open(conn: ConnId, tls: Option<TlsStream>) -> Box<Open> {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    Box::new(Open {
        time_ns: 1,
        conn,
        sock: 1,
        peer_sock: 0,
        ino: 1,
        cgroup: 1,
        endpoints: Endpoints::Tcp {
            local: (address("10.0.0.4"), 443),
            remote: (address("10.0.0.1"), 50_000),
        },
        netns: 1,
        role: Role::Accepted,
        fresh: true,
        tgid: 7,
        uid: 0,
        filter: FilterState::Watched,
        tls,
    })
}

/// Pieces of a conversation, each the next of its direction.
fn feed(tracker: &mut Tracker, conn: ConnId, pieces: &[(Direction, &[u8])]) {
    let mut ends = [0; 2];
    for (time, (direction, bytes)) in pieces.iter().enumerate() {
        let end = &mut ends[usize::from(*direction == Direction::Egress)];
        tracker.data(&Data {
            direction: *direction,
            time_ns: 10 + time as u64,
            conn,
            pos_bytes: *end,
            len_bytes: bytes.len() as u64,
            bytes,
            reason: None,
            call_start: true,
            turn_start: true,
            tgid: 7,
            uid: 0,
        });
        *end += bytes.len() as u64;
    }
}

fn tracker() -> Tracker {
    Tracker::new(Limits::default(), 1 << 20, Arc::new(Nobody))
}

fn only_origin(tracker: &mut Tracker) -> Origin {
    let mut origins: Vec<_> = tracker
        .events()
        .filter_map(|event| match event {
            Event::Exchange(_, _, origin) => Some(origin),
            _ => None,
        })
        .collect();
    assert_eq!(origins.len(), 1);
    origins.remove(0)
}

#[track_caller]
fn check(origin: &Origin) {
    let said = origin.proxied.as_deref().unwrap();
    assert_eq!(said.source, Some("198.51.100.7:4711".parse().unwrap()));
}

#[test]
fn in_plaintext() {
    let mut tracker = tracker();
    tracker.open(open(SOCKET, None));
    let pieces = [
        (Direction::Ingress, HEADER),
        (Direction::Ingress, REQUEST),
        (Direction::Egress, RESPONSE),
    ];
    feed(&mut tracker, SOCKET, &pieces);
    check(&only_origin(&mut tracker));
}

#[test]
fn before_tls() {
    let mut tracker = tracker();
    tracker.open(open(SOCKET, None));
    feed(&mut tracker, SOCKET, &[(Direction::Ingress, HEADER), (Direction::Ingress, CLIENT_HELLO)]);
    let tls = TlsStream {
        library: TlsLibrary::OpenSsl,
        below: Some(SOCKET),
        layer: 1,
        attribution: Attribution::Syscall,
    };
    tracker.open(open(STREAM, Some(tls)));
    feed(&mut tracker, STREAM, &[(Direction::Ingress, REQUEST), (Direction::Egress, RESPONSE)]);
    let origin = only_origin(&mut tracker);
    assert!(origin.tls.is_some());
    check(&origin);
}
