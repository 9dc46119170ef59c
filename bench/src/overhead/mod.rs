//! `overhead`: what watching costs, in throughput, processor time, time in probes, and memory.
//!
//! In: nginx and its clients on loopback, sharing all cores with whoever watches. Out: sections
//! with the agent beside nothing and beside its contenders.
//! Always: the contenders take turns within each round, and a share of throughput is taken within
//! a round, so that a machine that slows down slows all of them.

mod memory;
mod probes;
mod socket;

use std::time::Duration;

use anyhow::Result;

use crate::Effort;
use crate::load::Load;
use crate::nginx::Log;
use crate::report::{Figure, Goal, Section, median, number};
use crate::setting::{BPF_STATS, Changed};
use crate::tcpdump;
use crate::trial::{Measured, Trial, Watcher};

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
    let rounds = rounds(&trials, Load::Full, effort)?;
    let mut section = Section::new("overhead: nginx and wrk (-t2 -c64) at full load");
    section.grid = grid(&trials, &rounds);
    let kept = kept(&rounds, AGENT.name);
    section.figures.push(
        Figure::new("throughput kept with the agent", kept, "").goal(Goal::AtLeast(GOAL_KEPT)),
    );
    section.figures.extend(cost(&rounds));
    if !has_tcpdump {
        section.note("tcpdump is not installed, so it is not among the contenders");
    }
    add_measurements(&mut section, rounds)?;
    Ok(section)
}

/// Well below what nginx bears.
fn fixed(effort: Effort) -> Result<Section> {
    let trials = [NOBODY, AGENT, LOG];
    let load = Load::PerSecond(FIXED_PER_SECOND);
    let rounds = rounds(&trials, load, effort)?;
    let mut section = Section::new(format!("overhead: nginx at {}", load.name()));
    section.grid = grid(&trials, &rounds);
    section.figures.extend(cost(&rounds));
    add_measurements(&mut section, rounds)?;
    Ok(section)
}

type Round = Vec<Measured>;

/// Each round begins with another trial, so that none has the better place every time.
fn rounds(trials: &[Trial], load: Load, effort: Effort) -> Result<Vec<Round>> {
    let time = Duration::from_secs(effort.seconds);
    let round = |number: usize| {
        let turns = trials.iter().cycle().skip(number % trials.len()).take(trials.len());
        turns.map(|trial| trial.run(load, time)).collect()
    };
    (0..effort.rounds).map(round).collect()
}

/// The median of one trial over the rounds.
fn typical(rounds: &[Round], name: &str, figure: impl Fn(&Measured) -> f64) -> f64 {
    median(rounds.iter().flatten().filter(|measured| measured.name == name).map(figure))
}

/// The share of throughput that is left, within each round.
fn kept(rounds: &[Round], name: &str) -> f64 {
    let share = |round: &Round| {
        let rate = |name| round.iter().find(|one| one.name == name).map(|one| one.per_second);
        Some(rate(name)? / rate(NOBODY.name)?)
    };
    median(rounds.iter().filter_map(share))
}

fn cost(rounds: &[Round]) -> [Figure; 4] {
    let application = |name| typical(rounds, name, |measured| measured.application_us);
    let without = Figure::new("application CPU a request, alone", application(NOBODY.name), "us");
    let with =
        Figure::new("application CPU a request, with the agent", application(AGENT.name), "us")
            .remark("probes run on the application's account");
    let agent = typical(rounds, AGENT.name, |measured| measured.watcher_us);
    let agent = Figure::new("agent CPU a request", agent, "us").goal(Goal::AtMost(GOAL_AGENT_US));
    let recorded = typical(rounds, AGENT.name, recorded_share);
    [without, with, agent, Figure::new("exchanges recorded", recorded * 100.0, "%")]
}

/// More than 1 if exchanges were under way when the clients stopped counting.
fn recorded_share(measured: &Measured) -> f64 {
    measured.recorded.exchanges as f64 / measured.answered as f64
}

fn grid(trials: &[Trial], rounds: &[Round]) -> Vec<Vec<String>> {
    let head = ["", "requests/s", "kept", "application us", "watcher us"];
    let row = |trial: &Trial| {
        let median = |figure: fn(&Measured) -> f64| number(typical(rounds, trial.name, figure));
        vec![
            trial.name.to_owned(),
            median(|measured| measured.per_second),
            number(kept(rounds, trial.name)),
            median(|measured| measured.application_us),
            median(|measured| measured.watcher_us),
        ]
    };
    std::iter::once(head.map(str::to_owned).to_vec()).chain(trials.iter().map(row)).collect()
}

fn add_measurements(section: &mut Section, rounds: Vec<Round>) -> Result<()> {
    let others = rounds.iter().flatten().map(|measured| measured.others_cores);
    let most = others.fold(0.0, f64::max);
    if most > QUIET_CORES {
        section.note(format!("something else used up to {} cores meanwhile", number(most)));
    }
    for measured in rounds.into_iter().flatten() {
        section.measurements.push(serde_json::to_value(measured)?);
    }
    Ok(())
}

const NOBODY: Trial = Trial { name: "nothing", watcher: Watcher::Nobody, log: Log::Off };
const AGENT: Trial = Trial { name: "earwitness", watcher: Watcher::Agent, log: Log::Off };
const LOG: Trial =
    Trial { name: "nginx's JSON access log", watcher: Watcher::Nobody, log: Log::Json };
const BUFFERED_LOG: Trial = Trial {
    name: "nginx's JSON access log, buffered",
    watcher: Watcher::Nobody,
    log: Log::BufferedJson,
};
const TCPDUMP: Trial =
    Trial { name: "tcpdump to a file", watcher: Watcher::Tcpdump, log: Log::Off };
const FIXED_PER_SECOND: f64 = 5_000.0;
/// What the kernel's own threads use for all of this.
const QUIET_CORES: f64 = 0.2;
const GOAL_KEPT: f64 = 0.80;
const GOAL_AGENT_US: f64 = 8.0;
