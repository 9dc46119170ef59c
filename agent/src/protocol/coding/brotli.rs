//! The Brotli format.
//!
//! In: a stream. Out: what it stands for.
//! Always: no window beyond 16 MiB, which is what the format has; a stream of the other, with large
//! windows, is refused at its first byte. What follows the stream is left out. Source: RFC 7932.

use brotli_decompressor::{
    BrotliDecoderErrorCode, BrotliDecoderTakeOutput, BrotliDecompressStream, BrotliResult,
    BrotliState, SliceWrapper, StandardAlloc,
};

use crate::protocol::coding::layer::{Progress, Sink, Stop};

/// A stream under way.
pub struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    is_over: bool,
}

impl Default for Brotli {
    fn default() -> Self {
        let alloc = StandardAlloc::default();
        Self { state: BrotliState::new_strict(alloc, alloc, alloc), is_over: false }
    }
}

impl Brotli {
    /// The next piece.
    pub fn decode(&mut self, piece: &[u8], sink: &mut Sink<'_>) -> Result<Progress, Stop> {
        let (mut left_bytes, mut at) = (piece.len(), 0);
        while !self.is_over {
            // It has nowhere to write to: the output is taken where it lies.
            let result = BrotliDecompressStream(
                &mut left_bytes,
                &mut at,
                piece,
                &mut 0,
                &mut 0,
                &mut [],
                &mut 0,
                &mut self.state,
            );
            if let BrotliResult::ResultFailure = result {
                self.keep_output();
            }
            let has_output = self.take_output(sink)?;
            match result {
                BrotliResult::ResultSuccess => self.is_over = true,
                BrotliResult::NeedsMoreInput => return Ok(Progress::More),
                BrotliResult::NeedsMoreOutput if has_output => {}
                BrotliResult::NeedsMoreOutput | BrotliResult::ResultFailure => {
                    return Err(Stop::Invalid);
                }
            }
        }
        Ok(Progress::Whole)
    }

    /// Memory held on the heap, in bytes, or somewhat less than this.
    pub fn memory_bytes(&self) -> usize {
        let state = &self.state;
        let codes = [
            state.literal_hgroup.codes.slice(),
            state.insert_copy_hgroup.codes.slice(),
            state.distance_hgroup.codes.slice(),
        ];
        let code_bytes: usize = codes.into_iter().map(size_of_val).sum();
        state.ringbuffer.slice().len() + code_bytes + MAPS_BYTES
    }

    fn take_output(&mut self, sink: &mut Sink<'_>) -> Result<bool, Stop> {
        let mut has_output = false;
        loop {
            let chunk = BrotliDecoderTakeOutput(&mut self.state, &mut 0);
            if chunk.is_empty() {
                return Ok(has_output);
            }
            has_output = true;
            sink(chunk)?;
        }
    }

    /// The decoder gives nothing more once it has met an error, not even what it decoded before.
    fn keep_output(&mut self) {
        self.state.error_code = BrotliDecoderErrorCode::BROTLI_DECODER_NO_ERROR;
        self.state.meta_block_remaining_len = self.state.meta_block_remaining_len.max(0);
    }
}

/// Context maps, and codes of block types.
const MAPS_BYTES: usize = 1 << 15;
