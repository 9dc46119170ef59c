//! What names and words around a value say about it.
//!
//! In: the name of the value's field, the text it stands in. Out: whether a word is there.
//! Always: asked only about what passed a check, so it costs nothing for other values.
//! Not here: what a name says by itself (`redact::name`).

/// The names that lead to a value.
#[derive(Clone, Copy, Default)]
pub struct Context<'n> {
    name: &'n [u8],
}

/// How far before a value words count, in bytes.
const BEFORE_BYTES: usize = 48;

impl<'n> Context<'n> {
    /// That of a field's value.
    pub fn of_name(name: &'n [u8]) -> Self {
        Self { name }
    }

    /// Whether the name, or the text not far before the value, has one of the words (in small letters).
    pub fn has(&self, words: &[&str], text: &[u8], start: usize) -> bool {
        let before = text.get(start.saturating_sub(BEFORE_BYTES)..start).unwrap_or_default();
        words.iter().any(|word| has_word(self.name, word) || has_word(before, word))
    }
}

/// Whether a word stands in the text, whatever its case: between other characters, or as a part of a
/// name such as `routingNumber`.
fn has_word(text: &[u8], word: &str) -> bool {
    let word = word.as_bytes();
    text.windows(word.len().max(1)).enumerate().any(|(at, window)| {
        if !window.eq_ignore_ascii_case(word) {
            return false;
        }
        let before = at.checked_sub(1).and_then(|index| text.get(index)).copied().unwrap_or(b' ');
        let after = text.get(at + word.len()).copied().unwrap_or(b' ');
        let first = window.first().copied().unwrap_or_default();
        let begins = !before.is_ascii_alphanumeric()
            || (first.is_ascii_uppercase() && before.is_ascii_lowercase());
        begins && !after.is_ascii_lowercase()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_names_and_before_values() {
        let has = |name: &str, text: &str, start| {
            Context::of_name(name.as_bytes()).has(&["routing", "aba"], text.as_bytes(), start)
        };
        assert!(has("routingNumber", "", 0) && has("ABA", "", 0) && has("bank_routing_no", "", 0));
        assert!(has("bankRoutingNumber", "", 0) && has("", "ABA 021000021", 4));
        assert!(!has("database", "", 0) && !has("", "021000021 aba", 0) && !has("abacus", "", 0));
    }
}
