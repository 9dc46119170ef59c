//! Keys of known providers, recognised by how they begin.
//!
//! In: text. Out: whether such a key stands in it.
//! Always: only at the begin of a word, and only if as many characters follow as the provider uses; where a checksum
//! is right, anywhere.
//! Not here: keys without a mark (`redact::value` judges those by their randomness).

/// How keys begin, and how many characters follow at least.
const KEYS: &[(&str, usize)] = &[
    ("AKIA", 16),
    ("ASIA", 16),
    ("ABIA", 16),
    ("ACCA", 16),
    ("AGPA", 16),
    ("AIDA", 16),
    ("ANPA", 16),
    ("AROA", 16),
    ("AIza", 30),
    ("dop_v1_", 32),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghu_", 30),
    ("ghs_", 30),
    ("ghr_", 30),
    ("github_pat_", 22),
    ("glpat-", 16),
    ("hf_", 30),
    ("hvs.", 20),
    ("lin_api_", 20),
    ("npm_", 30),
    ("pypi-", 16),
    ("rk_live_", 16),
    ("rk_test_", 16),
    ("SG.", 20),
    ("shpat_", 30),
    ("shpca_", 30),
    ("shppa_", 30),
    ("shpss_", 30),
    ("sk-", 20),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("tskey-", 16),
    ("whsec_", 16),
    ("xapp-", 16),
    ("xoxa-", 16),
    ("xoxb-", 16),
    ("xoxe-", 16),
    ("xoxp-", 16),
    ("xoxr-", 16),
    ("xoxs-", 16),
    ("ya29.", 20),
];

/// Whether a key of a known provider stands in the text.
pub fn contains_key(text: &[u8]) -> bool {
    let mut inside_word = false;
    for (index, &byte) in text.iter().enumerate() {
        let class = CLASSES.get(usize::from(byte)).copied().unwrap_or_default();
        let begins = !inside_word && class == BEGINS_KEY;
        if begins && starts_with_key(text, index) || is_checked(byte, text, index) {
            return true;
        }
        inside_word = class != BETWEEN;
    }
    false
}

/// What a byte is to a key: the first of one, part of a word, or neither.
const BETWEEN: u8 = 0;
const IN_WORD: u8 = 1;
const BEGINS_KEY: u8 = 2;

#[expect(
    clippy::indexing_slicing,
    reason = "done by the compiler, which would refuse a wrong index"
)]
const CLASSES: [u8; 256] = {
    let mut classes = [BETWEEN; 256];
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_alphanumeric() {
            classes[byte] = IN_WORD;
        }
        byte += 1;
    }
    let mut key = 0;
    while key < KEYS.len() {
        classes[KEYS[key].0.as_bytes()[0] as usize] = BEGINS_KEY;
        key += 1;
    }
    classes
};

fn starts_with_key(text: &[u8], index: usize) -> bool {
    let word = text.get(index..).unwrap_or_default();
    KEYS.iter().any(|(prefix, follow)| {
        // The third character tells most of them apart, and spares comparing the rest.
        prefix.as_bytes().get(2) == word.get(2)
            && word.strip_prefix(prefix.as_bytes()).is_some_and(|rest| {
                token_bytes(rest) >= *follow && (prefix.len() != 4 || is_aws(prefix, rest))
            })
    })
}

/// Whether a key with a checksum begins here: 30 characters, and their CRC32 in six digits to the base 62.
fn is_checked(byte: u8, text: &[u8], index: usize) -> bool {
    if !matches!(byte, b'g' | b'n') {
        return false;
    }
    let word = text.get(index..).unwrap_or_default();
    let Some(rest) = CHECKED.iter().find_map(|prefix| word.strip_prefix(*prefix)) else {
        return false;
    };
    let Some((body, rest)) = rest.split_at_checked(CHECKED_BYTES) else { return false };
    let mut sum = crc32fast::hash(body);
    let is_digit = |byte: &u8| {
        let digit = BASE_62.get(sum as usize % BASE_62.len());
        sum /= BASE_62.len() as u32;
        digit == Some(byte)
    };
    rest.get(..6).is_some_and(|digits| digits.iter().rev().all(is_digit))
}

/// How such keys begin (GitHub, npm).
const CHECKED: [&[u8]; 6] = [b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"npm_"];
/// Characters between that and the checksum.
const CHECKED_BYTES: usize = 30;
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What follows four capitals is 16 capitals and digits, no more; words go on otherwise.
fn is_aws(prefix: &str, rest: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let length = rest.iter().position(|byte| !part(byte)).unwrap_or(rest.len());
    let next = rest.get(length).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    !prefix.bytes().all(|byte| byte.is_ascii_uppercase()) || (length == 16 && !next)
}

/// How many characters of a token stand at the front.
pub fn token_bytes(text: &[u8]) -> usize {
    text.iter().position(|byte| !is_token(*byte)).unwrap_or(text.len())
}

/// Characters that keys are written with.
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_begin_words() {
        assert!(contains_key(b"id AKIAIOSFODNN7EXAMPLE"));
        assert!(contains_key(b"curl/8 (ghp_0123456789abcdefghijABCDEFGHIJ012345)"));
        assert!(!contains_key(b"AKIA"));
        assert!(!contains_key(b"task-0123456789012345678901234567"));
        assert!(!contains_key(b"npm_config"));
    }

    #[test]
    fn keys_with_a_checksum_are_found_inside_of_words() {
        // Revoked by its owner and published.
        let known = "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";
        assert!(contains_key(known.as_bytes()));
        assert!(contains_key(format!("x{known}y").as_bytes()));
        let wrong = known.replace("17", "18");
        assert!(contains_key(wrong.as_bytes()), "at the begin of a word that is enough");
        assert!(!contains_key(format!("x{wrong}y").as_bytes()));
        let npm = ["xnpm_", known.strip_prefix("ghp_").unwrap()].concat();
        assert!(contains_key(npm.as_bytes()));
    }
}
