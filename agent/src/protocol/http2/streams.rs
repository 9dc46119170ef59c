//! The open streams of a connection.
//!
//! In: what `half` gives, by direction. Out: exchanges as their streams end, losses.
//! Always: at most `Limits::streams` at once; an identifier that was closed is not opened again; a
//! stream that was opened by what may be no frame comes out only once the other direction answers it.
//! Not here: frames (`half`), what a stream holds (`stream`). Source: RFC 9113 section 5.

use std::collections::{BTreeMap, VecDeque};

use super::stream::{Block, Stream};
use crate::model::limits::Limits;
use crate::model::loss::{Loss, Reason};
use crate::protocol::exchange::{Anomaly, MessageEnd, Reset};
use crate::protocol::{Output, Role};

/// The open streams of a connection. Ordered by identifier: a peer chooses them, but cannot make them
/// collide.
#[derive(Default)]
pub struct Streams {
    open: BTreeMap<u32, Box<Stream>>,
    /// Largest identifier that a client has used.
    last_asked: u32,
    /// Largest one that a server has promised.
    last_promised: u32,
    /// Requests may have been missed, for that reason.
    pub requests_lost: Option<Reason>,
    /// Identifiers closed last, the newest at the end.
    closed: VecDeque<u32>,
    held_bytes: usize,
    /// How many wait for something that only time can tell.
    waiting: usize,
}

impl Streams {
    /// `lost`: why requests may have been missed.
    pub fn new(lost: Option<Reason>) -> Self {
        Self { requests_lost: lost, ..Self::default() }
    }

    /// A stream that is open.
    pub fn get(&mut self, id: u32) -> Option<&mut Stream> {
        self.open.get_mut(&id).map(|stream| &mut **stream)
    }

    /// A field block has come. Returns the stream, unless it was closed.
    pub fn opened(
        &mut self,
        id: u32,
        role: Role,
        limits: &Limits,
        out: &mut Vec<Output>,
    ) -> Option<&mut Stream> {
        if !self.open.contains_key(&id) {
            let reason = self.may_open(id, role)?;
            let mut stream = Box::new(Stream::new(id, false));
            if let Some(reason) = reason {
                stream.lose_request(reason);
            }
            self.insert(id, stream, limits, out);
        }
        if role == Role::Request {
            self.last_asked = self.last_asked.max(id);
        }
        self.get(id)
    }

    /// A stream that the server promises; `None` if it is none.
    pub fn promised(
        &mut self,
        id: u32,
        limits: &Limits,
        out: &mut Vec<Output>,
    ) -> Option<&mut Stream> {
        if id == 0 || !id.is_multiple_of(2) || id <= self.last_promised {
            return None;
        }
        self.last_promised = id;
        self.insert(id, Box::new(Stream::new(id, true)), limits, out);
        self.get(id)
    }

    /// Puts a stream in.
    pub fn insert(&mut self, id: u32, stream: Box<Stream>, limits: &Limits, out: &mut Vec<Output>) {
        if self.open.len() >= limits.streams
            && let Some((&first, _)) = self.open.first_key_value()
        {
            self.give_up(first, out);
        }
        self.last_asked = self.last_asked.max(if id.is_multiple_of(2) { 0 } else { id });
        self.open.insert(id, stream);
    }

    /// Gives a block to its stream.
    pub fn block(
        &mut self,
        id: u32,
        role: Role,
        block: Block<'_>,
        limits: &Limits,
        out: &mut Vec<Output>,
    ) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        let waited = waits(stream);
        stream.block(role, block, limits);
        stream.open_long(0, out);
        self.account(id, waited);
    }

    /// Gives content to its stream, and counts what it took on the wire.
    pub fn content(
        &mut self,
        id: u32,
        role: Role,
        (bytes, wire): (&[u8], usize),
        time_ns: u64,
        out: &mut Vec<Output>,
    ) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        stream.bytes(role, bytes, wire, time_ns);
        stream.open_long(0, out);
        stream.tell_messages(role, out);
        count(&mut self.held_bytes, stream);
    }

    /// Ends a direction of a stream; what is done comes out.
    pub fn end(&mut self, id: u32, role: Role, out: &mut Vec<Output>) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        let waited = waits(stream);
        stream.end(role, MessageEnd::Whole);
        let is_done = stream.is_done() && stream.has(Role::Request) && !stream.unproven;
        self.account(id, waited);
        if is_done {
            self.finish(id, MessageEnd::Whole, None, out);
        }
    }

    /// Comes out if nothing more is expected of it.
    pub fn settle(&mut self, id: u32, out: &mut Vec<Output>) {
        let is_done = |stream: &Box<Stream>| {
            let over = stream.is_done() && stream.has(Role::Request) || stream.is_tunnel();
            over && !stream.unproven
        };
        if self.open.get(&id).is_some_and(is_done) {
            self.finish(id, MessageEnd::Whole, None, out);
        }
    }

    /// One end gives a stream up.
    pub fn reset(&mut self, id: u32, reset: Reset, out: &mut Vec<Output>) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        stream.reset(reset);
        self.finish(id, MessageEnd::Reset, None, out);
    }

    /// One end gives up all streams that the other has opened beyond that one.
    pub fn goaway(&mut self, last: u32, reset: Reset, out: &mut Vec<Output>) {
        let opened_by_peer = |id: u32| (id % 2 == 0) == reset.by_client;
        let beyond = self.open.keys().copied().filter(|&id| id > last && opened_by_peer(id));
        let beyond: Vec<u32> = beyond.collect();
        for id in beyond {
            self.reset(id, reset, out);
        }
    }

    /// Frames of a direction were lost: no stream is known to be untouched.
    pub fn shake(&mut self, role: Role, reason: Reason, time_ns: u64) {
        for stream in self.open.values_mut() {
            stream.shake(role, reason, time_ns);
        }
        self.recount();
    }

    /// What was opened by what turned out to be no frames is forgotten.
    pub fn forget_unproven(&mut self, out: &mut Vec<Output>, reason: Reason) {
        let before = self.open.len();
        let mut bytes = 0;
        self.open.retain(|_, stream| {
            let keep = !stream.unproven;
            bytes += if keep { 0 } else { stream.counted_bytes };
            keep
        });
        self.held_bytes = self.held_bytes.saturating_sub(bytes);
        self.recount();
        if before != self.open.len() && reason != Reason::BeforeAttach {
            out.push(Output::Loss(Loss::hole(reason, 0)));
        }
    }

    /// The frames are frames: everything that they have opened counts.
    pub fn prove(&mut self, out: &mut Vec<Output>) {
        let mut done = Vec::new();
        for (&id, stream) in &mut self.open {
            if std::mem::take(&mut stream.unproven) {
                done.push(id);
            }
        }
        for id in done {
            self.settle(id, out);
        }
    }

    /// Tells the heads of exchanges that have gone on for long.
    pub fn open_long(&mut self, before_ns: u64, out: &mut Vec<Output>) {
        for stream in self.open.values_mut() {
            stream.open_long(before_ns, out);
        }
    }

    /// Whether `tick` has something to decide.
    pub fn awaits_tick(&self) -> bool {
        self.waiting > 0
    }

    /// Time has passed.
    pub fn tick(&mut self, now_ns: u64, limits: &Limits, out: &mut Vec<Output>) {
        if self.waiting == 0 {
            return;
        }
        let late = |stream: &Stream| {
            let silent_ns = now_ns.saturating_sub(stream.last_ns);
            let is_orphan = stream.is_done() && !stream.has(Role::Request);
            is_orphan && silent_ns >= limits.reorder_ns || stream.shaken && silent_ns >= LINGER_NS
        };
        let over = self.open.iter().filter(|(_, stream)| late(stream)).map(|(&id, _)| id);
        let over: Vec<u32> = over.collect();
        for id in over {
            let reason = self.requests_lost;
            self.finish(id, MessageEnd::Unknown, reason, out);
        }
    }

    /// Everything comes out as it is.
    pub fn close(
        &mut self,
        end: MessageEnd,
        reset: Option<Reset>,
        reason: Option<Reason>,
        out: &mut Vec<Output>,
    ) {
        self.forget_unproven(out, reason.unwrap_or(Reason::Unparsed));
        let all: Vec<u32> = self.open.keys().copied().collect();
        for id in all {
            if let (Some(reset), Some(stream)) = (reset, self.open.get_mut(&id)) {
                stream.reset(reset);
            }
            self.finish(id, end, reason, out);
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.held_bytes + self.open.len() * ENTRY_BYTES
    }

    /// Why the request of a stream that opens with a response is not known; `None`: the stream was
    /// closed before.
    #[expect(
        clippy::option_option,
        reason = "a stream that may open, and one whose request is lost"
    )]
    fn may_open(&self, id: u32, role: Role) -> Option<Option<Reason>> {
        let is_client_id = !id.is_multiple_of(2);
        match role {
            Role::Request => (is_client_id && id > self.last_asked).then_some(None),
            // Its request has been read, but not been told yet.
            Role::Response if is_client_id && id > self.last_asked => Some(None),
            Role::Response if self.closed.contains(&id) => None,
            Role::Response => self.requests_lost.map(Some),
        }
    }

    fn finish(&mut self, id: u32, end: MessageEnd, reason: Option<Reason>, out: &mut Vec<Output>) {
        let Some(stream) = self.open.remove(&id) else { return };
        self.held_bytes = self.held_bytes.saturating_sub(stream.counted_bytes);
        self.waiting = self.waiting.saturating_sub(usize::from(waits(&stream)));
        if self.closed.len() >= CLOSED {
            self.closed.pop_front();
        }
        self.closed.push_back(id);
        stream.finish(end, reason, out);
    }

    fn give_up(&mut self, id: u32, out: &mut Vec<Output>) {
        if let Some(stream) = self.open.get_mut(&id) {
            stream.note(Anomaly::TooManyStreams);
        }
        self.finish(id, MessageEnd::Unknown, Some(Reason::MemoryLimit), out);
    }

    /// A stream has changed.
    fn account(&mut self, id: u32, waited: bool) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        let waits = usize::from(waits(stream));
        self.waiting = (self.waiting + waits).saturating_sub(usize::from(waited));
        count(&mut self.held_bytes, stream);
    }

    fn recount(&mut self) {
        self.waiting = self.open.values().filter(|stream| waits(stream)).count();
    }
}

/// Counts what a stream holds now.
fn count(held_bytes: &mut usize, stream: &mut Stream) {
    let bytes = stream.memory_bytes();
    *held_bytes = (*held_bytes + bytes).saturating_sub(stream.counted_bytes);
    stream.counted_bytes = bytes;
}

/// Only time can tell whether something is still to come.
fn waits(stream: &Stream) -> bool {
    stream.shaken || stream.is_done() && !stream.has(Role::Request)
}

/// How long a stream of which frames may have been lost is waited for.
const LINGER_NS: u64 = 30_000_000_000;
/// Closed streams that are remembered: what is still on its way for them opens nothing.
const CLOSED: usize = 64;
/// What a stream takes in the table besides itself.
const ENTRY_BYTES: usize = 32;
