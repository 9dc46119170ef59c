//! `http2`: every exchange of HTTP/2 accounted for, at rising loads, what that costs, and what the agent
//! holds of many streams.
//!
//! In: nginx and h2load, as it is and over TLS; three counts of the same exchanges, by h2load, by nginx's
//! access log and by the agent. Out: sections.
//! Always: 100 streams of a connection are open at once (`load::h2load`); counts are sums of all rounds,
//! everything else is the median of a round (`contest`).

mod holder;
mod streams;

use anyhow::Result;

use crate::Effort;
use crate::contest::Contest;
use crate::load::{Load, h2load};
use crate::loss::{ALONE, WATCHED};
use crate::nginx::Over;
use crate::report::{Figure, Goal, Section, number};
use crate::setting::{BPF_STATS, Changed};
use crate::trial::{Measured, Trial};

/// All of it.
pub fn measure(effort: Effort) -> Result<Vec<Section>> {
    let mut sections = {
        // Measuring each run of a probe would be part of what it costs.
        let _setting = Changed::to(BPF_STATS, "0")?;
        vec![loads(Over::Http2, "", effort)?, loads(Over::Http2Tls, " over TLS", effort)?]
    };
    sections.push(streams::measure()?);
    Ok(sections)
}

/// All loads in turn.
fn loads(over: Over, over_name: &str, effort: Effort) -> Result<Section> {
    let (streams, few, many) = (h2load::STREAMS, h2load::CONNECTIONS, h2load::FULL_CONNECTIONS);
    let clients = format!("h2load (-m{streams} -c{few}, -c{many} at full load)");
    let mut section = Section::new(format!("http2: nginx and {clients}{over_name}"));
    section.grid.push(HEAD.map(str::to_owned).to_vec());
    let alone = Trial { over, ..ALONE };
    let trials = [alone, Trial { over, ..WATCHED }];
    let [alone, watched] = &trials;
    let (mut missing_below_full, mut silent) = (0, 0);
    for load in Load::RISING {
        let contest = Contest::run(&trials, load, effort)?;
        section.grid.push(row(load, &contest, alone, watched));
        let missing = sum(&contest, watched, missing);
        silent +=
            sum(
                &contest,
                watched,
                |one| if one.recorded.losses == 0 { self::missing(one) } else { 0 },
            );
        if load == Load::Full {
            section.figures.extend(at_full_load(&contest, alone, watched));
        } else {
            missing_below_full += missing;
        }
        for reason in reasons(&contest, watched) {
            section.note(format!("{}: {reason}", load.name()));
        }
        contest.tell(&mut section)?;
    }
    section.figures.extend([
        Figure::new("exchanges missing up to 10,000 requests/s", missing_below_full as f64, "")
            .goal(Goal::AtMost(0.0)),
        Figure::new("exchanges missing without any record of loss", silent as f64, "")
            .goal(Goal::AtMost(0.0)),
    ]);
    Ok(section)
}

fn at_full_load(contest: &Contest<'_>, alone: &Trial, watched: &Trial) -> [Figure; 3] {
    let (logged, missing) =
        (sum(contest, watched, |one| one.logged), sum(contest, watched, missing));
    let agent_us = contest.typical(watched, |one| one.watcher_us);
    [
        Figure::new("throughput kept at full load", contest.share(watched, alone), ""),
        Figure::new("agent CPU an exchange, at full load", agent_us, "us"),
        Figure::new("exchanges missing at full load", missing as f64 / logged as f64 * 100.0, "%")
            .remark("one lost sample may hold a hundred of them"),
    ]
}

/// Exchanges that are not among the records, or records that are not among the exchanges; of what h2load
/// and nginx say, that which is farther away.
fn missing(measured: &Measured) -> u64 {
    let from = |truth: u64| truth.abs_diff(measured.recorded.exchanges);
    from(measured.logged).max(from(measured.answered))
}

fn sum(contest: &Contest<'_>, trial: &Trial, count: impl Fn(&Measured) -> u64) -> u64 {
    contest.of(trial).map(count).sum()
}

fn reasons(contest: &Contest<'_>, trial: &Trial) -> Vec<String> {
    let told = contest.of(trial).flat_map(|measured| &measured.recorded.reasons);
    let mut reasons: Vec<String> = told.cloned().collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

fn row(load: Load, contest: &Contest<'_>, alone: &Trial, watched: &Trial) -> Vec<String> {
    let median = |trial: &Trial, figure: fn(&Measured) -> f64| contest.typical(trial, figure);
    let total = |count: fn(&Measured) -> u64| sum(contest, watched, count) as f64;
    let figures = [
        median(watched, |one| one.per_second),
        contest.share(watched, alone),
        total(|one| one.answered),
        total(|one| one.logged),
        total(|one| one.recorded.exchanges),
        total(missing),
        total(|one| one.recorded.lost),
        total(|one| one.recorded.incomplete),
        median(alone, |one| one.application_us),
        median(watched, |one| one.application_us),
        median(watched, |one| one.watcher_us),
    ];
    std::iter::once(load.name()).chain(figures.map(number)).collect()
}

const HEAD: [&str; 12] = [
    "load",
    "requests/s",
    "kept",
    "h2load",
    "nginx",
    "recorded",
    "missing",
    "accounted",
    "incomplete",
    "app us alone",
    "app us watched",
    "agent us",
];
