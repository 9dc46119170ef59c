//! The agent that is measured.
//!
//! In: `EARWITNESS_BIN`, or the program beside this one. Out: a running agent, its processor time,
//! memory and probes' run times.
//! Always: it watches the whole host unless its configuration says otherwise, and shows records to
//! nobody; a running agent has all its probes attached.
//! Not here: what it wrote (`journal`).

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use aya::programs::loaded_programs;
use live_tests::process::{Process, output_file};
use live_tests::scene::Scene;
use live_tests::wait;
use nix::sys::signal::Signal;

use crate::cpu;
use crate::report::{Figure, number};

/// An agent that runs.
pub struct Agent {
    process: Process,
    data_dir: PathBuf,
}

/// Resident memory, in bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    /// All of it.
    pub rss: u64,
    /// The part that is its own: neither its program nor rings that it shares with the kernel.
    pub anonymous: u64,
    /// The largest `rss` so far.
    pub peak: u64,
}

/// How a BPF program has run, since loading or between two readings.
#[derive(Clone, Copy, Default)]
pub struct Runs {
    /// Time, in nanoseconds.
    pub time_ns: u64,
    /// How often.
    pub count: u64,
}

impl Agent {
    /// Starts one and waits until all its probes are attached. `config`: its configuration file.
    pub fn start(scene: &Scene, config: Option<&str>) -> Result<Self> {
        let log = scene.path("agent.log");
        let data_dir = scene.path("data");
        let mut command = Command::new(program()?);
        // Names that begin so are settings.
        command.env_remove(PROGRAM_VARIABLE);
        command.arg("run").arg("--data-dir").arg(&data_dir);
        if let Some(config) = config {
            command.arg("--config").arg(scene.file("earwitness.toml", config)?);
        }
        command.stdout(output_file(&log)?).stderr(output_file(&log)?);
        let mut process = Process::start("the agent", &mut command)?;
        let ready = wait::until_true("the agent's line `ready`", START_SECONDS, || {
            let is_ready = fs::read_to_string(&log)?.lines().any(|line| line.starts_with("ready"));
            process.must_live().map(|()| is_ready)
        });
        ready.with_context(|| scene.logs())?;
        Ok(Self { process, data_dir })
    }

    /// Ends it as a service manager does. Returns where its journal is.
    pub fn stop(mut self) -> Result<PathBuf> {
        self.process.signal(Signal::SIGTERM)?;
        let status = self.process.wait(STOP_SECONDS)?;
        ensure!(status.code() == Some(0), "after SIGTERM the agent ended with {status}");
        Ok(self.data_dir)
    }

    /// Processor time so far, in nanoseconds.
    pub fn cpu_ns(&self) -> Result<u64> {
        cpu::of_process(self.process.pid())
    }

    /// Memory.
    pub fn memory(&self) -> Result<Memory> {
        let text = self.read("status")?;
        let bytes = |name| Some(field(&text, name)? * 1_024);
        let memory = || {
            let (rss, anonymous) = (bytes("VmRSS:")?, bytes("RssAnon:")?);
            Some(Memory { rss, anonymous, peak: bytes("VmHWM:")? })
        };
        memory().context("the agent's status tells no memory")
    }

    /// The program at the exit of system calls.
    pub fn sys_exit(&self) -> Result<Runs> {
        self.runs(|name| name == "sys_exit")
    }

    /// The programs on functions of TLS libraries, together.
    pub fn tls(&self) -> Result<Runs> {
        self.runs(|name| TLS_PROGRAMS.iter().any(|start| name.starts_with(start)))
    }

    /// Its programs of these names together.
    fn runs(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Runs> {
        let mut programs = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{}/fdinfo", self.process.pid()))? {
            // A descriptor may be gone by now.
            let text = fs::read_to_string(entry?.path()).unwrap_or_default();
            let [id, time_ns, count] =
                ["prog_id:", "run_time_ns:", "run_cnt:"].map(|name| field(&text, name));
            // A link tells the number of its program, and nothing of its runs.
            if let (Some(id), Some(time_ns), Some(count)) = (id, time_ns, count) {
                programs.insert(id, Runs { time_ns, count });
            }
        }
        // Others' programs may go away meanwhile.
        let named = loaded_programs().filter_map(std::result::Result::ok);
        let wanted = named.filter(|info| info.name_as_str().is_some_and(&is_wanted));
        let ours = wanted.filter_map(|info| programs.get(&info.id().into()));
        ours.copied().reduce(Runs::with).context("the agent has no such program")
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.process.pid());
        fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    }
}

impl Memory {
    /// All of it, with a remark on its own part.
    pub fn figure(self, name: &str) -> Figure {
        let remark = format!("{} MiB of it anonymous", number(mib(self.anonymous)));
        Figure::new(name, mib(self.rss), "MiB").remark(remark)
    }

    /// The largest so far.
    pub fn peak_figure(self) -> Figure {
        Figure::new("peak", mib(self.peak), "MiB")
    }
}

impl Runs {
    /// What has been added since an earlier reading.
    pub fn since(self, before: Self) -> Self {
        Self { time_ns: self.time_ns - before.time_ns, count: self.count - before.count }
    }

    fn with(self, other: Self) -> Self {
        Self { time_ns: self.time_ns + other.time_ns, count: self.count + other.count }
    }

    /// Nanoseconds a run.
    pub fn mean_ns(self) -> f64 {
        self.time_ns as f64 / self.count as f64
    }
}

/// In MiB.
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn program() -> Result<PathBuf> {
    let path = match std::env::var_os(PROGRAM_VARIABLE) {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe()?.with_file_name("earwitness"),
    };
    let hint = "build it with `cargo xtask build --release`, or name it in EARWITNESS_BIN";
    ensure!(path.is_file(), "the agent is not at {}\nhint: {hint}", path.display());
    Ok(path)
}

const PROGRAM_VARIABLE: &str = "EARWITNESS_BIN";
/// How the names begin of programs on C libraries and on Go.
const TLS_PROGRAMS: [&str; 2] = ["tls_", "go_"];
const START_SECONDS: u64 = 20;
/// It may have a ring full of samples to write.
const STOP_SECONDS: u64 = 60;
