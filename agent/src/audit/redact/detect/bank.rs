//! International bank account numbers.
//!
//! In: text. Out: where an IBAN stands in it.
//! Always: the length that its country has, and the check digits of ISO 13616 (mod 97).
//! Not here: national account numbers, which look like any number.

use std::ops::Range;

use super::checksum::mod_97;

/// Where the first IBAN is, written in one piece or in groups of four.
pub fn find_iban(text: &[u8]) -> Option<Range<usize>> {
    let mut inside_word = false;
    for (start, window) in text.windows(4).enumerate() {
        let begins = !inside_word;
        inside_word = window.first().is_some_and(u8::is_ascii_alphanumeric);
        let [a, b, c, d] = window else { return None };
        let is_front = a.is_ascii_uppercase() && b.is_ascii_uppercase();
        if begins
            && is_front
            && c.is_ascii_digit()
            && d.is_ascii_digit()
            && let Some(end) = end(text, start, [*a, *b])
        {
            return Some(start..end);
        }
    }
    None
}

/// Where the IBAN ends that begins here.
fn end(text: &[u8], start: usize, country: [u8; 2]) -> Option<usize> {
    let length = length(country)?;
    let (mut count, mut at) = (0, start);
    while count < length {
        match text.get(at)? {
            byte if byte.is_ascii_alphanumeric() => count += 1,
            b' ' if count % 4 == 0 => {}
            _ => return None,
        }
        at += 1;
    }
    let goes_on = text.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let (front, account) = (text.get(start..start + 4)?, text.get(start + 4..at)?);
    let checked = mod_97(account.iter().chain(front).copied()) == 1;
    (!goes_on && checked).then_some(at)
}

/// How many characters the IBANs of a country have.
fn length(country: [u8; 2]) -> Option<usize> {
    let found = LENGTHS
        .iter()
        .find(|(_, countries)| countries.as_bytes().chunks(2).any(|code| code == country));
    found.map(|(length, _)| *length)
}

/// From the registry of ISO 13616 (release 99), and those that other countries use by their own law.
const LENGTHS: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE"),
    (18, "DKFIFOGLNLSDFK"),
    (19, "MKSI"),
    (20, "ATBAEEKZLTLUXKMN"),
    (21, "CHHRLILV"),
    (22, "BGBHCRDEGBGEIEMERSVA"),
    (23, "AEGIILIQOMSOTL"),
    (24, "ADCZESMDPKROSASESKTNVG"),
    (25, "AOCVGWLYMZPTST"),
    (26, "DZIRISTR"),
    (27, "BICFCGCMDJFRGAGQGRITKMMCMGMRSMTD"),
    (28, "ALAZBFBJBYCICYDOGTHNHULBMAMLNENIPLSNSVTG"),
    (29, "BREGPSQAUA"),
    (30, "JOKWMUYE"),
    (31, "MTSC"),
    (32, "LC"),
    (33, "RU"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ibans_are_found() {
        for text in [
            "DE89370400440532013000",
            "GB29 NWBK 6016 1331 9268 19",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ] {
            let inside = format!("to {text}, please");
            assert_eq!(find_iban(inside.as_bytes()), Some(3..3 + text.len()), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "DE88370400440532013000",
            "DE8937040044053201300",
            "DE893704004405320130001",
            "ZZ89370400440532013000",
            "XDE89370400440532013000",
            "AB12",
            "",
        ] {
            assert_eq!(find_iban(text.as_bytes()), None, "{text}");
        }
    }
}
