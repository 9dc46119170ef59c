//! Strings of JSON: escapes taken away.
//!
//! In: what stands between quotes. Out: the text that is meant.
//! Always: what is no Unicode text, such as half a surrogate pair, is none.
//! Not here: where a string ends (`scan`). Source: RFC 8259 section 7.

use std::borrow::Cow;

/// The text of a string whose escapes are right. `None`: it is no Unicode text.
pub(in super::super) fn decoded(raw: &[u8]) -> Option<Cow<'_, str>> {
    let raw = std::str::from_utf8(raw).ok()?;
    if !raw.contains('\\') {
        return Some(Cow::Borrowed(raw));
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (character, after) = unescape(escape)?;
        text.push(character);
        rest = after;
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

/// The character of an escape without its backslash, and what follows.
fn unescape(escape: &str) -> Option<(char, &str)> {
    let mut characters = escape.chars();
    let character = match characters.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return by_number(characters.as_str()),
        character => character,
    };
    Some((character, characters.as_str()))
}

/// `00e9`, or `d83d\ude00`.
fn by_number(digits: &str) -> Option<(char, &str)> {
    let (first, rest) = unit(digits)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, rest));
    }
    let (second, rest) = unit(rest.strip_prefix("\\u")?)?;
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, rest))
}

fn unit(digits: &str) -> Option<(u16, &str)> {
    let (unit, rest) = digits.split_at_checked(4)?;
    Some((u16::from_str_radix(unit, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_away() {
        let raw = r#"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0000é"#;
        let text = decoded(raw.as_bytes()).unwrap();
        assert_eq!(text, "a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}\0\u{e9}");
        let string = format!("\"{raw}\"");
        assert_eq!(serde_json::from_str::<String>(&string).unwrap(), text);
    }

    #[test]
    fn what_is_no_text_is_none() {
        for raw in [r"\ud83d", r"\ud83dx", r"\ude00", r"\ud83d\u0041", r"\ud83d\"] {
            assert_eq!(decoded(raw.as_bytes()), None, "{raw}");
        }
        assert_eq!(decoded(b"\xff"), None);
        assert_eq!(decoded(b"\x80\\n"), None);
    }
}
