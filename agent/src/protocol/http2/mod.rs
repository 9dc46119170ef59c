//! HTTP/2 on one connection.
//!
//! In: bytes, holes and ends with their role (`protocol`). Out: exchanges, losses.
//! Always: same exchanges however the bytes were cut; a field that refers to what was not seen is left
//! out, never guessed; after a loss, what is taken for frames counts only once a response answers
//! one of its requests; memory is bounded by `Limits`.
//! Not here: whether it is HTTP/2 (`probe`). Source: RFC 9113, RFC 7541.
//!
//! ```text
//! bytes ─▶ reader (frames) ─▶ half (field blocks, content) ─▶ streams ─▶ stream ─▶ exchange
//!                                 └─▶ hpack, head
//! ```

pub mod frame;
pub mod half;
pub mod head;
pub mod hpack;
pub mod reader;
pub mod stream;
pub mod streams;

use half::{Half, Lost, Step};
use head::Head;
use hpack::Decoder;
use hpack::list::HeaderList;
use reader::Reader;
use stream::{Block, Stream};
use streams::Streams;

use crate::model::limits::Limits;
use crate::model::loss::{Loss, Reason};
use crate::protocol::exchange::{Anomaly, Exchange, MessageEnd, Reset, Unknown};
use crate::protocol::held::Input;
use crate::protocol::meter::Span;
use crate::protocol::{Hole, Output, Role, Wants};

/// One connection.
pub struct Http2 {
    requests: Half,
    responses: Half,
    streams: Streams,
    /// Kept for its memory.
    list: HeaderList,
    /// An end has given the connection up.
    goaway: Option<Reset>,
    /// Times that what was taken for frames was none, since it last was.
    barren: u8,
}

/// What every step needs besides the input.
struct Around<'a> {
    limits: &'a Limits,
    out: &'a mut Vec<Output>,
}

impl Http2 {
    /// A connection of which everything was seen, or `lost` says why not.
    pub fn new(lost: Option<Reason>) -> Self {
        let half = |preface| match lost {
            None => Half::new(Reader::new(preface), Decoder::new()),
            Some(reason) => Half::new(Reader::lost(reason), Decoder::late()),
        };
        Self {
            requests: half(true),
            responses: half(false),
            streams: Streams::new(lost),
            list: HeaderList::default(),
            goaway: None,
            barren: 0,
        }
    }

    /// A connection that began with HTTP/1: its first request came so, and is answered on stream 1.
    pub fn upgraded(request: Box<Exchange>, limits: &Limits, out: &mut Vec<Output>) -> Self {
        let mut http2 = Self::new(None);
        http2.streams.insert(1, Box::new(Stream::upgraded(request)), limits, out);
        http2
    }

    /// Takes the next input of a direction.
    pub fn push(&mut self, role: Role, input: Input<'_>, limits: &Limits, out: &mut Vec<Output>) {
        let mut around = Around { limits, out };
        match input {
            Input::Bytes(span) => self.bytes(role, span, &mut around),
            Input::Hole(hole) => self.hole(role, &hole, &mut around),
            // The streams end when the connection does.
            Input::End(_) => {}
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now_ns: u64, limits: &Limits, out: &mut Vec<Output>) {
        self.streams.tick(now_ns, limits, out);
    }

    /// Both directions have ended (`Truncated`), or the agent ends (`Unfinished`).
    pub fn close(&mut self, how: MessageEnd, out: &mut Vec<Output>) {
        let stopped = (how == MessageEnd::Unfinished).then_some(Reason::AgentStop);
        let reason = stopped.or(self.requests.reader.reason()).or(self.responses.reader.reason());
        for role in [Role::Request, Role::Response] {
            self.report_skipped(role, out);
        }
        self.streams.close(how, self.goaway, reason, out);
    }

    /// Tells the heads of exchanges that have gone on for long.
    pub fn open_long(&mut self, before_ns: u64, out: &mut Vec<Output>) {
        self.streams.open_long(before_ns, out);
    }

    /// What the kernel side should do: frames lie everywhere.
    pub fn wants(&self) -> Wants {
        Wants::Full
    }

    /// Whether `tick` has something to decide.
    pub fn awaits_tick(&self) -> bool {
        self.streams.awaits_tick()
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.requests.memory_bytes()
            + self.responses.memory_bytes()
            + self.streams.memory_bytes()
            + self.list.memory_bytes()
    }

    /// The connection has not been understood for so long that it is given up.
    pub fn is_hopeless(&self) -> bool {
        self.barren >= BARREN
    }

    fn bytes(&mut self, role: Role, mut span: Span<'_>, around: &mut Around<'_>) {
        loop {
            let time_ns = span.time_ns;
            match self.half_mut(role).step(&mut span, around.limits) {
                Step::Used => return,
                Step::Skipped => {}
                Step::Block(block) => self.block(role, block, time_ns, around),
                Step::Content { stream, bytes, wire_bytes } => {
                    let content = (bytes, wire_bytes);
                    self.streams.content(stream, role, content, time_ns, around.out);
                }
                Step::End(stream) => self.streams.end(stream, role, around.out),
                Step::Reset(stream, code) => self.reset(role, stream, code, around),
                Step::Goaway(last, code) => self.goaway(role, last, code, around),
                Step::TableSize(bytes) => self.half_mut(other(role)).decoder.set_limit(bytes),
                Step::Garbage => self.lose(role, Reason::Unparsed, time_ns, around),
            }
        }
    }

    fn hole(&mut self, role: Role, hole: &Hole, around: &mut Around<'_>) {
        match self.half_mut(role).hole(hole) {
            Lost::Inside => {}
            Lost::Content(stream, content) => {
                if let Some(stream) = self.streams.get(stream) {
                    stream.hole(role, hole, content);
                }
            }
            Lost::Frames(bytes) => {
                around.out.push(Output::Loss(Loss::hole(hole.reason, bytes)));
                self.lose(role, hole.reason, hole.time_ns, around);
            }
            Lost::Again => around.out.push(Output::Loss(Loss::hole(hole.reason, hole.bytes))),
        }
    }

    /// Frames of a direction are lost, or what was taken for frames is none.
    fn lose(&mut self, role: Role, reason: Reason, time_ns: u64, around: &mut Around<'_>) {
        let half = self.half_mut(role);
        let was_doubted = half.reader.is_doubted();
        let block = half.lose(reason);
        // The other side's SETTINGS may be among them.
        self.half_mut(other(role)).decoder.set_limit(u32::MAX);
        if was_doubted {
            self.barren = self.barren.saturating_add(1);
            if role == Role::Request {
                self.streams.forget_unproven(around.out, reason);
            }
            return;
        }
        if let Some(block) = block {
            self.deliver(role, block, Err(reason), None, around);
        }
        if role == Role::Request {
            self.streams.requests_lost.get_or_insert(reason);
        }
        self.streams.shake(role, reason, time_ns);
    }

    /// A field block: the head of a message, or its trailers.
    fn block(&mut self, role: Role, block: half::Block<'_>, time_ns: u64, around: &mut Around<'_>) {
        let mut list = std::mem::take(&mut self.list);
        let half = self.half_mut(role);
        let reason = half.missing;
        match block.bytes.as_ref().map_err(|reason| *reason) {
            Err(reason) => self.deliver(role, block, Err(reason), None, around),
            Ok(bytes) => {
                let decoded = half.decoder.decode(bytes, around.limits, &mut list);
                let broken = decoded.broken.map(|_| Anomaly::InvalidFieldBlock);
                let fields = u32::try_from(decoded.unknown).unwrap_or(u32::MAX);
                let unknown = (fields > 0).then_some(Unknown { fields, reason });
                let head = Head::of(&list);
                if half.reader.is_doubted()
                    && (broken.is_some() || !self.is_believable(role, &block, &head, unknown))
                {
                    self.lose(role, reason, time_ns, around);
                } else {
                    let note = decoded.cut.or(broken);
                    self.deliver(role, block, Ok((head, note)), unknown, around);
                }
            }
        }
        self.list = list;
    }

    /// Whether a block makes sense where it is not certain that it is one.
    fn is_believable(
        &mut self,
        role: Role,
        block: &half::Block<'_>,
        head: &Head<'_>,
        unknown: Option<Unknown>,
    ) -> bool {
        let stream = self.streams.get(block.stream);
        let fits = match role {
            _ if block.is_promise => role == Role::Response && head.is_request(),
            _ if stream.is_some_and(|stream| stream.has(role)) => {
                !head.is_request() && !head.is_response()
            }
            Role::Request => head.is_request() && !head.is_response(),
            Role::Response => !head.is_request() && (head.is_response() || unknown.is_some()),
        };
        fits && head.notes.is_empty()
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
        let block = Block { head, unknown, meter: block.meter, note };
        if is_promise {
            if let Some(id) = promised.filter(|_| role == Role::Response)
                && self.streams.promised(id, around.limits, around.out).is_some()
            {
                self.streams.block(id, Role::Request, block, around.limits, around.out);
                self.streams.end(id, Role::Request, around.out);
            }
            return;
        }
        if !self.admit(role, id, around) {
            return;
        }
        let is_doubted = self.half_mut(role).reader.is_doubted();
        let Some(stream) = self.streams.opened(id, role, around.limits, around.out) else {
            return;
        };
        if is_doubted && !stream.has(role) {
            stream.unproven = true;
        }
        self.streams.block(id, role, block, around.limits, around.out);
        match ends_stream {
            true => self.streams.end(id, role, around.out),
            false => self.streams.settle(id, around.out),
        }
    }

    /// Whether a block counts; and whether it proves that frames are frames: both directions speak of
    /// the same stream then, in the right roles.
    fn admit(&mut self, role: Role, id: u32, around: &mut Around<'_>) -> bool {
        let is_doubted = self.half_mut(role).reader.is_doubted();
        let Some(stream) = self.streams.get(id) else {
            return role == Role::Request || !is_doubted;
        };
        let is_answer = match role {
            Role::Request => stream.has(Role::Response) && !stream.has(role),
            Role::Response => stream.has_request() && !stream.has(role),
        };
        let unproven = stream.unproven;
        if is_answer && (is_doubted || unproven) {
            self.trust(role, around.out);
            if unproven {
                self.trust(other(role), around.out);
                self.streams.prove(around.out);
            }
        }
        true
    }

    fn trust(&mut self, role: Role, out: &mut Vec<Output>) {
        self.barren = 0;
        self.half_mut(role).reader.trust();
        self.report_skipped(role, out);
    }

    fn reset(&mut self, role: Role, stream: u32, code: u32, around: &mut Around<'_>) {
        if !self.half_mut(role).reader.is_doubted() {
            self.streams.reset(stream, reset(role, code, false), around.out);
        }
    }

    fn goaway(&mut self, role: Role, last: u32, code: u32, around: &mut Around<'_>) {
        if self.half_mut(role).reader.is_doubted() {
            return;
        }
        let reset = reset(role, code, true);
        self.goaway = Some(reset).filter(|_| code != 0);
        self.streams.goaway(last, reset, around.out);
    }

    fn report_skipped(&mut self, role: Role, out: &mut Vec<Output>) {
        let half = self.half_mut(role);
        let (bytes, reason) = (half.reader.take_skipped(), half.missing);
        if bytes > 0 && reason != Reason::BeforeAttach {
            out.push(Output::Loss(Loss::hole(reason, bytes)));
        }
    }

    fn half_mut(&mut self, role: Role) -> &mut Half {
        match role {
            Role::Request => &mut self.requests,
            Role::Response => &mut self.responses,
        }
    }
}

fn other(role: Role) -> Role {
    match role {
        Role::Request => Role::Response,
        Role::Response => Role::Request,
    }
}

fn reset(role: Role, code: u32, goaway: bool) -> Reset {
    Reset { code, by_client: role == Role::Request, goaway }
}

/// Times that frames turn out to be none before a connection is given up.
const BARREN: u8 = 64;
