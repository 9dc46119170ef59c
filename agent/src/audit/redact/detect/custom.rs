//! Detectors of the user's own: a pattern, a check, words that must be near.
//!
//! In: `[[redaction.detector]]`. Out: compiled detectors; what is wrong with one; whether a text has
//! something that one finds.
//! Always: patterns are compiled once, their size is bounded, and a match takes time in proportion to the
//! text.
//! Not here: what is hidden by its name or a built-in detector.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::checksum::{luhn, mod_97, verhoeff};
use super::context::Context;

/// A detector of the user's own: values in which it finds something become `***`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DetectorConfig {
    /// What it finds: letters, digits, `_` and `-`.
    pub name: String,
    /// Regular expression (syntax of Rust's `regex`: no look-around, no back-references).
    pub pattern: String,
    /// Check that the digits of a match have to pass.
    #[serde(default)]
    pub validator: Validator,
    /// Words of which one has to be in the name of the field, or up to 48 bytes before the match; without
    /// case. None: no word is needed.
    #[serde(default)]
    pub words: Vec<String>,
}

/// A check over the digits of a match.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Validator {
    /// Every match counts.
    #[default]
    None,
    /// The last digit is that of ISO/IEC 7812.
    Luhn,
    /// Letters and digits, the first four of them last, are 1 modulo 97 (ISO 13616).
    Mod97,
    /// The last digit is that of Verhoeff.
    Verhoeff,
}

/// What is wrong with a detector.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DetectorError {
    /// Empty, too long, or with other characters.
    #[error("`{0}` is no name of a detector")]
    Name(String),
    /// It cannot be compiled.
    #[error("pattern cannot be used: {0}")]
    Pattern(String),
    /// It would hide everything.
    #[error("pattern matches nothing, which is in every value")]
    Empty,
    /// Empty or too long.
    #[error("`{0}` is no word")]
    Word(String),
}

impl DetectorError {
    /// The key that is wrong.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::Pattern(_) | Self::Empty => "pattern",
            Self::Word(_) => "words",
        }
    }
}

/// A detector that can be used.
#[derive(Debug)]
pub struct Detector {
    pattern: Regex,
    validator: Validator,
    /// In small letters.
    words: Vec<String>,
}

/// Longest name and word, in bytes.
const NAME_BYTES: usize = 64;
/// Most memory of a compiled pattern, in bytes.
const PATTERN_BYTES: usize = 1 << 20;
/// Most matches in a value that are looked at.
const MATCHES: usize = 1_000;

impl Detector {
    /// That of a configuration. Errors: what cannot be used.
    pub fn new(config: &DetectorConfig) -> Result<Self, DetectorError> {
        let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let name = &config.name;
        if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(part) {
            return Err(DetectorError::Name(name.clone()));
        }
        let pattern = RegexBuilder::new(&config.pattern).size_limit(PATTERN_BYTES).build();
        let pattern = pattern.map_err(|error| {
            // The last line says what is wrong, those before show where.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            DetectorError::Pattern(last.trim_start_matches("error: ").to_owned())
        })?;
        if pattern.is_match(b"") {
            return Err(DetectorError::Empty);
        }
        let is_bad = |word: &&String| word.trim().is_empty() || word.len() > NAME_BYTES;
        if let Some(word) = config.words.iter().find(is_bad) {
            return Err(DetectorError::Word(word.clone()));
        }
        let words = config.words.iter().map(|word| word.to_lowercase()).collect();
        Ok(Self { pattern, validator: config.validator, words })
    }

    /// Where it finds something first.
    pub fn find(&self, text: &[u8], context: &Context<'_>) -> Option<Range<usize>> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let mut matches = self.pattern.find_iter(text).take(MATCHES);
        let found = matches.find(|found| {
            let near = words.is_empty() || context.has(&words, text, found.start());
            near && self.validator.accepts(found.as_bytes())
        });
        found.map(|found| found.range())
    }
}

impl Validator {
    fn accepts(self, text: &[u8]) -> bool {
        let digits = || -> Vec<u8> {
            text.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect()
        };
        match self {
            Self::None => true,
            Self::Luhn => luhn(&digits()),
            Self::Verhoeff => verhoeff(&digits()),
            Self::Mod97 => {
                let plain = || text.iter().copied().filter(u8::is_ascii_alphanumeric);
                mod_97(plain().skip(4).chain(plain().take(4))) == 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pattern: &str, validator: Validator, words: &[&str]) -> DetectorConfig {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        DetectorConfig { name: "own".into(), pattern: pattern.into(), validator, words }
    }

    #[test]
    fn a_match_needs_its_check_and_a_word() {
        let check = |config: &DetectorConfig, name: &str, text: &str| {
            let detector = Detector::new(config).unwrap();
            detector.find(text.as_bytes(), &Context::of_name(name.as_bytes())).is_some()
        };
        let plain = config(r"\bEMP-\d{6}\b", Validator::None, &[]);
        assert!(check(&plain, "", "by EMP-123456.") && !check(&plain, "", "by EMP-12345."));
        let luhn = config(r"\b\d{8}\b", Validator::Luhn, &["Customer"]);
        assert!(check(&luhn, "customer_no", "12345674") && check(&luhn, "", "customer 12345674"));
        assert!(!check(&luhn, "customer_no", "12345675") && !check(&luhn, "", "12345674"));
    }

    #[test]
    fn mistakes_are_told() {
        let error = |config: &DetectorConfig| Detector::new(config).unwrap_err();
        let name = DetectorConfig { name: "my own".into(), ..config("a", Validator::None, &[]) };
        for (config, key, text) in [
            (name, "name", "`my own` is no name of a detector"),
            (
                config("a*", Validator::None, &[]),
                "pattern",
                "pattern matches nothing, which is in every value",
            ),
            (
                config("(a", Validator::None, &[]),
                "pattern",
                "pattern cannot be used: unclosed group",
            ),
            (config("a", Validator::None, &[" "]), "words", "` ` is no word"),
        ] {
            assert_eq!((error(&config).key(), error(&config).to_string().as_str()), (key, text));
        }
        let large = error(&config(r"\w{5000}", Validator::None, &[]));
        assert_eq!(large.key(), "pattern");
    }
}
