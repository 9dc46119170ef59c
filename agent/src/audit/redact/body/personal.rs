//! Values about a person that their form gives away.
//!
//! In: text. Out: whether an e-mail address or a telephone number stands in it.
//! Always: telephone numbers only with the sign of an international one; others look like any number.
//! Not here: names that say so (`redact::name`), payment cards (`redact::card`).

use std::ops::RangeInclusive;

use crate::audit::record::Sensitive;

/// What the text holds about a person.
pub(super) fn find(text: &[u8]) -> Option<Sensitive> {
    (contains_email(text) || contains_phone(text)).then_some(Sensitive::Personal)
}

/// `local@domain.tld` (RFC 5322 section 3.4.1, as addresses are written in practice).
fn contains_email(text: &[u8]) -> bool {
    memchr::memchr_iter(b'@', text).any(|at| {
        let (local, rest) = text.split_at_checked(at).unwrap_or_default();
        let named = local.last().is_some_and(|byte| is_letter(*byte) || b"._%+-\"".contains(byte));
        named && is_domain(rest.get(1..).unwrap_or_default())
    })
}

/// Labels with dots between them, the last one of letters.
fn is_domain(text: &[u8]) -> bool {
    let part = |byte: &u8| is_letter(*byte) || matches!(byte, b'-' | b'.');
    let end = text.iter().take(DOMAIN_BYTES).position(|byte| !part(byte));
    let domain = text.get(..end.unwrap_or(DOMAIN_BYTES.min(text.len()))).unwrap_or_default();
    let mut labels = domain.split(|&byte| byte == b'.').filter(|label| !label.is_empty());
    let top = |label: &[u8]| label.len() >= 2 && !label.iter().any(u8::is_ascii_digit);
    labels.next().is_some() && labels.any(top)
}

/// Letters, digits, and bytes of letters beyond ASCII.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// Longest domain name (RFC 1035 section 2.3.4), in bytes.
const DOMAIN_BYTES: usize = 253;

/// `+`, then 8 to 15 digits, with signs between groups of them (E.164).
fn contains_phone(text: &[u8]) -> bool {
    memchr::memchr_iter(b'+', text).any(|at| {
        let number = text.get(at + 1..).unwrap_or_default();
        let part = |byte: &&u8| byte.is_ascii_digit() || b" -./()".contains(byte);
        let digits = |byte: &&u8| byte.is_ascii_digit();
        let count = number.iter().take(NUMBER_BYTES).take_while(part).filter(digits).count();
        number.first().is_some_and(u8::is_ascii_digit) && PHONE_DIGITS.contains(&count)
    })
}

/// Fewest and most digits of an international number.
const PHONE_DIGITS: RangeInclusive<usize> = 8..=15;
/// Longest number with the signs in it that is looked at, in bytes.
const NUMBER_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn addresses_and_numbers_are_found() {
        for text in [
            "alice@example.com",
            "mailto:a.b+c@mail.example.co.uk?x",
            "Alice <alice@xn--e1aybc.example>",
            "\u{fc}ser@b\u{fc}cher.example",
            "+491511234567",
            "tel:+1 (555) 010-9999",
            "+44 20 7946 0958",
        ] {
            assert!(find(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "@angular/core@18.0.1",
            "@type",
            "a @ b.example",
            "npm@latest",
            "2026-11-22T07:00:00+00:00",
            "1+1",
            "+1 2",
            "+1234567890123456",
            "",
        ] {
            assert!(find(text.as_bytes()).is_none(), "{text}");
        }
    }
}
