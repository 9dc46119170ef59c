//! Small reads that walk forwards through a file.
//!
//! In: `Image`. Out: integers and byte strings by offset.
//! Always: one piece of the file in memory; jumping about is slow, and ends at the image's budget.
//! Not here: large reads (`Image::pieces`).

use super::image::Image;

/// A piece of the file around the last read.
pub(super) struct Window<'i> {
    image: &'i Image<'i>,
    at: u64,
    bytes: Vec<u8>,
}

impl<'i> Window<'i> {
    pub(super) fn new(image: &'i Image<'i>) -> Self {
        Self { image, at: 0, bytes: Vec::new() }
    }

    /// Exactly `size` bytes.
    pub(super) fn bytes(&mut self, offset: u64, size: usize) -> Option<&[u8]> {
        if self.within(offset, size).is_none() {
            let end = offset.checked_add(WINDOW_BYTES.max(size as u64))?;
            (self.at, self.bytes) = self.image.pieces(offset..end, 0).next()?;
        }
        self.within(offset, size)
    }

    pub(super) fn u32(&mut self, offset: u64) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(offset, 4)?.try_into().ok()?))
    }

    pub(super) fn u64(&mut self, offset: u64) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(offset, 8)?.try_into().ok()?))
    }

    fn within(&self, offset: u64, size: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.at)?).ok()?;
        self.bytes.get(start..start.checked_add(size)?)
    }
}

const WINDOW_BYTES: u64 = 1 << 16;
