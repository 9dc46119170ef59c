//! `loss`: every exchange accounted for, at rising loads, and what that costs.
//!
//! In: nginx with its access log, which is the truth. Out: for each load how many exchanges took
//! place, were recorded, are missing, and how many the agent's `loss` records account for.
//! Always: the agent's cost stands beside it, against the same load without the agent, so that
//! neither is bought with the other unseen.

use std::time::Duration;

use anyhow::Result;

use crate::Effort;
use crate::load::Load;
use crate::nginx::{Log, Over};
use crate::report::{Figure, Goal, Section, number};
use crate::trial::{Measured, Trial, Watcher};

/// All loads in turn.
pub fn measure(effort: Effort) -> Result<Section> {
    let mut section = Section::new("loss: nginx with its access log as the truth");
    section.grid.push(HEAD.map(str::to_owned).to_vec());
    let time = Duration::from_secs(effort.seconds);
    let (mut unaccounted, mut lost_below_full) = (0, 0);
    for load in Load::RISING {
        let alone = ALONE.run(load, time)?;
        let watched = WATCHED.run(load, time)?;
        section.grid.push(row(&alone, &watched));
        unaccounted += surprise(&watched);
        if load != Load::Full {
            lost_below_full += missing(&watched).unsigned_abs() + watched.recorded.lost;
        }
        if !watched.recorded.reasons.is_empty() {
            section.note(format!("{}: {}", load.name(), watched.recorded.reasons.join(", ")));
        }
        for measured in [alone, watched] {
            section.measurements.push(serde_json::to_value(measured)?);
        }
    }
    section.figures = vec![
        Figure::new("exchanges neither recorded nor accounted for", unaccounted as f64, "")
            .goal(Goal::AtMost(0.0)),
        Figure::new("exchanges lost up to 10,000 requests/s", lost_below_full as f64, "")
            .goal(Goal::AtMost(0.0)),
    ];
    Ok(section)
}

/// Exchanges that have no record; negative if there are more records than exchanges.
fn missing(measured: &Measured) -> i64 {
    measured.logged.cast_signed() - measured.recorded.exchanges.cast_signed()
}

/// By how much the rule of loss is broken: the difference between exchanges and records, beyond what
/// `loss` records account for. A loss in the midst of an exchange may leave a record of each half.
fn surprise(measured: &Measured) -> u64 {
    missing(measured).unsigned_abs().saturating_sub(measured.recorded.lost)
}

fn row(alone: &Measured, watched: &Measured) -> Vec<String> {
    let recorded = &watched.recorded;
    let figures = [
        watched.per_second,
        watched.logged as f64,
        recorded.exchanges as f64,
        missing(watched) as f64,
        recorded.lost as f64,
        recorded.incomplete as f64,
        watched.per_second / alone.per_second,
        alone.application_us,
        watched.application_us,
        watched.watcher_us,
    ];
    std::iter::once(watched.load.clone()).chain(figures.map(number)).collect()
}

const HEAD: [&str; 11] = [
    "load",
    "requests/s",
    "exchanges",
    "recorded",
    "missing",
    "accounted",
    "incomplete",
    "kept",
    "app us alone",
    "app us watched",
    "agent us",
];
/// Nobody watches, and every exchange is in the server's log.
pub const ALONE: Trial = Trial {
    name: "without the agent",
    watcher: Watcher::Nobody,
    log: Log::BufferedJson,
    over: Over::Tcp,
};
/// The same with the agent.
pub const WATCHED: Trial = Trial { name: "with the agent", watcher: Watcher::Agent, ..ALONE };
