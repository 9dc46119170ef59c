//! Tests of one direction: frames in, events as text out.
//!
//! Always: every script also runs cut at every byte and byte by byte, with the same result.

mod deflate;
mod frames;
mod holes;
mod others;
mod random;

use std::fmt::Write;

use expect_test::Expect;

use super::frame::unmask;
use super::{Close, Counts, Deflate, Event, Extensions, Half, Message, Sender};
use crate::model::loss::Reason;
use crate::protocol::exchange::MessageEnd;
use crate::protocol::input::{Hole, Span};

/// What happens in the direction.
#[derive(Clone, Debug)]
enum Step {
    /// Bytes of a call; `true`: its first ones.
    Bytes(Vec<u8>, bool),
    Hole(u64),
}

/// How the direction is set up.
#[derive(Clone, Copy)]
struct Setup {
    sender: Sender,
    extensions: Extensions,
    content_bytes: usize,
}

const SERVER: Setup = Setup {
    sender: Sender::Server,
    extensions: Extensions { deflate: None, unknown: false },
    content_bytes: 1_000,
};
const CLIENT: Setup = Setup { sender: Sender::Client, ..SERVER };
/// Messages are compressed with what came before.
const TAKEOVER: Setup = deflate(false);
/// Messages are compressed each by itself.
const APART: Setup = deflate(true);

const fn deflate(no_context_takeover: bool) -> Setup {
    let deflate = Some(Deflate { no_context_takeover, window_bits: 15 });
    Setup { extensions: Extensions { deflate, unknown: false }, ..SERVER }
}

/// A frame without a mask: its first byte and its payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first][..], &length(payload.len(), 0), payload].concat()
}

/// A frame with a mask.
fn masked(first: u8, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    unmask(key, 0, &mut payload);
    [&[first][..], &length(payload.len(), 0x80), &key, &payload].concat()
}

fn length(bytes: usize, mask: u8) -> Vec<u8> {
    match bytes {
        0..126 => vec![mask | bytes as u8],
        126..0x1_0000 => [&[mask | 126][..], &(bytes as u16).to_be_bytes()].concat(),
        _ => [&[mask | 127][..], &(bytes as u64).to_be_bytes()].concat(),
    }
}

/// Each a call of its own.
fn calls<const N: usize>(calls: [Vec<u8>; N]) -> Vec<Step> {
    calls.into_iter().map(|bytes| Step::Bytes(bytes, true)).collect()
}

fn run(setup: Setup, steps: &[Step]) -> (Vec<Event>, Counts) {
    let Setup { sender, extensions, content_bytes } = setup;
    let mut half = Half::new(sender, extensions, content_bytes);
    let mut out = Vec::new();
    for step in steps {
        match step {
            Step::Bytes(bytes, call_start) => half.push(chunk(bytes, *call_start, 7), &mut out),
            Step::Hole(bytes) => half.hole(&hole(*bytes), &mut out),
        }
        let bound = 64 * 1024 + content_bytes + 256 * 24 + 125;
        assert!(half.memory_bytes() <= bound, "{} bytes are held", half.memory_bytes());
    }
    half.end(MessageEnd::Truncated, &mut out);
    (out, half.counts())
}

fn chunk(bytes: &[u8], call_start: bool, time_ns: u64) -> Span<'_> {
    Span { time_ns, rest: bytes, call_start, turn_start: false, tgid: 1, uid: 2 }
}

fn hole(bytes: u64) -> Hole {
    let reason = Reason::RingFull;
    Hole { time_ns: 7, bytes, reason, turn_start: false }
}

/// Runs it, cut in all ways.
fn check(setup: Setup, steps: &[Step], expected: Expect) {
    let text = |steps: &[Step]| {
        let (events, counts) = run(setup, steps);
        render(&events, counts)
    };
    let whole = text(steps);
    expected.assert_eq(&whole);
    for (number, step) in steps.iter().enumerate() {
        let Step::Bytes(bytes, call_start) = step else { continue };
        for at in 1..bytes.len().min(500) {
            let (front, back) = bytes.split_at(at);
            let mut cut = steps.to_vec();
            cut[number] = Step::Bytes(back.to_vec(), false);
            cut.insert(number, Step::Bytes(front.to_vec(), *call_start));
            assert_eq!(text(&cut), whole, "step {number} cut at {at}");
        }
    }
    assert_eq!(text(&bytewise(steps)), whole, "byte by byte");
}

fn bytewise(steps: &[Step]) -> Vec<Step> {
    let split = |step: &Step| match step {
        Step::Bytes(bytes, call_start) => {
            let byte = |(at, byte): (usize, &u8)| Step::Bytes(vec![*byte], *call_start && at == 0);
            bytes.iter().enumerate().map(byte).collect()
        }
        Step::Hole(bytes) => vec![Step::Hole(*bytes)],
    };
    steps.iter().flat_map(split).collect()
}

/// One line an event; losses in a row with one reason are one.
fn render(events: &[Event], counts: Counts) -> String {
    let mut lines = Vec::new();
    let mut loss = None::<(Reason, u64)>;
    for event in events {
        if let Event::Lost { reason, bytes } = event {
            let before = loss.filter(|(last, _)| last == reason).map(|(_, bytes)| bytes);
            if before.is_some() {
                lines.pop();
            }
            let bytes = before.unwrap_or(0) + bytes;
            loss = Some((*reason, bytes));
            lines.push(format!("lost {bytes} {}", reason.name()));
            continue;
        }
        loss = None;
        lines.push(match event {
            Event::Message(message) => render_message(message),
            Event::Close(close) => render_close(close),
            Event::Lost { .. } => unreachable!(),
        });
    }
    let Counts { pings, pongs, wrong_masks } = counts;
    if pings + pongs + wrong_masks > 0 {
        lines.push(format!("{pings} pings, {pongs} pongs, {wrong_masks} wrong masks"));
    }
    lines.join("\n")
}

fn render_message(message: &Message) -> String {
    let body = message.body_bytes.map_or("?".to_owned(), |bytes| bytes.to_string());
    let mut text =
        format!("{:?} {} in {}, {body}", message.kind, message.wire_bytes, message.fragments);
    match &message.content {
        Some(content) if content.len() > 40 => {
            let _ = write!(text, " ({} bytes)", content.len());
        }
        Some(content) => {
            let _ = write!(text, " {:?}", String::from_utf8_lossy(content));
        }
        None => text.push_str(" unknown"),
    }
    let flags = message.flags;
    for (is_set, name) in [
        (message.content_cut, "cut"),
        (message.compressed, "compressed"),
        (flags.invalid_utf8, "invalid_utf8"),
        (flags.bomb, "bomb"),
        (flags.invalid_deflate, "invalid_deflate"),
        (flags.wrong_mask, "wrong_mask"),
        (flags.long_length, "long_length"),
    ] {
        if is_set {
            let _ = write!(text, " {name}");
        }
    }
    for gap in &message.gaps {
        let _ = write!(text, " gap {}+{}", gap.at, gap.bytes);
    }
    if message.end != MessageEnd::Whole {
        let _ = write!(text, " {:?}", message.end);
    }
    text
}

fn render_close(close: &Close) -> String {
    let reason = String::from_utf8_lossy(&close.reason);
    let cut = if close.is_cut { " cut" } else { "" };
    format!("close {:?} {reason:?}{cut}", close.code)
}
