//! Content codings: the content of a message out of what was sent for it.
//!
//! In: values of Content-Encoding fields, coded content in pieces. Out: content, as much of it as a
//! limit allows, and whether that is all of it (`State`).
//! Always: sans-IO; never fails, never panics; the same content and the same last state however the
//! pieces were cut (`layer`); what came before damage, or before a cut, is put out.
//! Memory of one coding, at most: gzip and deflate 48 KiB; br 28 MiB (a window of 16 MiB, half as
//! much again while it grows, 4 MiB of codes); zstd 9 MiB (a window of 8 MiB, a few blocks), and for
//! a moment 25 MiB where a damaged block overflows the window. It grows with what comes and not with
//! what a head claims, but for the window of br, which is memory that the kernel has not given until
//! it is written to. At most `DEPTH` codings.
//! Not here: transfer codings (`http1::chunked`); what the content means.
//! Source: RFC 9110 section 8.4; RFC 1950 to 1952, 7932, 8878, 9659.

mod brotli;
mod gzip;
mod inflate;
mod layer;
#[cfg(test)]
mod tests;
mod zstd;

use crate::protocol::coding::layer::{Coding, Layer, PIECE_BYTES, Rest, Stop};

/// Takes the codings off one message's content.
pub struct Decoder {
    /// The coding that was applied last comes first.
    layers: Vec<Layer>,
    budget: Budget,
    /// Nothing follows this.
    last: Option<State>,
}

/// What is known of the content so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// There is more to come.
    More,
    /// It may end here; more may still come, as another member of a gzip file. The last bytes,
    /// fewer than 512, are looked at when more have come or nothing follows: so before `finish` the
    /// end may not be seen yet.
    Whole,
    /// It ends in the middle.
    Truncated,
    /// There is more than wanted: it is cut at `CodingLimits::output_bytes`.
    Limit,
    /// One of the codings puts out more than `CodingLimits::ratio` times what was sent: it is cut.
    Bomb,
    /// What was sent breaks its format, or sums in it do not agree. What came before that is kept.
    Invalid,
}

/// Bounds of one content.
#[derive(Clone, Copy, Debug)]
pub struct CodingLimits {
    /// Most bytes that are put out.
    pub output_bytes: usize,
    /// Most bytes that any one of the codings may put out for each byte that was sent. These are
    /// counted in steps of 512: so `ratio` times 512 is no bomb, however short the message is. It
    /// bounds the work as well, of a whole stack of codings.
    pub ratio: u32,
}

/// Why content cannot be decoded at all.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unknown {
    /// No coding of this name is known. In small letters, and at most `NAME_BYTES`.
    #[error("content coding {0:?} is not known")]
    Coding(String),
    /// More codings than we take off.
    #[error("content has more than {DEPTH} codings")]
    Depth,
}

/// What may be put out, and whether that was too little.
#[derive(Clone, Copy, Debug)]
struct Budget {
    left_bytes: usize,
    is_cut: bool,
    ratio: u64,
    /// Pieces of what was sent.
    pieces: u64,
}

impl Default for CodingLimits {
    fn default() -> Self {
        // The ratio is the one at which Apache's mod_deflate gives up.
        Self { output_bytes: 1 << 20, ratio: 200 }
    }
}

impl Decoder {
    /// `codings`: values of the Content-Encoding fields in order; empty elements are no codings.
    pub fn new<'a>(
        codings: impl Iterator<Item = &'a [u8]>,
        limits: CodingLimits,
    ) -> Result<Self, Unknown> {
        let mut names = Vec::new();
        for name in codings.flat_map(|value| value.split(|byte| *byte == b',')) {
            let name = name.trim_ascii().to_ascii_lowercase();
            match name.as_slice() {
                b"" | b"identity" => {}
                _ if names.len() >= DEPTH => return Err(Unknown::Depth),
                _ => names.push(name),
            }
        }
        let mut layers = Vec::with_capacity(names.len());
        for (place, name) in names.iter().enumerate().rev() {
            // What was applied first puts out the content, of which we know how much is wanted.
            let wanted_bytes = (place == 0).then_some(limits.output_bytes as u64);
            let coding = Coding::of(name, wanted_bytes).ok_or_else(|| Unknown::of(name))?;
            layers.push(Layer::new(coding, layers.is_empty()));
        }
        Ok(Self { layers, budget: Budget::new(limits), last: None })
    }

    /// Whether there is no coding at all.
    pub fn is_plain(&self) -> bool {
        self.layers.is_empty()
    }

    /// Decodes what follows; appends to `out`. After any state but `More` and `Whole`, and after
    /// `finish`, it does nothing but say that again.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> State {
        if let Some(last) = self.last {
            return last;
        }
        let mut rest = Rest { layers: &mut self.layers, budget: &mut self.budget, out };
        if let Err(stop) = rest.take(bytes).and_then(|()| rest.pause()) {
            // What came before it is still on its way through the layers behind.
            let behind = self.layers.iter().rposition(Layer::is_stopped).map_or(0, |at| at + 1);
            self.end(behind, out).ok();
            self.last = Some(self.stopped(stop));
        }
        self.last.unwrap_or_else(|| if self.is_whole() { State::Whole } else { State::More })
    }

    /// The input is over: `out` gets what is still held. Never `More`. Nothing at all put in is
    /// nothing, whole: such are the answers to HEAD.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> State {
        if let Some(last) = self.last {
            return last;
        }
        let last = match self.end(0, out) {
            Err(stop) => self.stopped(stop),
            Ok(()) if self.is_whole() => State::Whole,
            Ok(()) => State::Truncated,
        };
        self.last = Some(last);
        last
    }

    /// Memory held on the heap, in bytes, or somewhat less than this.
    pub fn memory_bytes(&self) -> usize {
        self.layers.iter().map(|layer| size_of::<Layer>() + layer.memory_bytes()).sum()
    }

    /// Nothing more comes to the layers from that one on. Says why one of them stopped.
    fn end(&mut self, from: usize, out: &mut Vec<u8>) -> Result<(), Stop> {
        let mut layers = self.layers.get_mut(from..).unwrap_or_default();
        let mut ended = Ok(());
        while let Some((layer, next)) = layers.split_first_mut() {
            let mut rest = Rest { layers: next, budget: &mut self.budget, out };
            ended = ended.and(layer.finish(&mut rest));
            layers = next;
        }
        ended
    }

    fn is_whole(&self) -> bool {
        self.layers.iter().all(Layer::is_whole)
    }

    fn stopped(&self, stop: Stop) -> State {
        match stop {
            Stop::Bomb => State::Bomb,
            // What came before the damage is not all there.
            Stop::Invalid if self.budget.is_cut => State::Limit,
            Stop::Invalid => State::Invalid,
            Stop::Limit => State::Limit,
        }
    }
}

impl Budget {
    fn new(limits: CodingLimits) -> Self {
        let CodingLimits { output_bytes, ratio } = limits;
        Self { left_bytes: output_bytes, is_cut: false, ratio: ratio.into(), pieces: 0 }
    }

    /// Most that one coding may have put out by now.
    fn most_bytes(&self) -> u64 {
        self.pieces.saturating_mul(PIECE_BYTES as u64).saturating_mul(self.ratio)
    }

    fn spend(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let fit = bytes.get(..self.left_bytes).unwrap_or(bytes);
        out.extend_from_slice(fit);
        self.left_bytes -= fit.len();
        self.is_cut |= fit.len() < bytes.len();
    }
}

impl Unknown {
    /// A coding of that name.
    pub fn of(name: &[u8]) -> Self {
        let name = name.get(..NAME_BYTES).unwrap_or(name);
        Self::Coding(String::from_utf8_lossy(name).into_owned())
    }
}

/// Decodes content that is there as a whole, or as far as it is there.
pub fn decode<'a>(
    codings: impl Iterator<Item = &'a [u8]>,
    bytes: &[u8],
    limits: CodingLimits,
) -> Result<(Vec<u8>, State), Unknown> {
    let mut decoder = Decoder::new(codings, limits)?;
    let mut out = Vec::new();
    decoder.push(bytes, &mut out);
    let state = decoder.finish(&mut out);
    Ok((out, state))
}

/// Most codings of one content: as many as we know, each once.
pub const DEPTH: usize = 4;

/// Longest name of an unknown coding that is told, in bytes.
const NAME_BYTES: usize = 64;
