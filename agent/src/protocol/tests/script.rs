//! A connection as a text, and what came of it as a text.
//!
//! In: lines `> bytes` (ingress), `< bytes` (egress), `>gap N`, `<gap N`, `>end`, `<end`,
//! `tick MS`, `stop`, each line of bytes a call; escapes `\r \n \t \0 \xHH`, `{N}` for N times the letter x.
//! Out: one line an output. Always: the connection is closed at the end.
//! Not here: the cases.

use std::fmt::{self, Write};

use expect_test::Expect;

use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::model::sample::Direction;
use crate::protocol::connection::Connection;
use crate::protocol::exchange::{Exchange, Message, MessageEnd};
use crate::protocol::input::{Hole, Input, Span};
use crate::protocol::{Output, Role};

/// One thing that happens.
#[derive(Clone)]
pub enum Event {
    Bytes(Direction, Vec<u8>),
    /// More bytes of the same call.
    Rest(Direction, Vec<u8>),
    Gap(Direction, u64),
    End(Direction),
    Tick(u64),
    Stop,
}

impl fmt::Debug for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |direction: &Direction| match direction {
            Direction::Ingress => '>',
            Direction::Egress => '<',
        };
        match self {
            Self::Bytes(direction, bytes) => {
                write!(out, "\n{} {}", sign(direction), bytes.escape_ascii())
            }
            Self::Rest(direction, bytes) => {
                write!(out, "\n{}+ {}", sign(direction), bytes.escape_ascii())
            }
            Self::Gap(direction, bytes) => write!(out, "\n{}gap {bytes}", sign(direction)),
            Self::End(direction) => write!(out, "\n{}end", sign(direction)),
            Self::Tick(ms) => write!(out, "\ntick {ms}"),
            Self::Stop => write!(out, "\nstop"),
        }
    }
}

/// Runs the script whole and cut in every way; all must give what is expected.
#[track_caller]
pub fn check(script: &str, expected: Expect) {
    check_with(script, true, &Limits::default(), expected);
}

/// The same for a connection that was joined late.
#[track_caller]
pub fn check_late(script: &str, expected: Expect) {
    check_with(script, false, &Limits::default(), expected);
}

/// The same with other limits.
#[track_caller]
pub fn check_with(script: &str, fresh: bool, limits: &Limits, expected: Expect) {
    check_events(&parse(script), fresh, limits, expected);
}

/// The same for events.
#[track_caller]
pub fn check_events(events: &[Event], fresh: bool, limits: &Limits, expected: Expect) {
    let whole = render(&run(events, fresh, limits));
    expected.assert_eq(&whole);
    for cut in cuts(events) {
        let outputs = render(&run(&cut, fresh, limits));
        assert_eq!(whole, outputs, "cut into {cut:?}");
    }
}

/// Events of a script.
pub fn parse(script: &str) -> Vec<Event> {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(parse_line).collect()
}

fn parse_line(line: &str) -> Event {
    let direction = match &line[..1] {
        ">" => Direction::Ingress,
        _ => Direction::Egress,
    };
    let number = || line.split(' ').nth(1).unwrap().parse().unwrap();
    match line {
        "stop" => Event::Stop,
        _ if line.starts_with("tick") => Event::Tick(number()),
        _ if line[1..].starts_with("gap") => Event::Gap(direction, number()),
        _ if line[1..].starts_with("end") => Event::End(direction),
        _ => Event::Bytes(direction, unescape(line[1..].strip_prefix(' ').unwrap())),
    }
}

pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        if letter == '\\' {
            let kind = rest.as_bytes()[0];
            rest = &rest[1..];
            bytes.push(match kind {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'0' => 0,
                b's' => b' ',
                b'x' => {
                    let byte = u8::from_str_radix(&rest[..2], 16).unwrap();
                    rest = &rest[2..];
                    byte
                }
                other => panic!("unknown escape {}", char::from(other)),
            });
        } else if let Some((count, after)) = rest.split_once('}').filter(|_| letter == '{') {
            bytes.resize(bytes.len() + count.parse::<usize>().unwrap(), b'x');
            rest = after;
        } else {
            let mut buffer = [0; 4];
            bytes.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
        }
    }
    bytes
}

/// What the events lead to. A millisecond passes with each.
pub fn run(events: &[Event], fresh: bool, limits: &Limits) -> Vec<Output> {
    run_watched(events, fresh, limits, |_| {})
}

/// The same, with a look at the connection after each event.
pub fn run_watched(
    events: &[Event],
    fresh: bool,
    limits: &Limits,
    look: impl Fn(&Connection),
) -> Vec<Output> {
    let mut connection = Connection::new(fresh);
    let mut out = Vec::new();
    let mut last = None;
    let mut time_ns = 1_000_000_000;
    for event in events {
        let mut turn = |direction| {
            let turn_start = last != Some(direction);
            last = Some(direction);
            turn_start
        };
        match event {
            Event::Bytes(direction, bytes) | Event::Rest(direction, bytes) => {
                let span = Span {
                    time_ns,
                    rest: bytes,
                    call_start: matches!(event, Event::Bytes(..)),
                    turn_start: turn(*direction),
                    tgid: 1,
                    uid: 2,
                };
                connection.push(*direction, Input::Bytes(span), limits, &mut out);
            }
            Event::Gap(direction, bytes) => {
                let hole = Hole {
                    time_ns,
                    bytes: *bytes,
                    reason: Reason::RingFull,
                    turn_start: turn(*direction),
                };
                connection.push(*direction, Input::Hole(hole), limits, &mut out);
            }
            Event::End(direction) => {
                connection.push(*direction, Input::End(time_ns), limits, &mut out)
            }
            Event::Tick(ms) => {
                time_ns += ms * 1_000_000;
                connection.tick(time_ns, limits, &mut out);
            }
            Event::Stop => connection.stop(time_ns, limits, &mut out),
        }
        look(&connection);
        time_ns += 1_000;
    }
    connection.close(time_ns, limits, &mut out);
    assert_eq!(connection.memory_bytes(), 0);
    out
}

/// The same events with their bytes cut: at each place, and everywhere.
fn cuts(events: &[Event]) -> Vec<Vec<Event>> {
    let mut all = Vec::new();
    let mut bytewise = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let (Event::Bytes(direction, bytes) | Event::Rest(direction, bytes)) = event else {
            bytewise.push(event.clone());
            continue;
        };
        let piece = |at: usize, bytes: &[u8]| match event {
            Event::Bytes(..) if at == 0 => Event::Bytes(*direction, bytes.to_vec()),
            _ => Event::Rest(*direction, bytes.to_vec()),
        };
        bytewise.extend(bytes.iter().enumerate().map(|(at, byte)| piece(at, &[*byte])));
        let step = bytes.len().div_ceil(2_000).max(1);
        for place in (1..bytes.len()).step_by(step) {
            let (front, back) = bytes.split_at(place);
            let mut cut = events[..at].to_vec();
            cut.push(piece(0, front));
            cut.push(piece(place, back));
            cut.extend_from_slice(&events[at + 1..]);
            all.push(cut);
        }
    }
    all.push(bytewise);
    all
}

/// One line an output; sizes as `head+content/seen`, what is usual left out.
pub fn render(outputs: &[Output]) -> String {
    let mut text = String::new();
    for output in outputs {
        match output {
            Output::Exchange(exchange) => render_exchange(exchange, &mut text),
            Output::Message(message) => {
                let sign = if message.role == Role::Request { '>' } else { '<' };
                let (number, wire) = (message.number, message.wire_bytes);
                let _ = write!(text, "{sign}{number} {:?} {wire}", message.kind);
            }
            Output::Loss(loss) => {
                let _ = write!(text, "loss {} {}", loss.reason.name(), loss.bytes);
                if let Some(count) = loss.exchanges {
                    let _ = write!(text, " exchanges {count}");
                }
                if let Some(count) = loss.connections {
                    let _ = write!(text, " connections {count}");
                }
            }
        }
        text.push('\n');
    }
    text
}

fn render_exchange(exchange: &Exchange, text: &mut String) {
    assert!(exchange.request.is_some() || exchange.response.is_some());
    if let Some(stream) = exchange.stream {
        let pushed = if stream.pushed { " pushed" } else { "" };
        let _ = write!(text, "#{}{pushed} ", stream.id);
    }
    match &exchange.request {
        Some(message) => {
            let head = &message.head;
            let target = shorten(head.target.as_deref().unwrap_or_default());
            let _ = write!(
                text,
                "{} {target} {}",
                head.method.as_deref().unwrap_or("?"),
                head.version.number
            );
            if let Some(protocol) = &head.protocol {
                let _ = write!(text, " ({protocol})");
            }
            render_message(message, head.fields.len(), text);
        }
        None => text.push('-'),
    }
    if let Some(reason) = exchange.lost_request {
        let _ = write!(text, " (request {})", reason.name());
    }
    text.push_str(" =>");
    for status in &exchange.interim {
        let _ = write!(text, " {status},");
    }
    match &exchange.response {
        Some(message) => {
            let head = &message.head;
            let _ = write!(text, " {} {}", head.status.unwrap_or_default(), head.version.number);
            render_message(message, head.fields.len(), text);
        }
        None => text.push_str(" -"),
    }
    if let Some(reason) = exchange.lost_response {
        let _ = write!(text, " (response {})", reason.name());
    }
    if let Some(reset) = exchange.stream.and_then(|stream| stream.reset) {
        let by = if reset.by_client { "client" } else { "server" };
        let frame = if reset.goaway { "goaway" } else { "reset" };
        let code = reset.name().map_or(reset.code.to_string(), str::to_owned);
        let _ = write!(text, " {frame} {code} by {by}");
    }
    for anomaly in &exchange.anomalies {
        let _ = write!(text, " !{}", anomaly.name());
    }
}

fn render_message<H>(message: &Message<H>, fields: usize, text: &mut String) {
    let body = message.body_bytes.map_or("?".into(), |bytes| bytes.to_string());
    let (head, seen) = (message.head_bytes, message.seen_bytes);
    let _ = write!(text, " [{fields}");
    if !message.trailers.is_empty() {
        let _ = write!(text, "+{}", message.trailers.len());
    }
    if let Some(unknown) = message.unknown_fields {
        let _ = write!(text, " ?{} {}", unknown.fields, unknown.reason.name());
    }
    let _ = write!(text, "] {head}+{body}/{seen}");
    if message.end != MessageEnd::Whole {
        let _ = write!(text, " {:?}", message.end);
    }
    for gap in &message.gaps {
        let _ = write!(text, " gap {}+{} {}", gap.at, gap.bytes, gap.reason.name());
    }
    let missing: u64 = message.gaps.iter().map(|gap| gap.bytes).sum();
    assert_eq!(message.captured_bytes + missing, message.seen_bytes);
    assert!(message.first_ns <= message.last_ns);
    assert_eq!((message.tgid, message.uid), (1, 2));
}

fn shorten(target: &[u8]) -> String {
    match target.len() {
        0..60 => target.escape_ascii().to_string(),
        length => format!("{}...({length})", target[..10].escape_ascii()),
    }
}
