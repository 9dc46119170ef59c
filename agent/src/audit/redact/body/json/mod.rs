//! JSON without what must not be written.
//!
//! In: JSON texts, the judge of names. Out: the same texts, with `***` in place of names and values
//! that may not be written.
//! Always: in one pass, without recursion and without a tree; strictly by the grammar, so that nobody
//! reads anything else into the text; after a fault nothing more is written; what is not touched is
//! copied as it is, in long runs; at most three bytes are written for each that is read, and a few.
//! Not here: where strings end (`blocks`), escapes (`text`), names (`verdict`), values (`scalar`).
//! Source: RFC 8259, RFC 7464 (text sequences).

mod blocks;
pub(super) mod scan;
pub(super) mod text;

use std::borrow::Cow;
use std::ops::Range;

use self::blocks::{Blocks, Span};
use self::scan::{WORDS, number_end};
use self::text::decoded;
use super::super::MASK;
use super::super::name::Strength;
use super::scalar::{self, Look};
use super::tally::{Place, Tally};
use super::verdict::{Hidden, Judged, Names};
use crate::audit::record::{Action, Sensitive};

/// Writes one JSON text. Returns whether all of it could be read.
pub(super) fn redact<'r>(
    bytes: &[u8],
    cut: bool,
    names: &mut Names<'r>,
    tally: &mut Tally<'r>,
    out: &mut Vec<u8>,
) -> bool {
    let is_text = std::str::from_utf8(bytes).is_ok();
    one(bytes, cut, is_text, names, tally, out)
}

/// Writes a JSON text on each line, each by itself.
pub(super) fn redact_lines<'r>(
    bytes: &[u8],
    cut: bool,
    names: &mut Names<'r>,
    tally: &mut Tally<'r>,
    out: &mut Vec<u8>,
) -> bool {
    let is_text = std::str::from_utf8(bytes).is_ok();
    let mut whole = true;
    let mut lines = bytes.split(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let line = line.trim_ascii();
        let line = line.strip_prefix(&[RECORD_SEPARATOR]).unwrap_or(line).trim_ascii();
        if line.is_empty() {
            continue;
        }
        let before = out.len();
        whole &= one(line, cut && lines.peek().is_none(), is_text, names, tally, out);
        if out.len() > before {
            out.push(b'\n');
        }
    }
    whole
}

fn one<'r>(
    text: &[u8],
    cut: bool,
    is_text: bool,
    names: &mut Names<'r>,
    tally: &mut Tally<'r>,
    out: &mut Vec<u8>,
) -> bool {
    let top = Field { place: Place::default(), hidden: names.root() };
    let mut writer = Writer {
        text,
        cut,
        is_text,
        blocks: Blocks::new(text),
        at: 0,
        whole_until: 0,
        copied_until: 0,
        groups: Vec::with_capacity(GROUPS),
        inner: top,
        in_object: false,
        here: top,
        name: NO_NAME,
        names,
        tally,
        out,
    };
    // Places of names are kept as 32 bits.
    let whole = u32::try_from(text.len()).is_ok() && writer.text().is_some();
    writer.copy_until(writer.whole_until);
    whole
}

/// `MASK` as a string.
const MASKED: &[u8] = b"\"***\"";
/// Stands where a value was dropped.
const DROPPED: &[u8] = b"null";
/// Stands before each text of a sequence (RFC 7464 section 2.2).
const RECORD_SEPARATOR: u8 = 0x1e;
/// Most groups within each other.
const DEPTH: usize = 128;
/// As many as there are in most texts.
const GROUPS: usize = 16;
/// Shortest number in which something could be found, in bytes.
const NUMBER_BYTES: usize = 9;

struct Writer<'w, 'r, 'b> {
    text: &'b [u8],
    /// The text may go on where it ends.
    cut: bool,
    /// All of it is UTF-8.
    is_text: bool,
    blocks: Blocks<'b>,
    /// What is read next.
    at: usize,
    /// Where the last token ends that was read.
    whole_until: usize,
    /// What was written, as it is or hidden.
    copied_until: usize,
    /// Those that are open.
    groups: Vec<Group>,
    /// Where values of the innermost one are that have no names.
    inner: Field,
    /// It is an object.
    in_object: bool,
    /// Where the next value is.
    here: Field,
    /// The name before it.
    name: Name,
    names: &'w mut Names<'r>,
    tally: &'w mut Tally<'r>,
    out: &'w mut Vec<u8>,
}

/// Where values are.
#[derive(Clone, Copy)]
struct Field {
    place: Place,
    /// Why values here are hidden, and how sure that is.
    hidden: Hidden,
}

/// An object or array that is open.
#[derive(Clone, Copy)]
struct Group {
    /// Where its values are, if they have no names.
    field: Field,
    /// Its own name.
    name: Name,
    is_object: bool,
}

/// A name, by its place in the text.
#[derive(Clone, Copy)]
struct Name {
    start: u32,
    /// 0 where there is no name.
    end: u32,
    shown: bool,
}

const NO_NAME: Name = Name { start: 0, end: 0, shown: false };

impl Name {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

// === grammar ===

impl<'b> Writer<'_, '_, 'b> {
    /// `None`: it could not be read to its end.
    fn text(&mut self) -> Option<()> {
        self.skip_blanks();
        self.value()?;
        loop {
            self.skip_blanks();
            let depth = self.groups.len();
            let Some(&byte) = self.text.get(self.at) else { return (depth == 0).then_some(()) };
            if depth == 0 {
                return None;
            }
            match byte {
                b',' => {
                    self.at += 1;
                    self.skip_blanks();
                    if self.in_object {
                        self.name()?;
                    }
                    self.value()?;
                }
                b'}' if self.in_object => self.close(),
                b']' if !self.in_object => self.close(),
                _ => return None,
            }
        }
    }

    /// A value, or what opens it.
    #[inline]
    fn value(&mut self) -> Option<()> {
        loop {
            match *self.text.get(self.at)? {
                b'"' => return self.string(),
                b'-' | b'0'..=b'9' => return self.number(),
                b'{' => {
                    self.open(true)?;
                    if self.text.get(self.at) == Some(&b'}') {
                        self.close();
                        return Some(());
                    }
                    self.name()?;
                }
                b'[' => {
                    self.open(false)?;
                    if self.text.get(self.at) == Some(&b']') {
                        self.close();
                        return Some(());
                    }
                }
                _ => return self.word(),
            }
        }
    }

    fn open(&mut self, is_object: bool) -> Option<()> {
        if self.groups.len() >= DEPTH {
            return None;
        }
        let field = self.below();
        self.groups.push(Group { field, name: self.name, is_object });
        self.inner = field;
        self.in_object = is_object;
        self.here = field;
        self.name = NO_NAME;
        self.read_until(self.at + 1);
        self.skip_blanks();
        Some(())
    }

    fn close(&mut self) {
        self.groups.pop();
        match self.groups.last() {
            Some(outer) => (self.inner, self.in_object) = (outer.field, outer.is_object),
            // Nothing follows.
            None => self.in_object = false,
        }
        self.read_until(self.at + 1);
        self.after_value();
    }

    #[inline]
    fn after_value(&mut self) {
        self.here = self.inner;
        self.name = NO_NAME;
    }

    #[inline]
    fn read_until(&mut self, end: usize) {
        self.at = end;
        self.whole_until = end;
    }

    #[inline]
    fn name(&mut self) -> Option<()> {
        if self.text.get(self.at) != Some(&b'"') {
            return None;
        }
        let start = self.at;
        let (end, Judged { verdict, number }) = self.judge_name(start + 1)?;
        let shown = verdict.name.is_none();
        let name = Name { start: (start + 1) as u32, end: end as u32, shown };
        if let Some(kind) = verdict.name {
            self.whole_until = start;
            self.hide_name(&name, kind);
        }
        self.read_until(end + 1);
        self.skip_blanks();
        if self.text.get(self.at) != Some(&b':') {
            return None;
        }
        self.read_until(self.at + 1);
        self.skip_blanks();
        // What follows is the value of the field of this name. Fields whose names are hidden share a place.
        let place = self.inner.place.below(if shown { number } else { 0 });
        let hidden = verdict.hidden(self.inner.hidden, self.names.keeps_all());
        self.here = Field { place, hidden };
        self.name = name;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at;
        let span = self.blocks.string(start + 1)?;
        let raw = self.text.get(start + 1..span.end)?;
        if let Some(kind) = self.judge_string(&span, raw) {
            self.hide(start, span.end + 1, kind);
        }
        self.read_until(span.end + 1);
        self.after_value();
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let end = number_end(self.text, start)?;
        // At the end of a cut text nobody knows whether more digits follow.
        if end == self.text.len() && self.cut {
            return None;
        }
        let is_long = end - start >= NUMBER_BYTES;
        if self.here.hidden.is_some() || is_long || self.names.has_own_detectors() {
            let raw = self.text.get(start..end)?;
            if let Some(kind) = self.judge_number(raw) {
                self.hide(start, end, kind);
            }
        }
        self.read_until(end);
        self.after_value();
        Some(())
    }

    fn word(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let word = WORDS.iter().find(|word| rest.starts_with(word.as_bytes()))?;
        self.read_until(self.at + word.len());
        self.after_value();
        Some(())
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(self.at) {
            self.at += 1;
        }
    }
}

// === what may be written ===

impl<'b> Writer<'_, '_, 'b> {
    /// Where the name ends that begins here, and what is known of it.
    #[inline]
    fn judge_name(&mut self, start: usize) -> Option<(usize, Judged)> {
        if let Some((len, judged)) = self.names.expected(self.text.get(start..)?) {
            return Some((start + len, judged));
        }
        let span = self.blocks.string(start)?;
        let raw = self.text.get(start..span.end)?;
        let judged = if span.escaped || !self.is_text {
            self.names.judge(decoded(raw).as_deref(), raw)
        } else {
            self.names.judge_plain(raw)
        };
        Some((span.end, judged))
    }

    /// Where values in a group are that opens here. A doubtful name says nothing of fields with names
    /// of their own; what is about a person has harmless parts (`type` of a telephone number).
    fn below(&self) -> Field {
        let opens_object = self.text.get(self.at) == Some(&b'{');
        let hidden = match self.here.hidden {
            Some((kind, Strength::Sure)) if opens_object && self.names.keeps_all() => {
                let is_personal = kind == Sensitive::Personal;
                Some((kind, if is_personal { Strength::Doubtful } else { Strength::Sure }))
            }
            Some((Sensitive::Personal, _)) => self.here.hidden,
            other => other.filter(|(_, sure)| *sure == Strength::Sure || !opens_object),
        };
        Field { hidden, ..self.here }
    }

    /// Why a string is hidden; `None`: it may be written.
    #[inline]
    fn judge_string(&self, span: &Span, raw: &'b [u8]) -> Option<Sensitive> {
        if self.here.hidden.is_none()
            && !span.escaped
            && self.is_text
            && (self.names.keeps_all() || raw.len() <= scalar::VALUE_BYTES)
            && !self.names.has_own_detectors()
        {
            let asks =
                span.hinted || span.digits >= scalar::DIGITS || scalar::begins_with_scheme(raw);
            if !asks || scalar::is_usual(raw) {
                return None;
            }
        }
        self.judge(raw, decoded(raw), |look, text| look.find(text))
    }

    fn judge_number(&self, raw: &'b [u8]) -> Option<Sensitive> {
        let text = std::str::from_utf8(raw).ok().map(Cow::Borrowed);
        self.judge(raw, text, |look, number| look.find_in_number(number))
    }

    fn judge(
        &self,
        raw: &[u8],
        text: Option<Cow<'_, str>>,
        find: fn(&Look<'_>, &str) -> Option<Sensitive>,
    ) -> Option<Sensitive> {
        if let Some((kind, Strength::Sure)) = self.here.hidden {
            return Some(kind);
        }
        let fits = self.names.keeps_all() || raw.len() <= scalar::VALUE_BYTES;
        let Some(text) = text.filter(|_| fits) else { return Some(Sensitive::Unlisted) };
        let name = self.text.get(self.name_of_value().range()).unwrap_or_default();
        if let Some(kind) = find(&self.names.look(name), &text) {
            return Some(kind);
        }
        // Copied as it is, it would bring them.
        if raw.contains(&0x7f) || raw.contains(&0xc2) && has_controls(raw) {
            return Some(Sensitive::Unlisted);
        }
        let (kind, strength) = self.here.hidden?;
        scalar::is_like(kind, strength, &text).then_some(kind)
    }

    /// The name of the field whose value is read, also within a list.
    fn name_of_value(&self) -> Name {
        let lists = || self.groups.iter().rev().take_while(|group| !group.is_object);
        let named = |name: &Name| name.end > 0;
        Some(self.name)
            .filter(named)
            .or_else(|| lists().map(|list| list.name).find(named))
            .unwrap_or(NO_NAME)
    }

    // === writing ===

    fn copy_until(&mut self, end: usize) {
        self.out.extend_from_slice(self.text.get(self.copied_until..end).unwrap_or_default());
        self.copied_until = end;
    }

    /// Hides a value.
    fn hide(&mut self, start: usize, end: usize, kind: Sensitive) {
        self.copy_until(start);
        self.copied_until = end;
        let Self { text, groups, name, tally, here, out, .. } = self;
        let raw = text.get(start..end).unwrap_or_default();
        let inner = raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let meant = decoded(inner.unwrap_or(raw));
        let meant = meant.as_ref().map(|text| text.as_bytes());
        let replaced =
            tally.hide(here.place, kind, meant, || names(text, groups, *name)).into_text();
        // What stands in place of a value has nothing that JSON would escape.
        match replaced {
            Some(text) => out.extend([b"\"", text.as_bytes(), b"\""].into_iter().flatten()),
            None => out.extend_from_slice(DROPPED),
        }
    }

    /// Hides the name of a field; that counts for the object it is in.
    fn hide_name(&mut self, name: &Name, kind: Sensitive) {
        let range = name.range();
        self.copy_until(range.start.saturating_sub(1));
        self.out.extend_from_slice(MASKED);
        self.copied_until = range.end + 1;
        let Self { text, groups, inner, tally, .. } = self;
        tally.count(inner.place, kind, Action::Mask, || names(text, groups, NO_NAME));
    }
}

/// Control characters that are more than one byte.
fn has_controls(raw: &[u8]) -> bool {
    memchr::memchr_iter(0xc2, raw).any(|at| matches!(raw.get(at + 1), Some(0x80..=0x9f)))
}

/// The names that lead to a place, as they may be written.
fn names<'t>(
    text: &'t [u8],
    groups: &'t [Group],
    last: Name,
) -> impl Iterator<Item = Cow<'t, str>> {
    let all = groups.iter().map(|group| group.name).chain([last]);
    all.filter(|name| name.end > 0).map(|name| {
        let shown = text.get(name.range()).filter(|_| name.shown).and_then(decoded);
        shown.unwrap_or(Cow::Borrowed(MASK))
    })
}
