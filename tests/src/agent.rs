//! The agent under test: started, watched, stopped, and what it wrote.
//!
//! In: `EARWITNESS_BIN`, or the release build of this checkout. Out: records, journal, log.
//! Always: a running agent is ready (all probes attached); after its end every record was checked
//! for what holds always, its journal is what it printed, and its log holds no panic.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;

use crate::journal;
use crate::process::{self, Printed, Process};
use crate::record::Record;
use crate::scene::Scene;
use crate::wait;

/// An agent that is still to be started.
pub struct Setup<'s> {
    scene: &'s Scene,
    data_dir: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(&'static str, &'static str)>,
}

impl<'s> Setup<'s> {
    /// One that watches the whole host.
    pub fn new(scene: &'s Scene) -> Self {
        Self { scene, data_dir: scene.path("data"), arguments: Vec::new(), variables: Vec::new() }
    }

    /// Watches this port, besides others that are given.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        self.argument("--port").argument(&port.to_string())
    }

    /// Watches this process, besides others that are given.
    #[must_use]
    pub fn pid(self, pid: u32) -> Self {
        self.argument("--pid").argument(&pid.to_string())
    }

    /// Has this configuration.
    pub fn config(self, toml: &str) -> Result<Self> {
        let path = self.scene.file("earwitness.toml", toml)?;
        Ok(self.argument("--config").argument(&path.to_string_lossy()))
    }

    /// Writes to another data directory.
    #[must_use]
    pub fn data_dir(self, path: PathBuf) -> Self {
        Self { data_dir: path, ..self }
    }

    /// Says everything on standard error.
    #[must_use]
    pub fn verbose(self) -> Self {
        let mut setup = self.argument("-vv");
        setup.variables.push(("EARWITNESS_LOG", "trace"));
        setup
    }

    fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts it and waits until it is ready.
    pub fn start(self) -> Result<Agent> {
        let mut agent = self.launch()?;
        agent.wait_until_ready()?;
        Ok(agent)
    }

    /// Starts it and does not wait.
    pub fn launch(self) -> Result<Agent> {
        let number = (1..).find(|number| !self.scene.path(&log_name(*number)).exists());
        let log = self.scene.path(&log_name(number.unwrap_or_default()));
        let stdout = log.with_extension("jsonl");
        let mut command = command()?;
        command.envs(self.variables.iter().copied());
        command.arg("run").arg("--data-dir").arg(&self.data_dir).arg("--stdout");
        command.args(&self.arguments);
        command.stdout(process::output_file(&stdout)?).stderr(process::output_file(&log)?);
        let process = Process::start("the agent", &mut command)?;
        Ok(Agent { process, output: Output::new(stdout), log, data_dir: self.data_dir })
    }
}

fn log_name(number: u32) -> String {
    format!("agent-{number}.log")
}

/// An agent that runs.
pub struct Agent {
    process: Process,
    output: Output,
    log: PathBuf,
    data_dir: PathBuf,
}

impl Agent {
    /// Waits for the line on standard error that says so.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        wait::until_true("the agent's line `ready`", START_SECONDS, || {
            let log = fs::read_to_string(&self.log)?;
            if log.lines().any(|line| line.starts_with("ready")) {
                return Ok(true);
            }
            self.process.must_live().map(|()| false)
        })
    }

    /// All records so far.
    pub fn records(&mut self) -> Result<&[Record]> {
        self.output.read()
    }

    /// Waits until so many exchanges are recorded.
    pub fn wait_for(&mut self, exchanges: usize) -> Result<()> {
        let what = format!("{exchanges} exchanges");
        self.wait_until(&what, |records| {
            records.iter().filter(|record| record.is_exchange()).count() >= exchanges
        })
    }

    /// Waits until the records fulfil a condition.
    pub fn wait_until(&mut self, what: &str, is_so: impl Fn(&[Record]) -> bool) -> Result<()> {
        self.wait_so_long(what, RECORD_SECONDS, is_so)
    }

    /// `wait_until` with a limit of its own, in seconds.
    pub fn wait_so_long(
        &mut self,
        what: &str,
        limit_seconds: u64,
        is_so: impl Fn(&[Record]) -> bool,
    ) -> Result<()> {
        let result = wait::until_true(what, limit_seconds, || {
            self.process.must_live()?;
            Ok(is_so(self.output.read()?))
        });
        result.with_context(|| format!("records so far:\n{}", list(&self.output.records)))
    }

    /// Waits for so many exchanges, then `stop`. Too few are no error here: who compares them with
    /// what really happened can say which are missing.
    pub fn finish(mut self, exchanges: usize) -> Result<Ended> {
        if self.wait_for(exchanges).is_err() {
            self.process.must_live()?;
        }
        self.stop()
    }

    /// Ends it as a service manager does, and fails unless it ends well.
    pub fn stop(self) -> Result<Ended> {
        let peak_rss_bytes = self.process.peak_rss_bytes()?;
        self.signal(Signal::SIGTERM)?;
        let ended = Ended { peak_rss_bytes, ..self.wait()? };
        ensure!(
            ended.status.code() == Some(0),
            "after SIGTERM the agent ended with {}",
            ended.status
        );
        ensure!(
            ended.journal()?.ends_with(&ended.stdout),
            "the journal differs from standard output"
        );
        Ok(ended)
    }

    /// Ends it at once, in the midst of whatever it does.
    pub fn kill(self) -> Result<Ended> {
        self.signal(Signal::SIGKILL)?;
        self.wait()
    }

    /// Waits until it has ended, by whatever.
    pub fn wait(mut self) -> Result<Ended> {
        let status = self.process.wait(STOP_SECONDS)?;
        self.output.read()?;
        let records = std::mem::take(&mut self.output.records);
        let stdout = fs::read(&self.output.path)?;
        let stderr = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        let (data_dir, peak_rss_bytes) = (self.data_dir, 0);
        let ended = Ended { status, records, stdout, stderr, data_dir, peak_rss_bytes };
        ended.check()?;
        Ok(ended)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Where its journal is.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }
}

/// What an agent that ended has left.
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Everything it printed, in order.
    pub records: Vec<Record>,
    /// The same as bytes.
    pub stdout: Vec<u8>,
    /// Its log.
    pub stderr: String,
    /// Where its journal is.
    pub data_dir: PathBuf,
    /// Most memory that it had resident before it was told to stop; 0 if it was not told.
    pub peak_rss_bytes: u64,
}

impl Ended {
    /// Records of exchanges, in order.
    pub fn exchanges(&self) -> Vec<&Record> {
        self.records.iter().filter(|record| record.is_exchange()).collect()
    }

    /// Records of exchanges that are over, in order: each exchange once.
    pub fn finished(&self) -> Vec<&Record> {
        self.records.iter().filter(|record| record.is_over()).collect()
    }

    /// Records of messages within exchanges, in order.
    pub fn messages(&self) -> Vec<&Record> {
        self.records.iter().filter(|record| record.is_message()).collect()
    }

    /// Records of exchanges whose path begins so: for an agent that watches the whole host.
    pub fn exchanges_under(&self, path: &str) -> Vec<&Record> {
        let mut exchanges = self.exchanges();
        exchanges.retain(|record| record.target().starts_with(path));
        exchanges
    }

    /// The one exchange that there must be.
    pub fn only_exchange(&self) -> Result<&Record> {
        match self.exchanges().as_slice() {
            [record] => Ok(record),
            other => bail!("one exchange expected, {} came:\n{}", other.len(), list(&self.records)),
        }
    }

    /// Records of losses, in order.
    pub fn losses(&self) -> Vec<&Record> {
        self.records.iter().filter(|record| record.is_loss()).collect()
    }

    /// Fails if anything was lost.
    pub fn lost_nothing(&self) -> Result<()> {
        let losses = self.losses();
        let text = || losses.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        ensure!(losses.is_empty(), "nothing should be lost here, but:\n{}", text());
        Ok(())
    }

    /// Fails if it had more memory than this.
    pub fn took_at_most(&self, rss_bytes: u64) -> Result<()> {
        let peak = self.peak_rss_bytes;
        ensure!(
            peak <= rss_bytes,
            "the agent took {peak} bytes of memory, {rss_bytes} are allowed"
        );
        Ok(())
    }

    /// All of the journal, oldest first.
    pub fn journal(&self) -> Result<Vec<u8>> {
        journal::all(&self.data_dir)
    }

    fn check(&self) -> Result<()> {
        for record in &self.records {
            record.check()?;
        }
        for pair in self.records.windows(2) {
            let [first, second] = pair else { continue };
            let (first, second) = (first.seq()?, second.seq()?);
            ensure!(second == first + 1, "seq {second} follows {first}");
        }
        ensure!(!self.stderr.contains("panicked"), "the agent panicked:\n{}", self.stderr);
        Ok(())
    }
}

/// `earwitness record` that runs.
pub struct Recording {
    process: Process,
    log: PathBuf,
}

impl Recording {
    /// Starts it and waits until it is ready.
    pub fn start(scene: &Scene, file: &Path, port: u16) -> Result<Self> {
        let log = scene.path("record.log");
        let mut command = command()?;
        command.arg("record").args(["--port", &port.to_string()]).arg(file);
        command.stdout(process::output_file(&log)?).stderr(process::output_file(&log)?);
        let mut process = Process::start("earwitness record", &mut command)?;
        wait::until_true("the line `ready` of `record`", START_SECONDS, || {
            process.must_live()?;
            Ok(fs::read_to_string(&log)?.lines().any(|line| line.starts_with("ready")))
        })?;
        Ok(Self { process, log })
    }

    /// Ends it and gives its log.
    pub fn stop(mut self) -> Result<String> {
        self.process.signal(Signal::SIGTERM)?;
        let status = self.process.wait(STOP_SECONDS)?;
        let log = fs::read_to_string(&self.log)?;
        ensure!(status.success(), "`record` ended with {status}\n{log}");
        Ok(log)
    }
}

/// Records in short, one a line.
pub fn list(records: &[Record]) -> String {
    let line = |record: &Record| match record.is_exchange() {
        true => format!("exchange {}", record.summary()),
        false => record.to_string(),
    };
    let mut lines: Vec<_> = records.iter().take(LISTED).map(line).collect();
    if records.len() > LISTED {
        lines.push(format!("and {} more", records.len() - LISTED));
    }
    lines.join("\n")
}

/// A command that runs the agent.
pub fn command() -> Result<Command> {
    let mut command = Command::new(program()?);
    // Names that begin so are settings.
    command.env_remove(PROGRAM_VARIABLE);
    Ok(command)
}

/// Runs a subcommand to its end.
pub fn run(arguments: &[&str]) -> Result<Printed> {
    process::run(command()?.args(arguments), COMMAND_SECONDS)
}

/// Where the agent's program is.
pub fn program() -> Result<PathBuf> {
    let path = match std::env::var_os(PROGRAM_VARIABLE) {
        Some(path) => PathBuf::from(path),
        None => {
            // This program lies in `deps/` beside it.
            let own = std::env::current_exe()?;
            let folder = own.ancestors().nth(2).context("this program lies nowhere")?;
            folder.join("earwitness")
        }
    };
    let hint = "build it with `cargo xtask build --release`, or name it in EARWITNESS_BIN";
    ensure!(path.is_file(), "the agent is not at {}\nhint: {hint}", path.display());
    Ok(path)
}

/// The agent's standard output, read as it grows.
struct Output {
    path: PathBuf,
    read_bytes: u64,
    rest: Vec<u8>,
    records: Vec<Record>,
}

impl Output {
    fn new(path: PathBuf) -> Self {
        Self { path, read_bytes: 0, rest: Vec::new(), records: Vec::new() }
    }

    fn read(&mut self) -> Result<&[Record]> {
        let mut file = fs::File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read_bytes))?;
        self.read_bytes += file.read_to_end(&mut self.rest)? as u64;
        let end = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..end).collect();
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            self.records.push(Record::parse(line)?);
        }
        Ok(&self.records)
    }
}

const PROGRAM_VARIABLE: &str = "EARWITNESS_BIN";
const START_SECONDS: u64 = 20;
const STOP_SECONDS: u64 = 30;
const RECORD_SECONDS: u64 = 10;
const COMMAND_SECONDS: u64 = 30;
const LISTED: usize = 40;
