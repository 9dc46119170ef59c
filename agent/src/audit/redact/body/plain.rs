//! Text that is kept as a whole, without what looks sensitive in it.
//!
//! In: text of an allowed media type. Out: the same text with something else in place of what is sensitive.
//! Always: what a name gives away goes, then words that look sensitive, then lines that still do; of a
//! cut text the last line goes, since nobody knows what it would have become; no control characters
//! but tabs and ends of lines.
//! Not here: whether the media type is allowed (`rules`).

use super::super::MASK;
use super::super::action::Replaced;
use super::scalar::Look;
use super::{Encoding, Kept, named};
use crate::audit::record::Sensitive;

/// The text as it may be written. `markup`: it has elements with names. `hide` is told what is hidden, and says what
/// stands in its place.
/// Errors: nothing is left.
pub(super) fn redact(
    text: &str,
    markup: bool,
    cut: bool,
    look: Look<'_>,
    hide: &mut Hide<'_>,
) -> Result<Kept, Sensitive> {
    let end = if cut { text.rfind('\n').map_or(0, |at| at + 1) } else { text.len() };
    let text = text.get(..end).unwrap_or_default();
    let mut masker = Masker { out: String::with_capacity(text.len()), markup, look, hide };
    let whole = masker.text(text);
    if masker.out.is_empty() {
        return Err(Sensitive::Unlisted);
    }
    Ok(Kept { text: masker.out, encoding: Encoding::Utf8, truncated: cut || !whole })
}

/// As `Notes::replace`.
type Hide<'h> = dyn FnMut(Sensitive, Option<&[u8]>) -> Replaced + 'h;

struct Masker<'m, 'h> {
    out: String,
    markup: bool,
    look: Look<'m>,
    hide: &'m mut Hide<'h>,
}

impl Masker<'_, '_> {
    /// Returns whether it came to the end.
    fn text(&mut self, text: &str) -> bool {
        let mut rest = text;
        while let Some((before, block)) = rest.split_once(PEM_BEGIN) {
            if !self.without_blocks(before) {
                return false;
            }
            self.hide(Sensitive::PrivateKey, None);
            let Some((_, after)) = block.split_once(PEM_END) else { return false };
            rest = after.split_once(PEM_MARK).map_or(after, |(_, after)| after);
        }
        self.without_blocks(rest)
    }

    /// Text without PEM blocks: hides secrets that have names.
    fn without_blocks(&mut self, text: &str) -> bool {
        let mut rest = text;
        while let Some(found) = named::find(rest.as_bytes(), self.markup) {
            let Some((before, secret)) = rest.split_at_checked(found.start) else { return false };
            self.lines(before);
            let length = found.end.map(|end| end.saturating_sub(found.start));
            let split = length.and_then(|length| secret.split_at_checked(length));
            self.hide(found.kind, split.map(|(value, _)| unquoted(value).as_bytes()));
            let Some((_, after)) = split else { return false };
            rest = after;
        }
        self.lines(rest);
        true
    }

    fn lines(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            match self.look.find(line) {
                None => self.push(line),
                Some(kind) => self.words(line, kind),
            }
        }
    }

    /// Hides the words of a line that look sensitive, or the line.
    fn words(&mut self, line: &str, kind: Sensitive) {
        let start = self.out.len();
        let mut found = Vec::new();
        for word in line.split_inclusive(char::is_whitespace) {
            match self.look.find(word.trim_end()) {
                None => self.push(word),
                Some(kind) => {
                    let bare = word.trim_end();
                    found.push((self.out.len() - start, kind, bare));
                    self.out.push_str(MASK);
                    self.push(word.get(bare.len()..).unwrap_or_default());
                }
            }
        }
        if self.out.get(start..).and_then(|text| self.look.find(text)).is_some() {
            self.out.truncate(start);
            self.hide(kind, None);
            return self.push(if line.ends_with('\n') { "\n" } else { "" });
        }
        let masked = self.out.split_off(start);
        let mut from = 0;
        for (at, kind, word) in found {
            self.out.push_str(masked.get(from..at).unwrap_or_default());
            self.hide(kind, Some(word.as_bytes()));
            from = at + MASK.len();
        }
        self.out.push_str(masked.get(from..).unwrap_or_default());
    }

    fn hide(&mut self, kind: Sensitive, value: Option<&[u8]>) {
        let replaced = (self.hide)(kind, value);
        self.out.push_str(&replaced.text);
    }

    fn push(&mut self, text: &str) {
        let odd =
            |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
        let shown =
            |character| if odd(character) { char::REPLACEMENT_CHARACTER } else { character };
        self.out.extend(text.chars().map(shown));
    }
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['"', '\'', '`'])
}

/// A block of RFC 7468, and the end of its last line.
const PEM_BEGIN: &str = "-----BEGIN";
const PEM_END: &str = "-----END";
const PEM_MARK: &str = "-----";
