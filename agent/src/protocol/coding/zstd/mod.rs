//! The Zstandard format: frames one after the other.
//!
//! In: frames, skippable ones among them. Out: what they hold.
//! Always: sums and lengths are compared; what follows the last frame and is none is left out. A
//! block is decoded when it is there as a whole, so at most one is held; its content comes out when
//! a window's worth has followed it, or with the end of the frame, or of the input (`flush`).
//! Not here: content of frames (`frame`), heads (`header`). Source: RFC 8878.

mod frame;
mod header;

use crate::protocol::coding::layer::{Progress, Sink, Stop};
use crate::protocol::coding::zstd::frame::Frame;
use crate::protocol::coding::zstd::header::{
    BLOCK_HEADER_BYTES, BlockHeader, BlockKind, FrameHeader, Magic,
};

/// Frames under way.
///
/// ```text
///  Magic --> Header --> BlockHeader --> Block --> BlockHeader ... --> [Sum] --> Magic
///    |-----> SkipLength --> Skip --> Magic
///    '-- another byte after a frame --> Rest
/// ```
pub struct Zstd {
    part: Part,
    /// The front of the part; of a block, with its head.
    held: Vec<u8>,
    frame: Option<Frame>,
    /// Of the output that is still to come, most that is of any use.
    wanted_bytes: u64,
    has_frame: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Magic,
    SkipLength,
    /// Bytes that are left.
    Skip(u32),
    Header,
    BlockHeader,
    Block(BlockHeader),
    Sum,
    Rest,
}

impl Zstd {
    /// `wanted_bytes`: most output that is of any use.
    pub fn new(wanted_bytes: Option<u64>) -> Self {
        let wanted_bytes = wanted_bytes.unwrap_or(u64::MAX);
        Self { part: Part::Magic, held: Vec::new(), frame: None, wanted_bytes, has_frame: false }
    }

    /// The next piece.
    pub fn decode(&mut self, mut piece: &[u8], sink: &mut Sink<'_>) -> Result<Progress, Stop> {
        while self.step(&mut piece, sink)? {}
        let between = self.part == Part::Magic && self.held.is_empty() && self.has_frame;
        match self.part == Part::Rest || between {
            true => Ok(Progress::Whole),
            false => Ok(Progress::More),
        }
    }

    /// Nothing follows: what is held comes out.
    pub fn flush(&mut self, sink: &mut Sink<'_>) -> Result<(), Stop> {
        let raw = match self.part {
            Part::Block(BlockHeader { kind: BlockKind::Raw, .. }) => {
                self.held.get(BLOCK_HEADER_BYTES..).unwrap_or_default()
            }
            _ => &[],
        };
        match (self.part, self.frame.as_mut()) {
            (Part::BlockHeader | Part::Block(_), Some(frame)) => frame.release(raw, sink),
            _ => Ok(()),
        }
    }

    /// Memory held on the heap, in bytes, or somewhat less than this.
    pub fn memory_bytes(&self) -> usize {
        self.held.capacity() + self.frame.as_ref().map_or(0, Frame::memory_bytes)
    }

    /// Takes a part off the input; `false`: it is used up.
    fn step(&mut self, input: &mut &[u8], sink: &mut Sink<'_>) -> Result<bool, Stop> {
        if let Part::Skip(left) = self.part {
            return Ok(self.skip(input, left));
        }
        let is_there = self.fill(input);
        if self.part == Part::Magic && Magic::of(&self.held) == Magic::Other {
            self.part = if self.has_frame { Part::Rest } else { return Err(Stop::Invalid) };
        }
        if !is_there || self.part == Part::Rest {
            return Ok(false);
        }
        self.part = match self.part {
            Part::Magic if Magic::of(&self.held) == Magic::Frame => Part::Header,
            Part::Magic => Part::SkipLength,
            Part::SkipLength => Part::Skip(self.number()),
            Part::Header => self.begin()?,
            Part::BlockHeader => self.block_header(sink)?,
            Part::Block(block) => self.block(block, sink)?,
            Part::Sum => self.sum()?,
            Part::Skip(_) | Part::Rest => self.part,
        };
        // A block's body is put behind its head.
        if !matches!(self.part, Part::Block(_)) {
            self.held.clear();
        }
        Ok(true)
    }

    /// Holds as much as the part needs; whether all is there.
    fn fill(&mut self, input: &mut &[u8]) -> bool {
        loop {
            let need = match self.part {
                Part::Header => self.held.first().map_or(1, |first| FrameHeader::length(*first)),
                Part::BlockHeader => BLOCK_HEADER_BYTES,
                Part::Block(block) => BLOCK_HEADER_BYTES + block.body_bytes(),
                Part::Magic | Part::SkipLength | Part::Sum => 4,
                Part::Skip(_) | Part::Rest => 0,
            };
            let missing = need.saturating_sub(self.held.len());
            if missing == 0 {
                return true;
            }
            let more = input.split_off(..missing.min(input.len())).unwrap_or_default();
            if more.is_empty() {
                return false;
            }
            self.held.extend_from_slice(more);
        }
    }

    fn skip(&mut self, input: &mut &[u8], left: u32) -> bool {
        let length = input.len().min(left as usize);
        *input = input.get(length..).unwrap_or_default();
        self.part = match left - length as u32 {
            0 => self.between(),
            left => Part::Skip(left),
        };
        self.part == Part::Magic
    }

    fn begin(&mut self) -> Result<Part, Stop> {
        let header = FrameHeader::of(&self.held);
        self.frame = header.and_then(|header| Frame::new(&header, self.wanted_bytes));
        if self.frame.is_some() { Ok(Part::BlockHeader) } else { Err(Stop::Invalid) }
    }

    fn block_header(&mut self, sink: &mut Sink<'_>) -> Result<Part, Stop> {
        let block = BlockHeader::of(*self.held.first_chunk().ok_or(Stop::Invalid)?);
        let frame = self.frame.as_mut().ok_or(Stop::Invalid)?;
        if block.kind == BlockKind::Reserved || block.bytes > frame.block_bytes {
            frame.release(&[], sink)?;
            return Err(Stop::Invalid);
        }
        Ok(Part::Block(block))
    }

    fn block(&mut self, block: BlockHeader, sink: &mut Sink<'_>) -> Result<Part, Stop> {
        let frame = self.frame.as_mut().ok_or(Stop::Invalid)?;
        frame.block(block, &self.held, sink)?;
        match block.is_last {
            true if !frame.is_as_told() => Err(Stop::Invalid),
            true if frame.has_sum => Ok(Part::Sum),
            true => Ok(self.between()),
            false if frame.is_enough() => {
                frame.release(&[], sink)?;
                Ok(Part::Rest)
            }
            false => Ok(Part::BlockHeader),
        }
    }

    fn sum(&mut self) -> Result<Part, Stop> {
        match self.frame.as_ref().and_then(Frame::sum) {
            Some(sum) if sum == self.number() => Ok(self.between()),
            _ => Err(Stop::Invalid),
        }
    }

    /// A frame is over.
    fn between(&mut self) -> Part {
        let output_bytes = self.frame.take().map_or(0, |frame| frame.output_bytes);
        self.wanted_bytes = self.wanted_bytes.saturating_sub(output_bytes);
        self.has_frame = true;
        Part::Magic
    }

    fn number(&self) -> u32 {
        self.held.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }
}
