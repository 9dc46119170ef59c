//! Bytes of the wire as text, and percent-encoding taken away for looking at a value.
//!
//! In: bytes that a peer chose. Out: text that can be written, or the bytes that were meant.
//! Always: what is valid UTF-8 without control characters is kept as it is, without a copy;
//! nothing is replaced by a question mark.
//! Not here: judging the text (`redact::value`).

use std::borrow::Cow;

use super::super::record::value::Text;

/// How often a value is decoded at most: values are encoded once, and twice inside of another URL.
pub(in crate::audit) const DECODINGS: usize = 3;

/// Text of a header field. Control characters except the tab, and bytes outside UTF-8, become
/// `%XX`; where there are any, `%` becomes `%25` as well, so the bytes can be had back, and the
/// flag is set. `plain`: the value is known to be printable ASCII.
pub fn header_text(value: &[u8], plain: bool) -> (Text<'_>, bool) {
    let text = if plain { std::str::from_utf8(value).ok() } else { plain_text(value, b'\t') };
    match text {
        Some(text) => (Text::Borrowed(text), false),
        None => (Text::Owned(escape(value, |c| c == '%' || (c.is_control() && c != '\t'))), true),
    }
}

/// Text of a part of a request target: control characters and bytes outside UTF-8 become `%XX`,
/// as the sender should have written them.
pub fn target_text(part: &[u8]) -> Text<'_> {
    match plain_text(part, b' ') {
        Some(text) => Text::Borrowed(text),
        None => Text::Owned(escape(part, char::is_control)),
    }
}

fn plain_text(value: &[u8], also: u8) -> Option<&str> {
    if value.iter().all(|&byte| matches!(byte, b' '..=b'~') || byte == also) {
        return std::str::from_utf8(value).ok();
    }
    let control = |c: char| c.is_control() && c != char::from(also);
    std::str::from_utf8(value).ok().filter(|text| !text.chars().any(control))
}

fn escape(value: &[u8], escaped: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(value.len() + 16);
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            if escaped(character) {
                push_escaped(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut text);
            } else {
                text.push(character);
            }
        }
        push_escaped(chunk.invalid(), &mut text);
    }
    text
}

fn push_escaped(bytes: &[u8], text: &mut String) {
    let digit =
        |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase();
    for &byte in bytes {
        text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
    }
}

/// Takes percent-encoding away, as often as there is any. `plus`: `+` means a space.
pub fn decode(value: &[u8], plus: bool) -> Cow<'_, [u8]> {
    let mut decoded = Cow::Borrowed(value);
    for round in 0..DECODINGS {
        let plus = plus && round == 0;
        match decode_once(&decoded, plus) {
            Some(next) => decoded = Cow::Owned(next),
            None => break,
        }
    }
    decoded
}

/// `None`: there is nothing to decode.
fn decode_once(value: &[u8], plus: bool) -> Option<Vec<u8>> {
    if !value.iter().any(|&byte| byte == b'%' || (plus && byte == b'+')) {
        return None;
    }
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match (byte, after) {
            (b'%', [high, low, after @ ..]) => match hex(*high, *low) {
                Some(meant) => (meant, after),
                None => (byte, rest.get(1..).unwrap_or_default()),
            },
            (b'+', _) if plus => (b' ', after),
            _ => (byte, after),
        };
        decoded.push(byte);
        rest = after;
    }
    (decoded != value).then_some(decoded)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(header_text(b"a\tb 100%", false), (Text::Borrowed("a\tb 100%"), false)));
        assert!(matches!(header_text("größe".as_bytes(), false), (Text::Borrowed("größe"), false)));
        assert!(matches!(target_text(b"/a%20b"), Text::Borrowed("/a%20b")));
    }

    #[test]
    fn other_bytes_are_encoded_and_can_be_had_back() {
        let (text, escaped) = header_text(b"a\xff%\x00\xc2\x9b", false);
        assert!(escaped);
        assert_eq!(text, "a%FF%25%00%C2%9B");
        assert_eq!(decode_once(text.as_bytes(), false).unwrap(), b"a\xff%\x00\xc2\x9b");
        assert_eq!(target_text(b"/a\x01\xe4%20\tb"), "/a%01%E4%20%09b");
    }

    #[test]
    fn decoding_stops_where_nothing_is_encoded() {
        assert_eq!(decode(b"%2565yJ", false).as_ref(), b"eyJ");
        assert_eq!(decode(b"a+b%", true).as_ref(), b"a b%");
        assert_eq!(decode(b"%zz%4", false).as_ref(), b"%zz%4");
    }
}
