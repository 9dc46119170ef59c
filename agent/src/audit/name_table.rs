//! Names of header fields, parameters and cookies, found without case.
//!
//! In: names with what they mean, then names that peers chose. Out: what a name means.
//! Always: equal as ASCII without case (RFC 9110 section 5.1), to the last byte; no allocation for a look; a name
//! that is unknown costs a few comparisons.
//! Not here: what names mean.

/// Longest name that is known, in bytes.
pub(super) const NAME_BYTES: usize = 63;

/// What each of some names means.
#[derive(Debug)]
pub(super) struct NameTable<T> {
    by_length: Vec<Vec<Named<T>>>,
}

#[derive(Debug)]
struct Named<T> {
    ends: Ends,
    name: Box<[u8]>,
    meaning: T,
}

/// The first eight bytes of a name and the last eight, which may overlap, in lower case. Of a shorter name: all of
/// it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Ends {
    first: u64,
    last: u64,
}

impl<T> NameTable<T> {
    pub(super) fn new() -> Self {
        Self { by_length: Vec::new() }
    }

    /// Adds a name, unless it is there already, is empty, or too long to be known.
    pub(super) fn add(&mut self, name: &str, meaning: T) {
        let name = name.as_bytes();
        if name.is_empty() || name.len() > NAME_BYTES || self.find(name).is_some() {
            return;
        }
        if self.by_length.len() <= name.len() {
            self.by_length.resize_with(name.len() + 1, Vec::new);
        }
        if let Some(same_length) = self.by_length.get_mut(name.len()) {
            same_length.push(Named { ends: Ends::of(name), name: name.into(), meaning });
        }
    }

    /// What the name means.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<&T> {
        let ends = Ends::of(name);
        let mut same_length = self.by_length.get(name.len())?.iter();
        let same = |one: &&Named<T>| {
            one.ends == ends
                && (name.len() <= 2 * WORD_BYTES || one.name.eq_ignore_ascii_case(name))
        };
        same_length.find(same).map(|one| &one.meaning)
    }

    /// Every meaning, in the order of lengths.
    pub(super) fn meanings(&self) -> impl Iterator<Item = &T> {
        self.by_length.iter().flatten().map(|one| &one.meaning)
    }
}

/// Bytes that are compared together.
const WORD_BYTES: usize = size_of::<u64>();

impl Ends {
    #[inline]
    fn of(name: &[u8]) -> Self {
        let word = |bytes: [u8; WORD_BYTES]| lower(u64::from_le_bytes(bytes));
        match (name.first_chunk(), name.last_chunk()) {
            (Some(first), Some(last)) => Self { first: word(*first), last: word(*last) },
            _ => {
                let mut bytes = [0; WORD_BYTES];
                bytes.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
                Self { first: word(bytes), last: 0 }
            }
        }
    }
}

/// Each byte in lower case if it is a capital.
#[inline]
const fn lower(word: u64) -> u64 {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; WORD_BYTES])
    }
    // No sum reaches into the next byte: the highest bits are left out.
    let low = word & each(0x7f);
    let from_a = low + each(0x80 - b'A');
    let past_z = low + each(0x7f - b'Z');
    let capital = (from_a ^ past_z) & !word & each(0x80);
    word | capital >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_is_that_of_ascii() {
        for byte in 0..=u8::MAX {
            for place in 0..WORD_BYTES {
                let mut bytes = *b"aZ@[\xff\x00{A";
                bytes[place] = byte;
                let expected = u64::from_le_bytes(bytes.map(|one| one.to_ascii_lowercase()));
                assert_eq!(lower(u64::from_le_bytes(bytes)), expected, "{byte}");
            }
        }
    }

    #[test]
    fn names_are_equal_to_the_last_byte() {
        let mut table = NameTable::new();
        let long = "x".repeat(NAME_BYTES);
        let names =
            ["b3", "host", "if-match", "authorization", "access-control-allow-origin", &long];
        for (index, name) in names.iter().enumerate() {
            table.add(name, index);
            table.add(&name.to_ascii_uppercase(), usize::MAX);
        }
        table.add(&"y".repeat(NAME_BYTES + 1), 9);
        for (index, name) in names.iter().enumerate() {
            assert_eq!(table.find(name.as_bytes()), Some(&index));
            assert_eq!(table.find(name.to_ascii_uppercase().as_bytes()), Some(&index));
            for place in 0..name.len() {
                let mut other = name.as_bytes().to_vec();
                other[place] ^= 1;
                assert_eq!(table.find(&other), None, "{name} {place}");
                assert_eq!(table.find(&name.as_bytes()[..place]), None, "{name} {place}");
            }
        }
        assert_eq!(table.find("y".repeat(NAME_BYTES + 1).as_bytes()), None);
        assert_eq!(table.meanings().count(), names.len());
    }
}
