//! Other ways to TLS than OpenSSL on sockets: how often probes are hit and what is recorded.
//!
//! In: servers of the live tests under wrk, each with a log that is the truth; GnuTLS's own server
//! with a client that counts. Out: a line for each.
//! Always: what is not installed is said, and skipped. A figure covers both ends: clients use OpenSSL
//! on sockets, which is measured beside (`probes`).

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aya::sys::{Stats, enable_stats};
use live_tests::certificates::Certificates;
use live_tests::process;
use live_tests::scene::Scene;
use live_tests::servers::app::App;
use live_tests::servers::go::{self, Build};
use serde_json::{Value, json};

use crate::Effort;
use crate::agent::{Agent, Runs};
use crate::journal::{self, Counts};
use crate::load::wrk;
use crate::progress::{note, step};
use crate::report::{Figure, Goal, Section, number};

/// All of them in turn.
pub fn measure(effort: Effort) -> Result<Section> {
    let _measuring = enable_stats(Stats::RunTime).context("having the kernel measure probes")?;
    let time = Duration::from_secs(effort.seconds).div_f64(PARTS);
    let mut section = Section::new("tls: other libraries and uses");
    let mut wrong = 0;
    section.grid.push(HEAD.map(str::to_owned).to_vec());
    for library in LIBRARIES {
        step(&format!("tls: {}", library.name));
        if let Err(reason) = (library.must_be_installed)() {
            let reason = format!("SKIPPED {}: {reason}", library.name).replace('\n', "; ");
            note(&reason);
            section.note(reason);
            continue;
        }
        let outcome = (library.run)(time)?;
        note(&outcome.line());
        wrong += outcome.missing().unsigned_abs();
        section.grid.push(outcome.row(library.name));
        section.measurements.push(outcome.value(library.name));
    }
    let wrong = Figure::new("exchanges not recorded, or more than once", wrong as f64, "");
    section.figures.push(wrong.goal(Goal::AtMost(0.0)));
    section.note("hits are those of both ends; clients use OpenSSL on sockets");
    section.note("an exchange that wrk's end cuts short may be recorded, and be in no log");
    Ok(section)
}

/// One of them.
struct Library {
    name: &'static str,
    must_be_installed: fn() -> Result<()>,
    run: fn(Duration) -> Result<Outcome>,
}

/// What came of it.
struct Outcome {
    exchanges: u64,
    tls: Runs,
    agent_ns: u64,
    recorded: Counts,
}

impl Outcome {
    /// Exchanges that have no record; negative if there are more records than exchanges.
    fn missing(&self) -> i64 {
        self.exchanges.cast_signed() - self.recorded.exchanges.cast_signed()
    }

    fn hits(&self) -> f64 {
        self.tls.count as f64 / self.exchanges as f64
    }

    fn agent_us(&self) -> f64 {
        self.agent_ns as f64 / self.exchanges as f64 / 1e3
    }

    fn line(&self) -> String {
        let [exchanges, recorded] =
            [self.exchanges, self.recorded.exchanges].map(|count| number(count as f64));
        let hits = number(self.hits());
        format!("{hits} hits an exchange; {recorded} of {exchanges} exchanges recorded")
    }

    fn value(&self, name: &str) -> Value {
        json!({
            "name": name,
            "exchanges": self.exchanges,
            "hits": self.hits(),
            "hit_ns": self.tls.mean_ns(),
            "watcher_us": self.agent_us(),
            "recorded": self.recorded,
        })
    }

    fn row(&self, name: &str) -> Vec<String> {
        let figures = [
            self.exchanges as f64,
            self.hits(),
            self.tls.mean_ns() / 1e3,
            self.agent_us(),
            self.recorded.exchanges as f64,
            self.missing() as f64,
            self.recorded.incomplete as f64,
            self.recorded.lost as f64,
        ];
        std::iter::once(name.to_owned()).chain(figures.map(number)).collect()
    }
}

fn asyncio(time: Duration) -> Result<Outcome> {
    loaded(time, App::asyncio_tls)
}

fn node(time: Duration) -> Result<Outcome> {
    loaded(time, App::node_tls)
}

fn golang(time: Duration) -> Result<Outcome> {
    loaded(time, |scene, certificates| {
        go::start(scene, &go::build(scene, Build::Plain)?, certificates)
    })
}

/// A server that logs each exchange, under wrk.
fn loaded(
    time: Duration,
    start: impl FnOnce(&Scene, &Certificates) -> Result<App>,
) -> Result<Outcome> {
    let scene = Scene::new()?;
    let app = start(&scene, &Certificates::new(&scene)?)?;
    let port = app.port;
    watched(&scene, port, || {
        let url = format!("https://127.0.0.1:{port}{PATH}");
        let answered = wrk::run(&url, CONNECTIONS, time)?.exchanges;
        // Some that wrk does not count were under way.
        thread::sleep(SETTLE);
        Ok(app.log(usize::try_from(answered)?)?.len() as u64)
    })
}

/// A connection for each exchange: the server ends a response by its end.
fn gnutls(time: Duration) -> Result<Outcome> {
    let scene = Scene::new()?;
    Certificates::new(&scene)?;
    scene.file("ask.py", include_str!("ask.py"))?;
    let script = scene.file("gnutls.sh", include_str!("gnutls.sh"))?;
    let seconds = time.as_secs().max(1);
    let mut command = process::command("unshare")?;
    command.args(["--net", "sh"]).arg(script).arg(GNUTLS_PORT.to_string());
    command.arg(scene.path("")).arg(seconds.to_string());
    watched(&scene, GNUTLS_PORT, || {
        let printed = process::run(&mut command, seconds + GRACE_SECONDS)?.good()?;
        printed.trim().parse().with_context(|| format!("the client says: {printed}"))
    })
}

/// What the agent does while this makes exchanges, which it counts.
fn watched(scene: &Scene, port: u16, work: impl FnOnce() -> Result<u64>) -> Result<Outcome> {
    let agent = Agent::start(scene, None)?;
    let before = (agent.tls()?, agent.cpu_ns()?);
    let exchanges = work().with_context(|| scene.logs())?;
    let tls = agent.tls()?.since(before.0);
    thread::sleep(SETTLE);
    let agent_ns = agent.cpu_ns()? - before.1;
    let recorded = journal::count(&agent.stop()?, port)?;
    Ok(Outcome { exchanges, tls, agent_ns, recorded })
}

const LIBRARIES: &[Library] = &[
    Library {
        name: "OpenSSL in memory: Python's asyncio",
        must_be_installed: || process::find("python3").map(drop),
        run: asyncio,
    },
    Library {
        name: "OpenSSL in memory: Node's https",
        must_be_installed: || process::find("node").map(drop),
        run: node,
    },
    Library {
        name: "GnuTLS: gnutls-serv, a connection each",
        must_be_installed: || process::find("gnutls-serv").map(drop),
        run: gnutls,
    },
    Library { name: "Go's crypto/tls", must_be_installed: go::must_be_installed, run: golang },
];
const HEAD: [&str; 9] = [
    "server",
    "exchanges",
    "hits each",
    "us a hit",
    "agent us",
    "recorded",
    "missing",
    "incomplete",
    "accounted",
];
const PATH: &str = "/length/600";
const CONNECTIONS: usize = 16;
const GNUTLS_PORT: u16 = 8_443;
const SETTLE: Duration = Duration::from_millis(300);
const GRACE_SECONDS: u64 = 20;
const PARTS: f64 = 2.5;
