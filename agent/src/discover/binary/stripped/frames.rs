//! Where functions begin and end, by what unwinding needs.
//!
//! In: `.eh_frame_hdr` and `.eh_frame`, which survive stripping. Out: the function around an address.
//! Always: the index and the entry it leads to agree, or there is no answer. Only the encoding that
//! all linkers write is read. Without an index all entries are looked through (`entries`).
//! Not here: what the functions are. Source: Linux Standard Base, "Exception Frames".

use std::ops::Range;

use super::super::image::Image;
use super::super::window::Window;
use super::entries::Entries;

/// What tells of functions.
pub(super) enum Frames<'i> {
    /// The index of the linker.
    Index(Index<'i>),
    /// All entries, where there is none.
    Entries(Entries),
}

impl<'i> Frames<'i> {
    pub(super) fn of(image: &'i Image<'i>) -> Option<Self> {
        match image.frames {
            Some((at, size)) => Index::of(image, at, size).map(Self::Index),
            None => Entries::of(image).map(Self::Entries),
        }
    }

    /// Addresses of the function around one.
    pub(super) fn function(&mut self, address: u64) -> Option<Range<u64>> {
        match self {
            Self::Index(index) => index.function(address),
            Self::Entries(entries) => entries.function(address),
        }
    }
}

/// The index: a table in the order of addresses.
pub(super) struct Index<'i> {
    image: &'i Image<'i>,
    window: Window<'i>,
    /// What the index counts from: its own address.
    address: u64,
    rows_at: u64,
    rows: u64,
}

impl<'i> Index<'i> {
    fn of(image: &'i Image<'i>, at: u64, size: u64) -> Option<Self> {
        let mut window = Window::new(image);
        let rows = u64::from(window.u32(at.checked_add(8)?)?);
        let is_known = window.bytes(at, 4)? == ENCODING && rows <= size / ROW_BYTES;
        let rows_at = at.checked_add(HEAD_BYTES)?;
        is_known.then_some(Self { image, window, address: image.address(at)?, rows_at, rows })
    }

    fn function(&mut self, address: u64) -> Option<Range<u64>> {
        // The last row that does not begin behind it.
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(middle, 0)? <= address { low = middle + 1 } else { high = middle }
        }
        let row = low.checked_sub(1)?;
        let (start, entry) = (self.row(row, 0)?, self.row(row, 4)?);
        let at = self.image.offset(entry)?;
        // Length and a pointer to what several entries share; then where the function begins,
        // relative to this place, and its length.
        let relative = self.signed(at.checked_add(8)?)?;
        let size = u64::from(self.window.u32(at.checked_add(12)?)?);
        let agrees = entry.checked_add(8)?.checked_add_signed(relative)? == start;
        let function = start..start.checked_add(size)?;
        (agrees && function.contains(&address)).then_some(function)
    }

    fn row(&mut self, row: u64, column: u64) -> Option<u64> {
        let relative = self.signed(self.rows_at + row * ROW_BYTES + column)?;
        self.address.checked_add_signed(relative)
    }

    fn signed(&mut self, offset: u64) -> Option<i64> {
        Some(i64::from(self.window.u32(offset)?.cast_signed()))
    }
}

/// Version 1; pointers are signed, 4 bytes, relative to their place and to the index.
const ENCODING: &[u8] = &[1, 0x1b, 3, 0x3b];
const HEAD_BYTES: u64 = 12;
const ROW_BYTES: u64 = 8;
