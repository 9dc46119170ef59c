//! One direction of an HTTP/2 connection: what its frames say.
//!
//! In: spans and holes in order. Out: `Step`: field blocks, content, ends of streams, settings.
//! Always: every field block is decoded in order, so that the table follows; memory is bounded by
//! `Limits::head_bytes` for a block.
//! Not here: what a step does to its stream (`http2`), where frames lie (`reader`).

use std::borrow::Cow;

use super::frame::{FrameHead, HEAD_BYTES, flag, kind};
use super::hpack::Decoder;
use super::reader::{Missed, Piece, Reader};
use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::protocol::Hole;
use crate::protocol::exchange::Anomaly;
use crate::protocol::meter::{Meter, Span};

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
    /// RST_STREAM: identifier and error code.
    Reset(u32, u32),
    /// GOAWAY: the last identifier that was or may be handled, and the error code.
    Goaway(u32, u32),
    /// SETTINGS_HEADER_TABLE_SIZE: the largest table that the other side may use.
    TableSize(u32),
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

/// What a hole did.
pub enum Lost {
    /// It lies in the content of a stream.
    Content(u32, Option<u64>),
    /// It lies in something that is of no interest, or is told later.
    Inside,
    /// Frames are lost; so many bytes of the hole belong to no frame that is known.
    Frames(u64),
    /// The direction was lost before.
    Again,
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
    /// A direction whose frames come from there.
    pub fn new(reader: Reader, decoder: Decoder) -> Self {
        Self {
            reader,
            decoder,
            under_way: None,
            missing: Reason::BeforeAttach,
            words: [0; WORDS_BYTES],
            words_bytes: 0,
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

    /// A hole follows.
    pub fn hole(&mut self, hole: &Hole) -> Lost {
        match self.reader.hole(hole) {
            Missed::Lost => Lost::Again,
            Missed::Beyond(inside) => Lost::Frames(hole.bytes.saturating_sub(inside)),
            Missed::Inside(head, content) if head.kind == kind::DATA => {
                Lost::Content(head.stream, content)
            }
            Missed::Inside(head, _) => {
                if let Some(under_way) = self.under_way.as_mut().filter(|_| head.has_block()) {
                    under_way.lost.get_or_insert(hole.reason);
                    under_way.meter.hole(hole.bytes, hole.reason, hole.time_ns);
                }
                // What is left of it says nothing.
                self.words_bytes = WORDS_BYTES + 1;
                Lost::Inside
            }
        }
    }

    /// Frames were lost: a block under way is given back as lost, and the table is forgotten.
    pub fn lose(&mut self, reason: Reason) -> Option<Block<'static>> {
        self.reader.lose(reason);
        self.decoder.lose();
        self.missing = reason;
        let under_way = self.under_way.take()?;
        Some(under_way.block(Some(reason)))
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let under_way = self.under_way.as_ref();
        let under_way = under_way.map_or(0, |one| one.bytes.capacity());
        under_way + self.decoder.memory_bytes()
    }

    fn begin<'a>(&mut self, head: FrameHead, first: Span<'static>, span: &Span<'_>) -> Step<'a> {
        self.words_bytes = 0;
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
            kind::SETTINGS if !head.has(flag::ACK) => return self.settings(bytes),
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
            kind::RST_STREAM => match self.words {
                [a, b, c, d, ..] if self.words_bytes == 4 => {
                    Step::Reset(head.stream, u32::from_be_bytes([a, b, c, d]))
                }
                _ => Step::Skipped,
            },
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

    /// Looks for SETTINGS_HEADER_TABLE_SIZE: pairs of two and four bytes.
    fn settings<'a>(&mut self, bytes: &[u8]) -> Step<'a> {
        let mut size = None;
        for byte in bytes {
            if self.words_bytes > WORDS_BYTES {
                break;
            }
            if let Some(place) = self.words.get_mut(self.words_bytes) {
                *place = *byte;
            }
            self.words_bytes += 1;
            if self.words_bytes == SETTING_BYTES {
                self.words_bytes = 0;
                if let [0, TABLE_SIZE, a, b, c, d, ..] = self.words {
                    size = Some(u32::from_be_bytes([a, b, c, d]));
                }
            }
        }
        size.map_or(Step::Skipped, Step::TableSize)
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
            false => (self.bytes.is_err()).then_some(Anomaly::InvalidFrame),
        }
    }
}

/// First bytes of short frames: GOAWAY's two numbers.
const WORDS_BYTES: usize = 8;
/// A setting: two bytes of name, four of value (RFC 9113 section 6.5.1).
const SETTING_BYTES: usize = 6;
/// SETTINGS_HEADER_TABLE_SIZE
const TABLE_SIZE: u8 = 1;
