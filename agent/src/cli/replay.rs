//! `earwitness replay`: capture files through the daemon's own pipeline.
//!
//! In: capture files, binary or text. Out: records on standard output.
//! Always: the same file gives the same records: time comes from the samples. Only tokens differ, unless the data
//! directory whose key they are to have is named.
//! Not here: the pipeline.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use crate::audit::encode::Lines;
use crate::audit::observer::{Concerns, Observer};
use crate::audit::policy::Policy;
use crate::audit::token::Tokens;
use crate::capture::{Entry, Header, Reader};
use crate::config::Config;
use crate::discover::Processes;
use crate::model::limits::Limits;
use crate::model::sample::Sample;
use crate::pipeline::{Names, Outcome, Pipeline};

/// How often time passes for the pipeline, in nanoseconds of sample time.
const TICK_NS: u64 = 50_000_000;

/// Runs capture files through the same pipeline as the daemon, and prints records.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: earwitness replay bug.cap | jq .url.path")]
pub struct Args {
    /// Configuration file (TOML) for the policy and redaction
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory with the agent's data, for tokens under its key; without one they are under a key that nobody has
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Capture files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// Replays.
///
/// # Errors
/// A file cannot be read, or standard output not written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Some(config) = super::load(args.config.as_deref()) else {
        return Ok(ExitCode::from(super::USAGE));
    };
    let tokens = super::tokens(args.data_dir.as_deref())?;
    let rules = (config, tokens);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut seq = 0;
    for file in &args.files {
        let told = replay(file, &rules, &mut seq, &mut out);
        match told.and_then(|()| out.flush().map_err(Into::into)) {
            Err(error) if is_broken_pipe(&error) => return Ok(ExitCode::SUCCESS),
            other => other?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// What decides what records say.
type Rules = (Config, Tokens);

fn replay(file: &Path, rules: &Rules, seq: &mut u64, out: &mut impl Write) -> anyhow::Result<()> {
    let mut reader =
        Reader::open(file).with_context(|| format!("cannot replay {}", file.display()))?;
    replay_all(&mut reader, rules, seq, out).with_context(|| format!("{}", file.display()))?;
    if let Some(bytes) = reader.tail_bytes() {
        eprintln!("warning: {}: the last {bytes} bytes are no whole entry", file.display());
    }
    Ok(())
}

fn replay_all(
    reader: &mut Reader,
    rules: &Rules,
    seq: &mut u64,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut replay = Replay::new(reader.header(), rules)?;
    while let Some(entry) = reader.next()? {
        replay.entry(entry);
        replay.print(seq, out)?;
    }
    replay.pipeline.stop(replay.now_ns, &mut replay.outcome);
    replay.print(seq, out)?;
    Ok(())
}

struct Replay {
    pipeline: Pipeline,
    processes: Arc<Processes>,
    observer: Arc<Observer>,
    header: Header,
    outcome: Outcome,
    lines: Lines,
    now_ns: u64,
    ticked_ns: u64,
}

impl Replay {
    fn new(header: &Header, (config, tokens): &Rules) -> anyhow::Result<Self> {
        let observer = Arc::new(Observer {
            host_name: header.host_name.clone(),
            version: header.version.clone(),
            ..Observer::default()
        });
        let policy = Policy::new(&config.audit(), tokens.clone(), Arc::clone(&observer))?;
        let processes = Arc::new(Processes::told());
        let names: Arc<dyn Names> = Arc::clone(&processes) as _;
        let memory_bytes = usize::try_from(config.capture.memory_limit_bytes)?;
        let (policy, limits) = (Arc::new(policy), Limits::default());
        Ok(Self {
            pipeline: Pipeline::new(policy, names, limits, memory_bytes, header.clock()),
            processes,
            observer,
            header: header.clone(),
            outcome: Outcome::default(),
            lines: Lines::default(),
            now_ns: 0,
            ticked_ns: 0,
        })
    }

    fn entry(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Sample(sample) => {
                if let Ok(decoded) = Sample::decode(sample) {
                    self.now_ns = self.now_ns.max(decoded.time_ns());
                }
                if self.now_ns - self.ticked_ns >= TICK_NS {
                    self.ticked_ns = self.now_ns;
                    self.pipeline.tick(self.now_ns, &mut self.outcome);
                }
                self.pipeline.sample(sample, &mut self.outcome);
            }
            Entry::Process(process) => self.processes.insert(process),
            Entry::Loss(loss) => {
                let at_ns = self.header.clock().wall_ns(self.now_ns);
                let record = self.observer.loss(&loss, at_ns, at_ns, Concerns::default());
                self.outcome.records.push(record);
            }
        }
    }

    fn print(&mut self, seq: &mut u64, out: &mut impl Write) -> io::Result<()> {
        // Only records matter here.
        let records = std::mem::take(&mut self.outcome).records;
        let mut line = Vec::new();
        for record in records {
            line.clear();
            self.lines.write(&record, *seq, &mut line);
            line.push(b'\n');
            out.write_all(&line)?;
            *seq += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
