//! The open streams of a connection.
//!
//! In: what `half` gives, by direction. Out: exchanges as their streams end, losses.
//! Always: at most `Limits::streams` at once; an identifier that was closed is not opened again; a
//! response opens a stream only where its request may have been missed, or may still be read.
//! Not here: frames (`half`), what a stream holds (`stream`). Source: RFC 9113 section 5.

use std::collections::{BTreeMap, VecDeque};

use super::stream::{Block, Stream};
use super::tunnels::Tunnels;
use crate::model::loss::Reason;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::exchange::{MessageEnd, Reset};
use crate::protocol::input::Hole;
use crate::protocol::parser::Around;
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
    /// Requests are being missed, for that reason, from the identifier after this one on.
    missing: Option<(u32, Reason)>,
    /// Identifiers between which requests were missed, the newest at the end.
    missed: VecDeque<(u32, u32, Reason)>,
    /// Promises may have been missed, for that reason.
    pub promises_lost: Option<Reason>,
    /// What was not seen of the connection: trailers may come of streams that are not known.
    lost: Option<Reason>,
    /// Identifiers closed last, the newest at the end.
    closed: VecDeque<u32>,
    goaways: Vec<(u32, Reset)>,
    tunnels: Tunnels,
    held_bytes: usize,
    /// How many wait for something that only time can tell.
    waiting: usize,
    /// Before that no stream is looked at for it.
    next_look_ns: u64,
}

impl Streams {
    /// Of a connection whose beginning was not seen, for that reason.
    pub fn joined(reason: Reason) -> Self {
        Self {
            missing: Some((0, reason)),
            promises_lost: Some(reason),
            lost: Some(reason),
            ..Self::default()
        }
    }

    /// Puts the stream of a request in that came before HTTP/2 began.
    pub fn upgraded(&mut self, stream: Box<Stream>, around: &mut Around<'_>) {
        self.last_asked = 1;
        self.insert(1, stream, around);
    }

    /// Largest identifier that a client has used.
    pub fn last_asked(&self) -> u32 {
        self.last_asked
    }

    /// Whether of that stream the other direction's head is known, and this one's is to come.
    pub fn lacks(&self, id: u32, role: Role) -> bool {
        self.open.get(&id).is_some_and(|stream| match role {
            Role::Request => stream.has(Role::Response) && !stream.has(Role::Request),
            Role::Response => stream.has_request() && !stream.has(Role::Response),
        })
    }

    /// A field block has come, which is a head or not. Returns whether its stream is open now.
    pub fn open(&mut self, id: u32, role: Role, is_head: bool, around: &mut Around<'_>) -> bool {
        if self.open.contains_key(&id) {
            self.note_asked(id, role);
            return true;
        }
        if !is_head && self.lost.is_some() {
            // Trailers of a message whose head was not seen.
            return false;
        }
        let Some(reason) = self.may_open(id, role) else { return false };
        self.note_asked(id, role);
        let mut stream = Box::new(Stream::new(id, is_promised(id)));
        if let Some(reason) = reason {
            stream.lose_request(reason);
        }
        self.insert(id, stream, around);
        true
    }

    /// A stream that the server promises. Returns whether it can.
    pub fn promised(&mut self, id: u32, around: &mut Around<'_>) -> bool {
        let may = id != 0 && is_promised(id) && id > self.last_promised;
        if may {
            self.last_promised = id;
            self.insert(id, Box::new(Stream::new(id, true)), around);
        }
        may
    }

    /// Gives a block to its stream.
    pub fn block(&mut self, id: u32, role: Role, block: Block<'_>, around: &mut Around<'_>) {
        self.change(id, |stream| {
            stream.block(role, block, around.limits);
            stream.open_long(0, around.out);
        });
    }

    /// Gives content to its stream, and counts what it took on the wire.
    pub fn content(
        &mut self,
        id: u32,
        role: Role,
        (bytes, wire): (&[u8], usize),
        time_ns: u64,
        around: &mut Around<'_>,
    ) {
        self.change(id, |stream| {
            stream.bytes(role, bytes, wire, time_ns);
            stream.open_long(0, around.out);
            stream.tell_messages(role, around.out);
        });
        self.tunnels.bytes(id, role, (bytes, time_ns), around);
    }

    /// Bytes of a DATA frame were lost, of them so many of content.
    pub fn hole(
        &mut self,
        id: u32,
        role: Role,
        hole: &Hole,
        content: Option<u64>,
        around: &mut Around<'_>,
    ) {
        self.change(id, |stream| stream.hole(role, hole, content));
        self.tunnels.hole(id, role, hole, content, around);
    }

    /// Ends a direction of a stream; what is done comes out.
    pub fn end(&mut self, id: u32, role: Role, around: &mut Around<'_>) {
        self.tunnels.end(id, around);
        self.change(id, |stream| stream.end(role, MessageEnd::Whole));
        self.settle(id, around);
    }

    /// Comes out if nothing more is expected of it.
    pub fn settle(&mut self, id: u32, around: &mut Around<'_>) {
        let Some(stream) = self.open.get(&id) else { return };
        if stream.is_reset() && stream.has(Role::Request) {
            self.finish(id, MessageEnd::Reset, None, around.out);
        } else if stream.is_tunnel() {
            if let Some(stream) = self.take(id) {
                self.tunnels.begin(id, stream.into_exchange(), around);
            }
        } else if stream.is_done() && stream.has(Role::Request) {
            self.finish(id, MessageEnd::Whole, None, around.out);
        }
    }

    /// One end gives a stream up. `reset`: how, if that was seen.
    pub fn reset(
        &mut self,
        id: u32,
        role: Role,
        (reset, time_ns): (Option<Reset>, u64),
        around: &mut Around<'_>,
    ) {
        // Its request may be read later.
        let is_early = role == Role::Response
            && reset.is_some()
            && self.missing.is_none()
            && matches!(self.may_open(id, role), Some(None));
        if !self.open.contains_key(&id) && is_early {
            self.insert(id, Box::new(Stream::new(id, false)), around);
        }
        self.tunnels.reset(id, around);
        self.change(id, |stream| stream.reset(reset, time_ns));
        if self.open.get(&id).is_some_and(|stream| !is_early || stream.has(Role::Request)) {
            self.finish(id, MessageEnd::Reset, None, around.out);
        }
    }

    /// One end gives up all streams that the other has opened beyond that one.
    pub fn goaway(&mut self, last: u32, reset: Reset, out: &mut Vec<Output>) {
        if self.goaways.len() >= GOAWAYS {
            return;
        }
        self.goaways.push((last, reset));
        let beyond = self.open.range(last.saturating_add(1)..).map(|(&id, _)| id);
        let beyond: Vec<u32> = beyond.filter(|&id| is_refused(id, last, reset)).collect();
        for id in beyond {
            self.change(id, |stream| stream.reset(Some(reset), stream.last_ns));
            self.finish(id, MessageEnd::Reset, None, out);
        }
    }

    /// Frames of a direction were lost: no stream is known to be untouched.
    pub fn lose(&mut self, role: Role, reason: Reason, time_ns: u64, around: &mut Around<'_>) {
        self.tunnels.close(MessageEnd::Unknown, around);
        self.lost.get_or_insert(reason);
        match role {
            Role::Request => self.missing = self.missing.or(Some((self.last_asked, reason))),
            Role::Response => self.promises_lost = self.promises_lost.or(Some(reason)),
        }
        self.shake(role, reason, time_ns, u64::MAX);
    }

    /// Of the streams that were opened before that time frames of a direction may have been lost.
    pub fn shake(&mut self, role: Role, reason: Reason, time_ns: u64, before_ns: u64) {
        for stream in self.open.values_mut().filter(|stream| stream.asked_ns() < before_ns) {
            let waited = waits(stream);
            stream.shake(role, reason, time_ns);
            self.held_bytes += count(stream);
            self.waiting = (self.waiting + waits(stream)).saturating_sub(waited);
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

    /// Time has passed. `is_kept`: the request is there, but it is not known yet whether it is one.
    pub fn tick(&mut self, now_ns: u64, is_kept: impl Fn(u32) -> bool, around: &mut Around<'_>) {
        if self.waiting == 0 || now_ns < self.next_look_ns {
            return;
        }
        self.next_look_ns = now_ns.saturating_add(around.limits.reorder_ns / LOOKS);
        let over = self.open.iter().filter(|(id, stream)| {
            let silent_ns = now_ns.saturating_sub(stream.last_ns);
            is_orphan(stream) && silent_ns >= around.limits.reorder_ns && !is_kept(**id)
                || stream.shaken().is_some() && silent_ns >= LINGER_NS
        });
        let over: Vec<(u32, Option<Reason>)> =
            over.map(|(&id, stream)| (id, stream.shaken().or(self.reason()))).collect();
        for (id, reason) in over {
            self.finish(id, MessageEnd::Unknown, reason, around.out);
        }
    }

    /// Everything comes out as it is. `reason`: why responses may be missing.
    pub fn close(&mut self, end: MessageEnd, reason: Option<Reason>, around: &mut Around<'_>) {
        self.tunnels.close(end, around);
        let all: Vec<u32> = self.open.keys().copied().collect();
        for id in all {
            let concerns =
                |(last, reset): &&(u32, Reset)| reset.code != 0 || is_refused(id, *last, *reset);
            let reset = self.goaways.iter().find(concerns).map(|(_, reset)| *reset);
            let why_asked = self.reason();
            if let Some(stream) = self.open.get_mut(&id) {
                let reason = match stream.has(Role::Request) {
                    true => reason.or(stream.shaken()),
                    false => why_asked.or(reason),
                };
                stream.reset(reset, stream.last_ns);
                self.finish(id, end, reason, around.out);
            }
        }
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let closed = self.closed.capacity() * size_of::<u32>();
        self.held_bytes + self.open.len() * ENTRY_BYTES + closed + self.tunnels.memory_bytes()
    }

    /// Why the request of a stream that opens is not known, if it is not; `None`: the stream was closed
    /// before, or nobody may open it.
    #[expect(
        clippy::option_option,
        reason = "a stream that may open, and one whose request is lost"
    )]
    fn may_open(&self, id: u32, role: Role) -> Option<Option<Reason>> {
        let missed = |&&(after, before, _): &&(u32, u32, Reason)| id > after && id < before;
        match role {
            _ if self.closed.contains(&id) => None,
            Role::Request => (!is_promised(id) && id > self.last_asked).then_some(None),
            Role::Response if is_promised(id) => {
                self.promises_lost.filter(|_| id > self.last_promised).map(Some)
            }
            // Its request has not been read yet.
            Role::Response if id > self.last_asked => Some(None),
            Role::Response => self.missed.iter().find(missed).map(|(_, _, reason)| Some(*reason)),
        }
    }

    /// A stream is used: which requests before it were missed?
    fn note_asked(&mut self, id: u32, role: Role) {
        match role {
            Role::Request if id > self.last_asked => {
                if let Some((after, reason)) = self.missing.take() {
                    self.missed.push_back((after, id, reason));
                }
                self.last_asked = id;
            }
            Role::Response if is_promised(id) => self.last_promised = self.last_promised.max(id),
            _ => {}
        }
        if self.missed.len() > MISSED
            && let Some((after, _, _)) = self.missed.pop_front()
            && let Some(first) = self.missed.front_mut()
        {
            first.0 = after;
        }
    }

    /// Why a request may have been missed.
    fn reason(&self) -> Option<Reason> {
        let missed = self.missed.back().map(|(_, _, reason)| *reason);
        self.missing.map(|(_, reason)| reason).or(missed)
    }

    fn insert(&mut self, id: u32, mut stream: Box<Stream>, around: &mut Around<'_>) {
        if self.open.len() >= around.limits.streams
            && let Some((&first, _)) = self.open.first_key_value()
        {
            self.change(first, |stream| stream.note(Anomaly::TooManyStreams));
            self.finish(first, MessageEnd::Unknown, Some(Reason::MemoryLimit), around.out);
        }
        self.held_bytes += count(&mut stream);
        self.waiting += waits(&stream);
        self.open.insert(id, stream);
    }

    /// Does something with a stream and counts what it holds then.
    fn change(&mut self, id: u32, change: impl FnOnce(&mut Stream)) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        let (waited, counted) = (waits(stream), stream.counted_bytes);
        change(stream);
        let _ = count(stream);
        self.held_bytes = (self.held_bytes + stream.counted_bytes).saturating_sub(counted);
        self.waiting = (self.waiting + waits(stream)).saturating_sub(waited);
    }

    fn finish(&mut self, id: u32, end: MessageEnd, reason: Option<Reason>, out: &mut Vec<Output>) {
        if let Some(stream) = self.take(id) {
            stream.finish(end, reason, out);
        }
    }

    /// A stream is no longer open.
    fn take(&mut self, id: u32) -> Option<Box<Stream>> {
        let stream = self.open.remove(&id)?;
        self.held_bytes = self.held_bytes.saturating_sub(stream.counted_bytes);
        self.waiting = self.waiting.saturating_sub(waits(&stream));
        if self.closed.len() >= CLOSED {
            self.closed.pop_front();
        }
        self.closed.push_back(id);
        Some(stream)
    }
}

#[cfg(test)]
impl Streams {
    /// What is kept count of is what it should be.
    pub fn check(&self) {
        let held: usize = self.open.values().map(|stream| stream.memory_bytes()).sum();
        assert_eq!(self.held_bytes, held);
        assert_eq!(self.waiting, self.open.values().map(|stream| waits(stream)).sum::<usize>());
        assert!(self.open.values().all(|stream| stream.counted_bytes == stream.memory_bytes()));
    }
}

/// Counts what a stream holds now. Returns how much more that is.
fn count(stream: &mut Stream) -> usize {
    let held_bytes = stream.memory_bytes();
    held_bytes.saturating_sub(std::mem::replace(&mut stream.counted_bytes, held_bytes))
}

/// One if only time can tell whether something is still to come of it, or 0.
fn waits(stream: &Stream) -> usize {
    usize::from(stream.shaken().is_some() || is_orphan(stream))
}

/// It is over, but for its request, which has not been seen.
fn is_orphan(stream: &Stream) -> bool {
    !stream.has(Role::Request) && (stream.is_over(Role::Response) || stream.is_reset())
}

/// The server opens streams with even identifiers (RFC 9113 section 5.1.1).
fn is_promised(id: u32) -> bool {
    id.is_multiple_of(2)
}

/// Whether the end that has sent GOAWAY will not look at that stream.
fn is_refused(id: u32, last: u32, reset: Reset) -> bool {
    id > last && is_promised(id) == reset.by_client
}

/// How long a stream of which frames may have been lost is waited for.
const LINGER_NS: u64 = 30_000_000_000;
/// Looks at what waits, in the time that a response waits for its request.
const LOOKS: u64 = 4;
/// Closed streams that are remembered: what is still on its way for them opens nothing.
const CLOSED: usize = 64;
/// Places where requests were missed that are told apart.
const MISSED: usize = 8;
/// GOAWAY frames that are looked at. Two are usual.
const GOAWAYS: usize = 16;
/// What a stream takes in the table besides itself.
const ENTRY_BYTES: usize = 32;
