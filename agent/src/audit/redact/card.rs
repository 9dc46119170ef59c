//! Payment card numbers.
//!
//! In: text. Out: whether a card number stands in it.
//! Always: 13 to 19 digits between other characters, with no or one kind of separator; an issuer's
//! range and the Luhn check must hold (ISO/IEC 7812).
//! Not here: what is done about it.

use super::detect::checksum::luhn;

/// Shortest and longest card numbers, in digits.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Whether a payment card number stands in the text.
pub fn contains_card(text: &[u8]) -> bool {
    let mut inside_word = false;
    text.iter().enumerate().any(|(index, byte)| {
        let begins = byte.is_ascii_digit() && !inside_word;
        inside_word = byte.is_ascii_alphanumeric();
        begins && text.get(index..).is_some_and(begins_with_card)
    })
}

/// Whether the text begins with a card number that ends where a group of digits does.
fn begins_with_card(text: &[u8]) -> bool {
    let mut digits = [0; *DIGITS.end()];
    let mut count = 0;
    let mut separator = None;
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let next = bytes.peek().copied().unwrap_or(b'.');
        if !byte.is_ascii_digit() {
            // One separator, always the same, between digits.
            if !next.is_ascii_digit() || separator.is_some_and(|one| one != byte) {
                return false;
            }
            separator = Some(byte);
            continue;
        }
        let Some(place) = digits.get_mut(count) else { return false };
        *place = byte - b'0';
        count += 1;
        let group_ends = !next.is_ascii_alphanumeric();
        if group_ends && is_card(digits.get(..count).unwrap_or_default()) {
            return true;
        }
        // Numbers are written in groups that begin with one of four digits, or in one.
        if !next.is_ascii_digit() && (count < 4 || !matches!(next, b' ' | b'-')) {
            return false;
        }
    }
    false
}

/// Whether the digits are those of a card.
pub(super) fn is_card(digits: &[u8]) -> bool {
    DIGITS.contains(&digits.len()) && issued(digits) && !uniform(digits) && luhn(digits)
}

fn uniform(digits: &[u8]) -> bool {
    let first = digits.first();
    digits.iter().all(|digit| Some(digit) == first)
}

/// Whether an issuer has numbers that begin like this, of this length.
fn issued(digits: &[u8]) -> bool {
    let prefix = digits.iter().take(4).fold(0, |sum, &digit| sum * 10 + u32::from(digit));
    let count = digits.len();
    match prefix {
        4000..=4999 => matches!(count, 13 | 16 | 19),
        5100..=5599 | 2221..=2720 => count == 16,
        3400..=3499 | 3700..=3799 => count == 15,
        3000..=3059 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&count),
        3528..=3589 | 6011 | 6440..=6599 | 6200..=6299 | 8100..=8171 => (16..=19).contains(&count),
        5000..=5099 | 5600..=5899 | 6300..=6399 | 6700..=6799 => (13..=19).contains(&count),
        2200..=2204 => (16..=19).contains(&count),
        _ => false,
    }
}

/// Whether the digits begin as the numbers of nearly all cards do. The rest of the ranges is wide, and
/// has lengths that other numbers have too.
pub(super) fn is_common(digits: &[u8]) -> bool {
    let prefix = digits.iter().take(4).fold(0, |sum, &digit| sum * 10 + u32::from(digit));
    matches!(
        (prefix, digits.len()),
        (4000..=4999 | 5100..=5599 | 2221..=2720 | 6011 | 6440..=6599 | 3528..=3589, 16)
            | (3400..=3499 | 3700..=3799, 15)
            | (3000..=3059 | 3600..=3699 | 3800..=3999, 14)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_found() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "x=5500005555555559;",
            "378282246310005",
            "pay 6011000990139424 now",
            "12 4111111111111111",
        ] {
            assert!(contains_card(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "4111111111111112",
            "1700000000000",
            "0000000000000000",
            "a4111111111111111",
            "41111111111111110000000",
            "12345678-1234-4123-8123-123456789012",
            "20261122070000123",
            "",
        ] {
            assert!(!contains_card(text.as_bytes()), "{text}");
        }
    }
}
