//! Text in any charset as UTF-8.
//!
//! In: bytes, the parameter `charset`. Out: the same text in UTF-8.
//! Always: a byte order mark says more than the parameter; without both it is UTF-8, which is handed
//! on unseen, right or wrong; a charset that is not known gives nothing.
//! Not here: what the text means. Source: the Encoding Standard (WHATWG), RFC 8259 section 8.1.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

/// The text without byte order mark. What its charset does not allow is U+FFFD, except in UTF-8,
/// where it stays. `None`: the charset is not known.
pub(super) fn utf8<'b>(bytes: &'b [u8], charset: Option<&[u8]>) -> Option<Cow<'b, [u8]>> {
    let (encoding, mark_bytes) = match (Encoding::for_bom(bytes), charset) {
        (Some(marked), _) => marked,
        (None, Some(label)) => (Encoding::for_label(label)?, 0),
        (None, None) => (UTF_8, 0),
    };
    let bytes = bytes.get(mark_bytes..)?;
    if encoding == UTF_8 {
        return Some(Cow::Borrowed(bytes));
    }
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    Some(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::utf8;

    #[test]
    fn a_mark_says_more_than_the_parameter() {
        for (bytes, charset, text) in [
            (&b"a"[..], None, "a"),
            (b"\xef\xbb\xbfa", Some("utf-16"), "a"),
            (b"\xff\xfea\0", Some("utf-8"), "a"),
            (b"\xfe\xff\0a", None, "a"),
            (b"a\0", Some("utf-16le"), "a"),
            (b"\xe9", Some("ISO-8859-1"), "\u{e9}"),
            (b"\x83e\x83X\x83g", Some("shift_jis"), "\u{30c6}\u{30b9}\u{30c8}"),
        ] {
            let charset = charset.map(str::as_bytes);
            assert_eq!(utf8(bytes, charset).unwrap(), text.as_bytes(), "{bytes:?}");
        }
    }

    #[test]
    fn unknown_charsets_give_nothing() {
        assert!(utf8(b"+AHs-", Some(b"utf-7")).is_none());
        assert!(utf8(b"a", Some(b"")).is_none());
    }
}
