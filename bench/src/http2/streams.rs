//! What the agent holds with ten thousand streams open at once, and whether it lets go of it.
//!
//! In: a server that has begun its responses and holds them (`holder`), h2load. Out: memory before, while
//! they are open, and after they have ended, wave after wave.
//! Always: every stream has a request and a response with their heads and a part of the content; all
//! waves come in one life of the agent, so what one left behind would be there in the next.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use live_tests::process::{Process, output_file};
use live_tests::scene::Scene;

use super::holder::Holder;
use crate::agent::{Agent, Memory, mib};
use crate::journal;
use crate::load::h2load;
use crate::progress::step;
use crate::report::{Figure, Goal, Section, number};

/// All waves.
pub fn measure() -> Result<Section> {
    let streams = number(STREAMS as f64);
    let title = format!("http2: resident memory of the agent with {streams} streams open");
    let mut section = Section::new(title);
    let scene = Scene::new()?;
    let server = Holder::start(&scene)?;
    let agent = Agent::start(&scene, None)?;
    thread::sleep(SETTLE);
    let before = agent.memory()?;
    let open = waves(&scene, &server, &agent, &mut section)?;
    let after = agent.memory()?;
    let beyond = |rss: u64| rss.saturating_sub(before.rss) as f64;
    let first = beyond(open.first().copied().unwrap_or_default());
    let most = open.iter().copied().max().unwrap_or_default();
    section.figures = vec![
        before.figure("before"),
        Figure::new(format!("{streams} streams open, most of a wave"), mib(most), "MiB")
            .goal(Goal::AtMost(GOAL_OPEN_MIB)),
        Figure::new("a stream of the first wave", first / STREAMS as f64 / 1_024.0, "KiB"),
        after.figure("after all have ended"),
        after.peak_figure(),
        not_recorded(agent, server)?,
    ];
    Ok(section)
}

/// Shows each wave. Returns resident memory while it was open.
fn waves(scene: &Scene, server: &Holder, agent: &Agent, section: &mut Section) -> Result<Vec<u64>> {
    section.grid.push(HEAD.map(str::to_owned).to_vec());
    let wave = |wave: usize| {
        step(&format!("streams: {STREAMS} at once, wave {wave}"));
        let open = held(scene, server, agent, wave)?;
        thread::sleep(SETTLE);
        section.grid.push(row(wave, open, agent.memory()?));
        Ok(open.rss)
    };
    (1..=WAVES).map(wave).collect()
}

fn row(wave: usize, open: Memory, after: Memory) -> Vec<String> {
    let figures = [open.rss, open.anonymous, after.rss, after.anonymous];
    std::iter::once(format!("wave {wave}")).chain(figures.map(|bytes| number(mib(bytes)))).collect()
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

const HEAD: [&str; 5] = ["", "MiB open", "anonymous", "MiB after", "anonymous"];
const STREAMS: usize = 10_000;
const WAVES: usize = 8;
/// Shorter than what makes a response one that goes on, whose head has a record of its own.
const SETTLE: Duration = Duration::from_secs(3);
const LIMIT_SECONDS: u64 = 30;
/// That of ten thousand connections.
const GOAL_OPEN_MIB: f64 = 128.0;
