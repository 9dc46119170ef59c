//! One direction of an HTTP/1 connection: messages out of bytes, holes and an end.
//!
//! In: `Span`s and holes in order. Out: `Step`: where heads and messages end. The caller parses
//! the head and says with `begin` what follows it.
//! Always: same steps however the bytes were cut; nothing is copied but a head that came in
//! pieces, and that is at most `Limits::head_bytes`; after a loss nothing is taken for a message
//! before a turn begins with one.
//! Not here: heads (`head`), which response belongs to which request (`pair`).

use std::borrow::Cow;

use crate::model::limits::Limits;
use crate::model::loss::Reason;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::detect::{Grammar, Match};
use crate::protocol::exchange::MessageEnd;
use crate::protocol::http1::chunked::{Chunked, Progress};
use crate::protocol::http1::framing::Framing;
use crate::protocol::http1::head;
use crate::protocol::http1::start::Matcher;
use crate::protocol::input::{Hole, Span};
use crate::protocol::meter::Meter;

/// What one look at a span gave.
pub enum Step<'a> {
    /// The span is used up.
    Used,
    /// A whole head; `begin` must follow.
    Head(Cow<'a, [u8]>),
    /// The front of a head that is longer than we hold; `begin` or `lose` must follow.
    LongHead(Vec<u8>),
    /// The message is over.
    Over(Ended),
    /// A message cannot begin like this; `lose` must follow.
    Garbage,
}

/// How a message ended.
pub struct Ended {
    /// How.
    pub end: MessageEnd,
    /// Length of the content, if it can be told.
    pub body_bytes: Option<u64>,
    /// What was odd.
    pub note: Option<Anomaly>,
    /// What is known of its bytes.
    pub meter: Meter,
}

/// What a hole did.
pub enum Missed {
    /// It lies inside the message, which goes on.
    Inside,
    /// It ends the message exactly; so many bytes of it lie beyond.
    Over(Ended, u64),
    /// The message's end cannot be told.
    Broken,
    /// It began between two messages.
    Between,
    /// It cut a head, of which this is the front.
    InHead(Vec<u8>),
    /// There was nothing to miss: the direction was lost before.
    Lost,
}

/// One direction.
pub struct Half {
    state: State,
    buffer: Vec<u8>,
    scanned_bytes: usize,
    matcher: Matcher,
    fresh: fn() -> Matcher,
    /// Figures of the message that is coming in.
    pub meter: Meter,
    /// Why the direction was lost, while it looks whether a turn begins with a message.
    probing: Option<Reason>,
    /// Bytes passed over while lost.
    skipped_bytes: u64,
    /// The turn has brought nothing but empty lines.
    turn_start: bool,
}

/// ```text
///  Start --bytes--> Head --empty line--> Headed --begin--> Body, Chunks, Rest, Murky
///    ^                                     `-- no body --.       |
///    |<-------------------------------------------------'---- end of the message
///  any --hole in a head or between chunks, garbage--> Lost --turn--> Start (probing)
/// ```
#[derive(Debug)]
enum State {
    /// Between messages.
    Start,
    /// `buffer` holds the front of a head.
    Head,
    /// The head was handed out.
    Headed,
    /// Content-Length: bytes left, bytes in all.
    Body(u64, u64),
    /// Chunked.
    Chunks(Chunked),
    /// Until the end of the stream; content so far.
    Rest(u64),
    /// Framing unknown: until the next turn.
    Murky(Option<Anomaly>),
    /// Not in step with the stream.
    Lost(Reason),
}

impl Half {
    /// A direction whose messages begin as `fresh` says, in step with the stream.
    pub fn new(fresh: fn() -> Matcher) -> Self {
        Self {
            state: State::Start,
            buffer: Vec::new(),
            scanned_bytes: 0,
            matcher: fresh(),
            fresh,
            meter: Meter::default(),
            probing: None,
            skipped_bytes: 0,
            turn_start: false,
        }
    }

    /// Looks at a span.
    pub fn step<'a>(&mut self, span: &mut Span<'a>, limits: &Limits) -> Step<'a> {
        if span.rest.is_empty() {
            return Step::Used;
        }
        match &mut self.state {
            State::Start => self.start(span, limits),
            State::Head => self.more_head(span, limits),
            State::Headed => Step::Garbage,
            State::Body(left, _) => {
                let used = (span.rest.len() as u64).min(*left);
                *left -= used;
                let over = *left == 0;
                let content = span.take(used as usize);
                self.meter.add(content.len(), span.time_ns);
                self.meter.content(content, span.time_ns);
                self.over_if(over)
            }
            State::Chunks(chunks) => {
                let (meter, time_ns) = (&mut self.meter, span.time_ns);
                let (used, progress) =
                    chunks.feed(span.rest, limits, |content| meter.content(content, time_ns));
                self.meter.add(span.take(used).len(), span.time_ns);
                match progress {
                    Progress::More => self.over_if(false),
                    Progress::Done => self.over_if(true),
                    Progress::Broken(anomaly) => {
                        self.state = State::Murky(Some(anomaly));
                        self.step(span, limits)
                    }
                }
            }
            State::Rest(content) => {
                *content = content.saturating_add(span.rest.len() as u64);
                self.meter.content(span.rest, span.time_ns);
                self.count_all(span)
            }
            State::Murky(_) if span.turn_start => {
                let ended = self.end(MessageEnd::Unknown);
                self.lose(Reason::Unparsed);
                ended.map_or(Step::Garbage, Step::Over)
            }
            State::Murky(_) => self.count_all(span),
            State::Lost(_) => {
                let skipped = span.take(span.rest.len()).len();
                self.skip(skipped as u64);
                Step::Used
            }
        }
    }

    /// After `Step::Head`: what follows. `Some`: nothing, the message is over.
    pub fn begin(&mut self, framing: Framing) -> Option<Ended> {
        self.probing = None;
        self.state = match framing {
            Framing::Empty => State::Body(0, 0),
            Framing::Length(length) => State::Body(length, length),
            Framing::Chunked => State::Chunks(Chunked::default()),
            Framing::Close => State::Rest(0),
            Framing::Unknown => State::Murky(None),
        };
        match framing {
            Framing::Empty => self.end(MessageEnd::Whole),
            _ => None,
        }
    }

    /// Leaves the message and passes over everything until a turn begins with a message.
    pub fn lose(&mut self, reason: Reason) {
        let reason = self.probing.take().unwrap_or(reason);
        self.state = State::Lost(reason);
        self.turn_start = false;
        self.forget_head();
    }

    /// `lose`, and what was taken for a head counts as passed over.
    pub fn refuse(&mut self, reason: Reason) {
        if matches!(self.state, State::Head | State::Headed) {
            self.skip(self.meter.seen_bytes());
        }
        self.lose(reason);
    }

    /// Looks for a message at the beginning of a turn (`should_probe`).
    pub fn probe(&mut self) {
        if self.in_head() {
            self.refuse(Reason::Unparsed);
        }
        if let State::Lost(reason) = self.state {
            self.state = State::Start;
            self.probing = Some(reason);
        }
    }

    /// A turn begins: whether the direction should look for a message here.
    pub fn should_probe(&self) -> bool {
        matches!(self.state, State::Lost(_)) || (self.probing.is_some() && self.in_head())
    }

    /// A hole follows.
    pub fn hole(&mut self, hole: &Hole) -> Missed {
        let Hole { bytes, reason, .. } = *hole;
        match &mut self.state {
            State::Start => Missed::Between,
            State::Lost(_) => Missed::Lost,
            State::Body(left, _) => {
                let inside = bytes.min(*left);
                *left -= inside;
                let over = *left == 0;
                self.meter.hole(inside, reason, hole.time_ns);
                match over.then(|| self.end(MessageEnd::Whole)).flatten() {
                    Some(ended) => Missed::Over(ended, bytes - inside),
                    None => Missed::Inside,
                }
            }
            State::Chunks(chunks) if bytes <= chunks.data_left() => {
                chunks.skip(bytes);
                self.inside(hole)
            }
            State::Rest(content) => {
                *content = content.saturating_add(bytes);
                self.inside(hole)
            }
            State::Murky(_) if hole.turn_start => Missed::Broken,
            State::Murky(_) => self.inside(hole),
            State::Head => {
                self.inside(hole);
                Missed::InHead(self.forget_head())
            }
            State::Headed | State::Chunks(_) => {
                self.inside(hole);
                Missed::Broken
            }
        }
    }

    /// Ends the message that is coming in, if its head is known.
    pub fn end(&mut self, end: MessageEnd) -> Option<Ended> {
        let so_far = match &self.state {
            State::Start | State::Head | State::Lost(_) => return None,
            State::Body(left, all) => Some(all - left),
            State::Chunks(chunks) => Some(chunks.content_bytes),
            State::Rest(content) => Some(*content),
            State::Headed | State::Murky(_) => None,
        };
        let note = self.note();
        self.state = State::Start;
        let body_bytes = so_far.filter(|_| end != MessageEnd::Unknown);
        Some(Ended { end, body_bytes, note, meter: std::mem::take(&mut self.meter) })
    }

    /// The stream has ended, or the agent stops (`how`): what that makes of the message.
    pub fn finish(&mut self, how: MessageEnd) -> Option<Ended> {
        let how = match (&self.state, how) {
            (State::Rest(_), MessageEnd::Truncated) => MessageEnd::Whole,
            (State::Murky(_), MessageEnd::Truncated) => MessageEnd::Unknown,
            (_, how) => how,
        };
        self.end(how)
    }

    /// The front of a head, if one is coming in; the direction is between messages then.
    pub fn take_front(&mut self) -> Option<Vec<u8>> {
        let front = self.in_head().then(|| self.forget_head())?;
        self.state = State::Start;
        Some(front)
    }

    /// Bytes passed over since the last call, and why.
    pub fn take_skipped(&mut self) -> Option<(Reason, u64)> {
        let reason = match self.state {
            State::Lost(reason) => reason,
            _ => self.probing.unwrap_or(Reason::Unparsed),
        };
        match std::mem::take(&mut self.skipped_bytes) {
            0 => None,
            bytes => Some((reason, bytes)),
        }
    }

    /// Between messages and in step.
    pub fn at_start(&self) -> bool {
        matches!(self.state, State::Start)
    }

    /// Within a head.
    pub fn in_head(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// Within a body whose framing is known.
    pub fn in_body(&self) -> bool {
        matches!(self.state, State::Body(..) | State::Chunks(_) | State::Rest(_))
    }

    /// Within a message whose end cannot be told.
    pub fn is_murky(&self) -> bool {
        matches!(self.state, State::Murky(_))
    }

    /// Why the direction is not in step, if it is not.
    pub fn lost(&self) -> Option<Reason> {
        match self.state {
            State::Lost(reason) => Some(reason),
            _ => self.probing,
        }
    }

    /// Within a chunked body that has grown past `LARGE_BYTES`.
    pub fn is_large_chunked(&self) -> bool {
        matches!(&self.state, State::Chunks(chunks) if chunks.content_bytes > LARGE_BYTES)
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.buffer.capacity() + self.meter.memory_bytes()
    }

    fn inside(&mut self, hole: &Hole) -> Missed {
        self.meter.hole(hole.bytes, hole.reason, hole.time_ns);
        Missed::Inside
    }

    fn note(&self) -> Option<Anomaly> {
        match &self.state {
            State::Chunks(chunks) if chunks.bare_lf => Some(Anomaly::BareLf),
            State::Murky(anomaly) => *anomaly,
            _ => None,
        }
    }

    fn start<'a>(&mut self, span: &mut Span<'a>, limits: &Limits) -> Step<'a> {
        let blank = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let blanks = span.rest.iter().take_while(blank).count();
        // Empty lines before a message do not hide that it begins a turn.
        self.turn_start |= span.turn_start;
        span.take(blanks);
        if span.rest.is_empty() {
            return Step::Used;
        }
        span.turn_start = std::mem::take(&mut self.turn_start);
        self.meter = Meter::begin(span);
        if let Some(end) = head::end(span.rest, 0).filter(|&end| end <= limits.head_bytes) {
            let bytes = span.take(end);
            self.meter.add(end, span.time_ns);
            self.state = State::Headed;
            return Step::Head(Cow::Borrowed(bytes));
        }
        self.matcher = (self.fresh)();
        self.state = State::Head;
        self.more_head(span, limits)
    }

    fn more_head<'a>(&mut self, span: &mut Span<'a>, limits: &Limits) -> Step<'a> {
        let room = limits.head_bytes.saturating_sub(self.buffer.len());
        let piece = span.rest.get(..room.min(span.rest.len())).unwrap_or_default();
        let before = self.buffer.len();
        self.buffer.extend_from_slice(piece);
        let end = head::end(&self.buffer, self.scanned_bytes);
        let matched = self.matcher.feed(piece);
        let used = end.unwrap_or(self.buffer.len()).saturating_sub(before);
        self.meter.add(span.take(used).len(), span.time_ns);
        if matched == Match::No {
            return Step::Garbage;
        }
        if let Some(end) = end {
            let mut bytes = self.forget_head();
            bytes.truncate(end);
            self.state = State::Headed;
            return Step::Head(Cow::Owned(bytes));
        }
        self.scanned_bytes = head::scan_from(self.buffer.len());
        if self.buffer.len() >= limits.head_bytes {
            self.state = State::Headed;
            return Step::LongHead(self.forget_head());
        }
        Step::Used
    }

    fn forget_head(&mut self) -> Vec<u8> {
        self.scanned_bytes = 0;
        std::mem::take(&mut self.buffer)
    }

    fn count_all<'a>(&mut self, span: &mut Span<'a>) -> Step<'a> {
        let used = span.take(span.rest.len()).len();
        self.meter.add(used, span.time_ns);
        Step::Used
    }

    fn skip(&mut self, bytes: u64) {
        self.skipped_bytes = self.skipped_bytes.saturating_add(bytes);
    }

    fn over_if<'a>(&mut self, over: bool) -> Step<'a> {
        match over.then(|| self.end(MessageEnd::Whole)).flatten() {
            Some(ended) => Step::Over(ended),
            None => Step::Used,
        }
    }
}

/// A chunked body larger than this is worth capturing whole, for its framing.
const LARGE_BYTES: u64 = 32 * 1024;
