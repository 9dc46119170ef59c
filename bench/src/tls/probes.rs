//! How often the agent's probes on OpenSSL are hit, how long their programs run, and whether every
//! exchange was recorded.
//!
//! In: nginx and wrk at full load, nginx's access log as the truth; the kernel's own measurement of
//! programs, which is on as long as its descriptor is open. Out: figures of one exchange and one hit.
//! Always: an exchange is one request and response, of less than 1 KiB each.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aya::sys::{Stats, enable_stats};
use live_tests::scene::Scene;

use crate::Effort;
use crate::agent::{Agent, Runs};
use crate::journal::{self, Counts};
use crate::load::Load;
use crate::nginx::{Log, Nginx, Over};
use crate::progress::{note, step};
use crate::report::{Figure, Goal, Section, median, number};

/// So many rounds.
pub fn measure(effort: Effort) -> Result<Section> {
    let _measuring = enable_stats(Stats::RunTime).context("having the kernel measure probes")?;
    let time = Duration::from_secs(effort.seconds).div_f64(PARTS);
    let rounds: Result<Vec<Round>> = (0..effort.rounds).map(|_| Round::run(time)).collect();
    let rounds = rounds?;
    let typical = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
    let mut section = Section::new("tls: probes on OpenSSL, nginx and wrk over TLS at full load");
    let call_us = typical(|round| round.tls.mean_ns() / 1e3);
    section.figures = vec![
        Figure::new("BPF time a call, up to 1 KiB", call_us, "us").goal(Goal::AtMost(GOAL_CALL_US)),
        Figure::new("hits an exchange", typical(|round| round.each(round.tls.count)), "")
            .remark("at both ends"),
        Figure::new(
            "BPF time an exchange, at TLS",
            typical(|round| round.each_us(round.tls)),
            "us",
        ),
        Figure::new(
            "BPF time an exchange, at system calls",
            typical(|round| round.each_us(round.sys_exit)),
            "us",
        ),
        missing(&rounds),
    ];
    Ok(section)
}

/// Over all rounds.
fn missing(rounds: &[Round]) -> Figure {
    let sum = |figure: fn(&Round) -> u64| rounds.iter().map(figure).sum::<u64>() as f64;
    let (logged, recorded) = (sum(|round| round.logged), sum(|round| round.recorded.exchanges));
    let lost = sum(|round| round.recorded.lost);
    let incomplete = sum(|round| round.recorded.incomplete);
    let [shown, logged_shown] = [recorded, logged].map(number);
    let remark = format!(
        "{shown} recorded of {logged_shown}, {} of them incomplete; {} lost by its own account",
        number(incomplete),
        number(lost)
    );
    Figure::new("exchanges without a record of their own", (logged - recorded).abs(), "")
        .goal(Goal::AtMost(0.0))
        .remark(remark)
}

/// What one round gave.
struct Round {
    /// Exchanges while runs were counted.
    exchanges: u64,
    tls: Runs,
    sys_exit: Runs,
    /// Exchanges of all of it.
    logged: u64,
    recorded: Counts,
}

impl Round {
    fn run(time: Duration) -> Result<Self> {
        step("tls: probes");
        let scene = Scene::new()?;
        let nginx = Nginx::start(&scene, Log::BufferedJson, Over::Tls)?;
        let port = nginx.port;
        let agent = Agent::start(&scene, None)?;
        let before = (agent.tls()?, agent.sys_exit()?);
        let exchanges = Load::Full.run(&nginx, time)?.exchanges;
        let (tls, sys_exit) = (agent.tls()?.since(before.0), agent.sys_exit()?.since(before.1));
        let logged = nginx.stop()?;
        // What it has not read yet.
        thread::sleep(SETTLE);
        let recorded = journal::count(&agent.stop()?, port)?;
        let round = Self { exchanges, tls, sys_exit, logged, recorded };
        note(&format!(
            "{} hits an exchange, {} ns each; {} of {logged} exchanges recorded",
            number(round.each(round.tls.count)),
            number(round.tls.mean_ns()),
            round.recorded.exchanges
        ));
        Ok(round)
    }

    fn each(&self, count: u64) -> f64 {
        count as f64 / self.exchanges as f64
    }

    fn each_us(&self, runs: Runs) -> f64 {
        self.each(runs.time_ns) / 1e3
    }
}

const GOAL_CALL_US: f64 = 1.0;
const SETTLE: Duration = Duration::from_millis(300);
/// Means over a hundred thousand calls need no longer rounds.
const PARTS: f64 = 2.5;
