//! Streams in, events as text out.
//!
//! Always: every stream also runs cut at every byte and byte by byte, with the same result.

use std::fmt::Write;

use expect_test::{Expect, expect};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Counts, Event, EventStream, FIELD_BYTES};
use crate::cases::cases;
use crate::protocol::exchange::MessageEnd;

/// Bytes, or so many that are missing.
#[derive(Clone, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Hole(u64),
}

fn run(pieces: &[Piece], data_bytes: usize) -> (Vec<Event>, Counts) {
    let mut stream = EventStream::new(data_bytes);
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => stream.push(bytes, 7, &mut out),
            Piece::Hole(bytes) => stream.hole(*bytes, &mut out),
        }
        assert!(stream.memory_bytes() <= data_bytes + 3 * FIELD_BYTES);
    }
    stream.end(MessageEnd::Truncated, &mut out);
    assert_eq!(stream.memory_bytes(), 0);
    (out, stream.counts())
}

fn render(events: &[Event], counts: Counts) -> String {
    let mut text = String::new();
    for event in events {
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).escape_debug().to_string();
        let _ = write!(text, "{} {}", show(&event.event_type), event.wire_bytes);
        let _ = write!(text, " {}={:?}", event.data_bytes, event.data.as_deref().map(show));
        if let Some(id) = &event.id {
            let _ = write!(text, " id={:?}", show(id));
        }
        if let Some(retry) = event.retry_ms {
            let _ = write!(text, " retry={retry}");
        }
        if event.is_cut {
            text.push_str(" cut");
        }
        if event.end != MessageEnd::Whole {
            let _ = write!(text, " {:?}", event.end);
        }
        text.push('\n');
    }
    let Counts { comments, incomplete, holes, lost_bytes } = counts;
    let _ = write!(text, "{comments} comments");
    if incomplete + holes + lost_bytes > 0 {
        let _ = write!(text, ", {incomplete} incomplete, {holes} holes, {lost_bytes} lost");
    }
    text
}

/// All bytes after each other, each piece cut in two in all ways, and byte by byte.
fn check_pieces(pieces: &[Piece], data_bytes: usize, expected: &Expect) {
    let run = |pieces: &[Piece]| {
        let (events, counts) = run(pieces, data_bytes);
        render(&events, counts)
    };
    let whole = run(pieces);
    expected.assert_eq(&whole);
    for (number, piece) in pieces.iter().enumerate() {
        let Piece::Bytes(bytes) = piece else { continue };
        for at in 0..bytes.len() {
            let (front, back) = bytes.split_at(at);
            let mut cut = pieces.to_vec();
            cut[number] = Piece::Bytes(back.to_vec());
            cut.insert(number, Piece::Bytes(front.to_vec()));
            assert_eq!(run(&cut), whole, "piece {number} cut at {at}");
        }
    }
    assert_eq!(run(&bytewise(pieces)), whole, "byte by byte");
}

fn bytewise(pieces: &[Piece]) -> Vec<Piece> {
    let split = |piece: &Piece| match piece {
        Piece::Bytes(bytes) => bytes.iter().map(|byte| Piece::Bytes(vec![*byte])).collect(),
        Piece::Hole(bytes) => vec![Piece::Hole(*bytes)],
    };
    pieces.iter().flat_map(split).collect()
}

/// The text as it is, with CRLF and with CR; sizes are those of LF.
fn check(text: &str, expected: Expect) {
    check_pieces(&[Piece::Bytes(text.into())], 100, &expected);
    let (plain, counts) = run(&[Piece::Bytes(text.into())], 100);
    for (end, extra) in [("\r\n", 1), ("\r", 0)] {
        let other = [Piece::Bytes(text.replace('\n', end).into())];
        let (mut events, other_counts) = run(&other, 100);
        assert_eq!(events.len(), plain.len());
        for (event, plain) in events.iter_mut().zip(&plain) {
            assert!(event.wire_bytes >= plain.wire_bytes + extra * u64::from(!plain.is_cut));
            event.wire_bytes = plain.wire_bytes;
        }
        assert_eq!(render(&events, other_counts), render(&plain, counts), "with {end:?}");
        let (events, _) = run(&bytewise(&other), 100);
        assert_eq!(events.len(), plain.len(), "{end:?} byte by byte");
    }
}

#[test]
fn examples_of_the_standard() {
    check(
        "data: This is the first message.\n\ndata: This is the second message, it\n\
         data: has two lines.\n\ndata: This is the third message.\n\n",
        expect![[r#"
            message 34 26=Some("This is the first message.")
            message 59 45=Some("This is the second message, it\\nhas two lines.")
            message 34 26=Some("This is the third message.")
            0 comments"#]],
    );
    check(
        "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
        expect![[r#"
            add 27 8=Some("73857293")
            remove 26 4=Some("2153")
            add 25 6=Some("113411")
            0 comments"#]],
    );
    check(
        "data: YHOO\ndata: +2\ndata: 10\n\n",
        expect![[r#"
            message 30 10=Some("YHOO\\n+2\\n10")
            0 comments"#]],
    );
    check(
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        expect![[r#"
            message 25 11=Some("first event") id="1"
            message 22 12=Some("second event") id=""
            message 20 12=Some(" third event")
            1 comments"#]],
    );
    check(
        "data\n\ndata\ndata\n\ndata:",
        expect![[r#"
            message 6 0=Some("")
            message 11 1=Some("\\n")
            message 5 0=Some("") cut Truncated
            0 comments, 1 incomplete, 0 holes, 0 lost"#]],
    );
    check(
        "data:test\n\ndata: test\n\n",
        expect![[r#"
            message 11 4=Some("test")
            message 12 4=Some("test")
            0 comments"#]],
    );
}

#[test]
fn fields_that_mean_nothing() {
    check(
        "retry: 3000\ndata: a\n\nretry: 1s\nretry\nretry: 99999999999999999999999\ndata:b\n\n\
         id: a\0b\nid: c\nid: d\0\ndata: c\nDATA: d\ndatas: e\n data: f\n\n",
        expect![[r#"
            message 21 1=Some("a") retry=3000
            message 55 1=Some("b") retry=18446744073709551615
            message 56 1=Some("c") id="c"
            0 comments"#]],
    );
    // Without data there is no event, and its type is not that of the next one.
    check(
        "event: a\nid: 1\n\n\n\nevent: b\nevent:\ndata: x\n\n",
        expect![[r#"
            message 25 1=Some("x")
            0 comments"#]],
    );
}

#[test]
fn comments_keep_alive() {
    check(
        ":\n\n: one\n:two\ndata: x\n: three\ndata: y\n\n:",
        expect![[r#"
            message 25 3=Some("x\\ny")
            4 comments"#]],
    );
}

#[test]
fn a_byte_order_mark_is_left_out_once() {
    check(
        "\u{feff}data: x\n\n\u{feff}data: y\n\ndata: \u{feff}\n\n",
        expect![[r#"
            message 9 1=Some("x")
            message 11 3=Some("\\u{feff}")
            0 comments"#]],
    );
    let broken = [Piece::Bytes(b"\xef\xbbdata: x\ndata: y\n\n\xef".to_vec())];
    check_pieces(
        &broken,
        100,
        &expect![[r#"
            message 19 1=Some("y")
            message 1 0=Some("") cut Truncated
            0 comments, 1 incomplete, 0 holes, 0 lost"#]],
    );
    check_pieces(&[Piece::Bytes(b"\xef\xbb".to_vec())], 100, &expect!["0 comments"]);
}

#[test]
fn line_ends_may_be_mixed() {
    check_pieces(
        &[Piece::Bytes(b"data: a\r\r\ndata: b\n\r\ndata: c\r\rdata: d\r\n\rdata: e\n\r".to_vec())],
        100,
        &expect![[r#"
            message 10 1=Some("a")
            message 10 1=Some("b")
            message 9 1=Some("c")
            message 10 1=Some("d")
            message 9 1=Some("e")
            0 comments"#]],
    );
}

#[test]
fn an_event_without_its_end_is_told() {
    check(
        "data: a\n\nevent: b\nid: 4\ndata: half",
        expect![[r#"
            message 9 1=Some("a")
            b 25 4=Some("half") id="4" cut Truncated
            0 comments, 1 incomplete, 0 holes, 0 lost"#]],
    );
    check(
        "data: a\n\nda",
        expect![[r#"
            message 9 1=Some("a")
            message 2 0=Some("") cut Truncated
            0 comments, 1 incomplete, 0 holes, 0 lost"#]],
    );
}

#[test]
fn what_is_long_is_cut() {
    let long = "x".repeat(FIELD_BYTES + 1);
    let text = format!("id:{long}\nretry:1{long}\nevent:{long}\n{long}:\ndata: 12345\ndata: 6\n\n");
    let (events, _) = run(&[Piece::Bytes(text.into())], 7);
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(event.data.as_deref(), Some(&b"12345\n6"[..]));
    assert_eq!(event.event_type, &long.as_bytes()[1..]);
    assert_eq!((&event.id, event.retry_ms, event.is_cut), (&None, None, true));

    let (events, _) = run(&[Piece::Bytes(b"data: 12345\ndata: 67\n\n".to_vec())], 7);
    assert_eq!(events[0].data.as_deref(), Some(&b"12345\n6"[..]));
    assert_eq!((events[0].data_bytes, events[0].is_cut), (8, true));
    let (events, _) = run(&[Piece::Bytes(b"data: 12345\n\n".to_vec())], 0);
    assert_eq!((&events[0].data, events[0].data_bytes, events[0].is_cut), (&None, 5, false));
}

#[test]
fn a_hole_takes_the_event_and_the_rest_of_one() {
    let bytes = |text: &str| Piece::Bytes(text.into());
    check_pieces(
        &[bytes("data: a\n\ndata: b"), Piece::Hole(9), bytes("c\nid: 4\n\ndata: d\n\n")],
        100,
        &expect![[r#"
            message 9 1=Some("a")
            message 7 1=Some("b") cut Unknown
            message 9 1=Some("d")
            0 comments, 2 incomplete, 1 holes, 18 lost"#]],
    );
    // What follows the hole may be the end of a line, or the second half of one.
    check_pieces(
        &[bytes("data: a\n"), Piece::Hole(9), bytes("\ndata: b\r\n\r\ndata: c\n\n")],
        100,
        &expect![[r#"
            message 8 1=Some("a") cut Unknown
            message 9 1=Some("c")
            0 comments, 2 incomplete, 1 holes, 21 lost"#]],
    );
    check_pieces(
        &[bytes("data: a\r\n\r"), Piece::Hole(1), bytes("\r\n\r\ndata: c\n\n: x"), Piece::Hole(2)],
        100,
        &expect![[r#"
            message 10 1=Some("a")
            message 9 1=Some("c")
            0 comments, 1 incomplete, 2 holes, 7 lost"#]],
    );
}

#[test]
fn times_are_those_of_its_bytes() {
    let mut stream = EventStream::new(10);
    let mut out = Vec::new();
    for (time_ns, text) in (1..).zip(["\u{feff}", ": x", "\n", "data", ": x\n", "\r", "\n", "\n"]) {
        stream.push(text.as_bytes(), time_ns, &mut out);
    }
    let [event] = &out[..] else { panic!("{out:?}") };
    assert_eq!((event.first_ns, event.last_ns), (4, 7));

    // The end of a line may have to wait, but not its time.
    let mut stream = EventStream::new(10);
    stream.push(b"data: x\n\r", 1, &mut out);
    stream.push(b"data: y", 2, &mut out);
    assert_eq!((out[1].first_ns, out[1].last_ns), (1, 1));
}

fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        "data", "data:", "data: x", "id: 1", "id:\0", "event: a", "retry: 5", ":", ": c", " ",
        "\n", "\n", "\n\n", "\r", "\r\n", "\r\r", "\u{feff}", "other: y", "::",
    ]);
    prop_oneof![
        6 => known.prop_map(|text: &str| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..5),
    ]
}

/// The standard, word for word: first lines, then fields.
fn by_the_book(stream: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut lines = vec![Vec::new()];
    let mut rest = stream;
    while let Some(byte) = rest.split_off_first() {
        match byte {
            b'\r' | b'\n' => {
                if *byte == b'\r' {
                    rest = rest.strip_prefix(b"\n").unwrap_or(rest);
                }
                lines.push(Vec::new());
            }
            _ => lines.last_mut().unwrap().push(*byte),
        }
    }
    lines.pop();
    let mut events = Vec::new();
    let (mut data, mut event_type) = (Vec::new(), Vec::new());
    for line in lines {
        if line.is_empty() {
            let (mut data, event_type) =
                (std::mem::take(&mut data), std::mem::take(&mut event_type));
            if data.pop().is_some() {
                let is_default = Vec::is_empty(&event_type);
                events.push((if is_default { b"message".to_vec() } else { event_type }, data));
            }
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => data.extend([value, b"\n"].concat()),
            b"event" => event_type = value.to_vec(),
            _ => {}
        }
    }
    events
}

fn given(events: &[Event]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let whole = events.iter().filter(|event| event.end == MessageEnd::Whole);
    whole.map(|event| (event.event_type.to_vec(), event.data.clone().unwrap().to_vec())).collect()
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn any_stream_is_read_by_the_book(parts in vec(fragment(), 0..30)) {
        let bytes = parts.concat();
        let expected = by_the_book(&bytes);
        let (events, counts) = run(&[Piece::Bytes(bytes.clone())], 1_000);
        prop_assert_eq!(given(&events), expected);
        let whole = render(&events, counts);
        let pieces: Vec<_> = parts.into_iter().map(Piece::Bytes).collect();
        for pieces in [bytewise(&pieces), pieces] {
            let (events, counts) = run(&pieces, 1_000);
            prop_assert_eq!(&whole, &render(&events, counts));
        }
    }

    #[test]
    fn holes_invent_nothing(
        parts in vec(fragment(), 1..30),
        cuts in vec(any::<Index>(), 2..6),
    ) {
        let bytes = parts.concat();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts
            .windows(2)
            .enumerate()
            .map(|(number, range)| match number % 2 {
                0 => Piece::Bytes(bytes[range[0]..range[1]].to_vec()),
                _ => Piece::Hole((range[1] - range[0]) as u64),
            })
            .collect();
        let (events, counts) = run(&pieces, 1_000);
        let mut truth = by_the_book(&bytes).into_iter();
        for event in given(&events) {
            prop_assert!(truth.any(|sent| sent == event), "{:?} was not sent", event);
        }
        let whole = render(&events, counts);
        let (events, counts) = run(&bytewise(&pieces), 1_000);
        prop_assert_eq!(whole, render(&events, counts));
    }
}
