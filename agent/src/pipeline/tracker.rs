//! The connections of one shard.
//!
//! In: what happens to connections. Out: events (exchanges with their origin, losses), verdicts for the
//! kernel side; both are kept until they are taken.
//! Always: an exchange is told by one end: where both ends live here, the server's end tells it and
//! the client's end only lends its process. What the connections hold together stays within the
//! memory limit; beyond it the one that holds most is given up, and told as a loss.
//! Not here: one end by itself (`followed`), parsing (`protocol`), redaction (`audit`).
//!
//! ```text
//!            server's end has data          not a protocol we know, tunnel
//! Followed ───────────────────────▶ Shadow        Followed ─────▶ Ignored
//!    (both ends stay in the table until the socket is gone)
//! ```

mod memory;
mod tls;

use std::sync::Arc;

use earwitness_common::settings::Verdict;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Names;
use super::event::{Event, Signals};
use super::followed::{Followed, Mode};
use super::kept::Kept;
use crate::conn::ends::Ends;
use crate::model::limits::Limits;
use crate::model::loss::{Loss, Reason};
use crate::model::origin::Side;
use crate::model::sample::{ConnId, Data, Direction, FilterState, Open};
use crate::protocol::Output;
use crate::protocol::connection::Connection;
use crate::protocol::input::Input;

/// How long what a TLS stream told waits for its socket to become known.
const HELD_NS: u64 = 2_000_000_000;
/// The same where filters have to be asked about the socket: a server may answer that late.
const HELD_UNDECIDED_NS: u64 = 60_000_000_000;
/// A response that goes on for so long has its heads told, and its end later.
const LONG_NS: u64 = 10_000_000_000;
/// How often such are looked for.
const LOOK_NS: u64 = 1_000_000_000;
/// A TLS stream without a socket that has been silent for so long is over: nothing shows its end.
const UNPLACED_NS: u64 = 300_000_000_000;

/// All connections of one shard.
pub struct Tracker {
    /// Keyed by numbers that the kernel side counts up, so nobody can choose them to collide.
    connections: FxHashMap<ConnId, Followed>,
    ends: Ends,
    /// Those whose parser waits for time to pass.
    waiting: FxHashSet<ConnId>,
    names: Arc<dyn Names>,
    limits: Limits,
    memory_bytes: usize,
    held_bytes: usize,
    /// When exchanges that go on for long were looked for last.
    looked_ns: u64,
    /// Kept for its memory.
    outputs: Vec<Output>,
    kept: Kept,
    /// What came of it all, until it is taken.
    events: Vec<Event>,
    signals: Signals,
}

/// A connection that has been silent.
#[derive(Clone, Copy, Debug)]
pub struct Silent {
    /// Connection.
    pub conn: ConnId,
    /// `struct sock *`.
    pub sock: u64,
    /// Inode number in sockfs.
    pub ino: u64,
    /// Owner.
    pub tgid: u32,
    /// Inode number of its network namespace.
    pub netns: u32,
    /// A unix socket: the kernel side cannot see it go.
    pub unix: bool,
}

impl Tracker {
    /// `memory_bytes`: what all connections may hold together.
    pub fn new(limits: Limits, memory_bytes: usize, names: Arc<dyn Names>) -> Self {
        Self {
            connections: FxHashMap::default(),
            ends: Ends::default(),
            waiting: FxHashSet::default(),
            names,
            limits,
            memory_bytes,
            held_bytes: 0,
            looked_ns: 0,
            outputs: Vec::new(),
            kept: Kept::default(),
            events: Vec::new(),
            signals: Signals::default(),
        }
    }

    /// Other limits from the next message on.
    pub fn set_limits(&mut self, change: impl FnOnce(&mut Limits)) {
        change(&mut self.limits);
    }

    /// Takes what came of it all since the last call.
    pub(super) fn events(&mut self) -> impl Iterator<Item = Event> {
        self.events.drain(..)
    }

    /// The same of what is to be done.
    pub(super) fn signals(&mut self, out: &mut Signals) {
        self.signals.append_to(out);
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Connections without a sample since `before_ns`; unix ones since `unix_before_ns`.
    pub fn silent(&self, before_ns: u64, unix_before_ns: u64) -> Vec<Silent> {
        let is_silent = |followed: &&Followed| {
            followed.last_ns < if followed.is_unix() { unix_before_ns } else { before_ns }
        };
        let silent = |followed: &Followed| Silent {
            conn: followed.open.conn,
            sock: followed.open.sock,
            ino: followed.open.ino,
            tgid: followed.own.as_ref().map_or(followed.open.tgid, |own| own.pid),
            netns: followed.open.netns,
            unix: followed.is_unix(),
        };
        // A TLS stream goes with what carries it.
        let sockets = self.connections.values().filter(|followed| followed.open.tls.is_none());
        sockets.filter(is_silent).map(silent).collect()
    }

    /// A silent connection was looked at and is still there.
    pub fn seen(&mut self, conn: ConnId, now_ns: u64) {
        if let Some(followed) = self.connections.get_mut(&conn) {
            followed.last_ns = now_ns;
        }
    }

    /// A connection, or the socket of a TLS stream, has become known.
    pub(super) fn open(&mut self, open: Box<Open>) {
        let (conn, time_ns) = (open.conn, open.time_ns);
        if let Some(followed) = self.connections.get(&conn) {
            if followed.is_unplaced() {
                self.place(open);
            }
            return;
        }
        let own = (open.tgid != 0).then(|| self.names.process(open.tgid, open.uid));
        let other = self.ends.add(&open);
        let mut followed = Followed::new(open, own);
        followed.last_ns = time_ns;
        if followed.is_unplaced() {
            self.waiting.insert(conn);
        }
        self.connections.insert(conn, followed);
        self.link(conn, other);
        self.stack(conn);
    }

    /// Both ends of a connection are here.
    fn link(&mut self, conn: ConnId, other: Option<ConnId>) {
        let Some(other) = other else { return };
        let own = self.connections.get(&conn).and_then(|followed| followed.own.clone());
        let Some(found) = self.connections.get_mut(&other) else {
            return;
        };
        found.other = Some(conn);
        found.is_shadowed = false;
        found.peer = own;
        let peer = found.own.clone();
        if let Some(followed) = self.connections.get_mut(&conn) {
            followed.other = Some(other);
            followed.peer = peer;
        }
    }

    /// Bytes were moved.
    pub(super) fn data(&mut self, data: &Data<'_>) {
        let Some(followed) = self.connections.get_mut(&data.conn) else {
            // Its announcement was lost, or it has been given up.
            self.events.push(Event::Loss(Loss::hole(Reason::BadSample, data.len_bytes), None));
            return;
        };
        followed.last_ns = data.time_ns;
        if let Some(own) = followed.owner(data, &*self.names) {
            let other = followed.other;
            if let Some(other) = other.and_then(|other| self.connections.get_mut(&other)) {
                other.peer = Some(own);
            }
        }
        let Some(followed) = self.connections.get_mut(&data.conn) else {
            return;
        };
        if followed.mode != Mode::Followed {
            // Still on its way, or the verdict did not arrive.
            self.signals.verdicts.push((data.conn, Verdict::Ignore));
            return;
        }
        if followed.hold(data) {
            // A whole write without a socket call: it went into a memory buffer.
            if data.direction == Direction::Egress {
                self.signals.unplaced.push(data.tgid);
            }
            self.account(data.conn);
            return;
        }
        if followed.held.is_some() {
            self.release(data.conn, data.time_ns);
            self.data(data);
            return;
        }
        followed.feed(data, &self.limits, &mut self.outputs);
        // Most pieces end nothing and change nothing.
        if !self.outputs.is_empty() || followed.has_changed() {
            self.settle(data.conn, data.time_ns);
        }
    }

    /// A direction is over, after that many bytes.
    pub(super) fn end(
        &mut self,
        conn: ConnId,
        direction: Direction,
        time_ns: u64,
        total_bytes: u64,
    ) {
        let Some(followed) = self.connections.get_mut(&conn) else {
            return;
        };
        followed.last_ns = time_ns;
        if followed.mode == Mode::Followed {
            followed.missing(direction, time_ns, total_bytes, &self.limits, &mut self.outputs);
            let end = Input::End(time_ns);
            followed.parser.push(direction, end, &self.limits, &mut self.outputs);
            self.settle(conn, time_ns);
        }
    }

    /// The socket is gone. `totals`: what it carried in and out, if that is known.
    pub fn close(&mut self, conn: ConnId, time_ns: u64, totals: Option<(u64, u64)>) {
        let Some(followed) = self.connections.get_mut(&conn) else {
            return;
        };
        for above in std::mem::take(&mut followed.above) {
            self.close(above, time_ns, None);
        }
        self.release(conn, time_ns);
        let Some(followed) = self.connections.get_mut(&conn) else {
            return;
        };
        if followed.mode == Mode::Followed {
            if let Some((ingress, egress)) = totals.filter(|_| followed.parser.tls().is_none()) {
                let (limits, outputs) = (&self.limits, &mut self.outputs);
                followed.missing(Direction::Ingress, time_ns, ingress, limits, outputs);
                followed.missing(Direction::Egress, time_ns, egress, limits, outputs);
            }
            followed.parser.close(time_ns, &self.limits, &mut self.outputs);
            self.settle(conn, time_ns);
        }
        self.remove(conn);
    }

    fn remove(&mut self, conn: ConnId) {
        self.waiting.remove(&conn);
        let Some(followed) = self.connections.remove(&conn) else {
            return;
        };
        self.held_bytes -= followed.held_bytes;
        self.ends.remove(&followed.open);
        if let Some(other) = followed.other.and_then(|other| self.connections.get_mut(&other)) {
            other.other = None;
            other.other_tls = other.other_tls.or(followed.as_other_tls());
        }
        if let Some(carrier) = followed.below().and_then(|below| self.connections.get_mut(&below)) {
            carrier.above.retain(|above| *above != conn);
        }
        let table = &mut self.connections;
        if table.capacity() > 1_024 && table.len() < table.capacity() / 8 {
            table.shrink_to_fit();
        }
    }

    /// Time passes.
    pub fn tick(&mut self, now_ns: u64) {
        self.kept.tick(now_ns, &mut self.events);
        self.open_long(now_ns);
        let waiting: Vec<ConnId> = self.waiting.iter().copied().collect();
        for conn in waiting {
            let Some(followed) = self.connections.get_mut(&conn) else {
                continue;
            };
            let silent_ns = now_ns.saturating_sub(followed.last_ns);
            let is_over = followed.is_unplaced() && silent_ns > UNPLACED_NS;
            if followed.mode != Mode::Followed {
                if is_over {
                    self.remove(conn);
                }
                continue;
            }
            followed.parser.tick(now_ns, &self.limits, &mut self.outputs);
            let held_ns = match followed.open.filter {
                FilterState::Undecided => HELD_UNDECIDED_NS,
                _ => HELD_NS,
            };
            let is_late = now_ns.saturating_sub(followed.open.time_ns) > held_ns;
            let is_held = followed.held.is_some();
            self.settle(conn, now_ns);
            if is_over {
                self.close(conn, now_ns, None);
            } else if is_held && is_late {
                self.release(conn, now_ns);
            }
        }
    }

    /// Tells the heads of exchanges that go on for long.
    fn open_long(&mut self, now_ns: u64) {
        if now_ns < self.looked_ns.saturating_add(LOOK_NS) {
            return;
        }
        self.looked_ns = now_ns;
        let before_ns = now_ns.saturating_sub(LONG_NS);
        let mut told = Vec::new();
        for (conn, followed) in &mut self.connections {
            if followed.mode == Mode::Followed {
                followed.parser.open_long(before_ns, &mut self.outputs);
                if !self.outputs.is_empty() {
                    told.push((*conn, std::mem::take(&mut self.outputs)));
                }
            }
        }
        for (conn, outputs) in told {
            self.outputs = outputs;
            self.settle(conn, now_ns);
        }
    }

    /// The agent stops.
    pub fn stop(&mut self, now_ns: u64) {
        let all: Vec<ConnId> = self.connections.keys().copied().collect();
        for conn in all {
            self.release(conn, now_ns);
            if let Some(followed) = self.connections.get_mut(&conn)
                && followed.mode == Mode::Followed
            {
                followed.parser.stop(now_ns, &self.limits, &mut self.outputs);
                self.settle(conn, now_ns);
            }
        }
        self.kept.stop(&mut self.events);
    }

    /// Takes what the parser gave, and keeps the tables, the memory and the kernel side in step.
    fn settle(&mut self, conn: ConnId, now_ns: u64) {
        let covered = self.is_covered(conn);
        if covered {
            self.outputs.clear();
        } else {
            self.tell(conn);
        }
        self.account(conn);
        self.steer(conn, covered);
        self.keep_limit(now_ns);
    }

    /// Makes events of what the parser gave.
    fn tell(&mut self, conn: ConnId) {
        let mut outputs = std::mem::take(&mut self.outputs);
        let mut events = std::mem::take(&mut self.events);
        if !outputs.is_empty()
            && let Some(followed) = self.connections.get(&conn)
        {
            let carrier = followed.below().and_then(|below| self.connections.get(&below));
            let is_told = |output: &Output| !self.is_read_elsewhere(followed, output);
            let told = outputs.drain(..).filter(is_told);
            let told = told.map(|output| followed.event(output, carrier, &*self.names));
            match self.awaited_server(followed) {
                None => events.extend(told),
                Some(server) => {
                    let (now_ns, told): (u64, Vec<Event>) = (followed.last_ns, told.collect());
                    for event in told {
                        self.kept.keep(now_ns, server, event, &mut events);
                    }
                }
            }
        }
        outputs.clear();
        (self.outputs, self.events) = (outputs, events);
    }

    /// Whether the other end, being the server's, tells this connection's exchanges.
    fn is_covered(&self, conn: ConnId) -> bool {
        let Some(followed) = self.connections.get(&conn) else {
            return false;
        };
        let other = followed.other.and_then(|other| self.connections.get(&other));
        other.is_some_and(|other| {
            followed.side() == Some(Side::Client)
                && other.mode == Mode::Followed
                && other.parser.is_read()
        })
    }

    /// Tells the kernel side what is wanted now, of this end and of the other.
    fn steer(&mut self, conn: ConnId, covered: bool) {
        if covered {
            self.retire(conn, Mode::Shadow);
            return;
        }
        let Some(followed) = self.connections.get_mut(&conn) else {
            return;
        };
        let verdict = followed.wanted();
        if verdict == Verdict::Ignore {
            self.retire(conn, Mode::Ignored);
            return;
        }
        if verdict != followed.told {
            followed.told = verdict;
            self.signals.verdicts.push((conn, verdict));
        }
        if followed.side() == Some(Side::Server)
            && followed.has_data
            && !followed.is_shadowed
            && let Some(other) = followed.other
            && self.is_covered(other)
        {
            self.retire(other, Mode::Shadow);
            if let Some(followed) = self.connections.get_mut(&conn) {
                followed.is_shadowed = true;
            }
        }
    }

    /// Stops parsing a connection; it stays in the table for its process and its end.
    fn retire(&mut self, conn: ConnId, mode: Mode) {
        let Some(followed) = self.connections.get_mut(&conn) else {
            return;
        };
        if followed.mode != Mode::Followed {
            return;
        }
        // The other end goes by it when its own turn comes.
        let (other, as_other_tls) = (followed.other, followed.as_other_tls());
        followed.mode = mode;
        followed.told = Verdict::Ignore;
        followed.parser = Connection::new(false);
        drop(followed.release());
        self.held_bytes -= followed.held_bytes;
        followed.held_bytes = 0;
        // Of a stream without a socket nothing but silence shows the end.
        if !followed.is_unplaced() {
            self.waiting.remove(&conn);
        }
        if let Some(other) = other.and_then(|other| self.connections.get_mut(&other)) {
            other.other_tls = other.other_tls.or(as_other_tls);
        }
        self.events.push(Event::GivenUp(conn));
        self.signals.verdicts.push((conn, Verdict::Ignore));
    }
}

#[cfg(test)]
mod tests;
