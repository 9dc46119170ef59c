//! Text for a terminal: safe, measured, shortened; amounts for people.
//!
//! In: values of records, which strangers chose. Out: text that a terminal shows as it is.
//! Always: no control, format or direction character gets through, so nothing in a record can move
//! the cursor, change colours or reorder what is read; widths are never under-estimated.
//! Not here: columns and colours (`live`).

use std::fmt::Write as _;

/// The text with everything escaped that is not a plain printable character. Characters outside
/// ASCII stay if `unicode` is set and they are letters or digits.
pub fn clean(text: &str, unicode: bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' '..='~' => clean.push(character),
            _ if unicode && character.is_alphanumeric() => clean.push(character),
            // Writing to a String cannot fail.
            '\0'..='\x7f' => drop(write!(clean, "\\x{:02x}", u32::from(character))),
            _ => drop(write!(clean, "\\u{{{:x}}}", u32::from(character))),
        }
    }
    clean
}

/// Columns that a cleaned text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The beginning of a cleaned text that fits into `room` columns.
pub fn cut(text: &str, room: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, character)| {
        used += columns(*character);
        used > room
    });
    end.and_then(|(offset, _)| text.get(..offset)).unwrap_or(text)
}

/// A cleaned text in at most `room` columns: what is too much is taken from the middle.
pub fn shorten(text: &str, room: usize, ellipsis: &str) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(left) = room.checked_sub(width(ellipsis)) else {
        return cut(text, room).to_owned();
    };
    let head = cut(text, left.div_ceil(2));
    let tail_room = left - width(head);
    format!("{head}{ellipsis}{}", tail(text, tail_room))
}

fn tail(text: &str, room: usize) -> &str {
    let mut used = 0;
    let start = text.char_indices().rev().find(|(_, character)| {
        used += columns(*character);
        used > room
    });
    let start = start.map_or(0, |(offset, character)| offset + character.len_utf8());
    text.get(start..).unwrap_or_default()
}

/// Letters of East Asian scripts take two columns; everything else that `clean` lets through, one
/// at most.
fn columns(character: char) -> usize {
    let wide = matches!(u32::from(character),
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xa960..=0xa97f | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x16fe0..=0x18dff
        | 0x1aff0..=0x1b2ff | 0x1f000..=0x1faff | 0x20000..=0x3ffff);
    1 + usize::from(wide)
}

/// An amount of bytes in at most six columns: `0B`, `999B`, `1.2kB`, `340MB`.
pub fn size(bytes: u64) -> String {
    if bytes < 1_000 {
        return format!("{bytes}B");
    }
    let mut unit = 1_000;
    for name in ["kB", "MB", "GB", "TB", "PB"] {
        if rounded(bytes, unit) < 1_000 {
            return scaled(bytes, unit, name);
        }
        unit *= 1_000;
    }
    scaled(bytes, unit, "EB")
}

/// A time in at most six columns: `840ns`, `1.2ms`, `45s`, `2m05s`, `3h07m`, `12d`.
pub fn duration(ns: u64, unicode: bool) -> String {
    let micro = if unicode { "µs" } else { "us" };
    let seconds = ns / 1_000_000_000;
    match ns {
        ..1_000 => format!("{ns}ns"),
        1_000..999_500 => scaled(ns, 1_000, micro),
        999_500..999_500_000 => scaled(ns, 1_000_000, "ms"),
        999_500_000..60_000_000_000 => scaled(ns, 1_000_000_000, "s"),
        60_000_000_000..3_600_000_000_000 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600_000_000_000..86_400_000_000_000 => {
            format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60)
        }
        _ => format!("{}d", seconds / 86_400),
    }
}

/// One decimal below ten, none above.
fn scaled(amount: u64, unit: u64, name: &str) -> String {
    let tenths = rounded(amount, unit / 10);
    if tenths < 100 {
        return format!("{}.{}{name}", tenths / 10, tenths % 10);
    }
    format!("{}{name}", rounded(amount, unit))
}

fn rounded(amount: u64, unit: u64) -> u64 {
    let unit = unit.max(1);
    amount / unit + u64::from(amount % unit >= unit.div_ceil(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        let bad = "a\x1b[31m\r\n\t\x07\x7f\u{9b}2J\u{202e}\u{200b}\u{feff}\u{301}\0é\\";
        assert_eq!(
            clean(bad, true),
            "a\\x1b[31m\\x0d\\x0a\\x09\\x07\\x7f\\u{9b}2J\\u{202e}\\u{200b}\\u{feff}\\u{301}\\x00é\\"
        );
        assert_eq!(clean("é日", false), "\\u{e9}\\u{65e5}");
        for code in 0..=0x10_ffff {
            let Some(character) = char::from_u32(code) else { continue };
            let clean = clean(&character.to_string(), true);
            assert!(!clean.chars().any(char::is_control), "{code:x}");
        }
    }

    #[test]
    fn shortening_keeps_both_ends() {
        let check = |text: &str, room: usize, expected: &str| {
            let short = shorten(text, room, "…");
            assert_eq!(short, expected);
            assert!(width(&short) <= room);
        };
        check("/v1/users/7", 11, "/v1/users/7");
        check("/v1/users/7", 10, "/v1/u…rs/7");
        check("/v1/users/7", 3, "/…7");
        check("/v1/users/7", 2, "/…");
        check("/v1/users/7", 1, "…");
        check("/v1/users/7", 0, "");
        check("日本語日本語", 8, "日本…語");
        assert_eq!(shorten("/v1/users/7", 2, "..."), "/v");
    }

    #[test]
    fn amounts_are_short() {
        let sizes = [0, 999, 1_000, 1_249, 9_949, 9_950, 999_499, 999_500, 123_456_789, u64::MAX];
        assert_eq!(
            sizes.map(size),
            ["0B", "999B", "1.0kB", "1.2kB", "9.9kB", "10kB", "999kB", "1.0MB", "123MB", "18EB"]
        );
        let times =
            [0, 999, 1_000, 1_834_112, 99_900_000, 999_499_999, 999_500_000, 59_000_000_000];
        assert_eq!(
            times.map(|ns| duration(ns, false)),
            ["0ns", "999ns", "1.0us", "1.8ms", "100ms", "999ms", "1.0s", "59s"]
        );
        let long = [60_000_000_000, 3_725_000_000_000, 864_000_000_000_000];
        assert_eq!(long.map(|ns| duration(ns, true)), ["1m00s", "1h02m", "10d"]);
    }
}
