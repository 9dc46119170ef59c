//! DEFLATE, by itself or in the zlib format.
//!
//! In: compressed data. Out: what it stands for.
//! Always: 32 KiB of window; nothing in it is looked at that was not put out before.
//! Not here: the gzip format (`gzip`). Source: RFC 1950, RFC 1951, RFC 9110 section 8.4.1.2.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_COMPUTE_ADLER32, TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::protocol::coding::layer::{Progress, Sink, Stop};

/// One DEFLATE stream under way.
pub struct Inflate {
    core: DecompressorOxide,
    window: [u8; WINDOW_BYTES],
    at: usize,
    /// The whole window has been written.
    is_round: bool,
    format: u32,
}

/// The coding `deflate`: the zlib format, or DEFLATE without it, which some servers send.
#[derive(Default)]
pub struct Deflate {
    stream: Inflate,
    has_begun: bool,
    is_over: bool,
}

impl Default for Inflate {
    /// Without a format around it.
    fn default() -> Self {
        let core = DecompressorOxide::new();
        Self { core, window: [0; WINDOW_BYTES], at: 0, is_round: false, format: 0 }
    }
}

impl Inflate {
    /// Another stream begins.
    pub fn restart(&mut self) {
        self.core.init();
        self.at = 0;
        self.is_round = false;
    }

    /// Takes what belongs to the stream off the input; whether that was its end.
    pub fn decode(&mut self, input: &mut &[u8], sink: &mut Sink<'_>) -> Result<bool, Stop> {
        loop {
            let flags = self.format | TINFL_FLAG_HAS_MORE_INPUT | self.wrapping();
            let (status, used, written) =
                decompress(&mut self.core, input, &mut self.window, self.at, flags);
            *input = input.get(used..).unwrap_or_default();
            sink(
                self.window.get(self.at..).and_then(|rest| rest.get(..written)).unwrap_or_default(),
            )?;
            self.at += written;
            if self.at >= WINDOW_BYTES {
                self.at = 0;
                self.is_round = true;
            }
            match status {
                TINFLStatus::Done => return Ok(true),
                TINFLStatus::NeedsMoreInput => return Ok(false),
                TINFLStatus::HasMoreOutput if written > 0 => {}
                _ => return Err(Stop::Invalid),
            }
        }
    }

    /// Until the window is written all over, it counts as a buffer that has nothing before its
    /// start: the decoder then refuses to copy from there.
    fn wrapping(&self) -> u32 {
        match self.is_round {
            true => 0,
            false => TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
        }
    }
}

impl Deflate {
    /// The next piece.
    pub fn decode(&mut self, mut piece: &[u8], sink: &mut Sink<'_>) -> Result<Progress, Stop> {
        if !std::mem::replace(&mut self.has_begun, true) && is_zlib(piece) {
            self.stream.format = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_COMPUTE_ADLER32;
        }
        self.is_over = self.is_over || self.stream.decode(&mut piece, sink)?;
        Ok(if self.is_over { Progress::Whole } else { Progress::More })
    }
}

/// It begins like the zlib format. A DEFLATE stream by itself would have to begin with an
/// uncompressed block and, in the bits that nobody reads before it, a 1: no encoder does that.
fn is_zlib(bytes: &[u8]) -> bool {
    let Some([method, flags]) = bytes.first_chunk() else { return false };
    let is_deflate = method & 0x0f == 8 && method >> 4 <= 7;
    is_deflate && u16::from_be_bytes([*method, *flags]) % 31 == 0
}

/// What a stream may refer back to.
const WINDOW_BYTES: usize = 1 << 15;
