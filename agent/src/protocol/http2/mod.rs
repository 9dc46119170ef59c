//! HTTP/2 on one connection.
//!
//! In: bytes, holes and ends with their role (`protocol`). Out: exchanges, losses.
//! Always: same exchanges however the bytes were cut; a field that refers to what was not seen is left
//! out, never guessed; after a loss nothing is read before it is known to be frames (`scout` has the
//! rule); memory is bounded by `Limits`.
//! Not here: whether it is HTTP/2 (`probe`). Source: RFC 9113, RFC 7541.
//!
//! ```text
//! bytes ─▶ reader (frames) ─▶ half (field blocks, content) ─▶ streams ─▶ stream ─▶ exchange
//!   │ not in step     ▲           └─▶ hpack, head
//!   └─────▶ scout ────┘ tape: all bytes since the frame that was found
//! ```

pub mod chain;
pub mod frame;
pub mod half;
pub mod head;
pub mod hpack;
pub mod reader;
pub mod scout;
pub mod search;
pub mod stream;
pub mod streams;
pub mod tape;
pub mod tunnels;

use chain::About;
use frame::{HEAD_BYTES, MOST_BYTES, starts_preface, starts_settings};
use half::{Half, Settings, Step};
use head::{Head, Shape};
use hpack::Decoder;
use hpack::list::HeaderList;
use reader::Reader;
use scout::{Missed, Scout};
use stream::{Block, Stream};
use streams::Streams;

use earwitness_common::settings::Verdict;

use crate::model::loss::{Loss, Reason};
use crate::protocol::anomaly::Anomaly;
use crate::protocol::detect::Front;
use crate::protocol::exchange::{Exchange, MessageEnd, Reset, Unknown};
use crate::protocol::input::{Hole, Input, Span};
use crate::protocol::parser::{Around, Next, Parser, Protocol};
use crate::protocol::{Output, Role};

/// How it is told.
pub const PROTOCOL: Protocol = Protocol {
    request: || Box::new(Front::new(starts_preface)),
    response: || Box::new(Front::new(starts_settings)),
    is_told_late: false,
    parser: |_| Box::<Http2>::default(),
};

/// One connection.
pub struct Http2 {
    requests: Side,
    responses: Side,
    streams: Streams,
    /// Kept for its memory.
    list: HeaderList,
    /// When something has come last.
    last_ns: u64,
    /// The connection did not begin as one of HTTP/2 does.
    is_wrong: bool,
}

/// One direction.
struct Side {
    state: State,
    /// Largest payload that its receiver has ever allowed; 0: that is not known.
    frame_bytes: u32,
}

#[expect(clippy::large_enum_variant, reason = "the large one is the usual one")]
enum State {
    InStep(Half),
    Lost(Box<Scout>),
}

impl Http2 {
    /// A connection seen from its first byte on.
    pub fn new() -> Self {
        let side = |preface| {
            let half = Half::new(Reader::new(preface), Decoder::new(), Reason::Unparsed);
            Side { state: State::InStep(half), frame_bytes: MOST_BYTES }
        };
        Self {
            requests: side(true),
            responses: side(false),
            streams: Streams::default(),
            list: HeaderList::default(),
            last_ns: 0,
            is_wrong: false,
        }
    }

    /// A connection that began with HTTP/1: its first request came so, and is answered on stream 1.
    pub fn upgraded(request: Box<Exchange>, around: &mut Around<'_>) -> Self {
        let mut http2 = Self::new();
        http2.streams.upgraded(Box::new(Stream::upgraded(request)), around);
        http2
    }

    /// A connection of which the beginning was not seen, for that reason.
    pub fn joined(requests: Box<Scout>, responses: Box<Scout>, reason: Reason) -> Self {
        let last_ns = requests.last_ns().max(responses.last_ns());
        Self {
            requests: Side { state: State::Lost(requests), frame_bytes: 0 },
            responses: Side { state: State::Lost(responses), frame_bytes: 0 },
            streams: Streams::joined(reason),
            list: HeaderList::default(),
            last_ns,
            is_wrong: false,
        }
    }
}

impl Parser for Http2 {
    fn push(&mut self, role: Role, input: Input<'_>, around: &mut Around<'_>) {
        self.last_ns = input.time_ns();
        match input {
            Input::Bytes(span) => self.bytes(role, span, around),
            Input::Hole(hole) => self.hole(role, &hole, around),
            // The streams end when the connection does.
            Input::End(_) => {}
        }
    }

    fn tick(&mut self, now_ns: u64, around: &mut Around<'_>) {
        let last_ns = self.last_ns;
        let is_found = |scout: &Scout| scout.is_far() || scout.is_proven(now_ns, last_ns);
        self.settle(is_found, around);
        let requests = self.requests.scout();
        let is_kept = |stream| requests.is_some_and(|scout| scout.has_head(stream));
        self.streams.tick(now_ns, is_kept, around);
    }

    fn awaits_tick(&self) -> bool {
        let searches = |side: &Side| side.scout().is_some_and(|scout| scout.frames() > 0);
        self.streams.awaits_tick() || searches(&self.requests) || searches(&self.responses)
    }

    fn open_long(&mut self, before_ns: u64, out: &mut Vec<Output>) {
        self.streams.open_long(before_ns, out);
    }

    fn close(&mut self, how: MessageEnd, around: &mut Around<'_>) {
        self.settle(|scout| scout.is_far() || scout.may_be_proven(), around);
        let mut reason = (how == MessageEnd::Unfinished).then_some(Reason::AgentStop);
        for scout in [&self.requests, &self.responses].into_iter().filter_map(Side::scout) {
            tell_missed(scout.missed(), around);
        }
        reason = reason.or(self.responses.scout().map(|scout| scout.missed().reason));
        self.streams.close(how, reason, around);
    }

    fn next(&mut self, around: &mut Around<'_>) -> Next {
        if !self.is_wrong {
            return Next::Stay;
        }
        self.close(MessageEnd::Unknown, around);
        around.lose(Loss::connection(Reason::Unparsed));
        Next::Ignore
    }

    /// Frames lie everywhere.
    fn wants(&self) -> Verdict {
        Verdict::Full
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.requests.memory_bytes()
            + self.responses.memory_bytes()
            + self.streams.memory_bytes()
            + self.list.memory_bytes()
    }

    #[cfg(test)]
    fn check(&self) {
        self.streams.check();
    }
}

impl Http2 {
    // === input ===

    fn bytes(&mut self, role: Role, mut span: Span<'_>, around: &mut Around<'_>) {
        loop {
            let time_ns = span.time_ns;
            let half = match &mut self.side_mut(role).state {
                State::InStep(half) => half,
                State::Lost(scout) => {
                    scout.bytes(span, around.limits);
                    return self.searched(role, around);
                }
            };
            match half.step(&mut span, around.limits) {
                Step::Used => return,
                Step::Skipped => {}
                Step::Block(block) => self.block(role, block, around),
                Step::Content { stream, bytes, wire_bytes } => {
                    let content = (bytes, wire_bytes);
                    self.streams.content(stream, role, content, time_ns, around);
                }
                Step::End(stream) => self.streams.end(stream, role, around),
                Step::Reset(stream, code) => self.reset(role, stream, (code, time_ns), around),
                Step::Goaway(last, code) => {
                    let reset = reset(role, code, true);
                    self.streams.goaway(last, reset, around.out);
                }
                Step::Settings(settings) => self.allow(role.other(), settings),
                Step::Garbage if half.reader.is_at_preface() => {
                    self.is_wrong = true;
                    return;
                }
                Step::Garbage => {
                    report(Reason::Unparsed, HEAD_BYTES as u64, around);
                    self.lose(role, Reason::Unparsed, time_ns, around);
                }
            }
        }
    }

    fn hole(&mut self, role: Role, hole: &Hole, around: &mut Around<'_>) {
        let left_bytes = match &mut self.side_mut(role).state {
            State::InStep(half) => half.reader.left_bytes(),
            State::Lost(scout) => {
                scout.hole();
                return self.searched_hole(role, hole, around);
            }
        };
        let inside = Hole { bytes: hole.bytes.min(left_bytes), ..*hole };
        if inside.bytes > 0 {
            self.hole_inside(role, &inside, around);
        }
        let bytes = hole.bytes - inside.bytes;
        if bytes > 0 {
            report(hole.reason, bytes, around);
            self.lose(role, hole.reason, hole.time_ns, around);
        }
    }

    /// A hole in the frame under way, which may end with it.
    fn hole_inside(&mut self, role: Role, hole: &Hole, around: &mut Around<'_>) {
        let State::InStep(half) = &mut self.side_mut(role).state else { return };
        if let Some((stream, content)) = half.hole(hole) {
            self.streams.hole(stream, role, hole, content, around);
        }
        self.bytes(role, Span::within(&[], hole.time_ns), around);
    }

    /// What the receiver of a direction allows from some moment on.
    fn allow(&mut self, role: Role, settings: Settings) {
        let side = self.side_mut(role);
        side.frame_bytes = side.frame_bytes.max(settings.frame_bytes.unwrap_or(0));
        if let (Some(bytes), State::InStep(half)) = (settings.table_bytes, &mut side.state) {
            half.decoder.set_limit(bytes);
        }
    }

    // === out of step ===

    /// Frames of a direction are lost.
    fn lose(&mut self, role: Role, reason: Reason, time_ns: u64, around: &mut Around<'_>) {
        let last_asked = self.streams.last_asked();
        let side = self.side_mut(role);
        let State::InStep(half) = &mut side.state else { return };
        let block = half.give_up(reason);
        let most_bytes = side.frame_bytes;
        let longest_bytes = half.reader.longest_bytes();
        let about = About { role: Some(role), reason, most_bytes, longest_bytes, last_asked };
        side.state = State::Lost(Box::new(Scout::new(about)));
        // SETTINGS may be among them.
        self.allow(role.other(), Settings::UNKNOWN);
        if let Some(block) = block {
            self.deliver(role, block, Err(reason), None, around);
        }
        self.streams.lose(role, reason, time_ns, around);
    }

    /// A scout has moved on.
    fn searched(&mut self, role: Role, around: &mut Around<'_>) {
        self.compare(role);
        self.settle(Scout::is_far, around);
    }

    fn searched_hole(&mut self, role: Role, hole: &Hole, around: &mut Around<'_>) {
        report(hole.reason, hole.bytes, around);
        self.compare(role);
    }

    /// Which heads of a scout belong to heads of the other direction?
    fn compare(&mut self, role: Role) {
        let (side, other) = match role {
            Role::Request => (&mut self.requests, &mut self.responses),
            Role::Response => (&mut self.responses, &mut self.requests),
        };
        let State::Lost(scout) = &mut side.state else { return };
        match &mut other.state {
            State::Lost(other) => scout.meet(other),
            State::InStep(_) => {
                scout.take_restarted();
                for stream in scout.take_news() {
                    if self.streams.lacks(stream, role) {
                        scout.note_match(stream);
                    }
                }
            }
        }
    }

    /// A head has come in step: is it one that the other direction's scout has a counterpart of?
    fn answer(&mut self, role: Role, stream: u32) {
        if let State::Lost(scout) = &mut self.side_mut(role.other()).state {
            scout.note_match(stream);
        }
    }

    /// Reads what has been found, where enough is known of it.
    fn settle(&mut self, is_found: impl Fn(&Scout) -> bool, around: &mut Around<'_>) {
        for role in [Role::Request, Role::Response] {
            let side = self.side_mut(role);
            if !side.scout().is_some_and(&is_found) {
                continue;
            }
            let blank = Half::new(Reader::new(false), Decoder::late(), Reason::Unparsed);
            let state = std::mem::replace(&mut side.state, State::InStep(blank));
            let State::Lost(scout) = state else { continue };
            let found = scout.found();
            side.state = State::InStep(found.half);
            let reason = found.missed.reason;
            tell_missed(found.missed, around);
            // What was opened meanwhile may have gone on before the frames that were found.
            self.streams.shake(role, reason, found.begun_ns, found.begun_ns);
            found.tape.play(|span| self.bytes(role, span, around));
        }
    }

    // === field blocks ===

    /// A field block: the head of a message, or its trailers.
    fn block(&mut self, role: Role, block: half::Block<'_>, around: &mut Around<'_>) {
        let mut list = std::mem::take(&mut self.list);
        if let State::InStep(half) = &mut self.side_mut(role).state {
            match block.bytes.as_ref().map_err(|reason| *reason) {
                Err(reason) => self.deliver(role, block, Err(reason), None, around),
                Ok(bytes) => {
                    let decoded = half.decoder.decode(bytes, around.limits, &mut list);
                    let fields = u32::try_from(decoded.unknown).unwrap_or(u32::MAX);
                    let reason = half.missing;
                    if decoded.broken.is_some() {
                        half.missing = Reason::Unparsed;
                    }
                    let broken = decoded.broken.map(|_| Anomaly::InvalidFieldBlock);
                    let unknown = (fields > 0).then_some(Unknown { fields, reason });
                    let head = Ok((Head::of(&list), decoded.cut.or(broken)));
                    self.deliver(role, block, head, unknown, around);
                }
            }
        }
        self.list = list;
    }

    /// Gives a block to its stream.
    fn deliver(
        &mut self,
        role: Role,
        block: half::Block<'_>,
        head: Result<(Head<'_>, Option<Anomaly>), Reason>,
        unknown: Option<Unknown>,
        around: &mut Around<'_>,
    ) {
        let odd = block.note();
        let (head, note) = match head {
            Ok((head, note)) => (Ok(head), odd.or(note)),
            Err(reason) => (Err(reason), odd),
        };
        let (id, ends_stream, promised) = (block.stream, block.ends_stream, block.promised);
        let is_promise = block.is_promise;
        let block = Block { head, unknown, ends_stream, meter: block.meter, note };
        if is_promise {
            return self.promise(role, promised, block, around);
        }
        let is_head = matches!(&block.head, Ok(head) if head.shape() != Shape::Fields);
        if is_head {
            self.answer(role, id);
        }
        if !self.streams.open(id, role, is_head || block.head.is_err(), around) {
            return;
        }
        self.streams.block(id, role, block, around);
        match ends_stream {
            true => self.streams.end(id, role, around),
            false => self.streams.settle(id, around),
        }
    }

    /// A request that the server makes up.
    fn promise(
        &mut self,
        role: Role,
        promised: Option<u32>,
        block: Block<'_>,
        around: &mut Around<'_>,
    ) {
        if role == Role::Request {
            return;
        }
        let Some(id) = promised else {
            self.streams.promises_lost = block.head.err().or(Some(Reason::Unparsed));
            return;
        };
        if self.streams.promised(id, around) {
            self.streams.block(id, Role::Request, block, around);
            self.streams.end(id, Role::Request, around);
        }
    }

    fn reset(
        &mut self,
        role: Role,
        stream: u32,
        (code, time_ns): (Option<u32>, u64),
        around: &mut Around<'_>,
    ) {
        let reset = code.map(|code| reset(role, code, false));
        self.streams.reset(stream, role, (reset, time_ns), around);
    }

    fn side_mut(&mut self, role: Role) -> &mut Side {
        match role {
            Role::Request => &mut self.requests,
            Role::Response => &mut self.responses,
        }
    }
}

impl Default for Http2 {
    fn default() -> Self {
        Self::new()
    }
}

impl Side {
    fn scout(&self) -> Option<&Scout> {
        match &self.state {
            State::InStep(_) => None,
            State::Lost(scout) => Some(scout),
        }
    }

    fn memory_bytes(&self) -> usize {
        match &self.state {
            State::InStep(half) => half.memory_bytes(),
            State::Lost(scout) => scout.memory_bytes(),
        }
    }
}

fn reset(role: Role, code: u32, goaway: bool) -> Reset {
    Reset { code, by_client: role == Role::Request, goaway }
}

/// Tells of what a search has passed over. The rest of what had begun before us is no loss.
pub fn tell_missed(missed: Missed, around: &mut Around<'_>) {
    let is_loss = missed.has_heads || missed.reason != Reason::BeforeAttach;
    if missed.bytes > 0 && is_loss {
        around.lose(Loss::hole(missed.reason, missed.bytes));
    }
}

/// Tells of lost bytes. What was before us is no loss.
fn report(reason: Reason, bytes: u64, around: &mut Around<'_>) {
    if bytes > 0 && reason != Reason::BeforeAttach {
        around.lose(Loss::hole(reason, bytes));
    }
}
