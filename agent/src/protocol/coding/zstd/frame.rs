//! One Zstandard frame.
//!
//! In: its head and its blocks, each as a whole. Out: its content, as soon as no block can refer
//! back to it.
//! Always: no window beyond `WINDOW_BYTES`, nor beyond what is wanted of the content; memory grows
//! with the content and not by what the head says; no dictionary, since we have none.
//! Not here: which bytes are blocks (`zstd`). Source: RFC 8878 section 3.1.1, RFC 9659.

use std::io::{self, Write};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::protocol::coding::layer::{Sink, Stop};
use crate::protocol::coding::zstd::header::{
    self, BLOCK_HEADER_BYTES, BlockHeader, BlockKind, FrameHeader,
};

/// A frame under way.
pub struct Frame {
    decoder: Box<FrameDecoder>,
    /// Longest block, in bytes.
    pub block_bytes: usize,
    /// What is kept of the content.
    window_bytes: u64,
    /// Blocks may refer to more than is kept, but not for what is wanted.
    is_narrow: bool,
    content_bytes: Option<u64>,
    /// A checksum follows the blocks.
    pub has_sum: bool,
    /// Content so far, at most.
    decoded_bytes: u64,
    /// Output so far.
    pub output_bytes: u64,
}

/// A sink as a writer; keeps why it stopped.
struct Pipe<'a, 's> {
    sink: &'a mut Sink<'s>,
    stop: Option<Stop>,
    written_bytes: u64,
}

impl Frame {
    /// `wanted_bytes`: most of the content that is of any use. `None`: one that the coding does not
    /// allow, or that needs a dictionary.
    pub fn new(header: &FrameHeader, wanted_bytes: u64) -> Option<Self> {
        if header.is_reserved || header.dictionary.is_some() || header.window_bytes > WINDOW_BYTES {
            return None;
        }
        let block_bytes = header.window_bytes.min(BLOCK_BYTES);
        let wanted_bytes = wanted_bytes.saturating_add(1);
        let window_bytes = wanted_bytes.max(block_bytes).min(header.window_bytes);
        let mut decoder = Box::new(FrameDecoder::new());
        decoder.init(&header::plain(window_bytes)[..]).ok()?;
        Some(Self {
            decoder,
            block_bytes: block_bytes as usize,
            window_bytes,
            is_narrow: window_bytes < header.window_bytes,
            content_bytes: header.content_bytes,
            has_sum: header.has_sum,
            decoded_bytes: 0,
            output_bytes: 0,
        })
    }

    /// The next block, and its bytes with its head. If they are damaged, all before comes out.
    pub fn block(
        &mut self,
        block: BlockHeader,
        bytes: &[u8],
        sink: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let most_bytes = match block.kind {
            BlockKind::Compressed => self.block_bytes,
            _ => block.bytes,
        };
        self.decoded_bytes = self.decoded_bytes.saturating_add(most_bytes as u64);
        let body = bytes.get(BLOCK_HEADER_BYTES..).unwrap_or_default();
        let is_long = block.kind == BlockKind::Compressed
            && header::literals_bytes(body) > self.block_bytes as u64;
        if !is_long && self.decode(bytes) {
            return self.collect(sink);
        }
        self.release(&[], sink)?;
        Err(Stop::Invalid)
    }

    /// There is more content than wanted. What is held may still be released.
    pub fn is_enough(&self) -> bool {
        self.is_narrow && self.output_bytes > 0
    }

    /// All content comes out, and then `raw`, which is less than a block.
    pub fn release(&mut self, raw: &[u8], sink: &mut Sink<'_>) -> Result<(), Stop> {
        // The decoder lets go of its window only at the end of a frame.
        self.decode(&[&BlockHeader::last(raw.len())[..], raw].concat());
        self.collect(sink)
    }

    /// After the last block: its content has the length that its head told.
    pub fn is_as_told(&self) -> bool {
        self.content_bytes.is_none_or(|told| told == self.output_bytes)
    }

    /// After the last block: the sum over the content.
    pub fn sum(&self) -> Option<u32> {
        self.decoder.get_calculated_checksum()
    }

    /// Memory held on the heap, in bytes, or somewhat less than this.
    pub fn memory_bytes(&self) -> usize {
        let window_bytes = self.window_bytes.min(self.decoded_bytes) as usize;
        window_bytes + 3 * self.block_bytes
    }

    fn decode(&mut self, block: &[u8]) -> bool {
        self.decoder.decode_blocks(block, BlockDecodingStrategy::UptoBlocks(1)).is_ok()
    }

    fn collect(&mut self, sink: &mut Sink<'_>) -> Result<(), Stop> {
        let mut pipe = Pipe { sink, stop: None, written_bytes: 0 };
        // It fails only if the pipe does.
        drop(self.decoder.collect_to_writer(&mut pipe));
        self.output_bytes = self.output_bytes.saturating_add(pipe.written_bytes);
        pipe.stop.map_or(Ok(()), Err)
    }
}

impl Write for Pipe<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(stop) = (self.sink)(bytes) {
            self.stop = Some(stop);
            return Err(io::ErrorKind::Other.into());
        }
        self.written_bytes = self.written_bytes.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Largest window that the coding allows (RFC 9659).
const WINDOW_BYTES: u64 = 8 << 20;

/// Longest block of any frame.
const BLOCK_BYTES: u64 = 1 << 17;
