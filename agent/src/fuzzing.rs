//! What fuzzers feed: one entry for each reader of what others have written.
//!
//! In: any bytes. Out: nothing, or a panic that names what does not hold.
//! Always: built for `cargo fuzz` (`fuzz/`) and for the tests here, which feed real input with damage
//! and need no other compiler. Not here: cases that are known (the readers' own tests).

use std::fs::File;
use std::io::Write;

use crate::discover::binary;
use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::model::sample::{Direction, Sample};
use crate::protocol::coding::{self, CodingLimits, Decoder};
use crate::protocol::connection::Connection;
use crate::protocol::exchange::MessageEnd;
use crate::protocol::grpc::{self, Kind as Framing, Messages};
use crate::protocol::input::{Hole, Input, Span};
use crate::protocol::quic::{self, Opening, Version};
use crate::protocol::sse::{Event, EventStream};
use crate::protocol::tls::Handshake;

mod redaction;
#[cfg(test)]
mod tests;

pub use self::redaction::{detectors, form, forwarded, identity, json, multipart, plain, xml};

/// A program or a library. Probes go to places that are in the file, each once.
pub fn program(bytes: &[u8]) {
    let Some(file) = file_of(bytes) else { return };
    let points = binary::examine(&file).found.map(|found| found.points).unwrap_or_default();
    let is_inside = |offset: &u64| *offset < bytes.len() as u64;
    for point in &points {
        assert!(is_inside(&point.offset), "{point:?} begins beyond the file's end");
        assert!(point.returns.iter().all(is_inside), "{point:?} returns beyond the file's end");
    }
    assert!(points.is_sorted_by(|a, b| a.offset < b.offset), "{points:?} are not in order");
}

fn file_of(bytes: &[u8]) -> Option<File> {
    let mut file = tempfile::tempfile().ok()?;
    file.write_all(bytes).ok()?;
    Some(file)
}

/// Both directions of a TLS handshake. Cuts change nothing; memory is bounded.
pub fn handshake(bytes: &[u8]) {
    let (mut whole, mut cut) = (Handshake::new(), Handshake::new());
    for Piece { direction, bytes, .. } in pieces(bytes) {
        whole.bytes(direction, bytes);
        for byte in bytes.chunks(1) {
            cut.bytes(direction, byte);
        }
        let held = cut.memory_bytes();
        assert!(held <= MOST_HANDSHAKE_BYTES, "{held} bytes are held");
    }
    assert_eq!(whole.facts(), cut.facts(), "a cut changes what is known");
    assert_eq!(whole.is_done(), cut.is_done(), "a cut changes when it ends");
}

/// Datagrams of a QUIC client: some as they are, some sealed by its keys.
pub fn quic_initial(bytes: &[u8]) {
    let mut opening = None::<Opening>;
    for Piece { kind, direction, bytes } in pieces(bytes) {
        let version = if direction == Direction::Egress { Version::V2 } else { Version::V1 };
        let datagram = match kind {
            Kind::Bytes => quic::sealed(version, &QUIC_ID, &[0], bytes).unwrap_or_default(),
            Kind::Hole | Kind::End => bytes.to_vec(),
        };
        match &mut opening {
            Some(opening) => drop(opening.datagram(&datagram)),
            None => opening = Opening::new(&datagram),
        }
        let Some(opening) = &opening else { continue };
        assert!(opening.is_over() || opening.hello().is_none(), "a hello is there too early");
        let held = opening.memory_bytes();
        assert!(held <= MOST_OPENING_BYTES, "{held} bytes are held");
    }
}

/// Content with a coding, which the first byte tells. Cuts change nothing; limits hold.
pub fn content(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let codings = CODINGS.get(usize::from(which % 5)).copied().unwrap_or_default();
    let limits = CodingLimits { output_bytes: 1 << (which >> 3), ratio: 200 };
    let Ok(whole) = coding::decode(std::iter::once(codings), bytes, limits) else { return };
    let Ok(mut decoder) = Decoder::new(std::iter::once(codings), limits) else { return };
    let mut out = Vec::new();
    for piece in bytes.chunks(usize::from(*which) + 1) {
        decoder.push(piece, &mut out);
        let held = decoder.memory_bytes();
        assert!(held <= MOST_CODING_BYTES, "{held} bytes are held");
    }
    let state = decoder.finish(&mut out);
    assert!(out.len() <= limits.output_bytes, "{} bytes come out", out.len());
    assert!(whole == (out, state), "a cut changes what comes out");
}

/// One direction of a gRPC call, with holes. Cuts change nothing; memory is bounded.
pub fn grpc(bytes: &[u8]) {
    for framing in [Framing::Grpc, Framing::Web, Framing::WebText] {
        let (mut whole, mut cut) = (Messages::new(framing, 100), Messages::new(framing, 100));
        let (mut frames, mut frames_of_cut) = (Vec::new(), Vec::new());
        for Piece { kind, bytes, .. } in pieces(bytes) {
            let mut each = |frame: grpc::Frame<'_>| frames.push(frame.payload.to_vec());
            let mut each_of_cut =
                |frame: grpc::Frame<'_>| frames_of_cut.push(frame.payload.to_vec());
            if let Kind::Hole = kind {
                whole.skip(bytes.len() as u64, &mut each);
                cut.skip(bytes.len() as u64, &mut each_of_cut);
                continue;
            }
            whole.bytes(bytes, &mut each);
            bytes.chunks(1).for_each(|byte| cut.bytes(byte, &mut each_of_cut));
            let held = cut.memory_bytes();
            assert!(held <= MOST_FRAME_BYTES, "{held} bytes are held");
        }
        assert_eq!(whole.counts(), cut.counts(), "a cut changes what is counted");
        assert_eq!(whole.end(&mut |_| {}), cut.end(&mut |_| {}), "a cut changes how it ends");
        assert_eq!(frames, frames_of_cut, "a cut changes messages");
    }
}

/// A sample of the kernel side, or of a capture file.
pub fn sample(bytes: &[u8]) {
    if let Ok(Sample::Data(data)) = Sample::decode(bytes) {
        let captured = data.bytes.len() as u64;
        assert!(captured <= data.len_bytes, "{captured} bytes of {} are captured", data.len_bytes);
    }
}

/// A connection with HTTP/1 or anything else on it, with holes and ends.
pub fn http1(bytes: &[u8]) {
    let connection = Connection::new(bytes.first().is_some_and(|first| first & 1 == 0));
    converse(connection, Vec::new(), bytes);
}

/// A connection that has begun with HTTP/2.
pub fn http2(bytes: &[u8]) {
    let preface = Piece {
        kind: Kind::Bytes,
        direction: Direction::Ingress,
        bytes: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };
    converse(Connection::new(true), vec![preface], bytes);
}

/// A connection after the handshake of WebSocket, which compresses.
pub fn websocket(bytes: &[u8]) {
    let request = Piece {
        kind: Kind::Bytes,
        direction: Direction::Ingress,
        bytes: b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    };
    let response = Piece {
        kind: Kind::Bytes,
        direction: Direction::Egress,
        bytes: b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    };
    converse(Connection::new(true), vec![request, response], bytes);
}

/// Server-sent events, with holes. Cuts change nothing; memory is bounded.
pub fn events(bytes: &[u8]) {
    let (mut whole, mut cut) = (EventStream::new(100), EventStream::new(100));
    let (mut events, mut events_of_cut) = (Vec::new(), Vec::new());
    for Piece { kind, bytes, .. } in pieces(bytes) {
        if let Kind::Hole = kind {
            whole.hole(bytes.len() as u64, &mut events);
            cut.hole(bytes.len() as u64, &mut events_of_cut);
            continue;
        }
        whole.push(bytes, 1, &mut events);
        bytes.chunks(1).for_each(|byte| cut.push(byte, 1, &mut events_of_cut));
        let held = cut.memory_bytes();
        assert!(held <= MOST_FRAME_BYTES, "{held} bytes are held");
    }
    whole.end(MessageEnd::Truncated, &mut events);
    cut.end(MessageEnd::Truncated, &mut events_of_cut);
    let data =
        |events: &[Event]| -> Vec<_> { events.iter().map(|event| event.data.clone()).collect() };
    assert_eq!(data(&events), data(&events_of_cut), "a cut changes events");
}

/// First those pieces, then those that the bytes hold.
fn converse(mut connection: Connection, first: Vec<Piece<'_>>, bytes: &[u8]) {
    let limits = Limits {
        request_body_bytes: BODY_BYTES,
        response_body_bytes: BODY_BYTES,
        ..Limits::default()
    };
    let mut out = Vec::new();
    let mut time_ns = 0;
    let mut last = None;
    for Piece { kind, direction, bytes } in first.into_iter().chain(pieces(bytes)) {
        time_ns += STEP_NS;
        let turn_start = last.replace(direction) != Some(direction);
        match kind {
            Kind::Bytes => {
                let (call_start, tgid, uid) = (true, 1, 0);
                let span = Span { time_ns, rest: bytes, call_start, turn_start, tgid, uid };
                connection.push(direction, Input::Bytes(span), &limits, &mut out);
            }
            Kind::Hole => {
                let (bytes, reason) = (bytes.len() as u64, Reason::RingFull);
                let hole = Hole { time_ns, bytes, reason, turn_start };
                connection.push(direction, Input::Hole(hole), &limits, &mut out);
            }
            Kind::End => connection.push(direction, Input::End(time_ns), &limits, &mut out),
        }
        connection.tick(time_ns, &limits, &mut out);
        connection.open_long(time_ns.saturating_sub(10 * STEP_NS), &mut out);
        let held = connection.memory_bytes();
        assert!(held <= MOST_CONNECTION_BYTES, "{held} bytes are held");
        out.clear();
    }
    connection.close(time_ns, &limits, &mut out);
    assert_eq!(connection.memory_bytes(), 0, "something is held after the end");
}

/// Something that happens on a connection.
struct Piece<'b> {
    kind: Kind,
    direction: Direction,
    bytes: &'b [u8],
}

enum Kind {
    Bytes,
    Hole,
    End,
}

/// Input as pieces: two bytes say what each is and how long, so that a fuzzer can move its ends.
fn pieces(mut bytes: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    while let [what, length, rest @ ..] = bytes {
        let length = usize::from(*length) * if what & LONG == 0 { 1 } else { 64 };
        let (piece, rest) = rest.split_at(length.min(rest.len()));
        let direction = if what & EGRESS == 0 { Direction::Ingress } else { Direction::Egress };
        let kind = match what >> 4 {
            0 => Kind::Hole,
            1 => Kind::End,
            _ => Kind::Bytes,
        };
        pieces.push(Piece { kind, direction, bytes: piece });
        bytes = rest;
    }
    pieces
}

const EGRESS: u8 = 1;
const LONG: u8 = 2;
const STEP_NS: u64 = 1_000_000;
/// Two messages that are put together, and what is kept of them.
const MOST_HANDSHAKE_BYTES: usize = 1 << 18;
/// Pieces of a ClientHello, and where they are.
const MOST_OPENING_BYTES: usize = 1 << 15;
/// Where a QUIC client sends its first packets.
const QUIC_ID: [u8; 8] = *b"8 bytes.";
const CODINGS: [&[u8]; 5] = [b"gzip", b"deflate", b"br", b"zstd", b"zstd, br, deflate, gzip"];
/// All of them, as far as their limits go.
const MOST_CODING_BYTES: usize = 64 << 20;
/// Trailers, and room for as much again.
const MOST_FRAME_BYTES: usize = 1 << 17;
/// Content that is kept.
const BODY_BYTES: usize = 1_000;
/// Heads of both directions, and what waits for the other one.
const MOST_CONNECTION_BYTES: usize = 4 << 20;
