//! Keys of providers that look like other things, and are told by words around them.
//!
//! In: text, the name of its field. Out: where the first such key is.
//! Always: the whole form, and a word of its provider in the name or not far before it: by their form alone these
//! are hashes and ids as well.
//! Not here: keys that are told by how they begin (`redact::keys`), by their name (`sig=`, `AccountKey=`).

use std::ops::Range;

use memchr::{memchr2_iter, memmem};

use super::context::Context;

/// Where the first key is. `has_equals`: there is a `=` in the text.
pub(super) fn find(text: &[u8], has_equals: bool, context: &Context<'_>) -> Option<Range<usize>> {
    if text.len() < TWILIO_BYTES {
        return None;
    }
    let azure = || if has_equals { azure_storage(text, context) } else { None };
    twilio(text, context).or_else(azure)
}

/// `SK` (a key) or `AC` (an account), and 32 hexadecimal digits in small letters.
fn twilio(text: &[u8], context: &Context<'_>) -> Option<Range<usize>> {
    memchr2_iter(b'S', b'A', text).find_map(|start| {
        let range = start..start + TWILIO_BYTES;
        let (front, digits) = text.get(range.clone())?.split_at_checked(2)?;
        let hex = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let is_key = matches!(front, b"SK" | b"AC") && digits.iter().all(hex);
        let alone = !is_part(text, start.checked_sub(1)) && !is_part(text, Some(range.end));
        (is_key && alone && context.has(&["twilio", "sid"], text, start)).then_some(range)
    })
}

const TWILIO_BYTES: usize = 34;

/// 64 bytes in base64, as hashes are that say so (`sha512-…`).
fn azure_storage(text: &[u8], context: &Context<'_>) -> Option<Range<usize>> {
    let words = ["azure", "storage", "accountkey", "sharedkey", "blob"];
    memmem::find_iter(text, b"==").find_map(|end| {
        let start = end.checked_sub(STORAGE_DIGITS)?;
        let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let is_key = text.get(start..end)?.iter().all(digit);
        let alone = !start.checked_sub(1).and_then(|at| text.get(at)).is_some_and(digit);
        (is_key && alone && context.has(&words, text, start)).then_some(start..end + 2)
    })
}

/// Without the two signs at its end.
const STORAGE_DIGITS: usize = 86;

fn is_part(text: &[u8], at: Option<usize>) -> bool {
    at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Option<String> {
        let range = find(text.as_bytes(), text.contains('='), &Context::of_name(name.as_bytes()));
        range.map(|range| text[range].to_owned())
    }

    #[test]
    fn keys_are_told_by_words_around_them() {
        let twilio = ["SK", &"0123456789abcdef".repeat(2)].concat();
        assert_eq!(found("twilioKey", &twilio), Some(twilio.clone()));
        assert_eq!(found("accountSid", &twilio), Some(twilio.clone()));
        assert_eq!(found("", &format!("twilio: {twilio}.")), Some(twilio.clone()));
        assert_eq!(found("", &twilio), None);
        assert_eq!(found("twilio", &twilio.to_uppercase()), None);
        assert_eq!(found("twilio", &format!("{twilio}0")), None);
        let storage = format!("{}==", "aB3+/xYz01".repeat(9).get(..86).unwrap());
        assert_eq!(found("storageKey", &storage), Some(storage.clone()));
        let connection = format!("AccountName=x;AccountKey={storage};EndpointSuffix=y");
        assert_eq!(found("", &connection), Some(storage.clone()));
        assert_eq!(found("integrity", &format!("sha512-{storage}")), None);
        assert_eq!(found("storage", &format!("a{storage}")), None);
    }
}
