//! Forms without their values.
//!
//! In: `application/x-www-form-urlencoded`. Out: the same pairs, with names and values that may be
//! written.
//! Always: names and values are judged as decoded and written as names in clear and values as sent; what
//! has no name is a value; a pair that may have been cut has no value.
//! Not here: what may be written (`places`, `scalar`). Source: URL Standard section 5.1 (WHATWG);
//! `a[b]` as many servers read it.

use std::borrow::Cow;

use super::super::text::decode;
use super::places::{Place, Places};
use super::scalar;
use crate::audit::record::Sensitive;

/// Writes one form. Returns whether all of it could be read.
pub(super) fn redact<'b>(
    bytes: &'b [u8],
    cut: bool,
    places: &mut Places<'_, 'b>,
    out: &mut String,
) -> bool {
    let mut pairs = bytes.split(|&byte| byte == b'&').peekable();
    let mut first = true;
    while let Some(pair) = pairs.next() {
        let cut = cut && pairs.peek().is_none();
        let equals = memchr::memchr(b'=', pair);
        if cut && equals.is_none() {
            return false;
        }
        if !std::mem::take(&mut first) {
            out.push('&');
        }
        match equals.and_then(|at| pair.split_at_checked(at)) {
            Some((name, value)) => {
                let place = write_name(name, places, out);
                out.push('=');
                write_value(value.get(1..).unwrap_or_default(), cut, place, places, out);
            }
            None => write_value(pair, false, places.root(), places, out),
        }
    }
    true
}

fn write_value(
    value: &[u8],
    cut: bool,
    place: Place,
    places: &mut Places<'_, '_>,
    out: &mut String,
) {
    if value.is_empty() && !cut {
        return;
    }
    let limit = if places.keeps_all() { usize::MAX } else { scalar::VALUE_BYTES };
    let kept = match place.hidden {
        Some(kind) => Err(kind),
        None if cut => Err(Sensitive::Unlisted),
        None => judge(value, limit),
    };
    match kept {
        Ok(text) => out.push_str(text),
        Err(kind) => {
            let meant = decoded(value).filter(|_| !cut);
            let meant = meant.as_ref().map(|text| text.as_bytes());
            out.push_str(&places.hide(place, kind, meant).text);
        }
    }
}

/// The value, if it may be written. Errors: why not.
fn judge(value: &[u8], limit_bytes: usize) -> Result<&str, Sensitive> {
    let plain = value.len() <= limit_bytes && value.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(value).ok().filter(|_| plain).ok_or(Sensitive::Unlisted)?;
    let meant = decoded(value).ok_or(Sensitive::Unlisted)?;
    if let Some(kind) = scalar::suspicion(&meant) {
        return Err(kind);
    }
    // Some servers take these for the end of a value.
    if meant.contains([';', '&']) { Err(Sensitive::Unlisted) } else { Ok(text) }
}

/// Writes a name, of which `user[address][0]` has two. Returns its place.
fn write_name<'b>(name: &'b [u8], places: &mut Places<'_, 'b>, out: &mut String) -> Place {
    let mut place = places.root();
    for (index, part) in parts(name).into_iter().enumerate() {
        if index > 0 {
            out.push('[');
        }
        match std::str::from_utf8(part).ok().filter(|part| index > 0 && is_index(part)) {
            Some(part) => out.push_str(part),
            None => {
                let (below, shown) = places.enter(place, part, decoded);
                out.push_str(&shown);
                place = below;
            }
        }
        if index > 0 {
            out.push(']');
        }
    }
    place
}

/// The parts of a name; itself, if it is not of that form.
fn parts(name: &[u8]) -> Vec<&[u8]> {
    nested(name).unwrap_or_else(|| vec![name])
}

fn nested(name: &[u8]) -> Option<Vec<&[u8]>> {
    let (first, mut rest) = split_at_bracket(name, b'[', b"%5B")?;
    let mut parts = vec![first];
    while parts.len() < PARTS {
        let (part, after) = split_at_bracket(rest, b']', b"%5D")?;
        parts.push(part);
        if after.is_empty() {
            return Some(parts);
        }
        let (nothing, inner) = split_at_bracket(after, b'[', b"%5B")?;
        rest = Some(inner).filter(|_| nothing.is_empty())?;
    }
    None
}

/// Most parts of a name.
const PARTS: usize = 16;

/// What is before and behind the first bracket, as it is or encoded.
fn split_at_bracket<'n>(
    name: &'n [u8],
    plain: u8,
    encoded: &[u8; 3],
) -> Option<(&'n [u8], &'n [u8])> {
    let marks = memchr::memchr2_iter(plain, b'%', name);
    let (before, after) = marks.filter_map(|at| name.split_at_checked(at)).find(|(_, after)| {
        let front = after.first_chunk();
        after.first() == Some(&plain)
            || front.is_some_and(|front: &[u8; 3]| front.eq_ignore_ascii_case(encoded))
    })?;
    let bytes = if after.first() == Some(&plain) { 1 } else { encoded.len() };
    Some((before, after.get(bytes..)?))
}

/// The place in a list.
fn is_index(part: &str) -> bool {
    part.len() <= INDEX_DIGITS && part.bytes().all(|byte| byte.is_ascii_digit())
}

const INDEX_DIGITS: usize = 3;

/// The text that is meant. `None`: it is no text.
fn decoded(raw: &[u8]) -> Option<Cow<'_, str>> {
    match decode(raw, true) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}
