//! One direction of an HTTP/2 connection: what its frames say.
//!
//! In: spans and holes in order. Out: `Step`: field blocks, content, ends of streams, settings.
//! Always: every field block comes out in order, so that the table can follow; memory is bounded by
//! `Limits::head_bytes` for a block.
//! Not here: what a step does to its stream (`http2`), where frames lie (`reader`).

use std::borrow::Cow;

use super::frame::{FrameHead, HEAD_BYTES, flag, kind};
use super::hpack::Decoder;
use super::reader::{Piece, Reader};
use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::input::{Hole, Span};
use crate::protocol::meter::Meter;

/// What one look at a span gave.
pub enum Step<'a> {
    /// The span is used up.
    Used,
    /// Nothing that matters.
    Skipped,
    /// A field block is whole, or lost.
    Block(Block<'a>),
    /// Content of a stream, and what it took on the wire.
    Content {
        /// Stream identifier.
        stream: u32,
        /// Content.
        bytes: &'a [u8],
        /// Bytes on the wire that are not counted yet.
        wire_bytes: usize,
    },
    /// The sender's part of the stream is over.
    End(u32),
    /// RST_STREAM: identifier and error code, if it was seen.
    Reset(u32, Option<u32>),
    /// GOAWAY: the last identifier that was or may be handled, and the error code.
    Goaway(u32, u32),
    /// SETTINGS, for what the other side sends.
    Settings(Settings),
    /// Not a frame: the direction is lost.
    Garbage,
}

/// A field block.
pub struct Block<'a> {
    /// Stream identifier.
    pub stream: u32,
    /// It is the request that the server makes up.
    pub is_promise: bool,
    /// The stream that it is promised on.
    pub promised: Option<u32>,
    /// No frame of the sender follows on the stream.
    pub ends_stream: bool,
    /// The block; `Err`: some of it was not seen, or it is too long.
    pub bytes: Result<Cow<'a, [u8]>, Reason>,
    /// It is longer than we hold.
    pub too_long: bool,
    /// Its frames.
    pub meter: Meter,
}

/// What the receiver of a direction allows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// SETTINGS_HEADER_TABLE_SIZE: the largest table.
    pub table_bytes: Option<u32>,
    /// SETTINGS_MAX_FRAME_SIZE: the largest payload.
    pub frame_bytes: Option<u32>,
}

impl Settings {
    /// Some of them were not seen.
    pub const UNKNOWN: Self = Self { table_bytes: Some(u32::MAX), frame_bytes: None };
}

/// One direction.
pub struct Half {
    /// Frames.
    pub reader: Reader,
    /// Field blocks.
    pub decoder: Decoder,
    under_way: Option<UnderWay>,
    /// Why entries of the table may not be known.
    pub missing: Reason,
    /// What a short frame says, as far as it has come.
    words: [u8; WORDS_BYTES],
    words_bytes: usize,
    settings: Settings,
}

/// A field block that comes in.
struct UnderWay {
    stream: u32,
    is_promise: bool,
    ends_stream: bool,
    bytes: Vec<u8>,
    lost: Option<Reason>,
    too_long: bool,
    meter: Meter,
}

impl Half {
    /// A direction whose frames come from there. `missing`: why entries of the table may not be known.
    pub fn new(reader: Reader, decoder: Decoder, missing: Reason) -> Self {
        Self {
            reader,
            decoder,
            under_way: None,
            missing,
            words: [0; WORDS_BYTES],
            words_bytes: 0,
            settings: Settings::default(),
        }
    }

    /// Looks at a span.
    pub fn step<'a>(&mut self, span: &mut Span<'a>, limits: &Limits) -> Step<'a> {
        let time_ns = span.time_ns;
        match self.reader.next(span) {
            Piece::Used => Step::Used,
            Piece::Garbage => Step::Garbage,
            Piece::Frame(head, first) => self.begin(head, first, span),
            Piece::Payload(bytes, wire_bytes) => {
                let Some(head) = self.reader.frame() else { return Step::Skipped };
                self.payload(head, (bytes, wire_bytes), time_ns, limits)
            }
            Piece::End(head) => self.end(head),
        }
    }

    /// A hole of at most `Reader::left_bytes`: in the frame under way. Returns its stream and how many
    /// bytes of content are missing (`None`: some of them may be padding), if content it holds.
    pub fn hole(&mut self, hole: &Hole) -> Option<(u32, Option<u64>)> {
        let (head, content) = self.reader.skip(hole.bytes)?;
        if head.kind == kind::DATA {
            return Some((head.stream, content));
        }
        if let Some(under_way) = self.under_way.as_mut().filter(|_| head.has_block()) {
            under_way.lost.get_or_insert(hole.reason);
            under_way.bytes = Vec::new();
            under_way.meter.hole(hole.bytes, hole.reason, hole.time_ns);
        }
        // What is left of it says nothing.
        self.words_bytes = WORDS_LOST;
        None
    }

    /// Frames were lost. Gives back the block under way, as a lost one.
    pub fn give_up(&mut self, reason: Reason) -> Option<Block<'static>> {
        let under_way = self.under_way.take()?;
        Some(under_way.block(Some(reason)))
    }

    /// Whether a field block goes on with the next frame.
    pub fn is_in_block(&self) -> bool {
        self.under_way.is_some()
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let under_way = self.under_way.as_ref();
        let under_way = under_way.map_or(0, |one| one.bytes.capacity());
        under_way + self.decoder.memory_bytes()
    }

    fn begin<'a>(&mut self, head: FrameHead, first: Span<'static>, span: &Span<'_>) -> Step<'a> {
        self.words_bytes = 0;
        self.settings = Settings::default();
        let continues = match &self.under_way {
            Some(under_way) => head.kind == kind::CONTINUATION && head.stream == under_way.stream,
            None => false,
        };
        let step = match continues {
            true => None,
            // Nothing may come between the frames of a block (RFC 9113 section 6.10).
            false => self.under_way.take().map(|under_way| {
                self.decoder.lose();
                self.missing = Reason::Unparsed;
                Step::Block(under_way.block(Some(Reason::Unparsed)))
            }),
        };
        match head.kind {
            kind::HEADERS | kind::PUSH_PROMISE => {
                let mut meter = Meter::begin(&first);
                meter.add(HEAD_BYTES, span.time_ns);
                self.under_way = Some(UnderWay {
                    stream: head.stream,
                    is_promise: head.kind == kind::PUSH_PROMISE,
                    ends_stream: head.ends_stream(),
                    bytes: Vec::new(),
                    lost: None,
                    too_long: false,
                    meter,
                });
            }
            kind::CONTINUATION => {
                if let Some(under_way) = &mut self.under_way {
                    under_way.meter.add(HEAD_BYTES, span.time_ns);
                }
            }
            _ => {}
        }
        let counted = match head.kind {
            kind::DATA => Step::Content { stream: head.stream, bytes: &[], wire_bytes: HEAD_BYTES },
            _ => Step::Skipped,
        };
        step.unwrap_or(counted)
    }

    fn payload<'a>(
        &mut self,
        head: FrameHead,
        (bytes, wire_bytes): (&'a [u8], usize),
        time_ns: u64,
        limits: &Limits,
    ) -> Step<'a> {
        match head.kind {
            kind::DATA => {
                return Step::Content { stream: head.stream, bytes, wire_bytes };
            }
            kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION => {
                let Some(under_way) = &mut self.under_way else { return Step::Skipped };
                under_way.meter.add(wire_bytes, time_ns);
                let is_whole = head.has(flag::END_HEADERS) && self.reader.is_at_end();
                if is_whole && under_way.is_plain() {
                    // All of it lies in one piece: no copy.
                    let under_way = self.under_way.take();
                    return under_way.map_or(Step::Skipped, |under_way| {
                        Step::Block(under_way.block_of(Cow::Borrowed(bytes)))
                    });
                }
                under_way.push(bytes, limits);
            }
            kind::SETTINGS => self.settings(bytes),
            kind::RST_STREAM | kind::GOAWAY => self.word(bytes),
            _ => {}
        }
        Step::Skipped
    }

    fn end<'a>(&mut self, head: FrameHead) -> Step<'a> {
        match head.kind {
            kind::DATA if head.ends_stream() => Step::End(head.stream),
            kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION
                if head.has(flag::END_HEADERS) =>
            {
                let Some(under_way) = self.under_way.take() else { return Step::Skipped };
                if let Some(reason) = under_way.why_lost() {
                    self.decoder.lose();
                    self.missing = reason;
                }
                Step::Block(under_way.block(None))
            }
            kind::SETTINGS if self.words_bytes == WORDS_LOST => Step::Settings(Settings::UNKNOWN),
            kind::SETTINGS if !head.has(flag::ACK) => Step::Settings(self.settings),
            kind::RST_STREAM if head.length == 4 => {
                let [a, b, c, d, ..] = self.words;
                let code = u32::from_be_bytes([a, b, c, d]);
                Step::Reset(head.stream, (self.words_bytes == 4).then_some(code))
            }
            kind::GOAWAY if self.words_bytes == WORDS_BYTES => {
                let [a, b, c, d, e, f, g, h] = self.words;
                let last = u32::from_be_bytes([a & 0x7f, b, c, d]);
                Step::Goaway(last, u32::from_be_bytes([e, f, g, h]))
            }
            _ => Step::Skipped,
        }
    }

    /// Keeps the first bytes of a short frame.
    fn word(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let Some(place) = self.words.get_mut(self.words_bytes) else { return };
            *place = *byte;
            self.words_bytes += 1;
        }
    }

    /// Looks for what matters among pairs of two and four bytes; of several, the largest counts.
    fn settings(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.words_bytes == WORDS_LOST {
                return;
            }
            if let Some(place) = self.words.get_mut(self.words_bytes) {
                *place = *byte;
            }
            self.words_bytes += 1;
            if self.words_bytes < SETTING_BYTES {
                continue;
            }
            self.words_bytes = 0;
            let [high, name, a, b, c, d, ..] = self.words;
            let value = Some(u32::from_be_bytes([a, b, c, d]));
            match [high, name] {
                TABLE_SIZE => self.settings.table_bytes = self.settings.table_bytes.max(value),
                FRAME_SIZE => self.settings.frame_bytes = self.settings.frame_bytes.max(value),
                _ => {}
            }
        }
    }
}

impl UnderWay {
    /// Nothing but its stream is known of it so far.
    fn is_plain(&self) -> bool {
        self.bytes.is_empty() && self.lost.is_none() && !self.too_long
    }

    /// Why it cannot be decoded, if it cannot.
    fn why_lost(&self) -> Option<Reason> {
        self.lost.or(self.too_long.then_some(Reason::Unparsed))
    }

    fn push(&mut self, bytes: &[u8], limits: &Limits) {
        if self.bytes.len().saturating_add(bytes.len()) > limits.head_bytes.saturating_mul(2) {
            self.too_long = true;
            self.bytes = Vec::new();
        }
        if !self.too_long && self.lost.is_none() {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// What has come of it. `lost`: more should have come.
    fn block(mut self, lost: Option<Reason>) -> Block<'static> {
        self.lost = self.lost.or(lost);
        let bytes = std::mem::take(&mut self.bytes);
        self.block_of(Cow::Owned(bytes))
    }

    fn block_of(self, bytes: Cow<'_, [u8]>) -> Block<'_> {
        let why_lost = self.why_lost();
        let Self { stream, is_promise, ends_stream, too_long, meter, .. } = self;
        let mut bytes = match why_lost {
            Some(reason) => Err(reason),
            None => Ok(bytes),
        };
        let mut promised = None;
        if is_promise {
            (promised, bytes) = match bytes {
                Ok(bytes) => promise(bytes),
                Err(reason) => (None, Err(reason)),
            };
        }
        Block { stream, is_promise, promised, ends_stream, bytes, too_long, meter }
    }
}

/// Takes the promised stream off the front of a PUSH_PROMISE.
fn promise(bytes: Cow<'_, [u8]>) -> (Option<u32>, Result<Cow<'_, [u8]>, Reason>) {
    let Some((&[a, b, c, d], _)) = bytes.split_first_chunk::<4>() else {
        return (None, Err(Reason::Unparsed));
    };
    let rest = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(4..).unwrap_or_default()),
        Cow::Owned(bytes) => Cow::Owned(bytes.get(4..).unwrap_or_default().to_vec()),
    };
    (Some(u32::from_be_bytes([a & 0x7f, b, c, d])), Ok(rest))
}

impl Block<'_> {
    /// What is odd about its frames.
    pub fn note(&self) -> Option<Anomaly> {
        match self.too_long {
            true => Some(Anomaly::HeadTooLong),
            false => matches!(self.bytes, Err(Reason::Unparsed)).then_some(Anomaly::InvalidFrame),
        }
    }
}

/// First bytes of short frames: GOAWAY's two numbers.
const WORDS_BYTES: usize = 8;
/// Some of them were not seen.
const WORDS_LOST: usize = usize::MAX;
/// A setting: two bytes of name, four of value (RFC 9113 section 6.5.1).
const SETTING_BYTES: usize = 6;
/// SETTINGS_HEADER_TABLE_SIZE
const TABLE_SIZE: [u8; 2] = [0, 1];
/// SETTINGS_MAX_FRAME_SIZE
const FRAME_SIZE: [u8; 2] = [0, 5];
