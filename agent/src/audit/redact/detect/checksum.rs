//! Check digits.
//!
//! In: digits as numbers from 0 to 9, letters where a scheme has them. Out: whether the check holds.
//! Always: what has no digits holds no check.
//! Not here: which numbers have which check (`number`, `national`, `bank`).

/// ISO/IEC 7812: every second digit from the right is doubled.
pub fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, &digit)| match (index % 2, u32::from(digit) * 2) {
            (0, _) => u32::from(digit),
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// ISO 7064 MOD 97-10 of letters and digits; what is neither is passed over.
pub fn mod_97(text: impl Iterator<Item = u8>) -> u32 {
    text.fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        b'A'..=b'Z' => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
        b'a'..=b'z' => (rest * 100 + u32::from(byte - b'a') + 10) % 97,
        _ => rest,
    })
}

/// The digits times these weights, added up.
pub fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// Verhoeff's check in the dihedral group of order ten.
pub fn verhoeff(digits: &[u8]) -> bool {
    let rest = digits
        .iter()
        .rev()
        .zip(0_usize..)
        .fold(0, |rest, (digit, place)| multiply(rest, permute(*digit, place)));
    !digits.is_empty() && rest == 0
}

/// Of two elements: turns (0 to 4) and mirrored turns (5 to 9) of a pentagon.
fn multiply(one: u8, other: u8) -> u8 {
    match (one < 5, other < 5) {
        (true, true) => (one + other) % 5,
        (true, false) => (one + other - 5) % 5 + 5,
        (false, true) => (one + 5 - other) % 5 + 5,
        (false, false) => (one + 5 - other) % 5,
    }
}

fn permute(digit: u8, place: usize) -> u8 {
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let step = |digit: u8, _| PERMUTATION.get(usize::from(digit)).copied().unwrap_or(0);
    (0..place % 8).fold(digit, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    #[test]
    fn checks_hold_and_break_with_any_digit() {
        let mod_97_is_1: fn(&[u8]) -> bool =
            |digits| mod_97(digits.iter().map(|digit| digit + b'0')) == 1;
        let cases = [
            ("4111111111111111", luhn as fn(&[u8]) -> bool),
            ("234123412346", verhoeff),
            ("3214282912345698765432161182", mod_97_is_1),
        ];
        for (text, check) in cases {
            let good = digits(text);
            assert!(check(&good), "{text}");
            for index in 0..good.len() {
                let mut bad = good.clone();
                bad[index] = (bad[index] + 1) % 10;
                assert!(!check(&bad), "{text} {index}");
            }
        }
        assert!(!luhn(&[]) && !verhoeff(&[]));
        assert!(verhoeff(&digits("2363")) && !verhoeff(&digits("2364")));
    }
}
