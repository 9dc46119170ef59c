//! From samples to records, in one function without I/O: the daemon, replay and tests all use it.
//!
//! In: samples' bytes in the order of one shard's ring, and the passing of time.
//! Out: `Outcome`: encoded, redacted records; verdicts for the kernel side; process events.
//! Always: reads no clock, file or socket; bounded memory; never fails and never panics. What could
//! not be followed becomes a `loss` record.
//! Not here: where samples come from (`daemon`, `capture`), where records go (`journal`).
//!
//! ```text
//! sample ─▶ tracker (connection, positions, both ends) ─▶ protocol ─▶ exchange
//!                                                                       │ origin
//!                                      record ◀── policy, redaction ◀───┘
//! datagram ─▶ quic ─▶ loss
//! ```

pub mod event;
mod followed;
mod kept;
pub mod losses;
pub mod origin;
mod quic;
pub mod tracker;

use std::collections::BTreeMap;
use std::sync::Arc;

use earwitness_common::settings::Verdict;

use crate::audit::encode::EncodedRecord;
use crate::audit::policy::{Decision, Policy};
use crate::model::limits::Limits;
use crate::model::loss::{Loss, Reason};
use crate::model::origin::Process;
use crate::model::sample::{ConnId, ProcessEvent, Sample};
use crate::model::time::ClockOffset;
use crate::protocol::exchange::Part;
use event::Event;
use losses::Losses;
use quic::Quic;
use tracker::Tracker;

/// Who a process is. Behind it: `/proc` and process events, or a capture file.
pub trait Names: Send + Sync {
    /// The process, as much as can be told of it.
    fn process(&self, tgid: u32, uid: u32) -> Arc<Process>;
    /// Something happened to a process.
    fn event(&self, event: &ProcessEvent);
}

/// What came of the input since the caller last emptied it.
#[derive(Default)]
pub struct Outcome {
    /// Records in order.
    pub records: Vec<EncodedRecord>,
    /// What the kernel side should do with connections from now on.
    pub verdicts: Vec<(ConnId, Verdict)>,
    /// What happened to processes.
    pub processes: Vec<ProcessEvent>,
    /// Processes whose TLS streams cannot be tied to sockets by the calls that they make.
    pub unplaced: Vec<u32>,
    /// Processes of which one was.
    pub nested: Vec<u32>,
}

/// One shard's way from samples to records.
pub struct Pipeline {
    tracker: Tracker,
    policy: Arc<Policy>,
    names: Arc<dyn Names>,
    clock: ClockOffset,
    losses: Losses,
    quic: Quic,
    /// What was decided of exchanges that go on.
    open: BTreeMap<(ConnId, u64), Decision>,
    /// Kept for its memory.
    events: Vec<Event>,
}

impl Pipeline {
    /// `memory_bytes`: what all connections of this shard may hold together.
    pub fn new(
        policy: Arc<Policy>,
        names: Arc<dyn Names>,
        mut limits: Limits,
        memory_bytes: usize,
        clock: ClockOffset,
    ) -> Self {
        policy.bound(&mut limits);
        Self {
            tracker: Tracker::new(limits, memory_bytes, Arc::clone(&names)),
            policy,
            names,
            clock,
            losses: Losses::default(),
            quic: Quic::default(),
            open: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// Takes one sample.
    pub fn sample(&mut self, bytes: &[u8], out: &mut Outcome) {
        match Sample::decode(bytes) {
            Ok(Sample::Process(event)) => {
                self.names.event(&event);
                out.processes.push(event);
            }
            Ok(Sample::Datagram(datagram)) => {
                self.quic.datagram(&datagram, &*self.names, &mut self.events);
                self.settle(datagram.time_ns, out);
            }
            Ok(sample) => {
                let time_ns = sample.time_ns();
                self.tracker.sample(sample, &mut self.events);
                self.settle(time_ns, out);
            }
            Err(error) => {
                tracing::debug!(%error, "sample left out");
                let loss = Loss::hole(Reason::BadSample, 0);
                self.losses.add(&loss, None, 0);
            }
        }
    }

    /// Time passes: waits end, losses are told. `now_ns`: CLOCK_MONOTONIC.
    pub fn tick(&mut self, now_ns: u64, out: &mut Outcome) {
        self.tracker.tick(now_ns, &mut self.events);
        self.quic.tick(now_ns, &mut self.events);
        self.settle(now_ns, out);
        self.losses.flush(now_ns, self.clock, self.policy.observer(), &mut out.records);
    }

    /// A connection is known to be gone although nothing said so.
    pub fn gone(&mut self, conn: ConnId, now_ns: u64, out: &mut Outcome) {
        self.tracker.close(conn, now_ns, None, &mut self.events);
        self.settle(now_ns, out);
    }

    /// A silent connection was looked at and is still there.
    pub fn seen(&mut self, conn: ConnId, now_ns: u64) {
        self.tracker.seen(conn, now_ns);
    }

    /// The agent stops: what is in flight becomes records that say so.
    pub fn stop(&mut self, now_ns: u64, out: &mut Outcome) {
        self.tracker.stop(now_ns, &mut self.events);
        self.quic.stop(&mut self.events);
        self.settle(now_ns, out);
        self.losses.flush_all(now_ns, self.clock, self.policy.observer(), &mut out.records);
    }

    /// The policy from the next exchange on.
    pub fn set_policy(&mut self, policy: Arc<Policy>) {
        self.tracker.set_limits(|limits| policy.bound(limits));
        self.policy = policy;
    }

    /// The clock from the next exchange on.
    pub fn set_clock(&mut self, clock: ClockOffset) {
        self.clock = clock;
    }

    /// The connections that are followed.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    fn settle(&mut self, time_ns: u64, out: &mut Outcome) {
        for event in self.events.drain(..) {
            match event {
                Event::Exchange(exchange, _, origin) if exchange.part == Part::Whole => {
                    out.records.extend(self.policy.apply(*exchange, &origin, self.clock));
                }
                Event::Exchange(exchange, conn, origin) => {
                    let (record, decision) =
                        self.policy.apply_linked(&exchange, conn.0, &origin, self.clock);
                    out.records.extend(record);
                    match exchange.part {
                        Part::Open(number) | Part::Leads(number) => {
                            self.open.insert((conn, number), decision)
                        }
                        Part::Close(number) => self.open.remove(&(conn, number)),
                        Part::Whole => None,
                    };
                }
                Event::Message(message, conn, origin) => {
                    let exchange = (conn, message.exchange);
                    if let Some(&decision) = self.open.get(&exchange) {
                        let (policy, clock) = (&self.policy, self.clock);
                        let record =
                            policy.apply_message(&message, conn.0, decision, &origin, clock);
                        out.records.extend(record);
                    }
                    if message.is_last {
                        self.open.remove(&exchange);
                    }
                }
                Event::Loss(loss, concerned) => {
                    self.losses.add(&loss, concerned.as_deref(), time_ns);
                }
                Event::Verdict(conn, verdict) => {
                    if verdict == Verdict::Ignore {
                        forget(&mut self.open, conn);
                    }
                    out.verdicts.push((conn, verdict));
                }
                Event::Unplaced(tgid) => out.unplaced.push(tgid),
                Event::Nested(tgid) => out.nested.push(tgid),
            }
        }
    }
}

/// A connection is given up: nothing more comes of its exchanges that go on.
fn forget(open: &mut BTreeMap<(ConnId, u64), Decision>, conn: ConnId) {
    if open.is_empty() {
        return;
    }
    let of = open.range((conn, 0)..=(conn, u64::MAX)).map(|(exchange, _)| *exchange);
    for exchange in of.collect::<Vec<_>>() {
        open.remove(&exchange);
    }
}
