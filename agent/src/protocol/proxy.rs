//! The PROXY protocol: what a proxy says before the first byte of a connection.
//!
//! In: the first inputs of a connection that was seen from its beginning. Out: `Proxied`, and the inputs
//! without its header.
//! Always: the same however the bytes were cut; at most `HEADER_BYTES` are held; what is no header is given
//! back as it came. Source: the specification in HAProxy's `doc/proxy-protocol.txt`, sections 2.1 and 2.2.
//! Not here: whether it is believed (`audit::source`). What follows the addresses of version 2 is skipped.

use std::net::{IpAddr, SocketAddr};

use crate::model::proxied::{Command, Proxied};
use crate::model::sample::Direction;
use crate::protocol::input::{Input, Span};

/// Looks at what comes before everything else on a connection.
#[derive(Default)]
pub struct Prelude {
    state: State,
    said: Option<Proxied>,
}

/// ```text
/// Start ──▶ Reading ──▶ Skipping ──▶ Behind ──▶ Over
///   └──────────┴───────────────────────────────▲ is no header
/// ```
#[derive(Default)]
enum State {
    /// Nothing has come.
    #[default]
    Start,
    /// It may be a header.
    Reading(Box<Reading>),
    /// It is one, and goes on for so long.
    Skipping { direction: Direction, left_bytes: u64, turn_start: bool },
    /// It is over; what comes next that way begins where it began.
    Behind { direction: Direction, turn_start: bool },
    /// Nothing is looked at any more.
    Over,
}

struct Reading {
    direction: Direction,
    span: Span<'static>,
    bytes: Vec<u8>,
}

/// What was kept and is no header, as it came.
pub struct Back {
    /// Where it came from.
    pub direction: Direction,
    span: Span<'static>,
    bytes: Vec<u8>,
}

impl Back {
    /// The input.
    pub fn input(&self) -> Input<'_> {
        Input::Bytes(self.span.with(&self.bytes))
    }
}

impl Prelude {
    /// Takes from an input what belongs to a header. What it gives back comes before the rest of the input.
    pub fn push(&mut self, direction: Direction, input: &mut Input<'_>) -> Option<Back> {
        match input {
            Input::Bytes(span) => self.bytes(direction, span),
            Input::Hole(hole) => {
                if let State::Skipping { direction: its, left_bytes, .. } = &mut self.state
                    && *its == direction
                    && hole.bytes <= *left_bytes
                {
                    *left_bytes -= hole.bytes;
                    hole.bytes = 0;
                    return None;
                }
                self.give_up()
            }
            Input::End(_) if matches!(self.state, State::Skipping { .. }) => None,
            Input::End(_) => self.give_up(),
        }
    }

    /// Whether there is nothing more to look for.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// What the header says.
    pub fn said(&self) -> Option<Proxied> {
        self.said
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        match &self.state {
            State::Reading(reading) => size_of::<Reading>() + reading.bytes.capacity(),
            _ => 0,
        }
    }

    fn give_up(&mut self) -> Option<Back> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Reading(reading) => {
                let Reading { direction, span, bytes } = *reading;
                Some(Back { direction, span, bytes })
            }
            _ => None,
        }
    }

    fn bytes(&mut self, direction: Direction, span: &mut Span<'_>) -> Option<Back> {
        if let State::Start = self.state {
            if !matches!(span.rest.first(), Some(b'P' | b'\r')) {
                self.state = State::Over;
                return None;
            }
            let (bytes, span) = (Vec::with_capacity(HEADER_BYTES), span.with(&[]));
            self.state = State::Reading(Box::new(Reading { direction, span, bytes }));
        }
        match &mut self.state {
            State::Reading(reading) if reading.direction == direction => {
                match reading.take(span.rest) {
                    Said::Unfinished => {
                        span.take(span.rest.len());
                        None
                    }
                    Said::Nothing => self.give_up(),
                    Said::Header { proxied, bytes } => {
                        let held_bytes = reading.bytes.len() as u64;
                        let (direction, turn_start) = (direction, reading.span.turn_start);
                        self.said = Some(proxied);
                        let left_bytes = bytes.saturating_sub(held_bytes);
                        self.state = State::Skipping { direction, left_bytes, turn_start };
                        self.skip(span);
                        None
                    }
                }
            }
            State::Skipping { direction: its, .. } => {
                if *its == direction {
                    self.skip(span);
                }
                None
            }
            State::Behind { direction: its, turn_start } => {
                span.turn_start |= *its == direction && *turn_start;
                self.state = State::Over;
                None
            }
            // The other end has an answer: there is no header to come.
            _ => self.give_up(),
        }
    }

    /// Takes away what is left of the header.
    fn skip(&mut self, span: &mut Span<'_>) {
        let State::Skipping { direction, left_bytes, turn_start } = &mut self.state else { return };
        let (direction, turn_start) = (*direction, *turn_start);
        let taken = span.take(usize::try_from(*left_bytes).unwrap_or(usize::MAX)).len();
        *left_bytes -= taken as u64;
        if *left_bytes == 0 {
            self.state = State::Behind { direction, turn_start };
            if !span.rest.is_empty() {
                span.turn_start |= turn_start;
                self.state = State::Over;
            }
        }
    }
}

impl Reading {
    /// Looks at more bytes, and keeps them as long as they tell nothing.
    fn take(&mut self, rest: &[u8]) -> Said {
        let room = HEADER_BYTES.saturating_sub(self.bytes.len());
        let kept_bytes = self.bytes.len();
        self.bytes.extend_from_slice(rest.get(..room).unwrap_or(rest));
        let said = read(&self.bytes);
        if !matches!(said, Said::Unfinished) {
            self.bytes.truncate(kept_bytes);
        }
        said
    }
}

/// What bytes begin with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Said {
    /// So far a header.
    Unfinished,
    /// No header.
    Nothing,
    /// A header, of that length.
    Header { proxied: Proxied, bytes: u64 },
}

fn read(bytes: &[u8]) -> Said {
    match bytes.first() {
        Some(b'P') => version_1(bytes),
        _ => version_2(bytes),
    }
}

// === version 1 ===

fn version_1(bytes: &[u8]) -> Said {
    if !is_prefix(bytes, V1) {
        return Said::Nothing;
    }
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        return if bytes.len() < HEADER_BYTES { Said::Unfinished } else { Said::Nothing };
    };
    let line = bytes.get(V1.len()..end).and_then(|line| line.strip_suffix(b"\r"));
    match line.and_then(|line| std::str::from_utf8(line).ok()).and_then(line_1) {
        Some(proxied) => Said::Header { proxied, bytes: end as u64 + 1 },
        // It may be a request whose method is called so.
        None => Said::Nothing,
    }
}

/// What follows `PROXY `.
fn line_1(line: &str) -> Option<Proxied> {
    let proxied = Proxied { version: 1, command: Command::Proxy, source: None, destination: None };
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Some(proxied);
    }
    let mut words = line.split(' ');
    let is_v4 = match words.next()? {
        "TCP4" => true,
        "TCP6" => false,
        _ => return None,
    };
    let mut address = || words.next()?.parse::<IpAddr>().ok().filter(|ip| ip.is_ipv4() == is_v4);
    let (source, destination) = (address()?, address()?);
    let (source_port, destination_port) = (port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then_some(Proxied {
        source: Some(SocketAddr::new(source.to_canonical(), source_port)),
        destination: Some(SocketAddr::new(destination.to_canonical(), destination_port)),
        ..proxied
    })
}

fn port(text: &str) -> Option<u16> {
    let plain = text == "0" || !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

// === version 2 ===

fn version_2(bytes: &[u8]) -> Said {
    if !is_prefix(bytes, V2) {
        return Said::Nothing;
    }
    let Some(&[version_command, family, high, low]) = bytes.get(V2.len()..V2_BYTES) else {
        return Said::Unfinished;
    };
    if version_command >> 4 != 2 {
        return Said::Nothing;
    }
    let length = u16::from_be_bytes([high, low]);
    let header = |command, ends: Option<(SocketAddr, SocketAddr)>| Said::Header {
        proxied: Proxied {
            version: 2,
            command,
            source: ends.map(|ends| ends.0),
            destination: ends.map(|ends| ends.1),
        },
        bytes: V2_BYTES as u64 + u64::from(length),
    };
    match version_command & 15 {
        0 => return header(Command::Local, None),
        1 => {}
        _ => return header(Command::Invalid, None),
    }
    let wanted = match family >> 4 {
        1 => 12,
        2 => 36,
        // Addresses of unix sockets, or none.
        3 => {
            return header(
                if length < UNIX_BYTES { Command::Invalid } else { Command::Proxy },
                None,
            );
        }
        0 => return header(Command::Proxy, None),
        _ => return header(Command::Invalid, None),
    };
    if length < wanted || !(1..=2).contains(&(family & 15)) {
        return header(Command::Invalid, None);
    }
    match bytes.get(V2_BYTES..V2_BYTES + usize::from(wanted)) {
        Some(addresses) => header(Command::Proxy, ends(addresses)),
        None => Said::Unfinished,
    }
}

/// Source and destination address, then both ports.
fn ends(addresses: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (addresses, ports) = addresses.split_at_checked(addresses.len().checked_sub(4)?)?;
    let (source, destination) = addresses.split_at_checked(addresses.len() / 2)?;
    let &[a, b, c, d] = ports else { return None };
    Some((
        SocketAddr::new(ip(source)?, u16::from_be_bytes([a, b])),
        SocketAddr::new(ip(destination)?, u16::from_be_bytes([c, d])),
    ))
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from);
    v4().or_else(v6).map(|ip| ip.to_canonical())
}

/// Whether the bytes begin as these, as far as they go.
fn is_prefix(bytes: &[u8], magic: &[u8]) -> bool {
    bytes.iter().zip(magic).all(|(one, other)| one == other)
}

/// How version 1 begins.
const V1: &[u8] = b"PROXY ";
/// How version 2 begins.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2 without its addresses: version, command, family and length follow.
const V2_BYTES: usize = V2.len() + 4;
/// Length of the addresses of unix sockets.
const UNIX_BYTES: u16 = 216;
/// Longest header of version 1, and more than what is looked at of version 2.
const HEADER_BYTES: usize = 107;

#[cfg(test)]
mod tests;
