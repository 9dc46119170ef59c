//! Names cut into words.
//!
//! In: a name (`accessToken`, `access_token`, `X-Amz-Signature`). Out: its words in lower case.
//! Always: no allocation; digits at the end of a word are left out.
//! Not here: what words say (`words`).

/// Longest word that is looked at, in bytes; longer ones are judged by their end.
const WORD_BYTES: usize = 32;

/// One word in lower case, without digits at its end.
#[derive(Clone, Copy)]
pub(super) struct Word {
    bytes: [u8; WORD_BYTES],
    len: usize,
}

impl Default for Word {
    fn default() -> Self {
        Self { bytes: [0; WORD_BYTES], len: 0 }
    }
}

impl Word {
    fn new(raw: &[u8]) -> Self {
        let letters = raw.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
        let raw = raw.get(..letters).unwrap_or_default();
        let end = raw.get(raw.len().saturating_sub(WORD_BYTES)..).unwrap_or_default();
        let mut word = Self { len: end.len(), ..Self::default() };
        for (to, from) in word.bytes.iter_mut().zip(end) {
            *to = from.to_ascii_lowercase();
        }
        word
    }

    /// The word.
    pub(super) fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or("")
    }
}

/// Cuts a name at everything that is no letter or digit, and where small letters meet capitals.
pub(super) struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    /// Those of a name.
    pub(super) fn new(name: &'a [u8]) -> Self {
        Self { rest: name }
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let start = self.rest.iter().position(u8::is_ascii_alphanumeric)?;
        let rest = self.rest.get(start..)?;
        let end = word_end(rest);
        let (word, after) = rest.split_at_checked(end)?;
        self.rest = after;
        Some(Word::new(word))
    }
}

/// Where the word at the front ends: `access|Token`, `AWS|Access`, `sig|-`.
fn word_end(rest: &[u8]) -> usize {
    let at = |index: usize| rest.get(index).copied().unwrap_or(b' ');
    let boundary = |index: usize| {
        let (before, here, after) = (at(index - 1), at(index), at(index + 1));
        !here.is_ascii_alphanumeric()
            || (here.is_ascii_uppercase() && !before.is_ascii_uppercase())
            || (before.is_ascii_uppercase()
                && here.is_ascii_uppercase()
                && after.is_ascii_lowercase())
    };
    (1..rest.len()).find(|&index| boundary(index)).unwrap_or(rest.len())
}
