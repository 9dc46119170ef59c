//! JSON without its values.
//!
//! In: JSON texts, the places in them. Out: the same structure, compact, with names and values that
//! may be written.
//! Always: in one pass, without recursion and without a tree; after a fault nothing more is written;
//! at most three bytes are written for each that is read, and a few, and those of tokens (`places`).
//! Not here: grammar (`scan`), escapes (`text`), what may be written (`places`, `scalar`).
//! Source: RFC 8259, RFC 7464 (text sequences).

pub(super) mod scan;
pub(super) mod text;

use std::borrow::Cow;

use self::scan::{Group, Token, Tokens};
use self::text::{decoded, push_string};
use super::places::{Place, Places};
use super::scalar;
use crate::audit::record::Sensitive;

/// Writes one JSON text. Returns whether all of it could be read.
pub(super) fn redact<'b>(
    bytes: &'b [u8],
    cut: bool,
    places: &mut Places<'_, 'b>,
    out: &mut String,
) -> bool {
    let mut writer = Writer { places, out, groups: Vec::new(), here: None };
    for token in Tokens::new(bytes, cut) {
        match token {
            Ok(token) => writer.token(token),
            Err(_) => return false,
        }
    }
    true
}

/// Writes a JSON text on each line, each by itself.
pub(super) fn redact_lines<'b>(
    bytes: &'b [u8],
    cut: bool,
    places: &mut Places<'_, 'b>,
    out: &mut String,
) -> bool {
    let mut whole = true;
    let mut lines = bytes.split(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let line = line.strip_prefix(&[RECORD_SEPARATOR]).unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let before = out.len();
        whole &= redact(line, cut && lines.peek().is_none(), places, out);
        if out.len() > before {
            out.push('\n');
        }
    }
    whole
}

/// Stands before each text of a sequence (RFC 7464 section 2.2).
const RECORD_SEPARATOR: u8 = 0x1e;

struct Writer<'w, 'r, 'b> {
    places: &'w mut Places<'r, 'b>,
    out: &'w mut String,
    /// Places of the groups that are open.
    groups: Vec<Place>,
    /// The place of the field whose value follows.
    here: Option<Place>,
}

impl<'b> Writer<'_, '_, 'b> {
    fn token(&mut self, token: Token<'b>) {
        match token {
            Token::Open(group) => {
                let place = self.place();
                self.separate();
                self.out.push(if group == Group::Object { '{' } else { '[' });
                self.groups.push(place);
            }
            Token::Close(group) => {
                self.groups.pop();
                self.out.push(if group == Group::Object { '}' } else { ']' });
            }
            Token::Name(raw) => self.name(raw),
            Token::Word(word) => {
                self.place();
                self.separate();
                self.out.push_str(word);
            }
            Token::String(raw) => self.string(raw),
            Token::Number(raw) => self.number(raw),
        }
    }

    fn name(&mut self, raw: &'b [u8]) {
        self.separate();
        let object = self.object();
        let (place, name) = self.places.enter(object, raw, decoded);
        push_string(&name, self.out);
        self.out.push(':');
        self.here = Some(place);
    }

    fn string(&mut self, raw: &[u8]) {
        let place = self.place();
        self.separate();
        match self.judge(place, raw, scalar::suspicion) {
            Ok(text) => push_string(&text, self.out),
            Err(kind) => self.hide(place, kind, raw),
        }
    }

    fn number(&mut self, raw: &[u8]) {
        let place = self.place();
        self.separate();
        match self.judge(place, raw, scalar::suspicion_of_number) {
            Ok(text) => self.out.push_str(&text),
            Err(kind) => self.hide(place, kind, raw),
        }
    }

    /// The value, if it may be written. Errors: why not.
    fn judge<'t>(
        &self,
        place: Place,
        raw: &'t [u8],
        suspicion: fn(&str) -> Option<Sensitive>,
    ) -> Result<Cow<'t, str>, Sensitive> {
        if let Some(kind) = place.hidden {
            return Err(kind);
        }
        let fits = self.places.keeps_all() || raw.len() <= scalar::VALUE_BYTES;
        let text = decoded(raw).filter(|_| fits).ok_or(Sensitive::Unlisted)?;
        suspicion(&text).map_or(Ok(text), Err)
    }

    fn hide(&mut self, place: Place, kind: Sensitive, raw: &[u8]) {
        let meant = decoded(raw);
        let meant = meant.as_ref().map(|text| text.as_bytes());
        match self.places.hide(place, kind, meant).into_text() {
            Some(text) => push_string(&text, self.out),
            None => self.out.push_str("null"),
        }
    }

    /// The place of a value: of its field, or of the array it is in.
    fn place(&mut self) -> Place {
        self.here.take().unwrap_or_else(|| self.object())
    }

    fn object(&self) -> Place {
        self.groups.last().copied().unwrap_or_else(|| self.places.root())
    }

    /// A comma, unless something begins here.
    fn separate(&mut self) {
        if !matches!(self.out.as_bytes().last(), None | Some(b'{' | b'[' | b':' | b'\n')) {
            self.out.push(',');
        }
    }
}
