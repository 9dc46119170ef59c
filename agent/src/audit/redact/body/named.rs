//! Secrets that a name before them gives away, in text of any form.
//!
//! In: text. Out: the first place where a name says that what follows is secret or personal, and how
//! far it reaches.
//! Always: one pass; where the end of the secret cannot be told it reaches to the end of the text.
//! Not here: names alone (`redact::name`), secrets without a name (`redact::value`).

use memchr::memmem;

use super::super::name::{Strength, classify, classify_field};
use super::super::value::last_name;
use super::scalar;
use crate::audit::record::Sensitive;

/// A secret with what names it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Named {
    pub(super) kind: Sensitive,
    /// Where it begins, in bytes.
    pub(super) start: usize,
    /// Where it ends; `None`: nobody can tell.
    pub(super) end: Option<usize>,
}

/// The first secret with a name. `markup`: elements have names too.
pub(super) fn find(text: &[u8], markup: bool) -> Option<Named> {
    let mut tag = 0;
    for at in memchr::memchr3_iter(b'=', b':', b'>', text) {
        let (head, rest) = text.split_at_checked(at)?;
        let found = match rest.first() {
            Some(b'>') if markup => {
                let since = memchr::memrchr(b'<', head.get(tag..)?).map(|start| start + tag);
                tag = at;
                since.and_then(|start| in_element(text, start, at))
            }
            Some(b'>') => None,
            _ => by_sign(text, at, markup),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

// === name=value, name: value ===

fn by_sign(text: &[u8], at: usize, markup: bool) -> Option<Named> {
    let head = text.get(..at)?.trim_ascii_end();
    let head = head.strip_suffix(b"\\").unwrap_or(head);
    let head = head.strip_suffix(b"\"").or(head.strip_suffix(b"'")).unwrap_or(head);
    let start = at + 1;
    let rest = text.get(start..)?;
    match classify_field(subject(head)) {
        // A text that ends with the name of a secret has none.
        Some(_) if rest.trim_ascii().is_empty() => None,
        Some((kind, strength)) if strength != Strength::Doubtful || is_like_secret(rest) => {
            Some(Named { kind, start, end: value_end(text, start) })
        }
        _ => by_value(text, start, markup && text.get(at) == Some(&b'=')),
    }
}

/// The name at the end of a text; in a sentence (`the password is: x`) it stands before the verb.
fn subject(head: &[u8]) -> &[u8] {
    let name = last_name(head);
    let is_verb = [&b"is"[..], b"was", b"are"].iter().any(|verb| name.eq_ignore_ascii_case(verb));
    match head.get(..head.len() - name.len()) {
        Some(before) if is_verb => last_name(before.trim_ascii_end()),
        _ => name,
    }
}

/// Whether the first word is a secret for what it looks like.
fn is_like_secret(rest: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_graphic() && !b"\"'`,;&<>".contains(byte);
    let rest = rest.trim_ascii_start();
    let word = rest.strip_prefix(b"\\").unwrap_or(rest);
    let word = word.strip_prefix(b"\"").or(word.strip_prefix(b"'")).unwrap_or(word);
    let end = word.iter().position(|byte| !part(byte)).unwrap_or(word.len());
    let word = word.get(..end).and_then(|word| std::str::from_utf8(word).ok());
    word.is_some_and(scalar::is_like_secret)
}

/// `name="password" value="x"`: the name of a secret as a value of its own. `bare`: quotes may be missing.
fn by_value(text: &[u8], start: usize, bare: bool) -> Option<Named> {
    let rest = text.get(start..)?;
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let (quote, inner) = rest.get(blanks..)?.split_first()?;
    if !matches!(quote, b'"' | b'\'') {
        let word = rest.get(blanks..)?;
        let length = word.iter().take(NAME_BYTES).position(u8::is_ascii_whitespace)?;
        let kind = classify(word.get(..length)?).filter(|_| bare)?;
        let start = start + blanks + length;
        return Some(Named { kind, start, end: Some(line_end(text, start)) });
    }
    let length = inner.iter().take(NAME_BYTES).position(|byte| byte == quote)?;
    let kind = classify(inner.get(..length)?)?;
    let start = start + blanks + 1 + length + 1;
    Some(Named { kind, start, end: Some(line_end(text, start)) })
}

/// Longest value that is taken for a name, in bytes.
const NAME_BYTES: usize = 64;

/// The end of a quoted value, or of the line. `None`: it is on another line, or its quote is missing.
fn value_end(text: &[u8], start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let value = rest.get(blanks..)?;
    match value.first()? {
        b'\r' | b'\n' | b'|' | b'>' => None,
        quote @ (b'"' | b'\'' | b'`') => {
            let length = quoted_bytes(value.get(1..)?, *quote)?;
            Some(start + blanks + 1 + length + 1)
        }
        _ => Some(line_end(text, start)),
    }
}

/// Length up to the quote that is not behind a backslash.
fn quoted_bytes(inner: &[u8], quote: u8) -> Option<usize> {
    let mut hidden = false;
    inner.iter().position(|&byte| {
        let closes = byte == quote && !hidden;
        hidden = byte == b'\\' && !hidden;
        closes
    })
}

fn line_end(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len(), |length| start + length)
}

// === <name>value</name> ===

/// `open`: where `<` is, `close`: where `>` is.
fn in_element(text: &[u8], open: usize, close: usize) -> Option<Named> {
    let tag = text.get(open + 1..close)?;
    if tag.ends_with(b"/") {
        return None;
    }
    let end = tag.iter().position(u8::is_ascii_whitespace).unwrap_or(tag.len());
    let name = tag.get(..end).filter(|name| name.first().is_some_and(|byte| is_name(*byte)))?;
    let (kind, strength) = classify_field(name)?;
    let start = close + 1;
    let rest = text.get(start..)?;
    // HTML has `<code>` and `<mark>` for what is neither.
    if strength != Strength::Sure && !is_like(kind, strength, rest) {
        return None;
    }
    let closing = memmem::find(rest, &[b"</", name].concat());
    Some(Named { kind, start, end: closing.map(|length| start + length) })
}

/// Whether the text of an element, of which the front is looked at, is what its name says.
fn is_like(kind: Sensitive, strength: Strength, text: &[u8]) -> bool {
    let front = text.get(..TEXT_BYTES.min(text.len())).unwrap_or_default();
    let value = front.split(|&byte| byte == b'<').next().unwrap_or_default().trim_ascii();
    // A value that is longer goes on elsewhere.
    let value = String::from_utf8_lossy(value);
    value.len() >= TEXT_BYTES || scalar::is_like(kind, strength, &value)
}

/// Most of the text of an element that is looked at, in bytes.
const TEXT_BYTES: usize = 256;

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of a text; `…` where its end cannot be told.
    fn check(text: &str, expected: Option<&str>) {
        let found = find(text.as_bytes(), true).map(|named| match named.end {
            Some(end) => text[named.start..end].to_owned(),
            None => format!("{}…", &text[named.start..]),
        });
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn secrets_behind_signs_are_found() {
        check("a=1\npassword=x y\nb=2", Some("x y"));
        check("token: 'a\\'b' c", Some(" 'a\\'b'"));
        check("{\"pin\" : \"1\", \"b\": 2}", Some(" \"1\""));
        check("secret:\n  x\n", Some("\n  x\n…"));
        check("secret: |\n  x\n", Some(" |\n  x\n…"));
        check("secret=\"x", Some("\"x…"));
        check("<input name=\"password\" value=\"x\">\n", Some(" value=\"x\">"));
        check("email = a", Some(" a"));
    }

    #[test]
    fn secrets_in_elements_are_found() {
        check("<a><b:password c='d'>x<e/>\n</b:password></a>", Some("x<e/>\n"));
        check("<secret\n>x</secre", Some("x</secre…"));
        check("<token/>x", None);
        check("</token>x", None);
        check("<b>Error</b> <code>404</code> <code>a b</code>", None);
        check("<code> 123456 </code>", Some(" 123456 "));
        check("Error code: 404, code: 1234", None);
        check("code: 123456", Some(" 123456"));
        check("a>b", None);
    }

    #[test]
    fn others_are_not() {
        for text in
            ["12:30", "a == b", "https://h/p", "monkey: x", "token:", "token: \n", "", "=", ":>"]
        {
            check(text, None);
        }
    }
}
