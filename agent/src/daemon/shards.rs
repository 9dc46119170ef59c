//! The shard threads, all of them.
//!
//! In: rings, what every shard needs. Out: running threads, and a way to tell them something.
//! Always: a shard ends only when told to, and its ring is drained then.
//! Not here: what a shard does (`shard`).

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::shard::{Command, Report, Shard};
use super::tls::Looks;
use super::{DaemonError, system, time};
use crate::audit::policy::Policy;
use crate::config::Config;
use crate::discover::Processes;
use crate::journal::writer::Batch;
use crate::kernel::ring::Reader;
use crate::kernel::verdict::Verdicts;
use crate::model::limits::Limits;
use crate::pipeline::{Names, Pipeline};

/// What every shard needs.
pub(super) struct Stage {
    pub(super) policy: Arc<Policy>,
    pub(super) names: Arc<Processes>,
    pub(super) verdicts: Arc<Verdicts>,
    pub(super) batches: Sender<Batch>,
    pub(super) looks: Looks,
}

/// The shard threads.
pub(super) struct Shards {
    commands: Vec<Sender<Command>>,
    pub(super) reports: Receiver<Report>,
    threads: Vec<JoinHandle<()>>,
    pub(super) connections: Arc<AtomicU64>,
}

impl Shards {
    pub(super) fn start(
        rings: Vec<aya::maps::RingBuf<aya::maps::MapData>>,
        stage: &Stage,
        config: &Config,
    ) -> Result<Self, DaemonError> {
        let (report, reports) = unbounded();
        let connections = Arc::new(AtomicU64::new(0));
        let memory_bytes = config.capture.memory_limit_bytes / rings.len().max(1) as u64;
        let mut shards = Self { commands: Vec::new(), reports, threads: Vec::new(), connections };
        for (index, ring) in rings.into_iter().enumerate() {
            let (command, commands) = unbounded();
            let names: Arc<dyn Names> = Arc::clone(&stage.names) as _;
            let pipeline = Pipeline::new(
                Arc::clone(&stage.policy),
                names,
                Limits::default(),
                usize::try_from(memory_bytes).unwrap_or(usize::MAX),
                time::clock_offset(),
            );
            let shard = Shard {
                index,
                reader: Reader::new(ring)
                    .map_err(|error| system("wait for a ring")(error.into()))?,
                pipeline,
                verdicts: Arc::clone(&stage.verdicts),
                batches: stage.batches.clone(),
                commands,
                reports: report.clone(),
                looks: stage.looks.clone(),
                nested: Default::default(),
                connections: Arc::clone(&shards.connections),
            };
            let thread = std::thread::Builder::new()
                .name(format!("shard-{index}"))
                .spawn(move || shard.run())
                .map_err(system("start a shard thread"))?;
            shards.commands.push(command);
            shards.threads.push(thread);
        }
        Ok(shards)
    }

    pub(super) fn tell_all(&self, command: &Command) {
        for shard in &self.commands {
            // A shard ends only when told to.
            let _ = shard.send(command.clone());
        }
    }

    pub(super) fn tell(&self, shard: usize, command: Command) {
        if let Some(shard) = self.commands.get(shard) {
            let _ = shard.send(command);
        }
    }

    /// Drains the rings, writes what is in flight, ends.
    pub(super) fn stop(self) {
        self.tell_all(&Command::Stop);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}
