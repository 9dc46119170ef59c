//! `overhead`: what watching costs, in throughput, processor time, time in probes, and memory.
//!
//! In: nginx and its clients on loopback, sharing all cores with whoever watches. Out: sections
//! with the agent beside nothing and beside its contenders.
//! Always: the contenders take turns (`contest`).

mod memory;
mod probes;
mod socket;

use anyhow::Result;

use crate::Effort;
use crate::contest::Contest;
use crate::load::Load;
use crate::nginx::{Log, Over};
use crate::report::{Figure, Goal, Section};
use crate::setting::{BPF_STATS, Changed};
use crate::tcpdump;
use crate::trial::{Trial, Watcher};

/// All of it.
pub fn measure(effort: Effort) -> Result<Vec<Section>> {
    let mut sections = {
        // Measuring each run of a probe would be part of what it costs.
        let _setting = Changed::to(BPF_STATS, "0")?;
        vec![full(effort)?, fixed(effort)?]
    };
    sections.push(probes::measure(effort)?);
    sections.push(memory::measure()?);
    Ok(sections)
}

/// As much as nginx bears.
fn full(effort: Effort) -> Result<Section> {
    let mut trials = vec![NOBODY, AGENT, LOG, BUFFERED_LOG];
    let has_tcpdump = tcpdump::is_installed();
    if has_tcpdump {
        trials.push(TCPDUMP);
    }
    let contest = Contest::run(&trials, Load::Full, effort)?;
    let mut section = Section::new("overhead: nginx and wrk (-t2 -c64) at full load");
    section.grid = contest.grid(&NOBODY);
    let kept = contest.share(&AGENT, &NOBODY);
    section.figures.push(
        Figure::new("throughput kept with the agent", kept, "").goal(Goal::AtLeast(GOAL_KEPT)),
    );
    section.figures.extend(cost(&contest));
    if !has_tcpdump {
        section.note("tcpdump is not installed, so it is not among the contenders");
    }
    contest.tell(&mut section)?;
    Ok(section)
}

/// Well below what nginx bears.
fn fixed(effort: Effort) -> Result<Section> {
    let trials = [NOBODY, AGENT, LOG];
    let load = Load::PerSecond(FIXED_PER_SECOND);
    let contest = Contest::run(&trials, load, effort)?;
    let mut section = Section::new(format!("overhead: nginx at {}", load.name()));
    section.grid = contest.grid(&NOBODY);
    section.figures.extend(cost(&contest));
    contest.tell(&mut section)?;
    Ok(section)
}

fn cost(contest: &Contest<'_>) -> [Figure; 4] {
    let application = |trial| contest.typical(trial, |measured| measured.application_us);
    let without = Figure::new("application CPU a request, alone", application(&NOBODY), "us");
    let with = Figure::new("application CPU a request, with the agent", application(&AGENT), "us")
        .remark("probes run on the application's account");
    let agent = contest.typical(&AGENT, |measured| measured.watcher_us);
    let agent = Figure::new("agent CPU a request", agent, "us").goal(Goal::AtMost(GOAL_AGENT_US));
    let recorded = contest.recorded_percent(&AGENT);
    [without, with, agent, Figure::new("exchanges recorded", recorded, "%")]
}

const NOBODY: Trial =
    Trial { name: "nothing", watcher: Watcher::Nobody, log: Log::Off, over: Over::Tcp };
const AGENT: Trial = Trial { name: "earwitness", watcher: Watcher::Agent, ..NOBODY };
const LOG: Trial = Trial { name: "nginx's JSON access log", log: Log::Json, ..NOBODY };
const BUFFERED_LOG: Trial =
    Trial { name: "nginx's JSON access log, buffered", log: Log::BufferedJson, ..NOBODY };
const TCPDUMP: Trial = Trial { name: "tcpdump to a file", watcher: Watcher::Tcpdump, ..NOBODY };
const FIXED_PER_SECOND: f64 = 5_000.0;
const GOAL_KEPT: f64 = 0.80;
const GOAL_AGENT_US: f64 = 8.0;
