//! `tls`: what probes on TLS libraries cost beside probes that only count, how often they are hit,
//! and what they miss.
//!
//! In: nginx and wrk over TLS, both with OpenSSL; servers with other libraries. Out: sections.
//! Always: a hit is a trap of the processor, which costs what the machine makes it cost; what the
//! agent adds to that is its share of the throughput that probes leave which only count.

mod libraries;
mod probes;

use anyhow::Result;

use crate::Effort;
use crate::contest::Contest;
use crate::count_only::At;
use crate::load::Load;
use crate::nginx::{Log, Over};
use crate::report::{Figure, Goal, Section};
use crate::setting::{BPF_STATS, Changed};
use crate::trial::{Trial, Watcher};

/// All of it.
pub fn measure(effort: Effort) -> Result<Vec<Section>> {
    let throughput = {
        // Measuring each run of a probe would be part of what it costs.
        let _setting = Changed::to(BPF_STATS, "0")?;
        throughput(effort)?
    };
    Ok(vec![throughput, probes::measure(effort)?, libraries::measure(effort)?])
}

/// As much as nginx bears.
fn throughput(effort: Effort) -> Result<Section> {
    let trials = [NOBODY, COUNT_ONLY, SAME_PLACES, AGENT];
    let contest = Contest::run(&trials, Load::Full, effort)?;
    let mut section = Section::new("tls: nginx and wrk (-t2 -c64) over TLS at full load");
    section.grid = contest.grid(&NOBODY);
    let kept = contest.share(&AGENT, &COUNT_ONLY);
    let same_places = contest.share(&AGENT, &SAME_PLACES);
    let count_only = contest.share(&COUNT_ONLY, &NOBODY);
    let agent_us = contest.typical(&AGENT, |measured| measured.watcher_us);
    let hits = contest.typical(&COUNT_ONLY, |measured| measured.hits);
    section.figures = vec![
        Figure::new("throughput kept with the agent, of that with counting", kept, "")
            .goal(Goal::AtLeast(GOAL_KEPT)),
        Figure::new("the same, of that with counting at the agent's places", same_places, ""),
        Figure::new("throughput kept with counting, of that with nothing", count_only, ""),
        Figure::new("agent CPU a request", agent_us, "us"),
        Figure::new("exchanges recorded", contest.recorded_percent(&AGENT), "%"),
        Figure::new("hits an exchange, counting", hits, "")
            .remark("SSL_write, SSL_read and its return, at both ends"),
    ];
    contest.tell(&mut section)?;
    Ok(section)
}

const NOBODY: Trial =
    Trial { name: "nothing", watcher: Watcher::Nobody, log: Log::Off, over: Over::Tls };
const COUNT_ONLY: Trial =
    Trial { name: "probes that only count", watcher: Watcher::CountOnly(At::Names), ..NOBODY };
const SAME_PLACES: Trial = Trial {
    name: "counting at the agent's places",
    watcher: Watcher::CountOnly(At::AgentPlaces),
    ..NOBODY
};
const AGENT: Trial = Trial { name: "earwitness", watcher: Watcher::Agent, ..NOBODY };
const GOAL_KEPT: f64 = 0.90;
