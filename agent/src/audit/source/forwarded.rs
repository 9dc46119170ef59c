//! `Forwarded` (RFC 7239).
//!
//! In: values of its fields. Out: hops in order, the client's first.
//! Always: a field that breaks the grammar anywhere is one malformed hop, since a quote that is left open
//! may swallow what a proxy has added.
//! Not here: how a hop is named (`hop`), who is believed (`audit::source`).

use super::hop::{Hop, trim};
use crate::protocol::token::is_token;

/// The hops of all fields. `None`: there are none.
pub(super) fn hops<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    let mut is_empty = true;
    for value in values {
        let value = trim(value);
        is_empty &= value.is_empty();
        match elements(value) {
            Some(elements) => hops.extend(elements),
            None => hops.push(Hop::Malformed),
        }
    }
    (!is_empty).then_some(hops)
}

/// The elements of one field. `None`: it breaks the grammar.
fn elements(value: &[u8]) -> Option<Vec<Hop>> {
    let mut rest = Rest(value);
    let mut hops = Vec::new();
    loop {
        hops.push(element(&mut rest)?);
        match rest.next() {
            None => return Some(hops),
            Some(b',') => {}
            Some(_) => return None,
        }
    }
}

/// Pairs with `;` between them; ends at a comma or at the end.
fn element(rest: &mut Rest<'_>) -> Option<Hop> {
    let (mut hop, mut pairs) = (None, 0_usize);
    loop {
        rest.skip_space();
        if let Some((name, value)) = pair(rest)? {
            pairs += 1;
            if name.eq_ignore_ascii_case(b"for") {
                let text = String::from_utf8(value).ok()?;
                if hop.replace(Hop::forwarded(&text)).is_some() {
                    return None;
                }
            }
        }
        rest.skip_space();
        if rest.peek() != Some(b';') {
            break;
        }
        rest.next();
    }
    match hop {
        Some(hop) => Some(hop),
        // It has forwarded, and does not say for whom; or it has said nothing.
        None if pairs > 0 => Some(Hop::Hidden),
        None => Some(Hop::Malformed),
    }
}

/// A name and its value, unquoted. `Some(None)`: there is no pair here.
#[expect(clippy::option_option, reason = "no pair and a broken one are two things")]
fn pair<'a>(rest: &mut Rest<'a>) -> Option<Option<(&'a [u8], Vec<u8>)>> {
    let name = rest.take_while(is_token);
    if name.is_empty() {
        return matches!(rest.peek(), None | Some(b',' | b';')).then_some(None);
    }
    if rest.next() != Some(b'=') {
        return None;
    }
    let value = match rest.peek() {
        Some(b'"') => quoted(rest)?,
        // Colons and brackets have to be quoted; not everybody does.
        _ => rest.take_while(|byte| is_token(byte) || b":[]".contains(&byte)).to_vec(),
    };
    (!value.is_empty()).then_some(Some((name, value)))
}

/// A quoted string (RFC 9110 section 5.6.4) without its quotes.
fn quoted(rest: &mut Rest<'_>) -> Option<Vec<u8>> {
    rest.next();
    let mut text = Vec::new();
    loop {
        match rest.next()? {
            b'"' => return Some(text),
            b'\\' => text.push(rest.next().filter(|byte| is_text(*byte))?),
            byte if is_text(byte) => text.push(byte),
            _ => return None,
        }
    }
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn take_while(&mut self, test: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| !test(byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at_checked(end).unwrap_or((self.0, &[]));
        self.0 = rest;
        taken
    }

    fn skip_space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }
}
