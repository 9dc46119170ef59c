//! Frames out of text.
//!
//! In: lines `> frame | frame` (ingress, one call) and `< frame` (egress); `>+` and `<+` go on with the call
//! before; besides frames, what `script` has (`>gap N`, `tick MS`, ...). A frame is a word, numbers and
//! flags, and behind a colon what it holds:
//! `preface`; `SETTINGS [ack] [NAME=VALUE ...]`; `HEADERS ID [end] [more] [pad=N] [prio] : fields`;
//! `CONT ID [more] : fields`; `PUSH ID PROMISED [more] [pad=N] : fields`; `DATA ID [end] [pad=N] : text`;
//! `RST ID CODE`; `GOAWAY LAST CODE`; `PING`; `WINDOW ID N`; `PRIORITY ID`; `FRAME KIND FLAGS ID : text`;
//! `RAW : text`. Text as in `script`. Fields are separated by `, `: `GET /a` (four pseudo-header fields),
//! `200` (`:status`), `name=value`; in front of one `+` inserts it into the table, `#N` is an index, `^N` a
//! size update.
//! Out: events, bytes. Always: nothing is Huffman-coded.
//! Not here: the cases.

use expect_test::Expect;

use crate::model::limits::Limits;
use crate::model::sample::Direction;
use crate::protocol::http2::frame::{PREFACE, flag, kind};
use crate::protocol::tests::script::{self, Event, check_events, unescape};

/// Runs a script of a connection seen from its beginning, whole and cut in every way.
#[track_caller]
pub fn check(text: &str, expected: Expect) {
    check_events(&script(text), true, &Limits::default(), expected);
}

/// The same of one that was joined late.
#[track_caller]
pub fn check_late(text: &str, expected: Expect) {
    check_events(&script(text), false, &Limits::default(), expected);
}

/// The same with other limits.
#[track_caller]
pub fn check_with(text: &str, limits: &Limits, expected: Expect) {
    check_events(&script(text), true, limits, expected);
}

/// Events of a script.
pub fn script(text: &str) -> Vec<Event> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(line).collect()
}

fn line(line: &str) -> Event {
    let (sign, frames) = line.split_once(' ').unwrap_or((line, ""));
    let direction = match sign.as_bytes()[0] {
        b'>' => Direction::Ingress,
        _ => Direction::Egress,
    };
    match sign {
        ">" | "<" => Event::Bytes(direction, bytes(frames)),
        ">+" | "<+" => Event::Rest(direction, bytes(frames)),
        _ => script::parse(line).remove(0),
    }
}

/// Bytes of `frame | frame`.
pub fn bytes(frames: &str) -> Vec<u8> {
    frames.split(" | ").flat_map(one).collect()
}

/// A frame of any kind.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// One line's worth of a frame.
fn one(text: &str) -> Vec<u8> {
    let (front, payload) = text.split_once(" : ").unwrap_or((text.trim_end_matches(" :"), ""));
    let words: Vec<&str> = front.split_whitespace().collect();
    let number = |at: usize| words[at].parse::<u32>().unwrap();
    let has = |word: &str| words.contains(&word);
    let if_has = |word: &str, flag: u8| if has(word) { flag } else { 0 };
    let end_headers = if has("more") { 0 } else { flag::END_HEADERS };
    let end_stream = if_has("end", flag::END_STREAM);
    match words[0] {
        "preface" => PREFACE.to_vec(),
        "RAW" => unescape(payload),
        "FRAME" => frame(number(1) as u8, number(2) as u8, number(3), &unescape(payload)),
        "SETTINGS" => {
            let pairs = words.iter().filter_map(|word| word.split_once('='));
            let settings = pairs.flat_map(|(name, value)| {
                let (name, value): (u16, u32) = (name.parse().unwrap(), value.parse().unwrap());
                [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()
            });
            frame(kind::SETTINGS, if_has("ack", flag::ACK), 0, &settings.collect::<Vec<u8>>())
        }
        "HEADERS" => {
            let priority = if has("prio") { &[0x80, 0, 0, 1, 15][..] } else { &[] };
            let payload = [priority, &fields(payload)].concat();
            let flags = end_headers | end_stream | if_has("prio", flag::PRIORITY);
            padded(kind::HEADERS, flags, number(1), &words, &payload)
        }
        "CONT" => frame(kind::CONTINUATION, end_headers, number(1), &fields(payload)),
        "PUSH" => {
            let payload = [&number(2).to_be_bytes()[..], &fields(payload)].concat();
            padded(kind::PUSH_PROMISE, end_headers, number(1), &words, &payload)
        }
        "DATA" => padded(kind::DATA, end_stream, number(1), &words, &unescape(payload)),
        "RST" => frame(kind::RST_STREAM, 0, number(1), &number(2).to_be_bytes()),
        "GOAWAY" => {
            let numbers = [number(1).to_be_bytes(), number(2).to_be_bytes()].concat();
            frame(kind::GOAWAY, 0, 0, &[&numbers, payload.as_bytes()].concat())
        }
        "PING" => frame(kind::PING, if_has("ack", flag::ACK), 0, b"12345678"),
        "WINDOW" => frame(kind::WINDOW_UPDATE, 0, number(1), &number(2).to_be_bytes()),
        "PRIORITY" => frame(kind::PRIORITY, 0, number(1), &[0, 0, 0, 1, 15]),
        other => panic!("unknown frame {other}"),
    }
}

fn padded(kind: u8, flags: u8, stream: u32, words: &[&str], payload: &[u8]) -> Vec<u8> {
    match words.iter().find_map(|word| word.strip_prefix("pad=")) {
        None => frame(kind, flags, stream, payload),
        Some(padding) => {
            let padding: u8 = padding.parse().unwrap();
            let zeros = vec![0; usize::from(padding)];
            frame(kind, flags | flag::PADDED, stream, &[&[padding], payload, &zeros].concat())
        }
    }
}

/// A field block.
pub fn fields(text: &str) -> Vec<u8> {
    text.split(", ").filter(|text| !text.is_empty()).flat_map(field).collect()
}

fn field(text: &str) -> Vec<u8> {
    if let Some(index) = text.strip_prefix('#') {
        return integer(0x80, 7, index.parse().unwrap());
    }
    if let Some(size) = text.strip_prefix('^') {
        return integer(0x20, 5, size.parse().unwrap());
    }
    let (first, text) = match text.strip_prefix('+') {
        Some(text) => (0x40, text),
        None => (0, text),
    };
    if let [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] = text.as_bytes() {
        return literal(first, b":status", text.as_bytes());
    }
    if let Some(value) = text.strip_prefix('=') {
        return literal(first, b"", &unescape(value));
    }
    // The first `=` behind the first letter of the name.
    if let Some(at) = text.get(1..).and_then(|rest| rest.find('=')) {
        let (name, value) = (&text[..at + 1], &text[at + 2..]);
        return literal(first, &unescape(name), &unescape(value));
    }
    let (method, path) = text.split_once(' ').unwrap();
    let pseudo = [(":method", method), (":scheme", "http"), (":authority", "h"), (":path", path)];
    pseudo
        .iter()
        .flat_map(|(name, value)| literal(first, name.as_bytes(), &unescape(value)))
        .collect()
}

fn literal(first: u8, name: &[u8], value: &[u8]) -> Vec<u8> {
    let (name_bytes, value_bytes) = (integer(0, 7, name.len()), integer(0, 7, value.len()));
    [&[first], &name_bytes[..], name, &value_bytes, value].concat()
}

/// RFC 7541 section 5.1.
fn integer(first: u8, prefix_bits: u32, value: usize) -> Vec<u8> {
    let most = (1_usize << prefix_bits) - 1;
    if value < most {
        return vec![first | value as u8];
    }
    let mut bytes = vec![first | most as u8];
    let mut rest = value - most;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}
