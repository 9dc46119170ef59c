//! Sealed segments: zstd's seekable format, written and read.
//!
//! In: pieces of plain text; a file. Out: one zstd frame with a checksum for each piece, then the seek
//! table; bytes of the plain text, by their offset in it.
//! Always: a frame is read whole or not at all; memory is one frame, at most `PLAIN_BYTES_MAX` and its
//! compressed bytes, and the seek table, whatever the file says; damage is `ErrorKind::InvalidData`.
//! Not here: where a piece ends (`compress`), lines (`lines`). Source: the Zstandard Seekable Format, 0.1.0.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, compress_bound};

use crate::journal::line::LINE_BYTES_MAX;

/// Most plain text of a frame, unless it is one line that is longer.
pub(super) const PLAIN_BYTES: usize = 512 << 10;

/// Most plain text of one frame: the longest line goes in whole.
pub(super) const PLAIN_BYTES_MAX: usize = PLAIN_BYTES + LINE_BYTES_MAX + 1;

/// Where a frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Frame {
    packed_at: u64,
    packed_bytes: u32,
    plain_at: u64,
    plain_bytes: u32,
}

impl Frame {
    fn packed_end(&self) -> u64 {
        self.packed_at + u64::from(self.packed_bytes)
    }

    fn plain_end(&self) -> u64 {
        self.plain_at + u64::from(self.plain_bytes)
    }

    /// The one behind `before`.
    fn after(before: Option<&Self>, packed_bytes: u32, plain_bytes: u32) -> Self {
        let packed_at = before.map_or(0, Self::packed_end);
        let plain_at = before.map_or(0, Self::plain_end);
        Self { packed_at, packed_bytes, plain_at, plain_bytes }
    }
}

/// Writes frames, then their table.
pub(super) struct FrameWriter<W> {
    out: W,
    compressor: Compressor<'static>,
    frames: Vec<Frame>,
    packed: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self { out, compressor, frames: Vec::new(), packed: Vec::new() })
    }

    /// Writes `plain`, at most `PLAIN_BYTES_MAX`, as one frame.
    pub(super) fn push(&mut self, plain: &[u8]) -> io::Result<()> {
        self.packed.clear();
        self.packed.reserve(compress_bound(plain.len()));
        self.compressor.compress_to_buffer(plain, &mut self.packed)?;
        self.out.write_all(&self.packed)?;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| damaged("long frame"));
        let (packed_bytes, plain_bytes) = (length(&self.packed)?, length(plain)?);
        self.frames.push(Frame::after(self.frames.last(), packed_bytes, plain_bytes));
        Ok(())
    }

    /// Writes the table. Gives what it wrote to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let count = u32::try_from(self.frames.len()).map_err(|_| damaged("too many frames"))?;
        let length_bytes = count * ENTRY_BYTES + FOOTER_BYTES;
        let mut table = Vec::new();
        table.extend(SKIPPABLE_MAGIC.to_le_bytes());
        table.extend(length_bytes.to_le_bytes());
        for frame in &self.frames {
            table.extend(frame.packed_bytes.to_le_bytes());
            table.extend(frame.plain_bytes.to_le_bytes());
        }
        table.extend(count.to_le_bytes());
        table.push(0);
        table.extend(SEEKABLE_MAGIC.to_le_bytes());
        self.out.write_all(&table)?;
        Ok(self.out)
    }
}

/// A sealed segment, open for reading.
pub(super) struct Frames {
    file: File,
    frames: Vec<Frame>,
    /// The table cannot be read, and nobody was told yet.
    broken: bool,
    decompressor: Decompressor<'static>,
    packed: Vec<u8>,
    /// The frame at this index, decompressed.
    held: Option<usize>,
    plain: Vec<u8>,
}

impl Frames {
    /// Opens it. One whose table cannot be read has no plain text, and the first read says so.
    /// Errors: those of reading the file.
    pub(super) fn open(file: File) -> io::Result<Self> {
        let frames = match read_table(&file) {
            Ok(frames) => Some(frames),
            Err(error) if is_damage(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            file,
            broken: frames.is_none(),
            frames: frames.unwrap_or_default(),
            decompressor: Decompressor::new()?,
            packed: Vec::new(),
            held: None,
            plain: Vec::new(),
        })
    }

    /// Bytes of plain text.
    pub(super) fn len_bytes(&self) -> u64 {
        self.frames.last().map_or(0, Frame::plain_end)
    }

    /// Reads plain text of one frame; 0 bytes at the end. Errors: `InvalidData` if the frame is damaged,
    /// which `skip` passes over.
    pub(super) fn read_at(&mut self, room: &mut [u8], at: u64) -> io::Result<usize> {
        if self.broken {
            return Err(damaged("its seek table is damaged"));
        }
        let Some((index, frame)) = self.holding(at) else { return Ok(0) };
        self.hold(index, frame)?;
        let start = usize::try_from(at - frame.plain_at).unwrap_or(usize::MAX);
        let text = self.plain.get(start..).unwrap_or_default();
        let length = text.len().min(room.len());
        if let (Some(room), Some(text)) = (room.get_mut(..length), text.get(..length)) {
            room.copy_from_slice(text);
        }
        Ok(length)
    }

    /// The offset behind the damaged frame that holds `at`.
    pub(super) fn skip(&mut self, at: u64) -> u64 {
        self.broken = false;
        self.holding(at).map_or(at, |(_, frame)| frame.plain_end())
    }

    /// The offset of the last frame of which `is_before` says, by its text, that it does not begin
    /// behind the place that is looked for; 0 if a frame on the way cannot be read.
    pub(super) fn search(&mut self, mut is_before: impl FnMut(&[u8]) -> Option<bool>) -> u64 {
        let (mut low, mut high) = (0, self.frames.len());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let Some(frame) = self.frames.get(middle).copied() else { return 0 };
            if self.hold(middle, frame).is_err() {
                return 0;
            }
            match is_before(&self.plain) {
                Some(true) => low = middle,
                Some(false) => high = middle,
                None => return 0,
            }
        }
        self.frames.get(low).map_or(0, |frame| frame.plain_at)
    }

    fn holding(&self, at: u64) -> Option<(usize, Frame)> {
        let index = self.frames.partition_point(|frame| frame.plain_end() <= at);
        self.frames.get(index).map(|frame| (index, *frame))
    }

    fn hold(&mut self, index: usize, frame: Frame) -> io::Result<()> {
        if self.held == Some(index) {
            return Ok(());
        }
        self.held = None;
        let plain_bytes = frame.plain_bytes as usize;
        if plain_bytes > PLAIN_BYTES_MAX
            || frame.packed_bytes as usize > compress_bound(plain_bytes)
        {
            return Err(damaged("a frame is too large"));
        }
        self.packed.resize(frame.packed_bytes as usize, 0);
        self.file.read_exact_at(&mut self.packed, frame.packed_at).map_err(as_damage)?;
        self.plain.clear();
        self.plain.reserve_exact(plain_bytes);
        let result = self.decompressor.decompress_to_buffer(&self.packed, &mut self.plain);
        if result.is_err() || self.plain.len() != plain_bytes {
            return Err(damaged("a frame is damaged"));
        }
        self.held = Some(index);
        Ok(())
    }
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Frames")
            .field("file", &self.file)
            .field("frames", &self.frames.len())
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

/// True for bytes that are not what was written, false for a disk that refuses.
pub(super) fn is_damage(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn as_damage(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("the file is cut off"),
        _ => error,
    }
}

fn read_table(file: &File) -> io::Result<Vec<Frame>> {
    let len_bytes = file.metadata()?.len();
    let bytes_at = |back: u64, length: u64| {
        let at = len_bytes.checked_sub(back).ok_or_else(|| damaged("the file is too short"))?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact_at(&mut bytes, at).map_err(as_damage)?;
        Ok::<_, io::Error>(bytes)
    };
    let footer = bytes_at(FOOTER_BYTES.into(), FOOTER_BYTES.into())?;
    let (count, descriptor) = (number(&footer, 0), footer.get(4).copied().unwrap_or_default());
    if number(&footer, 5) != SEEKABLE_MAGIC || descriptor & RESERVED != 0 || count > FRAMES_MAX {
        return Err(damaged("there is no seek table"));
    }
    let entry_bytes = if descriptor & WITH_CHECKSUMS == 0 { ENTRY_BYTES } else { ENTRY_BYTES + 4 };
    let length_bytes = count * entry_bytes + FOOTER_BYTES;
    let table_bytes = u64::from(HEADER_BYTES + length_bytes);
    // Asked before there is room made for it.
    let table = bytes_at(table_bytes, if table_bytes <= len_bytes { table_bytes } else { 0 })?;
    if number(&table, 0) != SKIPPABLE_MAGIC || number(&table, 4) != length_bytes {
        return Err(damaged("the seek table has no head"));
    }
    let entries = table.get(HEADER_BYTES as usize..).unwrap_or_default();
    let mut frames: Vec<Frame> = Vec::new();
    for entry in entries.chunks_exact(entry_bytes as usize).take(count as usize) {
        frames.push(Frame::after(frames.last(), number(entry, 0), number(entry, 4)));
    }
    let packed_end = frames.last().map_or(0, Frame::packed_end);
    if packed_end + table_bytes != len_bytes {
        return Err(damaged("the seek table is of another file"));
    }
    Ok(frames)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk);
    four.map_or(0, |four| u32::from_le_bytes(*four))
}

/// What it costs and gives stands in ARCHITECTURE.md.
const LEVEL: i32 = 6;

/// The table is the content of a skippable frame.
const SKIPPABLE_MAGIC: u32 = 0x184D_2A5E;
const HEADER_BYTES: u32 = 8;

/// An entry: compressed and plain size; a checksum of four bytes if the descriptor says so.
const ENTRY_BYTES: u32 = 8;

/// The table's end: number of frames, descriptor (one byte), magic number.
const FOOTER_BYTES: u32 = 9;
const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;
const WITH_CHECKSUMS: u8 = 0x80;
const RESERVED: u8 = 0x7C;

/// Bounds the memory that a table takes; as many frames hold 512 GiB.
const FRAMES_MAX: u32 = 1 << 20;

#[cfg(test)]
mod tests;
