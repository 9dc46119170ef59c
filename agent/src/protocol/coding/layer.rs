//! One coding in a stack of them.
//!
//! In: what was put into it. Out: what it puts out, to the layers after it (`Rest`).
//! Always: a decoder gets its input in pieces of `PIECE_BYTES`, and only the last one is shorter,
//! wherever the input was cut: so where we stop, and what was put out by then, does not hang on
//! cuts, whatever a decoder holds back. Output is passed on where it lies, without a copy.
//! Not here: the formats (`gzip`, `inflate`, `brotli`, `zstd`).

use crate::protocol::coding::Budget;
use crate::protocol::coding::brotli::Brotli;
use crate::protocol::coding::gzip::Gzip;
use crate::protocol::coding::inflate::Deflate;
use crate::protocol::coding::zstd::Zstd;

/// Where a piece of input led, all of which was used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// Into the middle.
    More,
    /// To a place where the input may end.
    Whole,
}

/// Why nothing more is decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stop {
    /// There is more output than wanted.
    Limit,
    /// There is more output than the ratio allows.
    Bomb,
    /// The input breaks the format.
    Invalid,
}

/// Takes output. If it says stop, no more is decoded, and the decoder is not asked again.
pub type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), Stop> + 'a;

/// A decoder.
pub enum Coding {
    /// `gzip`, `x-gzip`
    Gzip(Box<Gzip>),
    /// `deflate`
    Deflate(Box<Deflate>),
    /// `br`
    Brotli(Box<Brotli>),
    /// `zstd`
    Zstd(Box<Zstd>),
}

/// A decoder, its input's pieces, and how much it may put out.
pub struct Layer {
    coding: Coding,
    /// The front of a piece.
    held: Vec<u8>,
    /// Its input is what was sent.
    is_first: bool,
    output_bytes: u64,
    progress: Progress,
    /// It is not asked again.
    stop: Option<Stop>,
}

/// The layers after one, and the output after the last.
pub struct Rest<'a> {
    /// The next one first.
    pub layers: &'a mut [Layer],
    /// What may still be put out.
    pub budget: &'a mut Budget,
    /// Gets the content.
    pub out: &'a mut Vec<u8>,
}

impl Coding {
    /// Of that name, in small letters. `wanted_bytes`: most of its output that is of any use.
    pub fn of(name: &[u8], wanted_bytes: Option<u64>) -> Option<Self> {
        Some(match name {
            b"gzip" | b"x-gzip" => Self::Gzip(Box::default()),
            b"deflate" => Self::Deflate(Box::default()),
            b"br" => Self::Brotli(Box::default()),
            b"zstd" => Self::Zstd(Box::new(Zstd::new(wanted_bytes))),
            _ => return None,
        })
    }

    fn decode(&mut self, piece: &[u8], sink: &mut Sink<'_>) -> Result<Progress, Stop> {
        match self {
            Self::Gzip(gzip) => gzip.decode(piece, sink),
            Self::Deflate(deflate) => deflate.decode(piece, sink),
            Self::Brotli(brotli) => brotli.decode(piece, sink),
            Self::Zstd(zstd) => zstd.decode(piece, sink),
        }
    }

    /// Puts out what is held back until more input comes.
    fn flush(&mut self, sink: &mut Sink<'_>) -> Result<(), Stop> {
        match self {
            Self::Gzip(_) | Self::Deflate(_) | Self::Brotli(_) => Ok(()),
            Self::Zstd(zstd) => zstd.flush(sink),
        }
    }
}

impl Layer {
    /// That coding. `is_first`: its input is what was sent.
    pub fn new(coding: Coding, is_first: bool) -> Self {
        let progress = Progress::Whole;
        Self { coding, held: Vec::new(), is_first, output_bytes: 0, progress, stop: None }
    }

    /// More input.
    fn feed(&mut self, mut bytes: &[u8], rest: &mut Rest<'_>) -> Result<(), Stop> {
        if !self.held.is_empty() {
            let missing = (PIECE_BYTES - self.held.len()).min(bytes.len());
            self.held.extend_from_slice(bytes.split_off(..missing).unwrap_or_default());
            if self.held.len() < PIECE_BYTES {
                return Ok(());
            }
            self.decode_held(rest)?;
        }
        while let Some(piece) = bytes.split_off(..PIECE_BYTES) {
            self.decode(piece, rest)?;
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// No more input.
    pub fn finish(&mut self, rest: &mut Rest<'_>) -> Result<(), Stop> {
        if !self.held.is_empty() {
            self.decode_held(rest)?;
        }
        self.metered(rest, |coding, sink| coding.flush(sink))
    }

    /// Nothing more comes out of it: it has stopped, or a layer after it.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// The input may end here.
    pub fn is_whole(&self) -> bool {
        self.held.is_empty() && self.progress == Progress::Whole
    }

    /// Memory held on the heap, in bytes, or somewhat less than this.
    pub fn memory_bytes(&self) -> usize {
        let decoder_bytes = match &self.coding {
            Coding::Gzip(_) => size_of::<Gzip>(),
            Coding::Deflate(_) => size_of::<Deflate>(),
            Coding::Brotli(brotli) => size_of::<Brotli>() + brotli.memory_bytes(),
            Coding::Zstd(zstd) => size_of::<Zstd>() + zstd.memory_bytes(),
        };
        self.held.capacity() + decoder_bytes
    }

    fn decode_held(&mut self, rest: &mut Rest<'_>) -> Result<(), Stop> {
        let mut piece = std::mem::take(&mut self.held);
        let decoded = self.decode(&piece, rest);
        piece.clear();
        self.held = piece;
        decoded
    }

    fn decode(&mut self, piece: &[u8], rest: &mut Rest<'_>) -> Result<(), Stop> {
        rest.budget.pieces = rest.budget.pieces.saturating_add(self.is_first.into());
        let mut progress = self.progress;
        let decoded = self.metered(rest, |coding, sink| {
            progress = coding.decode(piece, sink)?;
            Ok(())
        });
        self.progress = progress;
        decoded
    }

    /// Decodes, and passes on as much as the input so far allows.
    fn metered(
        &mut self,
        rest: &mut Rest<'_>,
        decode: impl FnOnce(&mut Coding, &mut Sink<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if let Some(stop) = self.stop {
            return Err(stop);
        }
        let most_bytes = rest.budget.most_bytes();
        let output_bytes = &mut self.output_bytes;
        let decoded = decode(&mut self.coding, &mut |chunk| {
            let room_bytes = most_bytes.saturating_sub(*output_bytes);
            *output_bytes = output_bytes.saturating_add(chunk.len() as u64);
            let room =
                usize::try_from(room_bytes).ok().and_then(|room| chunk.split_at_checked(room));
            match room {
                Some((fit, over)) if !over.is_empty() => {
                    rest.take(fit)?;
                    Err(Stop::Bomb)
                }
                _ => rest.take(chunk),
            }
        });
        let decoded = decoded.and_then(|()| rest.pause());
        self.stop = decoded.err();
        decoded
    }
}

impl Rest<'_> {
    /// Passes on.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        match self.layers.split_first_mut() {
            Some((layer, layers)) => {
                layer.feed(bytes, &mut Rest { layers, budget: self.budget, out: self.out })
            }
            None => {
                self.budget.spend(bytes, self.out);
                Ok(())
            }
        }
    }

    /// A piece is over. More output than wanted is told only now, so that one that is a bomb is
    /// called that, even if no more was wanted.
    pub fn pause(&self) -> Result<(), Stop> {
        match self.layers.is_empty() && self.budget.is_cut {
            true => Err(Stop::Limit),
            false => Ok(()),
        }
    }
}

/// Input that a decoder gets at once.
pub const PIECE_BYTES: usize = 512;
