//! Searching bytes for secrets in every form that a program could have written them in.
//!
//! In: secrets with names. Out: which of them is somewhere, in which form, and where.
//! Always: a part of a secret counts, in the clear, in base64 of either alphabet and any alignment, in
//! hexadecimal, percent-encoded, or as escapes of JSON.

use std::collections::BTreeSet;
use std::iter;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use anyhow::Result;
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXUPPER};

use super::secret::Secret;

/// All secrets of a test, ready to be searched for.
pub struct Hunt {
    search: AhoCorasick,
    /// For each pattern: whose it is, and its form.
    patterns: Vec<(usize, &'static str)>,
    names: Vec<String>,
}

/// A secret that was found.
#[derive(Clone, Debug)]
pub struct Find {
    /// The secret's name.
    pub name: String,
    /// How it was written.
    pub form: &'static str,
    /// Where.
    pub at: usize,
}

impl Hunt {
    /// Looks for these, each under a name.
    pub fn new<'s>(secrets: impl IntoIterator<Item = (String, &'s Secret)>) -> Result<Self> {
        let (mut texts, mut patterns, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (name, secret) in secrets {
            for (form, text) in windows(secret).flat_map(forms) {
                texts.push(text);
                patterns.push((names.len(), form));
            }
            names.push(name);
        }
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        Ok(Self { search: AhoCorasick::builder().kind(kind).build(texts)?, patterns, names })
    }

    /// The first place of each secret that is there, in each form.
    pub fn search(&self, bytes: &[u8]) -> Vec<Find> {
        let mut seen = BTreeSet::new();
        let mut finds = Vec::new();
        for found in self.search.find_overlapping_iter(bytes) {
            let Some(&(owner, form)) = self.patterns.get(found.pattern().as_usize()) else {
                continue;
            };
            if seen.insert((owner, form)) {
                let name = self.names.get(owner).cloned().unwrap_or_default();
                finds.push(Find { name, form, at: found.start() });
            }
        }
        finds
    }

    /// Names of the secrets that are not there, in whatever form.
    pub fn missing(&self, bytes: &[u8]) -> Vec<&str> {
        let found: BTreeSet<_> = self.search(bytes).into_iter().map(|find| find.name).collect();
        self.names.iter().filter(|name| !found.contains(*name)).map(String::as_str).collect()
    }
}

/// Parts that give the secret away: of everything a little longer than a window, one is a part.
fn windows(secret: &Secret) -> impl Iterator<Item = &[u8]> {
    secret.cores.iter().flat_map(|core| {
        let windows = core.text.as_bytes().windows(core.window);
        let last = windows.len().saturating_sub(1);
        let chosen = move |at: usize| at.is_multiple_of(STEP) || at == last;
        windows.enumerate().filter(move |(at, _)| chosen(*at)).map(|(_, window)| window)
    })
}

const STEP: usize = 4;

fn forms(window: &[u8]) -> Vec<(&'static str, String)> {
    let each = |form: fn(&u8) -> String| window.iter().map(form).collect::<String>();
    let mut forms = vec![
        ("clear", String::from_utf8_lossy(window).into_owned()),
        ("hex", HEXLOWER.encode(window)),
        ("HEX", HEXUPPER.encode(window)),
        ("percent", each(|byte| format!("%{byte:02X}"))),
        ("percent, lower case", each(|byte| format!("%{byte:02x}"))),
        ("JSON escapes", each(|byte| format!("\\u{byte:04x}"))),
        ("JSON escapes, upper case", each(|byte| format!("\\u{byte:04X}"))),
        // As JSON in a string of JSON has them.
        ("JSON escapes, escaped", each(|byte| format!("\\\\u{byte:04x}"))),
    ];
    for before in 0..3 {
        forms.push(("base64", within(&BASE64_NOPAD, window, before)));
        forms.push(("base64url", within(&BASE64URL_NOPAD, window, before)));
    }
    forms.sort_by(|one, other| one.1.cmp(&other.1));
    forms.dedup_by(|one, other| one.1 == other.1);
    forms
}

/// What does not depend on the bytes around the window, of which so many come before it in its group.
fn within(encoding: &Encoding, window: &[u8], before: usize) -> String {
    let padded: Vec<u8> = iter::repeat_n(0, before).chain(window.iter().copied()).collect();
    let own = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
    encoding.encode(&padded).get(own).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::secret::Maker;
    use super::Hunt;

    #[test]
    fn a_secret_is_found_in_every_form_and_in_part() {
        let secret = Maker::new(3).make("word").unwrap();
        let hunt = Hunt::new([("it".to_owned(), &secret)]).unwrap();
        let text = &secret.text;
        let encode = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
        for form in [
            format!("x{text}y"),
            text[3..16].to_owned(),
            encode(text),
            encode(&format!("a{text}")),
            encode(&format!("ab{text}")),
            text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            text.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            text.bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
        ] {
            assert_eq!(hunt.search(form.as_bytes()).len(), 1, "{form}");
        }
        assert!(hunt.search(&text.as_bytes()[..9]).is_empty());
        assert_eq!(hunt.missing(b"nothing"), ["it"]);
    }
}
