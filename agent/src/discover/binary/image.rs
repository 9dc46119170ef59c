//! An ELF file as it is mapped: segments, sections, bytes by offset.
//!
//! In: an open file. Out: what its headers say, pieces of it on demand.
//! Always: nothing is set aside for what the file does not have; all reads together stay within a
//! budget that follows from the file's length; the file's own position is left alone.
//! Not here: what the bytes mean. Source: elf(5).

use std::cell::Cell;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use object::LittleEndian;
use object::elf::{
    ET_DYN, ET_EXEC, FileHeader64, PF_W, PF_X, PT_DYNAMIC, PT_GNU_EH_FRAME, PT_LOAD,
};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::read::{ReadCache, ReadCacheOps};

/// What the headers say.
pub(super) struct Image<'a> {
    source: Source<'a>,
    /// `EM_…`
    pub(super) machine: u16,
    /// It is loaded at its own addresses, never moved.
    pub(super) is_fixed: bool,
    /// What is mapped, in the order of the file.
    pub(super) segments: Vec<Segment>,
    /// Offset and size of the dynamic section.
    pub(super) dynamic: Option<(u64, u64)>,
    /// Offset and size of the index of what unwinding needs, which has every function.
    pub(super) frames: Option<(u64, u64)>,
    /// Empty if the file was stripped of them.
    pub(super) sections: Vec<Section>,
}

/// A piece of the file that is mapped.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) address: u64,
    pub(super) offset: u64,
    /// Bytes in the file; memory may have more.
    pub(super) size: u64,
    pub(super) is_executable: bool,
    pub(super) is_writable: bool,
}

/// A section.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: Vec<u8>,
    /// `SHT_…`
    pub(super) kind: u32,
    pub(super) offset: u64,
    pub(super) size: u64,
    /// Index of the section with its texts.
    pub(super) link: usize,
}

impl<'a> Image<'a> {
    /// `None` if it is no program or library for 64 bits, little-endian.
    pub(super) fn open(file: &'a File) -> Option<Self> {
        let source = Source::new(file)?;
        let cache = ReadCache::new(Headers { source: &source, at: 0, left_bytes: HEADERS_BYTES });
        let head = FileHeader64::<LittleEndian>::parse(&cache).ok()?;
        head.endian().ok()?;
        let kind = head.e_type(LittleEndian);
        let is_fixed = kind == ET_EXEC;
        if !is_fixed && kind != ET_DYN {
            return None;
        }
        let programs = head.program_headers(LittleEndian, &cache).ok()?;
        let loaded = programs.iter().filter(|program| program.p_type(LittleEndian) == PT_LOAD);
        let segments: Vec<Segment> = loaded.map(segment).collect();
        let place = |kind| {
            let program = programs.iter().find(|program| program.p_type(LittleEndian) == kind)?;
            Some((program.p_offset(LittleEndian), program.p_filesz(LittleEndian)))
        };
        let (dynamic, frames) = (place(PT_DYNAMIC), place(PT_GNU_EH_FRAME));
        let sections = sections(head, &cache).unwrap_or_default();
        let machine = head.e_machine(LittleEndian);
        drop(cache);
        Some(Self { source, machine, is_fixed, segments, dynamic, frames, sections })
    }

    /// Offset in the file of an instruction.
    pub(super) fn code_offset(&self, address: u64) -> Option<u64> {
        let code = self.segments.iter().filter(|segment| segment.is_executable);
        code.filter_map(|segment| segment.offset_of(address)).next()
    }

    /// Where texts are. Linkers keep them apart from code, or, as they used to, put both into one
    /// segment.
    pub(super) fn with_texts(&self) -> impl Iterator<Item = &Segment> {
        let is_apart = |segment: &Segment| !segment.is_executable && !segment.is_writable;
        let has_apart = self.segments.iter().any(is_apart);
        self.segments
            .iter()
            .filter(move |segment| !segment.is_writable && (is_apart(segment) || !has_apart))
    }

    /// Offset in the file of what is mapped at an address.
    pub(super) fn offset(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| segment.offset_of(address))
    }

    /// Address at which something in the file is mapped.
    pub(super) fn address(&self, offset: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| segment.address_of(offset))
    }

    /// Bytes of the file: `None` if they are not there, or too many.
    pub(super) fn read(&self, offset: u64, size: u64) -> Option<Vec<u8>> {
        self.source.read(offset, size)
    }

    /// A range in pieces of at most [`PIECE_BYTES`] with the offset of each. They share
    /// `overlap_bytes` with the one before. What is beyond the file's end is left out.
    pub(super) fn pieces(
        &self,
        range: Range<u64>,
        overlap_bytes: u64,
    ) -> impl Iterator<Item = (u64, Vec<u8>)> + '_ {
        let end = range.end.min(self.source.len_bytes);
        let mut next = Some(range.start);
        std::iter::from_fn(move || {
            let at = next.filter(|&at| at < end)?;
            let size = PIECE_BYTES.min(end.saturating_sub(at));
            let reached = at.checked_add(size)?;
            next = (reached < end).then(|| reached.saturating_sub(overlap_bytes));
            Some((at, self.source.read(at, size)?))
        })
    }
}

impl Segment {
    fn offset_of(&self, address: u64) -> Option<u64> {
        let inside = address.checked_sub(self.address).filter(|&inside| inside < self.size)?;
        self.offset.checked_add(inside)
    }

    /// Its place in the file.
    pub(super) fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.size)
    }

    /// Address of what is at an offset in the file.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        let inside = offset.checked_sub(self.offset).filter(|&inside| inside < self.size)?;
        self.address.checked_add(inside)
    }
}

impl Section {
    /// Its place in the file.
    pub(super) fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.size)
    }
}

type Cache<'c, 'a> = ReadCache<Headers<'c, 'a>>;

fn segment(program: &object::elf::ProgramHeader64<LittleEndian>) -> Segment {
    let flags = program.p_flags(LittleEndian);
    Segment {
        address: program.p_vaddr(LittleEndian),
        offset: program.p_offset(LittleEndian),
        size: program.p_filesz(LittleEndian),
        is_executable: flags & PF_X != 0,
        is_writable: flags & PF_W != 0,
    }
}

fn sections(head: &FileHeader64<LittleEndian>, cache: &Cache<'_, '_>) -> Option<Vec<Section>> {
    let table = head.sections(LittleEndian, cache).ok()?;
    let sections = table.iter().take(MOST_SECTIONS).map(|section| Section {
        name: table.section_name(LittleEndian, section).unwrap_or_default().to_vec(),
        kind: section.sh_type(LittleEndian),
        offset: section.sh_offset(LittleEndian),
        size: section.sh_size(LittleEndian),
        link: section.sh_link(LittleEndian) as usize,
    });
    Some(sections.collect())
}

/// The file and what may still be read of it.
struct Source<'a> {
    file: &'a File,
    len_bytes: u64,
    left_bytes: Cell<u64>,
}

impl<'a> Source<'a> {
    fn new(file: &'a File) -> Option<Self> {
        let metadata = file.metadata().ok()?;
        let len_bytes = metadata.len();
        let left_bytes = len_bytes.saturating_mul(MOST_TIMES).saturating_add(BUDGET_BYTES);
        metadata.is_file().then_some(Self { file, len_bytes, left_bytes: Cell::new(left_bytes) })
    }

    fn read(&self, offset: u64, size: u64) -> Option<Vec<u8>> {
        // A file may claim more than it has; nothing is set aside for what is not there.
        if size > MOST_BYTES || size > self.len_bytes.checked_sub(offset)? {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        self.fill(offset, &mut bytes)?;
        Some(bytes)
    }

    fn fill(&self, offset: u64, bytes: &mut [u8]) -> Option<()> {
        self.left_bytes.set(self.left_bytes.get().checked_sub(bytes.len() as u64)?);
        self.file.read_exact_at(bytes, offset).ok()
    }
}

/// The file for the crate that reads headers.
struct Headers<'c, 'a> {
    source: &'c Source<'a>,
    at: u64,
    left_bytes: u64,
}

impl ReadCacheOps for Headers<'_, '_> {
    fn len(&mut self) -> Result<u64, ()> {
        Ok(self.source.len_bytes)
    }

    fn seek(&mut self, at: u64) -> Result<u64, ()> {
        self.at = at;
        Ok(at)
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, ()> {
        let left_bytes = self.source.len_bytes.saturating_sub(self.at);
        let size = usize::try_from(left_bytes).unwrap_or(usize::MAX).min(bytes.len());
        self.read_exact(bytes.get_mut(..size).ok_or(())?)?;
        Ok(size)
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ()> {
        self.left_bytes = self.left_bytes.checked_sub(bytes.len() as u64).ok_or(())?;
        self.source.fill(self.at, bytes).ok_or(())?;
        self.at = self.at.checked_add(bytes.len() as u64).ok_or(())?;
        Ok(())
    }
}

/// Largest piece of [`Image::pieces`]: a multiple of the 24 bytes of a symbol.
pub(super) const PIECE_BYTES: u64 = 3 << 18;
/// Most that one read gives.
const MOST_BYTES: u64 = 16 << 20;
/// All reads together: so many times the file, and so many bytes more.
const MOST_TIMES: u64 = 24;
const BUDGET_BYTES: u64 = 16 << 20;
/// Most bytes that headers may have.
const HEADERS_BYTES: u64 = 8 << 20;
const MOST_SECTIONS: usize = 16_384;
