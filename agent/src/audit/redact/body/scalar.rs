//! Whether a value may be written: every detector, through every coding that it may hide behind.
//!
//! In: text. Out: what it has to be hidden as, or nothing.
//! Always: at the strictest place (`value::Place::Query`), and behind backslashes, percent-encoding
//! and base64 too; time in proportion to the text.
//! Not here: which names allow a value (`rules`, `places`).

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};

use super::super::text::decode;
use super::super::value::{Place, inspect};
use super::{named, personal};
use crate::audit::record::Sensitive;

/// Longest value that is kept, in bytes.
pub(super) const VALUE_BYTES: usize = 256;

/// What the text has to be hidden as; `None`: it looks harmless.
pub(super) fn suspicion(text: &str) -> Option<Sensitive> {
    let bytes = text.as_bytes();
    let has = |byte| memchr::memchr(byte, bytes).is_some();
    plainly(bytes)
        .or_else(|| has(b'\\').then(|| plainly(&without_backslashes(bytes)))?)
        .or_else(|| has(b'%').then(|| plainly(&decode(bytes, false)))?)
        .or_else(|| contains_encoded(bytes).then_some(Sensitive::Secret))
}

/// The same of a number, which may be written with a point and an exponent.
pub(super) fn suspicion_of_number(number: &str) -> Option<Sensitive> {
    suspicion(number).or_else(|| {
        let (mantissa, _) = number.split_once(['e', 'E'])?;
        suspicion(&mantissa.replace('.', ""))
    })
}

fn plainly(text: &[u8]) -> Option<Sensitive> {
    inspect(text, Place::Query)
        .or_else(|| personal::find(text))
        .or_else(|| named::find(text, false).map(|named| named.kind))
}

/// JSON within JSON has them before its quotes.
fn without_backslashes(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|&byte| byte != b'\\').collect()
}

/// Whether a word is base64 of text: nobody encodes what may be read.
fn contains_encoded(text: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    text.split(|byte| !part(byte)).any(|word| word.len() >= ENCODED_BYTES && is_encoded(word))
}

/// Shortest base64 that is looked at, in bytes: nine characters of text.
const ENCODED_BYTES: usize = 12;

fn is_encoded(word: &[u8]) -> bool {
    // The front tells as much, and may be decoded whatever follows.
    let whole = word.get(..word.len() - word.len() % 4).unwrap_or_default();
    let front = whole.get(..FRONT_BYTES.min(whole.len())).unwrap_or_default();
    let printable = |decoded: Vec<u8>| {
        decoded.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
    };
    let text = |decoded: Result<Vec<u8>, _>| decoded.is_ok_and(printable);
    text(BASE64_NOPAD.decode(front)) || text(BASE64URL_NOPAD.decode(front))
}

/// Most of a word that is decoded, in bytes.
const FRONT_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_hide_nothing() {
        for (text, kind) in [
            ("dXNlcjpwYXNzd29yZA==", Sensitive::Secret),
            ("x aHVudGVyMi1odW50ZXIy y", Sensitive::Secret),
            ("a%3Fpassword%3Dx", Sensitive::Secret),
            (r#"{\"password\":\"x\"}"#, Sensitive::Secret),
            (r#"{\\\"pin\\\":1}"#, Sensitive::Secret),
            ("alice%40example.com", Sensitive::Personal),
            ("bad token: abc", Sensitive::Secret),
            ("AKIAIOSFODNN7EXAMPLE", Sensitive::ApiKey),
        ] {
            assert_eq!(suspicion(text), Some(kind), "{text}");
        }
        for number in ["4111111111111111", "4.111111111111111e15", "-4111111111111111.0"] {
            assert_eq!(suspicion_of_number(number), Some(Sensitive::PaymentCard), "{number}");
        }
    }

    #[test]
    fn what_operations_say_passes() {
        for text in [
            "",
            "active",
            "PARTIALLY_REFUNDED",
            "internationalization",
            "invalid_request_error",
            "urn:ietf:rfc:9110",
            "https://example.com/errors/not-found",
            "2026-11-22T07:00:00+00:00",
            "v1.2.3-rc.1+build.5",
            "EUR",
            "100%",
            "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334",
        ] {
            assert_eq!(suspicion(text), None, "{text}");
        }
        for number in ["0", "-1.10", "1e999", "1700000000000"] {
            assert_eq!(suspicion_of_number(number), None, "{number}");
        }
    }
}
