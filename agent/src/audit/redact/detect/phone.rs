//! International telephone numbers.
//!
//! In: text. Out: where one stands in it.
//! Always: with its `+` and a code that a country has (E.164); others look like any number.
//! Not here: names that say so (`redact::name`).

use std::ops::Range;

/// Fewest digits of a number.
pub const DIGITS: u32 = 8;
/// Most digits of a number.
const MOST: usize = 15;
/// Longest number with the signs in it, in bytes.
const NUMBER_BYTES: usize = 32;

/// Where the first number is.
pub fn find(text: &[u8]) -> Option<Range<usize>> {
    memchr::memchr_iter(b'+', text).find_map(|start| {
        let before = start.checked_sub(1).and_then(|index| text.get(index));
        if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')) {
            return None;
        }
        let end = start + 1 + length(text.get(start + 1..)?)?;
        Some(start..end)
    })
}

/// How long the number is that begins here, behind its `+`.
fn length(text: &[u8]) -> Option<usize> {
    let mut code = [0; 3];
    let (mut count, mut end, mut separated) = (0, 0, 0);
    for (at, byte) in text.iter().enumerate().take(NUMBER_BYTES) {
        match byte {
            b'0'..=b'9' => {
                if let Some(place) = code.get_mut(count) {
                    *place = byte - b'0';
                }
                (count, end, separated) = (count + 1, at + 1, 0);
            }
            // Two of them at most: `+1 (555) 010-9999`.
            b' ' | b'-' | b'.' | b'/' | b'(' | b')' if count > 0 && separated < 2 => separated += 1,
            _ => break,
        }
    }
    let goes_on = text.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'+');
    let fits = (DIGITS as usize..=MOST).contains(&count);
    (fits && !goes_on && is_code(code)).then_some(end)
}

/// Whether a country has a code that the number begins with.
fn is_code([a, b, c]: [u8; 3]) -> bool {
    let three = u32::from(a) * 100 + u32::from(b) * 10 + u32::from(c);
    match three / 10 {
        10..=19 | 70..=79 => true,
        20 | 27 | 30..=34 | 36 | 39..=41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86 => true,
        90..=95 | 98 => true,
        _ => matches!(
            three,
            211..=213 | 216 | 218 | 220..=269 | 290 | 291 | 297..=299 | 350..=359 | 370..=389
                | 420 | 421 | 423 | 500..=509 | 590..=599 | 670 | 672..=692 | 800 | 808 | 850
                | 852 | 853 | 855 | 856 | 870 | 878 | 880..=883 | 886 | 888 | 960..=968
                | 970..=977 | 979 | 992..=998
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found() {
        for text in [
            "+491511234567",
            "+1 (555) 010-9999",
            "+44 20 7946 0958",
            "+420-601.123.456",
            "+35312345678",
        ] {
            let inside = format!("tel:{text}; ext");
            assert_eq!(find(inside.as_bytes()), Some(4..4 + text.len()), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "2026-11-22T07:00:00+00:00",
            "1+12345678",
            "+1 2",
            "+1234567890123456",
            "+01511234567",
            "+999123456789",
            "a+12345678901",
            "+12345678abc",
            "",
        ] {
            assert_eq!(find(text.as_bytes()), None, "{text}");
        }
    }
}
