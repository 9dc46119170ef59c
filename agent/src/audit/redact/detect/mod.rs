//! What is sensitive in a text by its form alone, and where.
//!
//! In: a value, decoded; what names and words around it say, if that is needed. Out: the first thing
//! found, with its place.
//! Always: one pass over the bytes decides which detectors run, each with a validator; no allocation.
//! Not here: what a name says by itself (`redact::name`), codings (`body::scalar`), what is done with
//! what was found.

pub mod bank;
pub mod checksum;
pub mod context;
pub mod custom;
pub mod email;
pub mod national;
pub mod number;
pub mod phone;
mod provider;

use std::ops::Range;

use self::context::Context;
use self::number::Numbers;
use super::gate::{AT, EQUALS, Gate, PLUS};
use super::value;
use crate::audit::record::Sensitive;

/// Something sensitive in a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// What it is.
    pub kind: Sensitive,
    /// Where it is, in bytes.
    pub range: Range<usize>,
}

impl Found {
    fn new(kind: Sensitive, range: Range<usize>) -> Self {
        Self { kind, range }
    }
}

/// Fewest digits in which something could be found.
pub const DIGITS: u32 = 9;
/// Fewest digits in a key that is told by words around it: one in a thousand has fewer.
const KEY_DIGITS: u32 = 4;

/// The first thing that its form gives away. What is told by a mark or a scheme has no exact end: it is
/// the whole text.
pub fn find(text: &[u8], context: &Context<'_>) -> Option<Found> {
    let gate = Gate::over(text);
    if let Some(kind) = value::marked(&gate, text) {
        return Some(Found::new(kind, 0..text.len()));
    }
    if gate.has(AT)
        && let Some(range) = email::find(text)
    {
        return Some(Found::new(Sensitive::Email, range));
    }
    digits(&gate, text, context)
}

/// The first number that is somebody's, or something's that must not be told.
pub(super) fn digits(gate: &Gate, text: &[u8], context: &Context<'_>) -> Option<Found> {
    if gate.digits >= KEY_DIGITS
        && let Some(range) = provider::find(text, gate.has(EQUALS), context)
    {
        return Some(Found::new(Sensitive::ApiKey, range));
    }
    if gate.digits < DIGITS.min(phone::DIGITS) {
        return None;
    }
    if gate.has(PLUS)
        && let Some(range) = phone::find(text)
    {
        return Some(Found::new(Sensitive::Phone, range));
    }
    if let Some(range) = bank::find_iban(text) {
        return Some(Found::new(Sensitive::Iban, range));
    }
    Numbers::new(text).find_map(|number| {
        let kind = national::kind(&number, text, context)?;
        Some(Found::new(kind, number.range.clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, expected: Option<(Sensitive, &str)>) {
        let found = find(text.as_bytes(), &Context::of_name(name.as_bytes()));
        let found = found.map(|found| (found.kind, &text[found.range]));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_is_found_has_a_place() {
        for (text, kind, value) in [
            ("to alice@example.com, now", Sensitive::Email, "alice@example.com"),
            ("call +49 151 12345678 now", Sensitive::Phone, "+49 151 12345678"),
            ("DE89 3704 0044 0532 0130 00 ok", Sensitive::Iban, "DE89 3704 0044 0532 0130 00"),
            ("pay 4111-1111-1111-1111.", Sensitive::PaymentCard, "4111-1111-1111-1111"),
            ("ssn 123-45-6789", Sensitive::Ssn, "123-45-6789"),
            ("529.982.247-25", Sensitive::NationalId, "529.982.247-25"),
        ] {
            check(text, "", Some((kind, value)));
        }
    }

    #[test]
    fn plain_values_pass() {
        for text in [
            "",
            "2026-11-22T07:00:00.123+02:00",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334",
            "1700000000000",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0",
            "978-3-16-148410-0",
            "192.168.100.200",
            "52.5200066,13.4049540",
            "ORD-12345678-1234",
            "1Z999AA10123456784",
            "WBAPH7C51BE123456",
        ] {
            check(text, "value", None);
        }
    }
}
