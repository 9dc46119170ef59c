//! Code that refers to texts, and to other code.
//!
//! In: what is mapped executable. Out: functions with the texts they use; who calls one.
//! Always: places come from a scan of bytes and count only where an instruction really begins.
//! Not here: what the functions are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use memchr::{memchr_iter, memchr2_iter};
use object::elf::EM_X86_64;

use super::super::image::Image;
use super::frames::Frames;
use super::function::Code;
use super::texts::Texts;

/// The functions that use texts, by their addresses.
pub(super) struct Program<'i> {
    image: &'i Image<'i>,
    frames: Frames<'i>,
    /// Code that may still be decoded, as that takes much more memory.
    left_bytes: u64,
    pub(super) functions: BTreeMap<u64, Code>,
    /// Places that use texts, within functions or not.
    references: usize,
}

impl<'i> Program<'i> {
    /// `None` if nothing tells where functions begin, or it is for another machine.
    pub(super) fn of(image: &'i Image<'i>, texts: &Texts) -> Option<Self> {
        if image.machine != EM_X86_64 {
            return None;
        }
        let frames = Frames::of(image)?;
        let functions = BTreeMap::new();
        let mut program = Self { image, frames, left_bytes: MOST_BYTES, functions, references: 0 };
        let references = references(image, texts);
        program.references = references.len();
        for address in references {
            let known = program.functions.range(..=address).next_back();
            if known.is_none_or(|(_, code)| !code.range.contains(&address)) {
                program.add(address, texts);
            }
        }
        Some(program)
    }

    /// Whether the library itself is there: other programs, like this one, may know its texts.
    pub(super) fn has_library(&self, is_of_library: impl Fn(&Code) -> bool) -> bool {
        self.references >= FEWEST_PLACES || self.functions.values().any(is_of_library)
    }

    /// The only function that is such.
    pub(super) fn one(&self, is_such: impl Fn(&Code) -> bool) -> Option<&Code> {
        let mut such = self.functions.values().filter(|code| is_such(code));
        let one = such.next()?;
        such.next().is_none().then_some(one)
    }

    fn add(&mut self, address: u64, texts: &Texts) {
        if let Some(code) = self.function(address, texts) {
            self.functions.insert(code.range.start, code);
        }
    }

    fn function(&mut self, address: u64, texts: &Texts) -> Option<Code> {
        let range = self.frames.function(address)?;
        self.left_bytes = self.left_bytes.checked_sub(range.end.checked_sub(range.start)?)?;
        Code::read(self.image, range, texts)
    }

    /// Every function that calls one, or ends by jumping to it, itself left out.
    pub(super) fn callers(&mut self, of: u64, texts: &Texts) -> Vec<Code> {
        let mut callers: BTreeMap<u64, Code> = BTreeMap::new();
        for address in branches(self.image, of) {
            let known = callers.range(..=address).next_back();
            if known.is_some_and(|(_, code)| code.range.contains(&address)) {
                continue;
            }
            let code = self.function(address, texts);
            let code =
                code.filter(|code| code.range.start != of && code.calls().any(|to| to == of));
            callers.extend(code.map(|code| (code.range.start, code)));
        }
        callers.into_values().collect()
    }
}

/// Instructions that take the address of a text.
fn references(image: &Image<'_>, texts: &Texts) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    each_code(image, |address, code| {
        let relative = memchr_iter(0x8d, code).filter_map(|at| lea(code, at, address));
        let found_here = relative.chain(absolute(image, code, address));
        let found_here = found_here.filter(|(_, target)| texts.at(*target).is_some());
        found.extend(found_here.map(|(address, _)| address).take(MOST_PLACES));
        found.len() < MOST_PLACES
    });
    found
}

/// `lea reg, [rip+…]` with its target.
fn lea(code: &[u8], at: usize, address: u64) -> Option<(u64, u64)> {
    let start = at.checked_sub(1)?;
    let is_lea = code.get(start)? & 0xfb == 0x48 && code.get(at + 1)? & 0xc7 == 5;
    let distance = is_lea.then(|| i32_at(code, at + 2))??;
    let start = address.checked_add(start as u64)?;
    Some((start, start.checked_add(7)?.checked_add_signed(distance)?))
}

/// `mov reg, …` of 4 bytes with what it moves: the address, in a program that is never moved.
fn absolute<'c>(
    image: &Image<'_>,
    code: &'c [u8],
    address: u64,
) -> impl Iterator<Item = (u64, u64)> + 'c {
    let code = if image.is_fixed { code } else { &[] };
    code.windows(5).enumerate().filter_map(move |(at, bytes)| {
        let (opcode, value) = bytes.split_first()?;
        let value = u32::from_le_bytes(value.try_into().ok()?);
        let is_mov = opcode & 0xf8 == 0xb8;
        is_mov.then_some((address.checked_add(at as u64)?, u64::from(value)))
    })
}

/// Instructions that call or jump to an address.
fn branches(image: &Image<'_>, to: u64) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    each_code(image, |address, code| {
        let branches = memchr2_iter(0xe8, 0xe9, code).filter_map(|at| {
            let start = address.checked_add(at as u64)?;
            let target = start.checked_add(5)?.checked_add_signed(i32_at(code, at + 1)?)?;
            (target == to).then_some(start)
        });
        found.extend(branches.take(MOST_CALLERS));
        found.len() < MOST_CALLERS
    });
    found
}

fn i32_at(code: &[u8], at: usize) -> Option<i64> {
    let bytes = code.get(at..at.checked_add(4)?)?;
    Some(i64::from(i32::from_le_bytes(bytes.try_into().ok()?)))
}

/// Shows all code in pieces, each with its address, as long as more is wanted.
fn each_code(image: &Image<'_>, mut show: impl FnMut(u64, &[u8]) -> bool) {
    for segment in image.segments.iter().filter(|segment| segment.is_executable) {
        let range: Range<u64> = segment.range();
        for (at, piece) in image.pieces(range, OVERLAP_BYTES) {
            let Some(address) = segment.address_of(at) else { return };
            if !show(address, &piece) {
                return;
            }
        }
    }
}

/// More than the longest instruction.
const OVERLAP_BYTES: u64 = 16;
/// Some hundred functions, each of some hundred bytes.
const MOST_BYTES: u64 = 2 << 20;
/// A library refers to its own texts some hundred times.
const FEWEST_PLACES: usize = 32;
const MOST_PLACES: usize = 8_192;
/// Those that matter have one caller or two.
const MOST_CALLERS: usize = 64;
