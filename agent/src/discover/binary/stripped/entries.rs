//! Where functions begin and end, where nothing leads to what unwinding needs: `gcc -static` makes no
//! index of it.
//!
//! In: `.eh_frame`, by its section. Out: the function around an address.
//! Always: entries follow each other to the section's very end, and each is of a form that compilers
//! write for x86-64, or there is no answer at all: a function left out could make another one unique.
//! Not here: files with an index (`frames`). Source: Linux Standard Base, "Exception Frames".

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::image::Image;

/// Lengths of functions by their addresses.
pub(super) struct Entries(BTreeMap<u64, u32>);

impl Entries {
    pub(super) fn of(image: &Image<'_>) -> Option<Self> {
        let section = image.sections.iter().find(|section| section.name == b".eh_frame")?;
        let is_bearable = section.size <= MOST_BYTES;
        let bytes = is_bearable.then(|| image.read(section.offset, section.size))??;
        functions(&bytes, image.address(section.offset)?).map(Self)
    }

    /// Addresses of the function around one.
    pub(super) fn function(&self, address: u64) -> Option<Range<u64>> {
        let (start, size) = self.0.range(..=address).next_back()?;
        let function = *start..start.checked_add(u64::from(*size))?;
        function.contains(&address).then_some(function)
    }
}

/// Every function of a section at an address.
fn functions(section: &[u8], address: u64) -> Option<BTreeMap<u64, u32>> {
    let mut functions = BTreeMap::new();
    // What several entries share, by its place.
    let mut shared = BTreeSet::new();
    let (mut at, mut rest) = (0_u64, section);
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk().map(number)?;
        let (entry, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
        // One of no length is an end: linkers leave those of what they put together.
        if let Some((back, fields)) = entry.split_first_chunk().map(number) {
            if back == 0 {
                is_known(fields).then(|| shared.insert(at))?;
            } else {
                let of = (at + 4).checked_sub(u64::from(back))?;
                shared.contains(&of).then_some(())?;
                let (relative, fields) = fields.split_first_chunk().map(number)?;
                let (size, _) = fields.split_first_chunk().map(number)?;
                let place = address.checked_add(at + 8)?;
                functions
                    .insert(place.checked_add_signed(i64::from(relative.cast_signed()))?, size);
            }
        } else if length != 0 {
            return None;
        }
        (at, rest) = (at + 4 + u64::from(length), behind);
    }
    Some(functions)
}

fn number<'b>((bytes, rest): (&[u8; 4], &'b [u8])) -> (u32, &'b [u8]) {
    (u32::from_le_bytes(*bytes), rest)
}

/// Whether addresses in the entries that share this are signed, 4 bytes, relative to their place.
fn is_known(shared: &[u8]) -> bool {
    let with_handler = |rest: &[u8]| rest.get(6) == Some(&RELATIVE);
    shared.starts_with(PLAIN)
        || shared.starts_with(SIGNAL)
        || shared.strip_prefix(HANDLER).is_some_and(with_handler)
}

/// Programs of 100 MB have so much.
const MOST_BYTES: u64 = 8 << 20;
/// `DW_EH_PE_pcrel | DW_EH_PE_sdata4`
const RELATIVE: u8 = 0x1b;
/// Version 1, what follows, alignment of code and data, the return address's column, and how many
/// bytes follow: the form of addresses in entries,
const PLAIN: &[u8] = &[1, b'z', b'R', 0, 1, 0x78, 16, 1, RELATIVE];
/// the same for handlers of signals,
const SIGNAL: &[u8] = &[1, b'z', b'R', b'S', 0, 1, 0x78, 16, 1, RELATIVE];
/// and before it the form and the place of C++'s handler in 5 bytes and the form of its tables.
const HANDLER: &[u8] = &[1, b'z', b'P', b'L', b'R', 0, 1, 0x78, 16, 7];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_read_to_the_end() {
        let section = section(&[(0x1000, 16), (0x1040, 32)]);
        let functions = functions(&section, 0x8000).unwrap();
        assert_eq!(functions, BTreeMap::from([(0x1000, 16), (0x1040, 32)]));
        let entries = Entries(functions);
        assert_eq!(entries.function(0x105f), Some(0x1040..0x1060));
        assert_eq!([0xfff, 0x1010, 0x1060].map(|at| entries.function(at)), [None, None, None]);
    }

    #[test]
    fn what_is_not_understood_is_no_answer() {
        let good = section(&[(0x1000, 16)]);
        for length in 1..good.len() {
            let is_whole = [20, 40].contains(&length);
            assert_eq!(functions(&good[..length], 0x8000).is_some(), is_whole, "{length} bytes");
        }
        // Lengths that lead elsewhere, another form of addresses, another place of what is shared.
        for at in [0, 16, 20, 24] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(functions(&bad, 0x8000), None, "byte {at}");
        }
    }

    /// A section at 0x8000: what is shared, entries and an end.
    fn section(list: &[(u64, u32)]) -> Vec<u8> {
        let mut bytes = [&16_u32.to_le_bytes()[..], &[0; 4], PLAIN, &[0; 3]].concat();
        for (start, size) in list {
            let at = bytes.len() as u32;
            let relative = (*start as u32).wrapping_sub(0x8000 + at + 8);
            bytes.extend([16, at + 4, relative, *size, 0].map(u32::to_le_bytes).concat());
        }
        bytes.extend([0; 4]);
        bytes
    }
}
