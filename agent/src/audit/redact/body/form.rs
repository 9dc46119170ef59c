//! Forms without their values.
//!
//! In: `application/x-www-form-urlencoded`. Out: the same pairs, with names and values that may be
//! written.
//! Always: names and values are judged as decoded and written as names in clear and values as sent; what
//! has no name is a value; a pair that may have been cut has no value.
//! Not here: what may be written (`verdict`, `scalar`). Source: URL Standard section 5.1 (WHATWG);
//! `a[b]` as many servers read it.

use std::borrow::Cow;

use super::super::MASK;
use super::super::name::Strength;
use super::super::text::decode;
use super::scalar::{self, Look};
use super::tally::{Place, Tally};
use super::verdict::{Hidden, Names, mixed};
use crate::audit::record::{Action, Sensitive};

/// Writes one form. Returns whether all of it could be read.
pub(super) fn redact<'r>(
    bytes: &[u8],
    cut: bool,
    names: &mut Names<'r>,
    tally: &mut Tally<'r>,
    out: &mut Vec<u8>,
) -> bool {
    let mut writer = Writer::new(names, tally, out);
    let mut pairs = bytes.split(|&byte| byte == b'&').peekable();
    let mut first = true;
    while let Some(pair) = pairs.next() {
        let cut = cut && pairs.peek().is_none();
        let equals = memchr::memchr(b'=', pair);
        if cut && equals.is_none() {
            return false;
        }
        if !std::mem::take(&mut first) {
            writer.out.push(b'&');
        }
        writer.path.clear();
        match equals.and_then(|at| pair.split_at_checked(at)) {
            Some((name, value)) => {
                let field = writer.name(name, false);
                writer.out.push(b'=');
                writer.value(value.get(1..).unwrap_or_default(), cut, field);
            }
            None => {
                let field = writer.top();
                writer.value(pair, false, field);
            }
        }
    }
    true
}

/// Writes fields of forms.
pub(super) struct Writer<'w, 'r, 'b> {
    pub(super) names: &'w mut Names<'r>,
    pub(super) tally: &'w mut Tally<'r>,
    pub(super) out: &'w mut Vec<u8>,
    /// The parts of the name, as they may be written.
    pub(super) path: Vec<Cow<'b, str>>,
}

/// Where a value is, and why it is hidden.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) place: Place,
    pub(super) hidden: Hidden,
}

impl<'w, 'r, 'b> Writer<'w, 'r, 'b> {
    pub(super) fn new(
        names: &'w mut Names<'r>,
        tally: &'w mut Tally<'r>,
        out: &'w mut Vec<u8>,
    ) -> Self {
        Self { names, tally, out, path: Vec::new() }
    }

    /// That of values without a name.
    pub(super) fn top(&self) -> Field {
        Field { place: Place::default(), hidden: self.names.root() }
    }

    fn value(&mut self, value: &[u8], cut: bool, field: Field) {
        if value.is_empty() && !cut {
            return;
        }
        let limit = if self.names.keeps_all() { usize::MAX } else { scalar::VALUE_BYTES };
        let kept = match field.hidden {
            Some((kind, Strength::Sure)) => Err(kind),
            _ if cut => Err(Sensitive::Unlisted),
            doubt => {
                let name = self.path.last().map(|name| name.as_bytes()).unwrap_or_default();
                judge(value, limit, &self.names.look(name), doubt)
            }
        };
        match kept {
            Ok(text) => self.out.extend_from_slice(text.as_bytes()),
            Err(kind) => {
                let meant = decoded(value).filter(|_| !cut);
                self.hide(field.place, kind, meant.as_deref());
            }
        }
    }

    /// Writes a name, of which `user[address][0]` has two. `as_sent`: not decoded.
    pub(super) fn name(&mut self, name: &'b [u8], as_sent: bool) -> Field {
        let mut field = self.top();
        for (index, part) in parts(name).into_iter().enumerate() {
            if index > 0 {
                self.out.push(b'[');
            }
            match std::str::from_utf8(part).ok().filter(|part| index > 0 && is_index(part)) {
                Some(part) => self.out.extend_from_slice(part.as_bytes()),
                None => field = self.part(field, part, as_sent),
            }
            if index > 0 {
                self.out.push(b']');
            }
        }
        field
    }

    fn part(&mut self, above: Field, raw: &'b [u8], as_sent: bool) -> Field {
        let decoded = decoded(raw);
        let verdict = self.names.judge_decoded(raw, decoded.clone()).verdict;
        let sent = || std::str::from_utf8(raw).ok().map(Cow::Borrowed);
        // What has a meaning in a form stays encoded, or it would get that meaning.
        let clear = decoded.filter(|name| !as_sent && !name.contains(is_sign));
        let shown = match verdict.name {
            None => clear.or_else(sent).unwrap_or(Cow::Borrowed(MASK)),
            Some(kind) => {
                self.count(above.place, kind);
                Cow::Borrowed(MASK)
            }
        };
        self.out.extend_from_slice(shown.as_bytes());
        let place = above.place.below(mixed(shown.as_bytes()));
        self.path.push(shown);
        Field { place, hidden: verdict.hidden(above.hidden, self.names.keeps_all()) }
    }

    /// Hides a value of the field whose name was written.
    pub(super) fn hide(&mut self, place: Place, kind: Sensitive, meant: Option<&str>) {
        let Self { tally, path, out, .. } = self;
        let names = || path.iter().map(|part| Cow::Borrowed(&**part));
        let replaced = tally.hide(place, kind, meant.map(str::as_bytes), names);
        out.extend_from_slice(replaced.text.as_bytes());
    }

    fn count(&mut self, place: Place, kind: Sensitive) {
        self.count_done(place, kind, Action::Mask);
    }

    /// Something of that field was hidden.
    pub(super) fn count_done(&mut self, place: Place, kind: Sensitive, action: Action) {
        let path = &self.path;
        self.tally.count(place, kind, action, || path.iter().map(|part| Cow::Borrowed(&**part)));
    }
}

/// The value, if it may be written. Errors: why not.
fn judge<'v>(
    value: &'v [u8],
    limit_bytes: usize,
    look: &Look<'_>,
    doubt: Hidden,
) -> Result<&'v str, Sensitive> {
    let plain = value.len() <= limit_bytes && value.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(value).ok().filter(|_| plain).ok_or(Sensitive::Unlisted)?;
    let meant = decoded(value).ok_or(Sensitive::Unlisted)?;
    if let Some(kind) = look.find(&meant) {
        return Err(kind);
    }
    if let Some((kind, _)) = doubt.filter(|(kind, sure)| scalar::is_like(*kind, *sure, &meant)) {
        return Err(kind);
    }
    // Some servers take these for the end of a value.
    if meant.contains([';', '&']) { Err(Sensitive::Unlisted) } else { Ok(text) }
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

/// A character that means something between names and values.
fn is_sign(c: char) -> bool {
    matches!(c, '&' | '=' | '+' | '%' | ';' | '[' | ']')
}

/// The text that is meant. `None`: it is no text.
fn decoded(raw: &[u8]) -> Option<Cow<'_, str>> {
    match decode(raw, true) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}
