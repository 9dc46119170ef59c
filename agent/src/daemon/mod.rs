//! The daemon: builds the stages, joins them, and ends them in order.
//!
//! In: a configuration, signals. Out: a journal, and lines for whoever watches.
//! Always: the only place that makes threads. The start is journal, probes, shards; the end is
//! probes, shards (drained), sealing, journal (synced), sinks, output: so nothing that was seen is lost by stopping.
//! Not here: parsing (`pipeline`), writing (`journal`), what the command line says (`cli`); while it runs
//! (`control`).
//!
//! ```text
//! main thread: signals, each second: counters, clock, silent connections, rules
//!   ├─ shard threads: ring ─▶ pipeline ─▶ records ──channel──▶ journal thread
//!   ├─ tls threads: put probes on libraries, and take them off
//!   ├─ sealing thread: compresses segments that the journal has finished
//!   ├─ sink threads: follow the journal's files too, each from its cursor
//!   └─ output thread: follows the journal's files, so that a slow reader slows nobody
//! ```

mod control;
mod coverage;
mod names;
pub mod output;
pub mod recorder;
mod rules;
mod sealing;
mod shard;
mod shards;
mod sinks;
pub mod time;
mod tls;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use earwitness_common::settings::{MAX_SHARDS, Settings};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::audit::encode::EncodedRecord;
use crate::audit::observer::Observer;
use crate::audit::policy::{Policy, PolicyError};
use crate::audit::record::agent::{Lifecycle, LifecycleAction};
use crate::config::{CaptureRule, Config};
use crate::discover::{Processes, host::Host};
use crate::journal::writer::{self, Batch, WriterEvent};
use crate::journal::{Directory, Journal, JournalError};
use crate::kernel::load::{LoadError, Loaded, Probes, Sizes};
use crate::kernel::uprobes::{UprobeError, Uprobes};
use crate::keys::{KeyError, KeyStore};
use output::Output;
use sealing::{Sealing, Waker};
use shards::{Shards, Stage};
use tls::{Looks, Scope, TlsWatch, Waiting};
use words::{answer, begun, lifecycle};

/// Batches on their way to the journal. When the disk is slow the shards wait, and the rings hold
/// what comes meanwhile.
const BATCHES: usize = 64;
/// Most connections that the kernel side follows.
const SOCKETS: u32 = 65_536;
/// Bytes of a turn that are captured. Far more than the longest head: a chunked body has to be
/// followed byte by byte, and this much may move before the verdict `Full` takes effect.
const TURN_BUDGET_BYTES: u32 = 4 << 20;

/// Most descriptors that the daemon allows itself, as far as it may.
const MOST_FILES: u64 = 65_536;

/// What to run with.
pub struct Options {
    /// The configuration, checked.
    pub config: Config,
    /// Where it came from, read again at SIGHUP.
    pub config_file: Option<PathBuf>,
    /// Filters of the command line, in place of those in the file whenever it is read.
    pub chosen: Vec<CaptureRule>,
    /// Where the journal is.
    pub data_dir: PathBuf,
    /// Shows records.
    pub output: Option<Box<dyn Output>>,
    /// Called once all probes are attached.
    pub ready: Box<dyn FnOnce()>,
}

/// Why the daemon could not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The policy cannot be kept.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no key to make tokens with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The kernel side cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A filter rule cannot be used.
    #[error("cannot use a rule of [capture]: {0}")]
    Rule(String),
    /// The operating system refused something.
    #[error("cannot {what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        error: std::io::Error,
    },
}

impl DaemonError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Load(error) => Some(error.hint().to_owned()),
            Self::Policy(_) | Self::Rule(_) => {
                Some(String::from("`earwitness config check` explains"))
            }
            // Its text has the hint already.
            Self::Journal(_) | Self::Key(_) | Self::System { .. } => None,
        }
    }
}

fn system(what: &'static str) -> impl Fn(std::io::Error) -> DaemonError {
    move |error| DaemonError::System { what, error }
}

/// Each attachment is a descriptor, and so is each library that is held open.
fn allow_many_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most.min(MOST_FILES), most));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// See `DaemonError`. Once `ready` was called, only the journal's end can fail.
pub fn run(options: Options) -> Result<(), DaemonError> {
    allow_many_files();
    let host = Host::read();
    let observer = Arc::new(names::observer(&host));
    let config = &options.config;
    let keys = KeyStore::new(&options.data_dir);
    let key = keys.current_or_first()?;
    let policy = Policy::new(&config.audit(), key.tokens(), Arc::clone(&observer))?;
    let (policy, key) = (Arc::new(policy), key.id());
    let signals = control::Signals::take().map_err(system("wait for signals"))?;
    // Everything that can be refused comes before the journal is touched.
    let rules = rules::Rules::new(&config.capture)?;
    let sizes = sizes(config);
    let Loaded { mut probes, rings, verdicts, uprobes } = Probes::load(sizes)?;
    rules.write(&mut probes)?;
    let (journal, recovery) = Journal::open(&options.data_dir, config.journal.settings())?;
    let sinks = sinks::Sinks::start(&options.data_dir, &config.sink, recovery.next_seq)
        .map_err(system("start the sinks"))?;
    let output = options.output.map(|output| output::follow(&options.data_dir, output));
    let output = output.transpose().map_err(system("follow the journal"))?;

    let (batches, queue) = bounded(BATCHES);
    // Only while the journal is locked.
    let sealing = Sealing::start(&options.data_dir).map_err(system("start the sealing thread"))?;
    let writer = start_writer(journal, queue, Arc::clone(&observer), sealing.waker())?;
    let kernel = host.kernel.as_deref().unwrap_or_default();
    send(&batches, begun(&observer, &recovery, &policy, kernel, sizes));

    let settings = settings(sizes, &rules, uprobes.is_ok());
    probes.configure(settings)?;
    probes.attach()?;
    // After the probes, so that no process is missed; the rings hold what comes meanwhile.
    let names = Arc::new(Processes::scan());
    let verdicts = Arc::new(verdicts);
    let (looks, look) = Looks::new();
    let tls = start_tls(uprobes, rules.scope(), &observer, &batches, look)?;
    let stage = Stage { policy, names, verdicts, batches: batches.clone(), looks: looks.clone() };
    let shards = Shards::start(rings, &stage, config)?;
    if let Some(output) = &output {
        output.count_connections(shards.connections.clone());
    }
    send(&batches, lifecycle(&observer, Lifecycle::new(LifecycleAction::Ready)));
    (options.ready)();

    let control = control::Control {
        probes: &mut probes,
        settings,
        rules,
        config_file: options.config_file,
        visits: Directory::new(&options.data_dir).visits(),
        chosen: options.chosen,
        policy: Arc::clone(&stage.policy),
        observer: Arc::clone(&observer),
        batches: &batches,
        shards: &shards,
        names: Arc::clone(&stage.names),
        looks: &looks,
        keys,
        key,
        config: options.config,
    };
    let kernel_losses = control.run(signals).map_err(system("wait for signals"))?;
    looks.stop();
    if let Some(tls) = tls {
        let _ = tls.join();
    }
    drop(probes);
    shards.stop();
    send(&batches, kernel_losses);
    send(&batches, lifecycle(&observer, Lifecycle::new(LifecycleAction::Stop)));
    drop(stage);
    sealing.finish();
    let _ = batches.send(Batch::Stop);
    let stored = writer.join().unwrap_or(Ok(()));
    sinks.finish();
    if let Some(output) = output {
        output.finish();
    }
    Ok(stored?)
}

fn send(batches: &Sender<Batch>, records: Vec<EncodedRecord>) {
    if !records.is_empty() {
        // The journal thread ends only after this side has told it to.
        let _ = batches.send(Batch::Records(records));
    }
}

fn sizes(config: &Config) -> Sizes {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // One thread reads what several processors produce.
    let wanted = match config.capture.shards {
        0 => u32::try_from(processors / 4).unwrap_or(1).max(1),
        given => given,
    };
    Sizes {
        shards: wanted.next_power_of_two().min(MAX_SHARDS),
        ring_bytes: config.capture.ring_bytes,
        sockets: SOCKETS,
    }
}

fn start_writer(
    journal: Journal,
    queue: Receiver<Batch>,
    observer: Arc<Observer>,
    sealing: Waker,
) -> Result<JoinHandle<Result<(), JournalError>>, DaemonError> {
    let report = move |event: WriterEvent<'_>| {
        if matches!(event, WriterEvent::Finished(_)) {
            sealing.wake();
        }
        answer(&observer, event)
    };
    std::thread::Builder::new()
        .name(String::from("journal"))
        .spawn(move || writer::run(journal, &queue, report))
        .map_err(system("start the journal thread"))
}

/// Without probes on TLS libraries everything else works, and each TLS connection is told as a loss.
fn start_tls(
    uprobes: Result<Uprobes, UprobeError>,
    scope: Scope,
    observer: &Arc<Observer>,
    batches: &Sender<Batch>,
    looks: Waiting,
) -> Result<Option<JoinHandle<()>>, DaemonError> {
    let uprobes = match uprobes {
        Ok(uprobes) => uprobes,
        Err(error) => {
            tracing::warn!(%error, "TLS cannot be read");
            return Ok(None);
        }
    };
    let watch = TlsWatch::start(uprobes, scope, Arc::clone(observer), batches.clone());
    let thread = watch.spawn(looks).map_err(system("start the thread that looks for TLS"))?;
    Ok(Some(thread))
}

/// A flag that another thread reads.
#[derive(Clone, Default)]
pub(crate) struct Flag(Arc<AtomicBool>);

impl Flag {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What the kernel side begins with.
fn settings(sizes: Sizes, rules: &rules::Rules, tls: bool) -> Settings {
    Settings {
        turn_budget_bytes: TURN_BUDGET_BYTES,
        agent_tgid: std::process::id(),
        shards: sizes.shards,
        wake_bytes: sizes.ring_bytes.next_power_of_two() / 16,
        save_bytes: sizes.ring_bytes / 4 * 3,
        enabled: 1,
        rules_epoch: 1,
        include_rules: rules.include_count(),
        exclude_rules: rules.exclude_count(),
        tls: u32::from(tls),
    }
}
