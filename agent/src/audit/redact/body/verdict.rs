//! What the name of a field says: whether it may be written, and what of its values.
//!
//! In: names as sent. Out: `Verdict`s.
//! Always: a name gives the same verdict whether it was remembered or not; at most `SLOTS` names are
//! remembered a thread, of `KEY_BYTES` at most; nothing of a value is.
//! Not here: values (`scalar`), words of names (`redact::name`), where a field is (`tally`).

use std::borrow::Cow;
use std::cell::Cell;

use wide::u8x16;

use super::super::detect::context::Context;
use super::super::name::{self, Strength};
use super::names::{NAME_BYTES, reads_as_name};
use super::rules::BodyRules;
use super::scalar::{self, Look};
use crate::audit::record::Sensitive;

/// What a name says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Verdict {
    /// Why the name itself is hidden; `None`: it is written.
    pub(super) name: Option<Sensitive>,
    /// What its values are, and how sure that is.
    pub(super) value: Hidden,
    /// The list has it.
    pub(super) listed: bool,
}

/// What is known of a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// Only few other names have it.
    pub(super) number: u64,
}

/// Why values under a name are hidden, and how sure that is.
pub(super) type Hidden = Option<(Sensitive, Strength)>;

impl Verdict {
    /// Why values under the name are hidden, in a group where values are hidden for that. `all`: values
    /// under any name are kept.
    #[inline]
    pub(super) fn hidden(&self, above: Hidden, all: bool) -> Hidden {
        let inherited = above.filter(|(kind, _)| *kind != Sensitive::Unlisted);
        let hidden = match (inherited, self.value) {
            (Some((_, Strength::Doubtful)), Some(own)) => Some(own),
            (inherited, own) => inherited.or(own),
        };
        if all || self.listed {
            return hidden;
        }
        Some((hidden.map_or(Sensitive::Unlisted, |(kind, _)| kind), Strength::Sure))
    }
}

/// Judges names by the rules of a configuration.
pub(super) struct Names<'r> {
    rules: &'r BodyRules,
    /// Values under any name are kept, so names may be anything that looks harmless.
    all: bool,
    known: Option<Box<Known>>,
    /// Where the last name is in it.
    last: u16,
}

impl<'r> Names<'r> {
    pub(super) fn new(rules: &'r BodyRules, all: bool) -> Self {
        Self { rules, all, known: None, last: 0 }
    }

    /// The name at the front of a text, up to a quote, if it is the one that came after the last one
    /// before: things in lists have the same names in the same order.
    #[inline]
    pub(super) fn expected(&mut self, text: &[u8]) -> Option<(usize, Judged)> {
        let known = self.known.as_ref()?;
        let slot = known.slots.get(usize::from(known.slots.get(usize::from(self.last))?.next))?;
        let len = usize::from(slot.len);
        if text.get(len) != Some(&b'"') || !is_front(&slot.name, text.first_chunk()?, len) {
            return None;
        }
        self.last = slot.own;
        Some((len, slot.judged))
    }

    /// Judges a name that stands for itself.
    pub(super) fn judge_plain(&mut self, name: &[u8]) -> Judged {
        if name.len() > KEY_BYTES {
            return self.judge(std::str::from_utf8(name).ok(), name);
        }
        let owner = (self.rules.number(), self.all);
        let known = self.known.get_or_insert_with(|| Known::take(owner));
        let number = mixed(name);
        if let Some((own, judged)) = known.find(name, number) {
            known.follow(self.last, own);
            self.last = own;
            return judged;
        }
        let judged = self.judge(std::str::from_utf8(name).ok(), name);
        let own = place(number);
        if let Some(known) = &mut self.known {
            known.put(Slot::new(name, judged, own));
            known.follow(self.last, own);
        }
        self.last = own;
        judged
    }

    /// Judges a name that had to be decoded. `None`: it is no text. `raw`: as it was sent.
    pub(super) fn judge(&self, name: Option<&str>, raw: &[u8]) -> Judged {
        let verdict = Verdict {
            name: self.name_hidden(name),
            value: name.and_then(|name| name::classify_field(name.as_bytes())),
            // Where all are kept nobody asks.
            listed: !self.all && name.is_some_and(|name| self.rules.allows_name(name)),
        };
        Judged { verdict, number: mixed(raw) }
    }

    /// Judges a name, decoding it if that changes it.
    pub(super) fn judge_decoded(&mut self, raw: &[u8], decoded: Option<Cow<'_, str>>) -> Judged {
        match &decoded {
            Some(name) if name.as_bytes() == raw => self.judge_plain(raw),
            other => self.judge(other.as_deref(), raw),
        }
    }

    /// Why values without a name of their own are hidden, at the top of a body.
    pub(super) fn root(&self) -> Hidden {
        (!self.all).then_some((Sensitive::Unlisted, Strength::Sure))
    }

    /// How a value is looked at. `name`: that of its field.
    pub(super) fn look<'n>(&self, name: &'n [u8]) -> Look<'n>
    where
        'r: 'n,
    {
        Look { context: Context::of_name(name), own: self.rules.detectors(), strict: !self.all }
    }

    /// Whether there are detectors that could find something in any value.
    pub(super) fn has_own_detectors(&self) -> bool {
        !self.rules.detectors().is_empty()
    }

    /// Whether values under every name are kept.
    pub(super) fn keeps_all(&self) -> bool {
        self.all
    }

    fn name_hidden(&self, name: Option<&str>) -> Option<Sensitive> {
        let Some(name) = name else { return Some(Sensitive::Unlisted) };
        if reads_as_name(name, NAME_BYTES) || self.rules.allows_name(name) {
            return None;
        }
        let suspicion = Look { strict: !self.all, ..Look::default() }.find(name);
        if self.all && name.len() <= scalar::VALUE_BYTES && !name.contains(char::is_control) {
            return suspicion;
        }
        suspicion.or(Some(Sensitive::Unlisted))
    }
}

impl Drop for Names<'_> {
    fn drop(&mut self) {
        if let Some(known) = self.known.take() {
            KNOWN.set(Some(known));
        }
    }
}

// === names that were judged before ===

thread_local! {
    /// Kept from one body to the next: programs send the same names again and again.
    static KNOWN: Cell<Option<Box<Known>>> = const { Cell::new(None) };
}

/// Most names that are remembered; where two fall into the same place, the later one stays.
const SLOTS: usize = 4_096;
/// Longest name that is remembered, in bytes.
const KEY_BYTES: usize = 32;

/// The length of a name that is none.
const NOBODY: u8 = u8::MAX;

/// Names by their hash.
struct Known {
    /// Whose verdicts these are: the number of the rules, and whether all values are kept.
    owner: (u64, bool),
    slots: Vec<Slot>,
}

/// A name that was judged.
#[derive(Clone, Copy)]
struct Slot {
    /// The name, filled up with zeros.
    name: [u8; KEY_BYTES],
    judged: Judged,
    /// More than fits into a name, where there is none.
    len: u8,
    /// Where this is, and the name that came next.
    own: u16,
    next: u16,
}

impl Slot {
    fn new(text: &[u8], judged: Judged, own: u16) -> Self {
        let mut name = [0; KEY_BYTES];
        name.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        Self { name, judged, len: text.len() as u8, own, next: own }
    }

    fn is(&self, name: &[u8]) -> bool {
        usize::from(self.len) == name.len() && self.name.starts_with(name)
    }
}

impl Known {
    /// That of this thread, emptied if it is another's.
    fn take(owner: (u64, bool)) -> Box<Self> {
        match KNOWN.take() {
            Some(known) if known.owner == owner => known,
            _ => {
                let verdict = Verdict { name: None, value: None, listed: false };
                let nobody = Slot::new(b"", Judged { verdict, number: 0 }, 0);
                Box::new(Self { owner, slots: vec![Slot { len: NOBODY, ..nobody }; SLOTS] })
            }
        }
    }

    /// A name is in one of two slots.
    fn find(&self, name: &[u8], number: u64) -> Option<(u16, Judged)> {
        let place = place(number);
        let mut both = [place, place ^ 1].into_iter();
        both.find_map(|own| {
            let slot = self.slots.get(usize::from(own)).filter(|slot| slot.is(name))?;
            Some((own, slot.judged))
        })
    }

    /// What was in the slot goes to the other one.
    fn put(&mut self, new: Slot) {
        let Some(slot) = self.slots.get_mut(usize::from(new.own)) else { return };
        let old = std::mem::replace(slot, new);
        let own = new.own ^ 1;
        if let Some(other) = self.slots.get_mut(usize::from(own)).filter(|_| old.len != NOBODY) {
            *other = Slot { own, ..old };
        }
    }

    /// This is the name that came behind the last one.
    fn follow(&mut self, last: u16, next: u16) {
        if let Some(before) = self.slots.get_mut(usize::from(last)) {
            before.next = next;
        }
    }
}

/// The first of the two slots where a name belongs.
fn place(number: u64) -> u16 {
    (number >> (u64::BITS - SLOTS.trailing_zeros())) as u16
}

/// Whether a text begins with the first bytes of a name, of the same length for all: without a branch.
#[inline]
fn is_front(name: &[u8; KEY_BYTES], text: &[u8; KEY_BYTES], len: usize) -> bool {
    let Some(mask) = MASKS.get(len) else { return false };
    let half = |at: usize| {
        let of = |bytes: &[u8; KEY_BYTES]| {
            u8x16::new(bytes.as_chunks().0.get(at).copied().unwrap_or_default())
        };
        (of(text) ^ of(name)) & of(mask)
    };
    (half(0) | half(1)).simd_eq(u8x16::splat(0)).to_bitmask() == 0xffff
}

/// Which bytes belong to a name, by its length.
#[expect(
    clippy::indexing_slicing,
    reason = "done by the compiler, which would refuse a wrong index"
)]
static MASKS: [[u8; KEY_BYTES]; KEY_BYTES + 1] = {
    let mut masks = [[0; KEY_BYTES]; KEY_BYTES + 1];
    let mut len = 0;
    while len <= KEY_BYTES {
        let mut byte = 0;
        while byte < len {
            masks[len][byte] = u8::MAX;
            byte += 1;
        }
        len += 1;
    }
    masks
};

/// A number that only few other names have.
pub(super) fn mixed(name: &[u8]) -> u64 {
    let mut mixed = name.len() as u64;
    let mut add = |word: u64| mixed = (mixed.rotate_left(5) ^ word).wrapping_mul(SPREAD);
    let (words, rest) = name.as_chunks::<8>();
    words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
    rest.iter().for_each(|byte| add(u64::from(*byte)));
    mixed
}

const SPREAD: u64 = 0x517c_c1b7_2722_0a95;

#[cfg(test)]
mod tests {
    use super::super::super::RedactionConfig;
    use super::*;

    #[test]
    fn remembered_verdicts_are_the_same() {
        let (one, other) = (BodyRules::new(&RedactionConfig::default()), {
            let body_allow = vec!["cafe".to_owned()];
            BodyRules::new(&RedactionConfig { body_allow, ..RedactionConfig::default() })
        });
        let long = "name".repeat(9);
        let texts = ["", "a", "cafe", "password", "accessToken", "statusOfTheOrder", &long];
        for rules in [&one, &other, &one] {
            for all in [true, false] {
                for _ in 0..2 {
                    let mut names = Names::new(rules, all);
                    for name in texts.iter().chain(&texts) {
                        let fresh = names.judge(Some(name), name.as_bytes());
                        assert_eq!(names.judge_plain(name.as_bytes()), fresh, "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn names_that_follow_each_other_are_expected() {
        let rules = BodyRules::new(&RedactionConfig::default());
        let mut names = Names::new(&rules, true);
        let follows = "\":1,                                  ";
        let texts = ["id", "name", &"n".repeat(33), "password"];
        let texts = texts.map(|name| format!("{name}{follows}"));
        let mut found = Vec::new();
        for _ in 0..3 {
            for text in &texts {
                let len = text.find('"').unwrap();
                let expected = names.expected(text.as_bytes());
                found.push(expected.is_some());
                match expected {
                    Some((found_bytes, _)) => assert_eq!(found_bytes, len, "{text}"),
                    None => drop(names.judge_plain(&text.as_bytes()[..len])),
                }
            }
        }
        // A long name is not remembered, and what follows it is expected behind the one before.
        assert_eq!(found[8..], [true, true, false, true]);
        assert_eq!(names.expected(b"id2\"                              "), None);
        assert_eq!(names.expected(b"i\"                                "), None);
    }
}
