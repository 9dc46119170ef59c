//! Go's table of functions.
//!
//! In: the bytes of `.gopclntab`. Out: where the functions of `crypto/tls` begin and end, and some
//! others.
//! Always: every offset is checked; the table is walked once, in pieces.
//! Not here: where the code is in memory (`base`). Source: `debug/gosym`, `runtime/symtab.go` and
//! `cmd/link/internal/ld/pcln.go` of Go 1.16 to 1.27.

use std::collections::HashMap;
use std::ops::Range;

use memchr::memmem;

use super::super::Function;
use super::super::image::Image;
use super::super::window::Window;

/// Where parts of the table are in the file.
pub(super) struct Table {
    /// Go 1.16 or 1.17: entries have addresses instead of offsets.
    pub(super) is_before_1_18: bool,
    names: Range<u64>,
    /// The entries; what they point at counts from here too.
    entries: Range<u64>,
    count: u64,
}

/// One function, relative to where the code begins.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) function: Function,
    pub(super) start: u64,
    /// Where the next one starts.
    pub(super) end: u64,
}

/// What one walk through the table gave.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) functions: Vec<Entry>,
    /// Where other functions start, spread over the whole table.
    pub(super) samples: Vec<u64>,
}

/// Where a table may be. Linkers other than Go's put it into `.rodata`.
pub(super) fn places(image: &Image<'_>) -> Vec<Range<u64>> {
    let is_table = |name: &[u8]| name.ends_with(SECTION);
    let named = image.sections.iter().filter(|section| is_table(&section.name));
    let named: Vec<_> = named.map(|section| section.range()).collect();
    if !named.is_empty() {
        return named;
    }
    let mut places = Vec::new();
    for segment in image.segments.iter().filter(|segment| !segment.is_executable) {
        for (at, piece) in image.pieces(segment.range(), HEAD_END.len() as u64 * 2) {
            let ends = memmem::find_iter(&piece, HEAD_END);
            // The magic number's first byte tells versions apart, three of 0xff follow.
            let starts = ends.filter_map(|end| end.checked_sub(1));
            places.extend(starts.map(|start| at + start as u64..segment.range().end));
        }
    }
    places.dedup_by_key(|place| place.start);
    places.truncate(MOST_PLACES);
    places
}

impl Table {
    /// `None` if there is none that we know.
    pub(super) fn parse(image: &Image<'_>, place: Range<u64>) -> Option<Self> {
        let head = image.read(place.start, HEAD_BYTES)?;
        let (magic, words) = head.split_first()?;
        let words = words.strip_prefix(HEAD_END)?.as_chunks::<8>().0;
        let is_before_1_18 = *magic == MAGIC_1_16;
        if !is_before_1_18 && ![MAGIC_1_18, MAGIC_1_20].contains(magic) {
            return None;
        }
        let word = |index: usize| words.get(index).map(|word| u64::from_le_bytes(*word));
        // Go 1.18 put the start of the code between the counts and the offsets.
        let first = if is_before_1_18 { 2 } else { 3 };
        let at = |index: usize| {
            place.start.checked_add(word(first + index)?).filter(|&at| at < place.end)
        };
        let entries = at(4)?..place.end;
        let names = at(0)?..at(1)?;
        let count = word(0)?;
        let most = (entries.end - entries.start) / if is_before_1_18 { 16 } else { 8 };
        let is_sound = count < most && names.start < names.end;
        is_sound.then_some(Self { is_before_1_18, names, entries, count })
    }

    /// Every function that we want, `None` if the table is broken.
    pub(super) fn walk(&self, image: &Image<'_>) -> Option<Walk> {
        let wanted = self.wanted(image);
        let mut walk = Walk::default();
        if wanted.is_empty() {
            return Some(walk);
        }
        let mut entries = Window::new(image);
        let mut functions = Window::new(image);
        let every = self.count / SAMPLES + 1;
        for index in 0..self.count {
            let (start, function_at) = self.entry(&mut entries, index)?;
            if index % every == 0 {
                walk.samples.push(start);
            }
            let name = self.name(&mut functions, function_at)?;
            if let Some(&function) = wanted.get(&name) {
                let end = self.start(&mut entries, index + 1)?;
                walk.functions.push(Entry { function, start, end });
            }
        }
        (walk.functions.len() <= WANTED.len()).then_some(walk)
    }

    /// Where their names are, as entries refer to them.
    fn wanted(&self, image: &Image<'_>) -> HashMap<u32, Function> {
        let mut wanted = HashMap::new();
        for (at, piece) in image.pieces(self.names.clone(), LONGEST_BYTES) {
            for (name, function) in WANTED {
                for place in memmem::find_iter(&piece, name).take(MOST_PLACES) {
                    // After the byte that ends the name before.
                    let offset = at - self.names.start + place as u64 + 1;
                    wanted.extend(u32::try_from(offset).map(|offset| (offset, *function)));
                }
            }
        }
        wanted
    }

    /// Where a function starts, and where what is known about it is in the file.
    fn entry(&self, window: &mut Window<'_>, index: u64) -> Option<(u64, u64)> {
        let start = self.start(window, index)?;
        let about = if self.is_before_1_18 {
            window.u64(self.entries.start + index * 16 + 8)?
        } else {
            u64::from(window.u32(self.entries.start + index * 8 + 4)?)
        };
        Some((start, self.entries.start.checked_add(about)?))
    }

    fn start(&self, window: &mut Window<'_>, index: u64) -> Option<u64> {
        if self.is_before_1_18 {
            window.u64(self.entries.start + index * 16)
        } else {
            window.u32(self.entries.start + index * 8).map(u64::from)
        }
    }

    /// `_func.nameOff`, which follows the function's start.
    fn name(&self, window: &mut Window<'_>, function_at: u64) -> Option<u32> {
        window.u32(function_at.checked_add(if self.is_before_1_18 { 8 } else { 4 })?)
    }
}

/// In older files that are moved when loaded its name is `.data.rel.ro.gopclntab`.
const SECTION: &[u8] = b".gopclntab";

/// First bytes of the magic numbers 0xfffffff1, 0xfffffff0 and 0xfffffffa.
const MAGIC_1_20: u8 = 0xf1;
const MAGIC_1_18: u8 = 0xf0;
const MAGIC_1_16: u8 = 0xfa;
/// Rest of the magic number, two zeros, the smallest instruction, the size of a pointer.
const HEAD_END: &[u8] = &[0xff, 0xff, 0xff, 0, 0, 1, 8];
const HEAD_BYTES: u64 = 8 + 8 * 8;

/// What we want of the table, between the ends of names.
const WANTED: &[(&[u8], Function)] = &[
    (b"\0crypto/tls.(*Conn).Read\0", Function::GoRead),
    (b"\0crypto/tls.(*Conn).Write\0", Function::GoWrite),
    (b"\0crypto/tls.(*Conn).Close\0", Function::GoClose),
];
const LONGEST_BYTES: u64 = 64;
/// Texts that look like a table's head, or like one name.
const MOST_PLACES: usize = 64;
const SAMPLES: u64 = 128;
