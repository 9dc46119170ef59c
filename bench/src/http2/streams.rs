//! What the agent holds with ten thousand streams open at once, and whether it lets go of it.
//!
//! In: a server that has begun its responses and holds them (`holder`), h2load. Out: memory before, while
//! they are open, and after they have ended, twice.
//! Always: every stream has a request and a response with their heads and a part of the content.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use live_tests::process::{Process, output_file};
use live_tests::scene::Scene;

use super::holder::Holder;
use crate::agent::{Agent, Memory};
use crate::journal;
use crate::load::h2load;
use crate::progress::step;
use crate::report::{Figure, Goal, Section, number};

/// Two waves in one life of the agent: what the first one left behind would be there in the second.
pub fn measure() -> Result<Section> {
    let streams = number(STREAMS as f64);
    let title = format!("http2: resident memory of the agent with {streams} streams open");
    let mut section = Section::new(title);
    let scene = Scene::new()?;
    let server = Holder::start(&scene)?;
    let agent = Agent::start(&scene, None)?;
    thread::sleep(SETTLE);
    section.figures.push(agent.memory()?.figure("before"));
    for wave in 1..=WAVES {
        step(&format!("streams: {streams} at once, wave {wave}"));
        let open = held(&scene, &server, &agent, wave)?;
        thread::sleep(SETTLE);
        let open = open.figure(&format!("{streams} streams open, wave {wave}"));
        section.figures.push(open.goal(Goal::AtMost(GOAL_OPEN_MIB)));
        section.figures.push(agent.memory()?.figure("after they have ended"));
    }
    section.figures.push(agent.memory()?.peak_figure());
    section.figures.push(not_recorded(agent, server)?);
    Ok(section)
}

/// The agent's memory while all streams of a wave are open.
fn held(scene: &Scene, server: &Holder, agent: &Agent, wave: usize) -> Result<Memory> {
    let log = scene.path(&format!("h2load-{wave}.log"));
    let mut command = h2load::command(STREAMS / h2load::STREAMS)?;
    command.args(["-n", &STREAMS.to_string()]).arg(server.url());
    command.stdout(output_file(&log)?).stderr(output_file(&log)?);
    let mut client = Process::start("h2load", &mut command)?;
    server.wait_for(STREAMS * wave).with_context(|| scene.logs())?;
    thread::sleep(SETTLE);
    let memory = agent.memory()?;
    server.let_go()?;
    client.wait(LIMIT_SECONDS)?;
    let answered = h2load::succeeded(&std::fs::read_to_string(&log)?)?;
    ensure!(answered == STREAMS as u64, "{answered} of {STREAMS} streams were answered");
    Ok(memory)
}

/// Ends both, and compares.
fn not_recorded(agent: Agent, server: Holder) -> Result<Figure> {
    let port = server.port;
    drop(server);
    let recorded = journal::count(&agent.stop()?, port)?;
    let all = (STREAMS * WAVES) as u64;
    let (exchanges, incomplete) = (recorded.exchanges, recorded.incomplete);
    let remark = format!(
        "{exchanges} recorded of {all}, {incomplete} of them incomplete; {} lost by its own account",
        recorded.lost
    );
    let missing = all.abs_diff(exchanges) as f64;
    let figure = Figure::new("exchanges without a record of their own", missing, "");
    Ok(figure.goal(Goal::AtMost(0.0)).remark(remark))
}

const STREAMS: usize = 10_000;
const WAVES: usize = 2;
/// Shorter than what makes a response one that goes on, whose head has a record of its own.
const SETTLE: Duration = Duration::from_secs(3);
const LIMIT_SECONDS: u64 = 30;
/// That of ten thousand connections.
const GOAL_OPEN_MIB: f64 = 128.0;
