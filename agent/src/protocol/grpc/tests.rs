//! Tests of gRPC: fields and bodies in, calls and messages out.
//!
//! In: bodies as the protocol's documents describe them. Out: frames as text.
//! Always: the same frames however a body was cut. Not here: trailers' lines (`status`).

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{ContentType, Counts, End, Frame, FrameKind, Kind, Messages, decompress, method};
use crate::cases::cases;
use crate::protocol::coding::{CodingLimits, State, Unknown};

/// `Hello` compressed by Python's `gzip`.
const HELLO_GZIP: [u8; 25] = [
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x82, 0x89, 0xd1, 0xf7,
    5, 0, 0, 0,
];

/// What a body has in it, one after the other.
#[derive(Clone, Debug)]
enum Part<'a> {
    Bytes(&'a [u8]),
    Hole(u64),
}

fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
    [&[flags], &(payload.len() as u32).to_be_bytes()[..], payload].concat()
}

/// `message 3/5 "abc"`: three bytes of five are there.
fn text_of(frame: Frame<'_>) -> String {
    let kind = match frame.kind {
        FrameKind::Message => "message",
        FrameKind::Trailers => "trailers",
    };
    let compressed = if frame.is_compressed { " compressed" } else { "" };
    let (there, all) = (frame.payload.len(), frame.wire_bytes);
    assert_eq!(frame.is_whole(), there as u64 == u64::from(all));
    format!("{kind}{compressed} {there}/{all} \"{}\"", frame.payload.escape_ascii())
}

fn read(kind: Kind, wanted: usize, parts: &[Part<'_>]) -> (Vec<String>, End, Option<Counts>) {
    let mut frames = Vec::new();
    let mut messages = Messages::new(kind, wanted);
    let mut each = |frame: Frame<'_>| frames.push(text_of(frame));
    for part in parts {
        match part {
            Part::Bytes(bytes) => messages.bytes(bytes, &mut each),
            Part::Hole(bytes) => messages.skip(*bytes, &mut each),
        }
        // A vector doubles.
        assert!(messages.memory_bytes() <= 2 * wanted.max(1 << 16));
    }
    let before = messages.counts();
    let end = messages.end(&mut each);
    assert_eq!(messages.counts(), before);
    messages.bytes(b"=more", &mut each);
    messages.skip(1, &mut each);
    assert_eq!(messages.end(&mut each), end, "what follows the end changes it");
    (frames, end, before)
}

/// Frames, end and messages of a body: all at once and byte by byte.
fn check(kind: Kind, body: &[u8], expected: &[&str], end: End, messages: Option<u64>) {
    let whole = read(kind, 64, &[Part::Bytes(body)]);
    let bytes: Vec<_> = body.chunks(1).map(Part::Bytes).collect();
    assert_eq!(read(kind, 64, &bytes), whole);
    assert_eq!(whole.0, expected);
    assert_eq!(whole.1, end);
    assert_eq!(whole.2.map(|counts| counts.messages), messages);
}

/// With holes: frames, end and counts.
fn check_holes(parts: &[Part<'_>], expected: &[&str], end: End, counts: Option<(u64, u64)>) {
    let (frames, found, read) = read(Kind::Grpc, 64, parts);
    assert_eq!(frames, expected);
    assert_eq!(found, end);
    assert_eq!(read.map(|read| (read.messages, read.wire_bytes)), counts);
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = digits[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > group.len() { b'=' } else { digit });
        }
    }
    text
}

#[test]
fn content_types_of_calls() {
    let of = |value: &'static str| {
        let of = ContentType::of(value.as_bytes())?;
        Some((of.kind, of.subtype.unwrap_or("-")))
    };
    assert_eq!(of("application/grpc"), Some((Kind::Grpc, "-")));
    assert_eq!(of("application/grpc+proto"), Some((Kind::Grpc, "proto")));
    assert_eq!(of("Application/gRPC+json; charset=utf-8"), Some((Kind::Grpc, "json")));
    assert_eq!(of("application/grpc;x=a+b"), Some((Kind::Grpc, "-")));
    assert_eq!(of("application/grpc+"), Some((Kind::Grpc, "-")));
    assert_eq!(of("application/grpc-web"), Some((Kind::Web, "-")));
    assert_eq!(of("application/grpc-web+thrift"), Some((Kind::Web, "thrift")));
    assert_eq!(of(" application/grpc-web-text "), Some((Kind::WebText, "-")));
    assert_eq!(of("application/grpc-web-text+proto"), Some((Kind::WebText, "proto")));
    for other in [
        "",
        "application/json",
        "application/grpcx",
        "application/grpc-web-",
        "text/plain+grpc",
        "application/grpc+a b",
        "application/grpc+\u{e9}",
        "application/connect+proto",
    ] {
        assert_eq!(of(other), None, "{other}");
    }
}

#[test]
fn paths_of_calls() {
    let of = |path: &'static str| method(path.as_bytes());
    assert_eq!(of("/helloworld.Greeter/SayHello"), Some(("helloworld.Greeter", "SayHello")));
    assert_eq!(of("/S/m_1"), Some(("S", "m_1")));
    assert_eq!(of("/a.b_c.v1.S/M"), Some(("a.b_c.v1.S", "M")));
    for other in [
        "",
        "/",
        "//",
        "/S/",
        "//M",
        "S/M",
        "/S/M/",
        "/S/M/N",
        "/S/M?x=1",
        "/a..S/M",
        "/.S/M",
        "/S./M",
        "/1S/M",
        "/S/1",
        "/S-x/M",
        "/S/M ",
        "/S/M\u{e9}",
        "/a%2fS/M",
        "/api/v1.0/users",
    ] {
        assert_eq!(of(other), None, "{other}");
    }
    assert_eq!(method(b"/S/\xff"), None);
}

#[test]
fn messages_follow_each_other() {
    let body = [frame(0, b"one"), frame(0, b""), frame(1, &[7; 70]), frame(0, b"four")].concat();
    let long = format!("message compressed 64/70 \"{}\"", "\\x07".repeat(64));
    let all = ["message 3/3 \"one\"", "message 0/0 \"\"", &long, "message 4/4 \"four\""];
    check(Kind::Grpc, &body, &all, End::Whole, Some(4));
    let (_, _, counts) = read(Kind::Grpc, 0, &[Part::Bytes(&body)]);
    assert_eq!(counts, Some(Counts { messages: 4, compressed: 1, wire_bytes: 77 }));
    check(Kind::Grpc, b"", &[], End::Whole, Some(0));
}

#[test]
fn the_last_message_may_be_cut_off() {
    let body = [frame(0, b"one"), frame(0, b"three")].concat();
    let one = "message 3/3 \"one\"";
    check(Kind::Grpc, &body[..8], &[one], End::Whole, Some(1));
    check(Kind::Grpc, &body[..12], &[one], End::Truncated, Some(1));
    check(Kind::Grpc, &body[..13], &[one, "message 0/5 \"\""], End::Truncated, Some(2));
    check(Kind::Grpc, &body[..16], &[one, "message 3/5 \"thr\""], End::Truncated, Some(2));
}

#[test]
fn lengths_take_no_memory() {
    let body = [&[0, 0xff, 0xff, 0xff, 0xff][..], b"abc"].concat();
    check(Kind::Grpc, &body, &["message 3/4294967295 \"abc\""], End::Truncated, Some(1));
    let parts = [Part::Bytes(&body), Part::Hole(u64::from(u32::MAX) - 3), Part::Bytes(b"\0")];
    let all = ["message 3/4294967295 \"abc\""];
    check_holes(&parts, &all, End::Truncated, Some((1, u64::from(u32::MAX))));
}

#[test]
fn what_is_no_frame_ends_the_reading() {
    let body = [frame(0, b"one"), b"HTTP/1.1 400".to_vec()].concat();
    check(Kind::Grpc, &body, &["message 3/3 \"one\""], End::Invalid, None);
    check(Kind::Grpc, &frame(0x80, b"x: y"), &[], End::Invalid, None);
    check(Kind::Web, &frame(0x82, b"x: y"), &[], End::Invalid, None);
}

#[test]
fn trailers_of_the_web() {
    let trailers = frame(0x80, b"grpc-status: 0\r\n");
    let body = [frame(0, b"one"), trailers.clone()].concat();
    let all = ["message 3/3 \"one\"", "trailers 16/16 \"grpc-status: 0\\r\\n\""];
    check(Kind::Web, &body, &all, End::Whole, Some(1));
    check(Kind::WebText, &base64(&body), &all, End::Whole, Some(1));
    // Each frame by itself.
    let padded = [base64(&body[..8]), base64(&body[8..])].concat();
    assert!(padded[..12].ends_with(b"="));
    check(Kind::WebText, &padded, &all, End::Whole, Some(1));
    check(Kind::Web, &[&body[..], b"\0"].concat(), &all, End::Invalid, None);
    check(Kind::Web, &frame(0x81, b"z"), &["trailers compressed 1/1 \"z\""], End::Whole, Some(0));
    // Trailers are wanted even if messages are not.
    let (frames, ..) = read(Kind::Web, 0, &[Part::Bytes(&body)]);
    assert_eq!(frames, ["message 0/3 \"\"", all[1]]);
    let long = frame(0x80, &[b'a'; 100_000]);
    let (frames, ..) =
        read(Kind::Web, 0, &[Part::Bytes(&long[..50_000]), Part::Bytes(&long[50_000..])]);
    assert!(frames[0].starts_with("trailers 65536/100000 "));
}

#[test]
fn text_that_is_no_base64_ends_the_reading() {
    let text = base64(&frame(0, b"seven.."));
    check(Kind::WebText, &text, &["message 7/7 \"seven..\""], End::Whole, Some(1));
    check(Kind::WebText, &text[..14], &["message 4/7 \"seve\""], End::Truncated, Some(1));
    let broken = [&text[..12], b"!", &text[12..]].concat();
    check(Kind::WebText, &broken, &["message 4/7 \"seve\""], End::Invalid, None);
    check(
        Kind::WebText,
        &[&text[..], b"AA"].concat(),
        &["message 7/7 \"seven..\""],
        End::Truncated,
        Some(1),
    );
}

#[test]
fn holes_in_payloads_are_passed_over() {
    let body = [frame(0, b"0123456789"), frame(0, b"next")].concat();
    let parts = |from: usize, to: usize| {
        [Part::Bytes(&body[..from]), Part::Hole((to - from) as u64), Part::Bytes(&body[to..])]
    };
    let next = "message 4/4 \"next\"";
    check_holes(&parts(7, 9), &["message 2/10 \"01\"", next], End::Whole, Some((2, 14)));
    check_holes(&parts(7, 15), &["message 2/10 \"01\"", next], End::Whole, Some((2, 14)));
    check_holes(&parts(5, 15), &["message 0/10 \"\"", next], End::Whole, Some((2, 14)));
    check_holes(&parts(8, 8), &["message 10/10 \"0123456789\"", next], End::Whole, Some((2, 14)));
}

#[test]
fn a_hole_that_may_hide_a_prefix_ends_the_reading() {
    let body = [frame(0, b"0123456789"), frame(0, b"next")].concat();
    let parts = |from: usize, to: usize| {
        [Part::Bytes(&body[..from]), Part::Hole((to - from) as u64), Part::Bytes(&body[to..])]
    };
    check_holes(&parts(0, 1), &[], End::Hidden, None);
    check_holes(&parts(3, 4), &[], End::Hidden, None);
    check_holes(&parts(8, 16), &["message 3/10 \"012\""], End::Hidden, None);
    check_holes(&parts(15, 20), &["message 10/10 \"0123456789\""], End::Hidden, None);
    check_holes(
        &[Part::Bytes(&body), Part::Hole(u64::MAX)],
        &["message 10/10 \"0123456789\"", "message 4/4 \"next\""],
        End::Hidden,
        None,
    );
    // Padding decides how long a text is.
    let text = base64(&body);
    let parts = [Part::Bytes(&text[..12]), Part::Hole(4), Part::Bytes(&text[16..])];
    let (frames, end, counts) = read(Kind::WebText, 64, &parts);
    assert_eq!(
        (frames, end, counts),
        (vec!["message 4/10 \"0123\"".to_owned()], End::Hidden, None)
    );
}

#[test]
fn payloads_are_decompressed() {
    let limits = CodingLimits::default();
    let hello = Ok((b"Hello".to_vec(), State::Whole));
    assert_eq!(decompress(&HELLO_GZIP, b"gzip", limits), hello);
    assert_eq!(
        decompress(&HELLO_GZIP[..17], b"gzip", limits),
        Ok((b"Hello".to_vec(), State::Truncated))
    );
    for encoding in ["identity", "snappy", "gzip,gzip", ""] {
        let unknown = Err(Unknown::Coding(encoding.to_owned()));
        assert_eq!(decompress(&HELLO_GZIP, encoding.as_bytes(), limits), unknown);
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_cut_gives_the_same(
        frames in vec((0..2u8, vec(any::<u8>(), 0..100)), 0..8),
        noise in vec(any::<u8>(), 0..10),
        wanted in 0..120usize,
        cuts in vec(any::<Index>(), 0..20),
        kind in prop_oneof![Just(Kind::Grpc), Just(Kind::Web), Just(Kind::WebText)],
    ) {
        let frames = frames.iter().map(|(flags, payload)| frame(*flags, payload));
        let body: Vec<u8> = frames.flatten().chain(noise).collect();
        let body = if kind == Kind::WebText { base64(&body) } else { body };
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        places.extend([0, body.len()]);
        places.sort_unstable();
        let parts: Vec<_> =
            places.windows(2).map(|ends| Part::Bytes(&body[ends[0]..ends[1]])).collect();
        let whole = read(kind, wanted, &[Part::Bytes(&body)]);
        prop_assert_eq!(read(kind, wanted, &parts), whole);
    }

    #[test]
    fn noise_and_holes_are_survived(
        parts in vec((vec(0..3u8, 0..30), 0..40u64), 0..12),
        kind in prop_oneof![Just(Kind::Grpc), Just(Kind::Web), Just(Kind::WebText)],
    ) {
        let parts = parts.iter().map(|(bytes, hole)| [Part::Bytes(bytes), Part::Hole(*hole)]);
        let parts: Vec<_> = parts.flatten().collect();
        let (.., counts) = read(kind, 16, &parts);
        let seen: u64 = parts.iter().map(|part| match part {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Hole(bytes) => *bytes,
        }).sum();
        prop_assert!(counts.is_none_or(|counts| counts.wire_bytes <= seen));
    }

    #[test]
    fn any_path_is_survived(path in vec(any::<u8>(), 0..30), value in ".*") {
        let found = method(&path).map(|(service, method)| format!("/{service}/{method}"));
        prop_assert!(found.is_none_or(|found| found.as_bytes() == path));
        ContentType::of(value.as_bytes());
        super::Status::of(super::fields(&path));
    }
}
