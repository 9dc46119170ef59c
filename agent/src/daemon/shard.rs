//! One shard's thread: ring to records.
//!
//! In: samples, commands of the main thread. Out: batches of records, verdicts, reports.
//! Always: nothing is shared with other shards but the table of process names, which is asked once
//! a connection. A full channel makes the shard wait, and the ring holds what comes meanwhile.
//! Not here: the way itself (`pipeline`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender};
use rustc_hash::FxHashSet;

use super::time;
use super::tls::{Look, Looks};
use crate::audit::policy::Policy;
use crate::journal::writer::Batch;
use crate::kernel::ring::Reader;
use crate::kernel::sched;
use crate::kernel::verdict::Verdicts;
use crate::model::sample::{ConnId, ProcessEvent, ProcessKind};
use crate::model::time::ClockOffset;
use crate::pipeline::tracker::Silent;
use crate::pipeline::{Outcome, Pipeline};

/// Most samples between two looks at commands and the clock.
const SAMPLES: usize = 4_096;
/// How often time passes for the pipeline.
const TICK_NS: u64 = 50_000_000;
/// How often silent connections are reported.
const SILENT_EVERY_NS: u64 = 2_000_000_000;
/// How long a connection is silent before it is looked at.
const SILENT_NS: u64 = 60_000_000_000;
/// The same for unix sockets, whose end the kernel side cannot see.
const UNIX_SILENT_NS: u64 = 2_000_000_000;
/// Waits while samples come, and while none do.
const BUSY_WAIT_MS: u16 = 20;
const IDLE_WAIT_MS: u16 = 40;
/// Most processes of which it is remembered that their TLS streams are tied by their calls.
const MOST_NESTED: usize = 16_384;

/// What the main thread tells a shard.
#[derive(Clone)]
pub enum Command {
    /// Another policy.
    Policy(Arc<Policy>),
    /// The clock was set or has drifted.
    Clock(ClockOffset),
    /// A silent connection is gone.
    Gone(ConnId),
    /// A silent connection is still there.
    Seen(ConnId),
    /// Drain the ring, write what is in flight, end.
    Stop,
}

/// What a shard tells the main thread.
pub enum Report {
    /// Connections to look at.
    Silent(usize, Vec<Silent>),
    /// Something happened to a process.
    Process(ProcessEvent),
}

/// One shard.
pub struct Shard {
    /// Which.
    pub index: usize,
    /// Its ring.
    pub reader: Reader,
    /// Its way to records.
    pub pipeline: Pipeline,
    /// Shared with the kernel side.
    pub verdicts: Arc<Verdicts>,
    /// To the journal.
    pub batches: Sender<Batch>,
    /// From the main thread.
    pub commands: Receiver<Command>,
    /// To the main thread.
    pub reports: Sender<Report>,
    /// To the thread that looks for TLS.
    pub looks: Looks,
    /// Processes whose TLS streams are tied by their calls, as far as that was told.
    pub nested: FxHashSet<u32>,
    /// Connections of all shards.
    pub connections: Arc<AtomicU64>,
}

impl Shard {
    /// Runs until told to stop.
    pub fn run(mut self) {
        if let Err(error) = sched::run_soon() {
            tracing::debug!(%error, "scheduled like any other thread");
        }
        let mut out = Outcome::default();
        let (mut ticked_ns, mut reported_ns) = (time::monotonic_ns(), time::monotonic_ns());
        let mut counted = 0;
        loop {
            let count = self.drain(&mut out);
            let now_ns = time::monotonic_ns();
            if now_ns - ticked_ns >= TICK_NS {
                ticked_ns = now_ns;
                self.pipeline.tick(now_ns, &mut out);
                counted = self.count(counted);
            }
            if now_ns - reported_ns >= SILENT_EVERY_NS {
                reported_ns = now_ns;
                self.report_silent(now_ns);
            }
            self.deliver(&mut out);
            if self.obey(&mut out) {
                break;
            }
            if count < SAMPLES {
                self.reader.wait(if count > 0 { BUSY_WAIT_MS } else { IDLE_WAIT_MS });
            }
        }
        self.finish(&mut out);
    }

    fn drain(&mut self, out: &mut Outcome) -> usize {
        let Self { reader, pipeline, verdicts, .. } = self;
        reader.drain(SAMPLES, |sample| {
            pipeline.sample(sample, out);
            // At once: the kernel side may be in the middle of a long body.
            tell(verdicts, out);
        })
    }

    fn deliver(&mut self, out: &mut Outcome) {
        tell(&self.verdicts, out);
        for event in out.processes.drain(..) {
            if event.kind == ProcessKind::Exit {
                self.nested.remove(&event.tgid);
            }
            self.looks.process(&event);
            let _ = self.reports.send(Report::Process(event));
        }
        for tgid in out.signals.unplaced.drain(..) {
            self.looks.tell(Look::Buffers(tgid));
        }
        for tgid in out.signals.nested.drain(..) {
            // Ends are told in another shard.
            if self.nested.len() >= MOST_NESTED {
                self.nested.clear();
            }
            if self.nested.insert(tgid) {
                self.looks.tell(Look::Nested(tgid));
            }
        }
        if !out.records.is_empty() {
            let records = std::mem::take(&mut out.records);
            // The journal thread outlives the shards.
            let _ = self.batches.send(Batch::Records(records));
        }
    }

    /// Returns whether it is time to end.
    fn obey(&mut self, out: &mut Outcome) -> bool {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Policy(policy) => self.pipeline.set_policy(policy),
                Command::Clock(clock) => self.pipeline.set_clock(clock),
                Command::Gone(conn) => self.pipeline.gone(conn, time::monotonic_ns(), out),
                Command::Seen(conn) => self.pipeline.seen(conn, time::monotonic_ns()),
                Command::Stop => return true,
            }
        }
        false
    }

    fn report_silent(&self, now_ns: u64) {
        let before_ns = now_ns.saturating_sub(SILENT_NS);
        let unix_before_ns = now_ns.saturating_sub(UNIX_SILENT_NS);
        let silent = self.pipeline.tracker().silent(before_ns, unix_before_ns);
        if !silent.is_empty() {
            let _ = self.reports.send(Report::Silent(self.index, silent));
        }
    }

    /// Keeps the sum over all shards. Returns this shard's part.
    fn count(&self, before: u64) -> u64 {
        let now = self.pipeline.tracker().len() as u64;
        self.connections.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
        now
    }

    /// The probes are detached: what is in the ring is all there is.
    fn finish(&mut self, out: &mut Outcome) {
        while self.drain(out) > 0 {
            self.deliver(out);
        }
        self.pipeline.stop(time::monotonic_ns(), out);
        self.deliver(out);
    }
}

/// Tells the kernel side what is wanted.
fn tell(verdicts: &Verdicts, out: &mut Outcome) {
    for (conn, verdict) in out.signals.verdicts.drain(..) {
        verdicts.set(conn, verdict);
    }
}
