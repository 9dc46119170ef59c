//! Heads of messages that break the grammar: everything that can be saved is.
//!
//! In: a whole head that `httparse` refused, or the front of one. Out: `Parsed`.
//! Always: whatever is left out or changed is noted; `suspicious` if it may have framed the body.
//! Agrees with `start::Matcher` on what a start line is.
//! Not here: well-formed heads (`head`).

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr2};

use crate::model::limits::Limits;
use crate::protocol::anomaly::{Anomaly, note};
use crate::protocol::exchange::{RequestHead, ResponseHead};
use crate::protocol::fields::Fields;
use crate::protocol::http1::framing::contains;
use crate::protocol::http1::head::{Parsed, check_target, version};
use crate::protocol::token::{METHOD_BYTES, is_space, is_token};

/// Parses a request as far as possible. `None`: it does not begin with a request line.
pub fn request(bytes: &[u8], limits: &Limits) -> Option<Parsed<RequestHead>> {
    let (line, rest) = first_line(bytes)?;
    let mut notes = Vec::new();
    let (method, target, minor) = request_line(line, &mut notes)?;
    check_target(target, &mut notes);
    check_line_ends(bytes, &mut notes);
    let read = read_fields(rest, limits, &mut notes);
    Some(Parsed {
        head: RequestHead::of(method, target, version(minor), read.fields),
        notes,
        suspicious: read.suspicious,
    })
}

/// Parses a response as far as possible. `None`: it does not begin with a status line.
pub fn response(bytes: &[u8], limits: &Limits) -> Option<Parsed<ResponseHead>> {
    let (line, rest) = first_line(bytes)?;
    let (status, minor) = status_line(line)?;
    let mut notes = Vec::new();
    check_line_ends(bytes, &mut notes);
    let read = read_fields(rest, limits, &mut notes);
    Some(Parsed {
        head: ResponseHead { status: Some(status), version: version(minor), fields: read.fields },
        notes,
        suspicious: read.suspicious,
    })
}

/// The front of a head, up to the last line that is whole.
pub fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// The start line alone, with its line end.
pub fn start_line(bytes: &[u8]) -> &[u8] {
    let end = memchr(b'\n', bytes).map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// Notes line ends without CR.
fn check_line_ends(bytes: &[u8], notes: &mut Vec<Anomaly>) {
    let before = |at: usize| bytes.get(at.wrapping_sub(1));
    if memchr_iter(b'\n', bytes).any(|at| before(at) != Some(&b'\r')) {
        note(notes, Anomaly::BareLf);
    }
}

fn first_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'\n', bytes)?;
    Some((without_cr(bytes.get(..end)?), bytes.get(end + 1..)?))
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn request_line<'a>(line: &'a [u8], notes: &mut Vec<Anomaly>) -> Option<(&'a str, &'a [u8], u8)> {
    let method_end = line.iter().position(|&byte| is_space(byte))?;
    let version_start = memrchr2(b' ', b'\t', line)? + 1;
    let method = line.get(..method_end)?;
    let between = line.get(method_end..version_start)?;
    let target = trim(between);
    let minor = match line.get(version_start..)? {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', digit @ b'0'..=b'9'] => digit - b'0',
        _ => return None,
    };
    let is_method = !method.is_empty()
        && method.len() <= METHOD_BYTES
        && method.iter().all(|&byte| is_token(byte));
    let is_target = !target.is_empty() && target.iter().all(|&byte| byte > b' ' || is_space(byte));
    if !is_method || !is_target {
        return None;
    }
    let single_spaces = between.first() == Some(&b' ')
        && between.last() == Some(&b' ')
        && between.len() == target.len() + 2;
    if !single_spaces || target.iter().any(|&byte| is_space(byte)) {
        note(notes, Anomaly::InvalidStartLine);
    }
    Some((std::str::from_utf8(method).ok()?, target, minor))
}

fn status_line(line: &[u8]) -> Option<(u16, u8)> {
    match line {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor, b' ', a, b, c, rest @ ..] => {
            let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
            let status = digit(a)? * 100 + digit(b)? * 10 + digit(c)?;
            let delimited = matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r'));
            (status >= 100 && delimited).then_some((status, digit(minor)? as u8))
        }
        _ => None,
    }
}

struct Read {
    fields: Fields,
    suspicious: bool,
}

fn read_fields(bytes: &[u8], limits: &Limits, notes: &mut Vec<Anomaly>) -> Read {
    let mut buffer: Box<[u8]> = bytes.into();
    let mut suspicious = unfold(&mut buffer, notes);
    let mut places = Vec::new();
    let mut start = 0;
    for end in memchr_iter(b'\n', &buffer) {
        let line = without_cr(buffer.get(start..end).unwrap_or_default());
        let at = start;
        start = end + 1;
        if line.is_empty() {
            break;
        }
        if places.len() >= limits.fields {
            note(notes, Anomaly::TooManyFields);
            suspicious |= frames(line);
            continue;
        }
        let odd = match field(line) {
            Field::Plain(name, value) => {
                places.push((shift(name, at), shift(value, at)));
                None
            }
            Field::Spaced(name, value) => {
                places.push((shift(name, at), shift(value, at)));
                Some(Anomaly::SpaceBeforeColon)
            }
            Field::Invalid => Some(Anomaly::InvalidField),
        };
        if let Some(anomaly) = odd {
            note(notes, anomaly);
            suspicious |= frames(line);
        }
    }
    Read { fields: Fields::new(buffer, places), suspicious }
}

/// Joins folded lines (RFC 9112 section 5.2) by making spaces of their line ends. Says whether
/// one of those lines may frame the body.
fn unfold(bytes: &mut [u8], notes: &mut Vec<Anomaly>) -> bool {
    let mut suspicious = false;
    let mut start = 0;
    let mut folded = false;
    let mut from = 0;
    while let Some(at) = memchr(b'\n', bytes.get(from..).unwrap_or_default()) {
        let end = from + at;
        from = end + 1;
        let line = without_cr(bytes.get(start..end).unwrap_or_default());
        let empty = line.is_empty();
        if !empty && bytes.get(from).is_some_and(|&byte| is_space(byte)) {
            note(notes, Anomaly::ObsFold);
            folded = true;
            let cr = end.wrapping_sub(1);
            for place in [cr, end] {
                if let Some(byte @ (b'\r' | b'\n')) = bytes.get_mut(place) {
                    *byte = b' ';
                }
            }
            continue;
        }
        suspicious |= folded && frames(line);
        folded = false;
        start = from;
        if empty {
            break;
        }
    }
    suspicious
}

enum Field {
    Plain(Range<usize>, Range<usize>),
    Spaced(Range<usize>, Range<usize>),
    Invalid,
}

fn field(line: &[u8]) -> Field {
    let Some(colon) = memchr(b':', line) else {
        return Field::Invalid;
    };
    let (before, after) = line.split_at(colon);
    let after = after.get(1..).unwrap_or_default();
    let name = before.trim_ascii_end();
    let value = trim(after);
    let is_name = !name.is_empty() && name.iter().all(|&byte| is_token(byte));
    let is_value = value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
    if !is_name || !is_value {
        return Field::Invalid;
    }
    let lead = after.iter().take_while(|&&byte| is_space(byte)).count();
    let value_start = colon + 1 + lead;
    let value = value_start..value_start + value.len();
    match name.len() == before.len() {
        true => Field::Plain(0..name.len(), value),
        false => Field::Spaced(0..name.len(), value),
    }
}

/// Whether some reader may take the line for a field that frames the body.
fn frames(line: &[u8]) -> bool {
    contains(line, b"transfer-encoding") || contains(line, b"content-length")
}

fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().take_while(|&&byte| is_space(byte)).count();
    let rest = bytes.get(start..).unwrap_or_default();
    let tail = rest.iter().rev().take_while(|&&byte| is_space(byte)).count();
    rest.get(..rest.len() - tail).unwrap_or_default()
}

fn shift(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}
