//! What the agent holds: idle, and with ten thousand connections open.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use live_tests::scene::Scene;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::agent::Agent;
use crate::journal;
use crate::load::steady::Connection;
use crate::nginx::{Log, Nginx, Over};
use crate::progress::{note, step};
use crate::report::{Goal, Section, number};

/// Measures both in one life of the agent.
pub fn measure() -> Result<Section> {
    let mut section = Section::new("overhead: resident memory of the agent");
    let scene = Scene::new()?;
    let nginx = Nginx::start(&scene, Log::Off, Over::Tcp)?;
    let agent = Agent::start(&scene, None)?;
    step("memory: idle");
    thread::sleep(SETTLE);
    let idle = agent.memory()?;
    section.figures.push(idle.figure("idle").goal(Goal::AtMost(GOAL_IDLE_MIB)));

    let wanted = affordable()?;
    step(&format!("memory: {wanted} connections, one request each"));
    let connections = open(nginx.port, wanted)?;
    thread::sleep(SETTLE);
    let open = agent.memory()?;
    let name = format!("{} connections open", number(wanted as f64));
    section.figures.push(open.figure(&name).goal(Goal::AtMost(GOAL_OPEN_MIB)));
    section.figures.push(open.peak_figure());

    drop(connections);
    thread::sleep(SETTLE);
    section.figures.push(agent.memory()?.figure("after they were closed"));
    let port = nginx.port;
    nginx.stop()?;
    let recorded = journal::count(&agent.stop()?, port)?.exchanges;
    section.note(format!("{recorded} of {wanted} requests on these connections were recorded"));
    Ok(section)
}

fn open(port: u16, count: usize) -> Result<Vec<Connection>> {
    let open = |number| {
        let mut connection = Connection::open(port)?;
        connection.ask()?;
        connection.answer().map(|()| connection).with_context(|| format!("connection {number}"))
    };
    (0..count).map(open).collect()
}

/// Connections that this process may hold, up to what is wanted.
fn affordable() -> Result<usize> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raising the limit of open files")?;
    let affordable = usize::try_from(hard)?.saturating_sub(OTHER_FILES).min(CONNECTIONS);
    if affordable < CONNECTIONS {
        note(&format!("no more than {hard} files may be open here"));
    }
    Ok(affordable)
}

const CONNECTIONS: usize = 10_000;
const OTHER_FILES: usize = 100;
const SETTLE: Duration = Duration::from_secs(3);
const GOAL_IDLE_MIB: f64 = 64.0;
const GOAL_OPEN_MIB: f64 = 128.0;
