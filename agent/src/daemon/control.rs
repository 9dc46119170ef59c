//! The main thread while the daemon runs: signals, and what is due each second.
//!
//! In: SIGTERM, SIGINT, SIGHUP, reports of the shards, the kernel side's counters.
//! Out: commands to the shards, `loss` and `lifecycle` records.
//! Always: a wrong new configuration leaves the old one in force and says so; a second SIGTERM or
//! SIGINT ends the process at once.
//! Not here: the order of starting and stopping (`daemon`).

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use earwitness_common::settings::Settings;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::coverage::Coverage;
use super::rules::Rules;
use super::shard::{Command, Report};
use super::tls::Looks;
use super::{Shards, lifecycle, send, time, words};
use crate::audit::encode::EncodedRecord;
use crate::audit::observer::{Concerns, Observer};
use crate::audit::policy::Policy;
use crate::audit::record::agent::{Detail, Lifecycle, LifecycleAction};
use crate::config::{CaptureRule, Config};
use crate::discover::Processes;
use crate::journal::visits;
use crate::journal::writer::Batch;
use crate::kernel::counters::{self, Total};
use crate::kernel::load::Probes;
use crate::keys::KeyStore;
use crate::model::loss::Loss;
use crate::pipeline::tracker::Silent;

/// How often the clock's offset is measured, in seconds.
const CLOCK_S: u64 = 30;
/// How often executables of rules are looked up again, in seconds.
const RULES_S: u64 = 5;
/// Exit status after a second signal: 128 + SIGTERM, as shells tell it.
const KILLED: i32 = 143;

/// The signals that the daemon takes. From when they are made, none of them kills it.
pub struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    /// Begins to take them.
    ///
    /// # Errors
    /// They cannot be waited for.
    pub fn take() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let reload = signal(SignalKind::hangup())?;
        drop(inside);
        Ok(Self { runtime, terminate, interrupt, reload })
    }
}

/// Everything that the main thread holds.
pub struct Control<'a> {
    /// The kernel side.
    pub probes: &'a mut Probes,
    /// What it was told.
    pub settings: Settings,
    /// The filters.
    pub rules: Rules,
    /// Read again at SIGHUP.
    pub config_file: Option<PathBuf>,
    /// Where readers leave that they read.
    pub visits: PathBuf,
    /// Filters of the command line, in place of those in the file.
    pub chosen: Vec<CaptureRule>,
    /// The one in force.
    pub policy: Arc<Policy>,
    /// Makes records.
    pub observer: Arc<Observer>,
    /// To the journal.
    pub batches: &'a Sender<Batch>,
    /// The shards.
    pub shards: &'a Shards,
    /// Processes' names.
    pub names: Arc<Processes>,
    /// To the thread that looks for TLS.
    pub looks: &'a Looks,
    /// Where keys are, read again at SIGHUP.
    pub keys: KeyStore,
    /// Id of the key that tokens are made with.
    pub key: String,
    /// The configuration in force.
    pub config: Config,
}

/// What is remembered from second to second.
struct Seconds {
    count: u64,
    totals: Vec<Total>,
    since_ns: i64,
    coverage: Coverage,
}

impl Control<'_> {
    /// Runs until a signal ends it. Returns the last losses of the kernel side, read after the
    /// probes have been stopped.
    ///
    /// # Errors
    /// Signals cannot be waited for.
    pub fn run(mut self, signals: Signals) -> io::Result<Vec<EncodedRecord>> {
        let Signals { runtime, mut terminate, mut interrupt, mut reload } = signals;
        let mut seconds = Seconds {
            count: 0,
            totals: Vec::new(),
            since_ns: time::wall_ns(),
            coverage: Coverage::scan(),
        };
        runtime.block_on(async {
            let mut every_second = tokio::time::interval(Duration::from_secs(1));
            loop {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    _ = reload.recv() => self.reload(),
                    _ = every_second.tick() => self.second(&mut seconds),
                }
            }
        });
        end_at_second_signal(runtime, terminate, interrupt)?;
        self.stop_probes();
        Ok(self.losses(&mut seconds))
    }

    /// The kernel side captures nothing any more; what is in the rings is all there is.
    fn stop_probes(&mut self) {
        self.settings.enabled = 0;
        if let Err(error) = self.probes.configure(self.settings) {
            tracing::warn!(%error, "cannot stop the probes");
        }
    }

    fn second(&mut self, seconds: &mut Seconds) {
        seconds.count += 1;
        self.probes.flush_log();
        send(self.batches, self.losses(seconds));
        self.take_reports(&mut seconds.coverage);
        self.record_visits();
        send(self.batches, seconds.coverage.unseen(&self.observer, &self.names));
        if seconds.count.is_multiple_of(CLOCK_S) {
            self.shards.tell_all(&Command::Clock(time::clock_offset()));
            self.names.refresh(time::monotonic_ns());
        }
        if seconds.count.is_multiple_of(RULES_S) && self.rules.look_again() {
            self.write_rules();
        }
    }

    /// What the kernel side lost since the last look.
    fn losses(&self, seconds: &mut Seconds) -> Vec<EncodedRecord> {
        let totals = counters::read(self.probes);
        let until_ns = time::wall_ns();
        let records = totals.iter().filter_map(|total| {
            let before = seconds.totals.iter().find(|before| before.reason == total.reason);
            let events = total.events - before.map_or(0, |before| before.events);
            let bytes = total.bytes - before.map_or(0, |before| before.bytes);
            let loss = Loss { events, bytes, ..Loss::hole(total.reason, 0) };
            (events > 0)
                .then(|| self.observer.loss(&loss, seconds.since_ns, until_ns, Concerns::default()))
        });
        let records = records.collect();
        seconds.totals = totals;
        seconds.since_ns = until_ns;
        records
    }

    fn take_reports(&mut self, coverage: &mut Coverage) {
        while let Ok(report) = self.shards.reports.try_recv() {
            match report {
                Report::Process(event) => coverage.on_event(&event),
                Report::Silent(shard, silent) => self.take_silent(coverage, shard, &silent),
            }
        }
    }

    /// Who has read records.
    fn record_visits(&self) {
        let waiting = visits::waiting(&self.visits).unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot see who read records");
            Vec::new()
        });
        for (path, visit) in waiting {
            send(self.batches, words::read(&self.observer, &visit));
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(%error, path = %path.display(), "cannot remove it; it is recorded again");
            }
        }
    }

    fn take_silent(&mut self, coverage: &Coverage, shard: usize, silent: &[Silent]) {
        let gone = coverage.gone(self.probes, silent);
        for connection in silent {
            let is_gone = gone.contains(&connection.conn.0);
            if is_gone && connection.unix {
                self.probes.forget(connection.sock, connection.conn);
            }
            let command = if is_gone { Command::Gone } else { Command::Seen };
            self.shards.tell(shard, command(connection.conn));
        }
    }

    fn reload(&mut self) {
        let detail = match self.try_reload() {
            Ok(digest) => Lifecycle::new(LifecycleAction::Config)
                .with("accepted", true)
                .with("policy_digest", Detail::Text(digest.into())),
            Err(reason) => {
                tracing::error!(reason, "the new configuration is wrong; the old one stays");
                Lifecycle::new(LifecycleAction::Config)
                    .with("accepted", false)
                    .with("reason", Detail::Text(reason.into()))
            }
        };
        send(self.batches, lifecycle(&self.observer, detail));
    }

    /// Takes what can change while running: the policy, redaction with its key, and the filters.
    fn try_reload(&mut self) -> Result<String, String> {
        let (mut config, _warnings) =
            Config::load(self.config_file.as_deref()).map_err(|errors| errors.to_string())?;
        config.capture.choose(&self.chosen);
        let key = self.keys.current_or_first().map_err(|error| error.to_string())?;
        let policy = Policy::new(&config.audit(), key.tokens(), Arc::clone(&self.observer))
            .map_err(|error| error.to_string())?;
        let rules = Rules::new(&config.capture).map_err(|error| error.to_string())?;
        if config.journal != self.config.journal
            || config.sink != self.config.sink
            || resizes(&config, &self.config)
        {
            tracing::warn!(
                "changes of [journal], [[sink]] and of sizes in [capture] need a restart"
            );
        }
        self.rules = rules;
        self.write_rules();
        let digest = policy.digest().to_string();
        self.policy = Arc::new(policy.following(&self.policy));
        self.shards.tell_all(&Command::Policy(Arc::clone(&self.policy)));
        self.config = config;
        self.use_key(key.id());
        Ok(digest)
    }

    fn use_key(&mut self, id: String) {
        if id == self.key {
            return;
        }
        let event = Lifecycle::new(LifecycleAction::Key)
            .with("purpose", "redaction")
            .with("id", id.as_str())
            .with("before", self.key.as_str());
        send(self.batches, lifecycle(&self.observer, event));
        self.key = id;
    }

    fn write_rules(&mut self) {
        self.settings.include_rules = self.rules.include_count();
        self.settings.exclude_rules = self.rules.exclude_count();
        self.settings.rules_epoch = self.settings.rules_epoch.wrapping_add(1);
        let written = self.rules.write(self.probes);
        if let Err(error) = written.and_then(|()| self.probes.configure(self.settings)) {
            tracing::error!(%error, "cannot change the filters");
        }
        self.looks.filters(self.rules.scope());
    }
}

fn resizes(new: &Config, old: &Config) -> bool {
    let sizes = |config: &Config| {
        (config.capture.ring_bytes, config.capture.shards, config.capture.memory_limit_bytes)
    };
    sizes(new) != sizes(old)
}

/// A thread of its own waits for a second signal while the rest drains.
fn end_at_second_signal(
    runtime: Runtime,
    mut terminate: Signal,
    mut interrupt: Signal,
) -> io::Result<()> {
    let wait = async move {
        tokio::select! {
            _ = terminate.recv() => {},
            _ = interrupt.recv() => {},
        }
        eprintln!("earwitness: ended at once; what was in flight is not recorded");
        std::process::exit(KILLED);
    };
    let run = move || runtime.block_on(wait);
    std::thread::Builder::new().name(String::from("signals")).spawn(run).map(drop)
}
