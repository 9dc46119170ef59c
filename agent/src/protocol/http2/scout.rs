//! One direction of an HTTP/2 connection that is not in step: where do its frames begin?
//!
//! In: spans and holes. Out: whether that is known now, and then all bytes since.
//! Always: what a body holds is taken for no frame, also where it looks like one, as far as bytes can
//! tell (below); memory is bounded by `Limits::held_bytes`; time by the bytes that come.
//! Not here: what the frames mean (`http2`), which reads them only once they are known to be frames.
//!
//! A *chain* of usual frames, one behind the other, begins where a program's call begins. Its bytes are
//! kept and nothing is read of it before it counts. Bytes that look like frames may lie in a DATA frame
//! that was under way where the chain began. So it counts
//!
//! - once it goes on behind the end of the largest such frame (`is_far`): the header of the frame after
//!   it is not where the chain expects one, which breaks it, or it is, and then they are one. How large that
//!   is, is known from the frames that came in step; where none did, it is what programs write at once
//!   (32 KiB), or the usual limit (16 KiB) as long as calls began with frames;
//! - or with time (`is_proven`): most of its heads belong to one of the other direction, calls began with
//!   frames, and then nothing came for a second, from neither end; or all that for ten. A frame is written in
//!   one go, and a writer that is held up in it is not held up at just such places, nor for so long. Of frames that hold
//!   much, pieces may have been moved; where more frames were cut than that, only what comes from the next
//!   one on that a call begins with can count so, and after a silence, what comes then.
//!
//! A call that reads just a frame's header, and the one after it, begin with a frame: many programs read so.
//!
//! Three things make it begin anew, at the frame that shows them: content of a stream whose head was not
//! in the chain (a body was under way where the chain began, and what came until then may be part of it);
//! a call that begins within a frame, with what looks like one, too (one of the two is a body); more than
//! is kept. Heads that make no sense, content after its end, and requests out of order break it.
//! What this cannot tell: frames in the very last DATA frame of two bodies, one each way, that stop at the
//! same time, cut at just those frames: they are, byte for byte, an honest conversation; and frames that
//! fill the rest of a DATA frame to its end, if one of them opens the very stream that this one belongs to.

use super::chain::{About, Broken, Chain, Rival};
use super::frame::{HEAD_BYTES, kind};
use super::half::{Block, Half, Step};
use super::head::{Head, Shape};
use super::hpack::Decoder;
use super::hpack::list::HeaderList;
use super::reader::Reader;
use super::tape::Tape;
use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::protocol::Role;
use crate::protocol::input::Span;

/// A direction that is not in step.
pub struct Scout {
    about: About,
    half: Half,
    chain: Chain,
    tape: Tape,
    rival: Rival,
    last_ns: u64,
    /// Bytes that were not kept, or not any longer.
    skipped_bytes: u64,
    /// Heads that the other direction has not been asked about.
    news: Vec<u32>,
    /// What was found so far counts no more, for the other direction either.
    is_restarted: bool,
    /// There were heads in what was passed over: exchanges that nobody will be told of.
    has_lost_heads: bool,
}

/// The first frame of a chain to be read, and what came since.
pub struct Found {
    /// The direction, in step.
    pub half: Half,
    /// What it has to be given.
    pub tape: Tape,
    /// What was passed over.
    pub missed: Missed,
    /// When the first byte of the tape was moved.
    pub begun_ns: u64,
}

/// What was passed over in a search.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Missed {
    /// Why it was not in step.
    pub reason: Reason,
    /// How many bytes that are.
    pub bytes: u64,
    /// There seem to have been heads among them, not only the rest of what had begun before.
    pub has_heads: bool,
}

impl Scout {
    /// A direction of which so much is known.
    pub fn new(about: About) -> Self {
        Self {
            half: half(&about),
            chain: Chain::new(&about, 0),
            about,
            tape: Tape::default(),
            rival: Rival::default(),
            last_ns: 0,
            skipped_bytes: 0,
            news: Vec::new(),
            is_restarted: false,
            has_lost_heads: false,
        }
    }

    /// Takes what follows.
    pub fn bytes(&mut self, mut span: Span<'_>, limits: &Limits) {
        self.last_ns = span.time_ns;
        while !span.rest.is_empty() {
            let whole = span;
            self.piece(whole.with(span.take(PIECE_BYTES)), limits);
        }
    }

    /// A hole follows: what was found so far has an end that is not known.
    pub fn hole(&mut self) {
        self.restart();
    }

    /// The chain reaches further than any frame that began before it.
    pub fn is_far(&self) -> bool {
        let chain = &self.chain;
        (chain.is_far() || chain.is_calmly_far()) && !chain.is_waiting
    }

    /// The chain has been what it should be for long enough. `last_ns`: when something has come last, from
    /// either end.
    pub fn is_proven(&self, now_ns: u64, last_ns: u64) -> bool {
        let is_silent = now_ns.saturating_sub(last_ns) >= SILENT_NS;
        let is_old = now_ns.saturating_sub(self.chain.calm.begun_ns) >= OLD_NS;
        match self.chain.is_torn {
            true => is_silent && self.is_likely(self.chain.matched, self.chain.heads.len()),
            false => self.may_be_proven() && (is_silent || is_old),
        }
    }

    /// When something has come last.
    pub fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// Only time is missing; at the end of the connection there is no more.
    pub fn may_be_proven(&self) -> bool {
        let calm = &self.chain.calm;
        !self.chain.is_torn && self.is_likely(calm.matched, calm.heads)
    }

    /// A frame has just ended, and of so many heads so many belong to one of the other direction.
    fn is_likely(&self, matched: usize, heads: usize) -> bool {
        self.half.reader.is_between()
            && matched > 0
            && matched >= heads / 2
            && !self.chain.is_waiting
            && self.tape.len_bytes() > 0
    }

    /// Something of the chain belongs to the other direction.
    pub fn is_answered(&self) -> bool {
        self.chain.matched > 0
    }

    /// Of that stream the other direction has shown a head too.
    pub fn note_match(&mut self, stream: u32) {
        self.chain.match_head(stream);
    }

    /// A chain has been followed for so many frames.
    pub fn frames(&self) -> u32 {
        match self.half.reader.is_lost() {
            true => 0,
            false => self.half.reader.frames(),
        }
    }

    /// What it carries, as far as its heads say.
    pub fn role(&self) -> Option<Role> {
        self.chain.role
    }

    /// It is known now what it carries.
    pub fn assign(&mut self, role: Role) {
        self.about.role = Some(role);
        if self.chain.role.is_some_and(|claimed| claimed != role) {
            self.restart();
        }
        self.chain.role = Some(role);
    }

    /// A head of that stream is in the chain.
    pub fn has_head(&self, stream: u32) -> bool {
        self.chain.heads.contains_key(&stream)
    }

    /// Streams whose heads have come since the last call.
    pub fn take_news(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.news)
    }

    /// Whether what was found before the last call counts no more.
    pub fn take_restarted(&mut self) -> bool {
        std::mem::take(&mut self.is_restarted)
    }

    /// Both directions are searched, and this one has moved on: which heads belong together?
    pub fn meet(&mut self, other: &mut Self) {
        if self.take_restarted() {
            other.chain.forget_matches();
        }
        let fits = self.role().is_some() && other.role().is_some() && self.role() != other.role();
        for stream in self.take_news() {
            if fits && other.has_head(stream) {
                self.note_match(stream);
                other.note_match(stream);
            }
        }
    }

    /// The frames are frames: gives back what has to be read.
    pub fn found(mut self) -> Found {
        let begin = match (self.chain.is_far(), self.chain.is_torn) {
            (true, _) => 0,
            (_, false) => self.chain.calm.at,
            (_, true) => self.chain.bytes,
        };
        self.skipped_bytes = self.skipped_bytes.saturating_add(self.tape.cut(begin));
        self.has_lost_heads |= begin > 0 && self.chain.has_heads(begin);
        let missed = Missed {
            reason: self.about.reason,
            bytes: self.skipped_bytes,
            has_heads: self.has_lost_heads,
        };
        let is_preface = self.tape.from() == 0 && self.half.reader.has_preface();
        let reader = Reader::new(is_preface);
        Found {
            half: Half::new(reader, Decoder::late(), self.about.reason),
            begun_ns: self.tape.begun_ns().unwrap_or(self.last_ns),
            tape: self.tape,
            missed,
        }
    }

    /// Nothing is found: what is lost by that.
    pub fn missed(&self) -> Missed {
        Missed {
            reason: self.about.reason,
            bytes: self.skipped_bytes.saturating_add(self.tape.len_bytes() as u64),
            has_heads: self.has_lost_heads || self.chain.has_heads(u64::MAX),
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let chain = self.chain.heads.len() + self.chain.strangers.len();
        size_of::<Self>()
            + self.half.memory_bytes()
            + self.tape.memory_bytes()
            + chain * ENTRY_BYTES
            + self.news.capacity() * size_of::<u32>()
    }

    // === one piece ===

    fn piece(&mut self, mut span: Span<'_>, limits: &Limits) {
        let length = span.rest.len() as u64;
        if self.half.reader.is_lost() {
            if !span.call_start {
                self.skipped_bytes = self.skipped_bytes.saturating_add(length);
                return;
            }
            self.chain = Chain::new(&self.about, span.time_ns);
            self.tape = Tape::default();
        }
        self.watch_calls(&span);
        self.tape.push(&span);
        let begin = self.chain.bytes;
        self.chain.bytes += length;
        if self.follow(begin, &mut span, limits).is_err() {
            self.restart();
        } else {
            self.bound(limits);
        }
    }

    /// Follows the chain through a span that begins at that offset.
    fn follow(&mut self, begin: u64, span: &mut Span<'_>, limits: &Limits) -> Result<(), Broken> {
        let length = span.rest.len();
        loop {
            let frames = self.half.reader.frames();
            let step = self.half.step(span, limits);
            let at = begin + (length - span.rest.len()) as u64;
            if self.half.reader.frames() != frames {
                self.frame(at.saturating_sub(HEAD_BYTES as u64))?;
            }
            match step {
                Step::Used => return Ok(()),
                Step::Garbage => return Err(Broken),
                Step::Block(block) => self.block(&block, limits)?,
                Step::End(stream) => self.chain.end(stream),
                _ => {}
            }
        }
    }

    /// A frame begins.
    fn frame(&mut self, at: u64) -> Result<(), Broken> {
        let Some(head) = self.half.reader.frame() else { return Ok(()) };
        let longest_bytes = self.half.reader.longest_bytes();
        let chain = &mut self.chain;
        chain.measure(at, &self.about, longest_bytes);
        let goes_on = head.kind == kind::CONTINUATION;
        if !goes_on {
            chain.block_at = at;
        }
        let is_stray = goes_on && !self.half.is_in_block();
        let has_ended = chain.heads.get(&head.stream).is_some_and(|seen| seen.has_ended);
        let is_after_end = head.kind == kind::DATA && has_ended;
        if is_stray || is_after_end {
            return Err(Broken);
        }
        if chain.is_waiting && !goes_on {
            self.begin_anew();
        }
        if head.kind == kind::DATA { self.stranger(head.stream) } else { Ok(()) }
    }

    /// Content has come, or trailers: was the head in the chain?
    fn stranger(&mut self, stream: u32) -> Result<(), Broken> {
        let chain = &mut self.chain;
        if !chain.heads.contains_key(&stream) && chain.strangers.insert(stream) {
            self.begin_anew();
        }
        if self.chain.strangers.len() > STRANGERS { Err(Broken) } else { Ok(()) }
    }

    fn block(&mut self, block: &Block<'_>, limits: &Limits) -> Result<(), Broken> {
        let Ok(bytes) = &block.bytes else { return Err(Broken) };
        let mut list = HeaderList::default();
        let decoded = self.half.decoder.decode(bytes, limits, &mut list);
        if decoded.broken.is_some() {
            return Err(Broken);
        }
        let stream = block.stream;
        match (Head::of(&list).shape(), block.is_promise) {
            (Shape::Request, true) => self.promise()?,
            (Shape::Request, false) => self.request(stream)?,
            (Shape::Response, false) => self.response(stream)?,
            (Shape::Fields, _) if decoded.unknown > 0 => {}
            (Shape::Fields, false) if block.ends_stream => self.stranger(stream)?,
            _ => return Err(Broken),
        }
        if block.ends_stream {
            self.chain.end(stream);
        }
        Ok(())
    }

    fn request(&mut self, stream: u32) -> Result<(), Broken> {
        self.chain.claim(Role::Request)?;
        if stream.is_multiple_of(2) || stream <= self.chain.last_asked {
            return Err(Broken);
        }
        self.chain.last_asked = stream;
        self.head(stream)
    }

    fn promise(&mut self) -> Result<(), Broken> {
        self.chain.has_promise = true;
        self.chain.claim(Role::Response)
    }

    fn response(&mut self, stream: u32) -> Result<(), Broken> {
        self.chain.claim(Role::Response)?;
        self.head(stream)
    }

    fn head(&mut self, stream: u32) -> Result<(), Broken> {
        self.chain.head(stream)?;
        self.news.push(stream);
        Ok(())
    }

    // === beginning anew ===

    /// What came before the last frame, or the field block that it ends, may be no frames.
    fn begin_anew(&mut self) {
        let dropped = self.tape.cut(self.chain.block_at);
        self.skipped_bytes = self.skipped_bytes.saturating_add(dropped);
        self.forget();
    }

    /// What was found so far is not believed. Its streams are no strangers for that.
    fn forget(&mut self) {
        let chain = &mut self.chain;
        self.has_lost_heads |= chain.has_heads(u64::MAX);
        chain.has_promise = false;
        chain.strangers.extend(std::mem::take(&mut chain.heads).into_keys());
        if chain.strangers.len() > STRANGERS {
            chain.strangers.clear();
        }
        chain.last_asked = self.about.last_asked;
        chain.role = self.about.role;
        chain.forget_matches();
        chain.calm.heads = 0;
        chain.is_waiting = false;
        self.news.clear();
        self.is_restarted = true;
        self.half.decoder.lose();
    }

    /// Nothing is kept before the next frame begins.
    fn drop_kept(&mut self) {
        let dropped = self.tape.len_bytes() as u64;
        self.skipped_bytes = self.skipped_bytes.saturating_add(dropped);
        self.tape = Tape::new(self.chain.bytes);
        self.forget();
        self.chain.is_waiting = true;
    }

    /// The chain is none. The next call may begin another.
    fn restart(&mut self) {
        let dropped = self.tape.len_bytes() as u64;
        self.skipped_bytes = self.skipped_bytes.saturating_add(dropped);
        self.is_restarted = true;
        self.has_lost_heads |= self.chain.has_heads(u64::MAX);
        self.half = half(&self.about);
        self.chain = Chain::new(&self.about, self.last_ns);
        self.tape = Tape::default();
        self.rival = Rival::default();
        self.news.clear();
    }

    /// Keeps within the limits.
    fn bound(&mut self, limits: &Limits) {
        let is_long = self.tape.len_bytes() > limits.head_bytes;
        if self.chain.is_waiting || is_long || self.tape.memory_bytes() > limits.held_bytes {
            self.drop_kept();
        }
    }

    /// Looks at where calls begin: with a frame, or within one.
    fn watch_calls(&mut self, span: &Span<'_>) {
        if span.call_start {
            self.rival = self.chain.call(&self.half.reader, span.time_ns);
        }
        if self.rival.look(span.rest, self.about.most_bytes()) {
            self.chain.doubt(&self.rival);
        }
    }
}

fn half(about: &About) -> Half {
    Half::new(Reader::searching(about.most_bytes()), Decoder::late(), about.reason)
}

/// Silence after which a chain is believed without being far.
const SILENT_NS: u64 = 1_000_000_000;
/// Age at which it is without silence.
const OLD_NS: u64 = 10_000_000_000;
/// Streams with content and no head: more have no usual ends.
const STRANGERS: usize = 4_096;
/// So much is looked at at once.
const PIECE_BYTES: usize = 16_384;
/// What an entry of a tree takes.
const ENTRY_BYTES: usize = 32;
