//! One measurement: a server under load, watched by somebody or by nobody.
//!
//! In: who watches, how much load. Out: what was answered, at what cost, and what was recorded.
//! Always: a new server, a new watcher and a new folder each time; what they used before the load
//! begins does not count.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use live_tests::process::Process;
use live_tests::scene::Scene;
use serde::Serialize;

use crate::agent::Agent;
use crate::count_only::{At, CountOnly};
use crate::journal::{self, Counts};
use crate::load::Load;
use crate::nginx::{Log, Nginx, Over};
use crate::report::number;
use crate::{cpu, progress, tcpdump};

/// Who watches besides the server itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watcher {
    /// Nobody.
    Nobody,
    /// The agent, whole host, journal on disk.
    Agent,
    /// tcpdump, packets on disk.
    Tcpdump,
    /// Probes on the server's TLS library that only count.
    CountOnly(At),
}

/// What to measure.
#[derive(Clone, Copy)]
pub struct Trial {
    /// For people.
    pub name: &'static str,
    /// Who watches.
    pub watcher: Watcher,
    /// What the server logs itself.
    pub log: Log,
    /// What the exchanges go over.
    pub over: Over,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Which trial.
    pub name: &'static str,
    /// The load it had.
    pub load: String,
    /// Exchanges that the clients counted, those before the measurement included.
    pub answered: u64,
    /// Exchanges a second while it was measured.
    pub per_second: f64,
    /// Processor time of the server and its clients for each exchange, in microseconds.
    pub application_us: f64,
    /// Processor time of the watcher for each exchange, in microseconds.
    pub watcher_us: f64,
    /// How often probes that only count were hit for each exchange.
    pub hits: f64,
    /// Cores that everything else on the machine used meanwhile.
    pub others_cores: f64,
    /// Lines of the server's access log.
    pub logged: u64,
    /// What the agent recorded.
    pub recorded: Counts,
}

impl Trial {
    /// Measures.
    pub fn run(&self, load: Load, time: Duration) -> Result<Measured> {
        progress::step(&format!("{}, {}", load.name(), self.name));
        let scene = Scene::new()?;
        let nginx = Nginx::start(&scene, self.log, self.over)?;
        let port = nginx.port;
        let watching = Watching::start(self.watcher, &scene, &nginx)?;
        let warm_up = load.run(&nginx, WARM_UP)?;
        let (server_ns, watcher_ns) = (nginx.cpu_ns()?, watching.cpu_ns()?);
        let hits = watching.hits()?;
        let (machine_ns, begun) = (cpu::of_machine()?, Instant::now());
        let answered = load.run(&nginx, time)?;
        let server_ns = nginx.cpu_ns()? - server_ns;
        // What is still on its way costs too.
        thread::sleep(SETTLE);
        let watcher_ns = watching.cpu_ns()? - watcher_ns;
        let hits = watching.hits()? - hits;
        let machine_ns = cpu::of_machine()? - machine_ns;
        let others_ns = machine_ns.saturating_sub(server_ns + watcher_ns + answered.cpu_ns);
        let others_cores = others_ns as f64 / begun.elapsed().as_nanos() as f64;
        let logged = nginx.stop()?;
        let recorded = watching.stop(port)?;
        let each_us = |ns: u64| ns as f64 / answered.exchanges as f64 / 1e3;
        let measured = Measured {
            name: self.name,
            load: load.name(),
            answered: warm_up.exchanges + answered.exchanges,
            per_second: answered.per_second(),
            application_us: each_us(server_ns + answered.cpu_ns),
            watcher_us: each_us(watcher_ns),
            hits: hits as f64 / answered.exchanges as f64,
            others_cores,
            logged,
            recorded,
        };
        progress::note(&measured.line());
        Ok(measured)
    }
}

impl Measured {
    fn line(&self) -> String {
        format!(
            "{} exchanges/s; application {} us, watcher {} us each; {} recorded, {} lost; others \
             used {} cores",
            number(self.per_second),
            number(self.application_us),
            number(self.watcher_us),
            number(self.recorded.exchanges as f64),
            number(self.recorded.lost as f64),
            number(self.others_cores)
        )
    }
}

/// A watcher at work.
enum Watching {
    Nobody,
    Agent(Agent),
    Tcpdump(Process),
    CountOnly(CountOnly),
}

impl Watching {
    fn start(watcher: Watcher, scene: &Scene, nginx: &Nginx) -> Result<Self> {
        Ok(match watcher {
            Watcher::Nobody => Self::Nobody,
            Watcher::Agent => Self::Agent(Agent::start(scene, None)?),
            Watcher::Tcpdump => Self::Tcpdump(tcpdump::start(scene, nginx.port)?),
            Watcher::CountOnly(at) => Self::CountOnly(CountOnly::attach(nginx.pid(), at)?),
        })
    }

    fn cpu_ns(&self) -> Result<u64> {
        match self {
            Self::Nobody | Self::CountOnly(_) => Ok(0),
            Self::Agent(agent) => agent.cpu_ns(),
            Self::Tcpdump(process) => cpu::of_process(process.pid()),
        }
    }

    fn hits(&self) -> Result<u64> {
        match self {
            Self::CountOnly(probes) => probes.hits(),
            Self::Nobody | Self::Agent(_) | Self::Tcpdump(_) => Ok(0),
        }
    }

    fn stop(self, port: u16) -> Result<Counts> {
        match self {
            Self::Agent(agent) => journal::count(&agent.stop()?, port),
            Self::Nobody | Self::Tcpdump(_) | Self::CountOnly(_) => Ok(Counts::default()),
        }
    }
}

const WARM_UP: Duration = Duration::from_secs(1);
const SETTLE: Duration = Duration::from_millis(300);
