//! From samples to records, in one function without I/O: the daemon, replay and tests all use it.
//!
//! In: samples' bytes in the order of one shard's ring, and the passing of time.
//! Out: `Outcome`: encoded, redacted records; process events; signals, as verdicts for the kernel side.
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
mod left_out;
pub mod losses;
pub mod origin;
mod quic;
pub mod tracker;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audit::encode::{EncodedRecord, ExchangeId};
use crate::audit::policy::{KeptDecision, Policy};
use crate::model::limits::Limits;
use crate::model::loss::{Loss, Reason};
use crate::model::origin::Process;
use crate::model::sample::{ConnId, ProcessEvent, Sample};
use crate::model::time::ClockOffset;
use crate::protocol::exchange::Part;
use event::{Event, Signals};
use left_out::LeftOuts;
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
    /// What happened to processes.
    pub processes: Vec<ProcessEvent>,
    /// What is to be done besides.
    pub signals: Signals,
}

/// One shard's way from samples to records.
pub struct Pipeline {
    tracker: Tracker,
    policy: Arc<Policy>,
    names: Arc<dyn Names>,
    clock: ClockOffset,
    losses: Losses,
    left_out: LeftOuts,
    quic: Quic,
    /// What was decided of exchanges that go on.
    open: BTreeMap<ExchangeId, KeptDecision>,
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
            left_out: LeftOuts::default(),
            quic: Quic::default(),
            open: BTreeMap::new(),
        }
    }

    /// Takes one sample.
    pub fn sample(&mut self, bytes: &[u8], out: &mut Outcome) {
        let sample = match Sample::decode(bytes) {
            Ok(sample) => sample,
            Err(error) => {
                tracing::debug!(%error, "sample left out");
                let loss = Loss::hole(Reason::BadSample, 0);
                return self.losses.add(&loss, None, 0);
            }
        };
        let time_ns = sample.time_ns();
        match sample {
            Sample::Open(open) => self.tracker.open(open),
            Sample::Data(data) => self.tracker.data(&data),
            Sample::End { direction, conn, total_bytes, .. } => {
                self.tracker.end(conn, direction, time_ns, total_bytes);
            }
            Sample::Close { conn, ingress_bytes, egress_bytes, .. } => {
                self.tracker.close(conn, time_ns, Some((ingress_bytes, egress_bytes)));
            }
            Sample::Datagram(datagram) => {
                return self.quic.datagram(&datagram, &*self.names, &mut self.losses);
            }
            Sample::Process(event) => {
                self.names.event(&event);
                return out.processes.push(event);
            }
        }
        self.settle(time_ns, out);
    }

    /// Time passes: waits end, losses are told. `now_ns`: CLOCK_MONOTONIC.
    pub fn tick(&mut self, now_ns: u64, out: &mut Outcome) {
        self.tracker.tick(now_ns);
        self.settle(now_ns, out);
        self.quic.tick(now_ns, &mut self.losses);
        let (clock, observer) = (self.clock, self.policy.observer());
        self.losses.flush(now_ns, clock, observer, &mut out.records);
        self.left_out.flush(now_ns, clock, observer, &mut out.records);
    }

    /// A connection is known to be gone although nothing said so.
    pub fn gone(&mut self, conn: ConnId, now_ns: u64, out: &mut Outcome) {
        self.tracker.close(conn, now_ns, None);
        self.settle(now_ns, out);
    }

    /// A silent connection was looked at and is still there.
    pub fn seen(&mut self, conn: ConnId, now_ns: u64) {
        self.tracker.seen(conn, now_ns);
    }

    /// The agent stops: what is in flight becomes records that say so.
    pub fn stop(&mut self, now_ns: u64, out: &mut Outcome) {
        self.tracker.stop(now_ns);
        self.settle(now_ns, out);
        self.quic.stop(now_ns, &mut self.losses);
        let (clock, observer) = (self.clock, self.policy.observer());
        self.losses.flush_all(now_ns, clock, observer, &mut out.records);
        self.left_out.flush_all(clock, observer, &mut out.records);
    }

    /// The policy from the next exchange on. What was decided of exchanges that go on stays.
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

    /// Takes what the tracker gave: makes records, and hands on what is to be done.
    fn settle(&mut self, time_ns: u64, out: &mut Outcome) {
        // As a whole, so that its parts can be borrowed one by one.
        let Self { tracker, policy, open, left_out, losses, clock, .. } = self;
        let clock = *clock;
        for event in tracker.events() {
            match event {
                Event::Exchange(exchange, conn, origin) => {
                    let id = |number| ExchangeId { conn, number };
                    let kept = match exchange.part {
                        Part::Close(number) => open.remove(&id(number)),
                        _ => None,
                    };
                    let decision = match &kept {
                        Some(kept) => kept.decision(),
                        None => policy.decide(&exchange, &origin),
                    };
                    if kept.is_none() {
                        left_out.exchange(decision, time_ns);
                    }
                    if let Part::Open(number) | Part::Leads(number) = exchange.part {
                        open.insert(id(number), decision.keep());
                    }
                    out.records.extend(decision.record(&exchange, conn, &origin, clock));
                }
                Event::Message(message, conn, origin) => {
                    let exchange = ExchangeId { conn, number: message.exchange };
                    if let Some(kept) = open.get(&exchange) {
                        let decision = kept.decision();
                        left_out.message(decision, time_ns);
                        out.records.extend(decision.message(&message, exchange, &origin, clock));
                    }
                    if message.is_last {
                        open.remove(&exchange);
                    }
                }
                Event::Loss(loss, concerned) => losses.add(&loss, concerned.as_deref(), time_ns),
                Event::GivenUp(conn) => forget(open, conn),
            }
        }
        self.tracker.signals(&mut out.signals);
    }
}

/// A connection is given up: nothing more comes of its exchanges that go on.
fn forget(open: &mut BTreeMap<ExchangeId, KeptDecision>, conn: ConnId) {
    if open.is_empty() {
        return;
    }
    let of = |number| ExchangeId { conn, number };
    let gone = open.range(of(0)..=of(u64::MAX)).map(|(exchange, _)| *exchange);
    for exchange in gone.collect::<Vec<_>>() {
        open.remove(&exchange);
    }
}

#[cfg(test)]
mod tests;
