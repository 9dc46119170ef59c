//! What a number is: a payment card, or the number that a state gave a person.
//!
//! In: a number, the text around it. Out: its kind.
//! Always: check digits hold; a number that any other number could be by chance counts only in the form
//! that people write it in, or where a word says what it is.
//! Not here: finding numbers in text (`number`), check digits (`checksum`).

use super::super::card;
use super::checksum::{luhn, mod_97, verhoeff, weighted};
use super::context::Context;
use super::number::Number;
use crate::audit::record::Sensitive;

/// What the number is; `None`: any number.
pub fn kind(number: &Number, text: &[u8], context: &Context<'_>) -> Option<Sensitive> {
    let says = |words: &[&str]| context.has(words, text, number.range.start);
    if uniform(number.digits()) {
        return None;
    }
    if is_card(number, &says) {
        return Some(Sensitive::PaymentCard);
    }
    if is_ssn(number, &says) {
        return Some(Sensitive::Ssn);
    }
    if is_national(number, &says) {
        return Some(Sensitive::NationalId);
    }
    let is_aba = number.is_bare() && is_aba(number.digits());
    (is_aba && says(&["routing", "aba", "rtn", "transit"])).then_some(Sensitive::RoutingNumber)
}

fn uniform(digits: &[u8]) -> bool {
    let first = digits.first();
    digits.iter().all(|digit| Some(digit) == first)
}

/// Groups of four, of four, six and the rest, or none.
fn is_card(number: &Number, says: &dyn Fn(&[&str]) -> bool) -> bool {
    let in_groups = || match number.groups() {
        [4, 4, 4, 4] | [4, 4, 4, 4, 1..=3] | [4, 6, 4 | 5] => number.has_only(b" -"),
        _ => false,
    };
    let digits = number.digits();
    (number.is_bare() || in_groups())
        && card::is_card(digits)
        && (card::is_common(digits) || says(&["card", "pan", "cc", "maestro", "credit", "debit"]))
}

/// US social security and individual taxpayer numbers: `123-45-6789`.
fn is_ssn(number: &Number, says: &dyn Fn(&[&str]) -> bool) -> bool {
    let in_form = number.groups() == [3, 2, 4] && number.has_only(b"-");
    let is_bare = number.is_bare() && number.digits().len() == 9;
    if !in_form && !is_bare {
        return false;
    }
    let (area, group, serial) = (number.value(0..3), number.value(3..5), number.value(5..9));
    let ssn = !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0;
    let itin = area >= 900 && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99);
    (ssn || itin) && (in_form || says(&["ssn", "itin", "tin", "social security", "taxpayer"]))
}

fn is_national(number: &Number, says: &dyn Fn(&[&str]) -> bool) -> bool {
    let digits = number.digits();
    let bare = number.is_bare();
    let spaced = number.has_only(b" ");
    match digits.len() {
        // Brazil, persons: 529.982.247-25.
        11 if is_cpf(digits) => {
            let in_form = number.groups() == [3, 3, 3, 2] && number.separators() == b"..-";
            in_form || (bare && says(&["cpf"]))
        }
        // Poland.
        11 => bare && is_pesel(digits) && says(&["pesel"]),
        // Brazil, companies: 11.222.333/0001-81.
        14 if is_cnpj(digits) => {
            let in_form = number.groups() == [2, 3, 3, 4, 2] && number.separators() == b"../-";
            in_form || (bare && says(&["cnpj"]))
        }
        // England: 943 476 5919.
        10 if is_nhs(digits) => {
            let in_form = number.groups() == [3, 3, 4] && spaced && is_nhs_range(digits);
            in_form || ((bare || spaced) && says(&["nhs", "patient"]))
        }
        // India: 2341 2341 2346.
        12 => {
            let in_form = number.groups() == [4, 4, 4] && spaced;
            let checked = matches!(digits.first(), Some(2..)) && verhoeff(digits);
            checked && (in_form || (bare && says(&["aadhaar", "aadhar", "uidai", "uid"])))
        }
        // France: 1 85 05 78 006 084 36.
        15 => {
            let in_form = number.groups() == [1, 2, 2, 2, 3, 3, 2] && spaced;
            (in_form || bare) && is_nir(digits)
        }
        9 => is_of_nine(number, says),
        _ => false,
    }
}

/// Numbers of nine digits, which every tenth number could be.
fn is_of_nine(number: &Number, says: &dyn Fn(&[&str]) -> bool) -> bool {
    let digits = number.digits();
    let in_form = number.groups() == [3, 3, 3] && number.has_only(b" -");
    if !in_form && !number.is_bare() {
        return false;
    }
    let sin = !matches!(digits.first(), Some(0 | 8)) && luhn(digits);
    let tfn = weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11);
    let bsn = {
        let (front, check) = digits.split_at_checked(8).unwrap_or_default();
        let check = check.first().copied().map_or(0, u32::from);
        weighted(front, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == check
    };
    (sin && says(&["sin", "nas", "social insurance"]))
        || (tfn && says(&["tfn", "tax file"]))
        || (bsn && says(&["bsn", "burgerservicenummer", "sofi"]))
}

fn is_cpf(digits: &[u8]) -> bool {
    let check = |from: u32, at: usize| {
        let weights: Vec<u32> = (2..=from).rev().collect();
        let sum = weighted(digits.get(..at).unwrap_or_default(), &weights);
        digits.get(at).copied().map(u32::from) == Some(sum * 10 % 11 % 10)
    };
    check(10, 9) && check(11, 10)
}

fn is_cnpj(digits: &[u8]) -> bool {
    let check = |weights: &[u32], at: usize| {
        let rest = weighted(digits.get(..at).unwrap_or_default(), weights) % 11;
        let expected = if rest < 2 { 0 } else { 11 - rest };
        digits.get(at).copied().map(u32::from) == Some(expected)
    };
    check(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2], 12)
        && check(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2], 13)
}

fn is_pesel(digits: &[u8]) -> bool {
    let month = digits.get(2..4).map_or(0, |one| one.iter().fold(0, |sum, d| sum * 10 + d)) % 20;
    (1..=12).contains(&month)
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

fn is_nhs(digits: &[u8]) -> bool {
    let rest = weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let expected = (11 - rest) % 11;
    digits.last().copied().map(u32::from) == Some(expected)
}

/// Those that are given out (NHS Data Model: 400 to 499, 600 to 799 million), and those of examples.
fn is_nhs_range(digits: &[u8]) -> bool {
    matches!(digits.first(), Some(4 | 6 | 7 | 9))
}

fn is_nir(digits: &[u8]) -> bool {
    let text = |range: std::ops::Range<usize>| {
        digits.get(range).unwrap_or_default().iter().map(|digit| digit + b'0')
    };
    let number = |range: std::ops::Range<usize>| {
        text(range).fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'))
    };
    let month = number(3..5);
    matches!(digits.first(), Some(1 | 2))
        && matches!(month, 1..=12 | 20..=42 | 50..=99)
        && 97 - mod_97(text(0..13)) == number(13..15)
}

/// US banks: the Federal Reserve's district, and a check digit.
fn is_aba(digits: &[u8]) -> bool {
    let district = digits.iter().take(2).fold(0, |sum, digit| sum * 10 + digit);
    digits.len() == 9
        && matches!(district, 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::super::number::Numbers;
    use super::*;

    fn check(name: &str, text: &str) -> Option<Sensitive> {
        let context = Context::of_name(name.as_bytes());
        Numbers::new(text.as_bytes()).find_map(|one| kind(&one, text.as_bytes(), &context))
    }

    #[test]
    fn numbers_in_their_usual_form_need_no_name() {
        for (text, kind) in [
            ("123-45-6789", Sensitive::Ssn),
            ("900-70-1234", Sensitive::Ssn),
            ("529.982.247-25", Sensitive::NationalId),
            ("11.222.333/0001-81", Sensitive::NationalId),
            ("943 476 5919", Sensitive::NationalId),
            ("2341 2341 2346", Sensitive::NationalId),
            ("1 85 05 78 006 084 91", Sensitive::NationalId),
            ("185057800608491", Sensitive::NationalId),
            ("4111111111111111", Sensitive::PaymentCard),
            ("3782 822463 10005", Sensitive::PaymentCard),
        ] {
            assert_eq!(check("", text), Some(kind), "{text}");
        }
    }

    #[test]
    fn others_need_one() {
        for (name, text, kind) in [
            ("ssn", "123456789", Sensitive::Ssn),
            ("cpf", "52998224725", Sensitive::NationalId),
            ("cnpj", "11222333000181", Sensitive::NationalId),
            ("nhsNumber", "9434765919", Sensitive::NationalId),
            ("aadhaar_number", "234123412346", Sensitive::NationalId),
            ("pesel", "44051401359", Sensitive::NationalId),
            ("bsn", "111222333", Sensitive::NationalId),
            ("sin", "046 454 286", Sensitive::NationalId),
            ("tfn", "123 456 782", Sensitive::NationalId),
            ("routingNumber", "021000021", Sensitive::RoutingNumber),
        ] {
            let expected = if name == "sin" { None } else { Some(kind) };
            assert_eq!(check(name, text), expected, "{name} {text}");
            assert_eq!(check("number", text), None, "{text}");
        }
        assert_eq!(check("sin", "130 692 544"), Some(Sensitive::NationalId));
    }

    #[test]
    fn broken_checks_are_none() {
        for (name, text) in [
            ("ssn", "000-45-6789"),
            ("ssn", "666-45-6789"),
            ("ssn", "123-00-6789"),
            ("ssn", "123-45-0000"),
            ("ssn", "900-10-1234"),
            ("cpf", "529.982.247-26"),
            ("cpf", "111.111.111-11"),
            ("cnpj", "11.222.333/0001-82"),
            ("nhs", "943 476 5918"),
            ("aadhaar", "2341 2341 2347"),
            ("pesel", "44051401358"),
            ("bsn", "111222334"),
            ("tfn", "123 456 783"),
            ("aba", "021000022"),
            ("nir", "185057800608437"),
            ("card", "4111111111111112"),
        ] {
            assert_eq!(check(name, text), None, "{name} {text}");
        }
    }
}
