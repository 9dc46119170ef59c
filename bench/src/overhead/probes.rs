//! How long the probe at the exit of system calls runs.
//!
//! In: the kernel's own measurement, which is on as long as its descriptor is open, whatever
//! `kernel.bpf_stats_enabled` says. Out: nanoseconds a call.
//! Always: other programs' calls are among those that are averaged, so each load makes so many
//! calls that those do not show.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::parent_id;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aya::sys::{Stats, enable_stats};
use live_tests::scene::Scene;

use super::socket::Pair;
use crate::Effort;
use crate::agent::{Agent, Runs};
use crate::journal;
use crate::load::Load;
use crate::nginx::{Log, Nginx, Over};
use crate::progress::{note, step};
use crate::report::{Figure, Goal, Section, median, number};

/// Captured calls and others.
pub fn measure(effort: Effort) -> Result<Section> {
    let _measuring = enable_stats(Stats::RunTime).context("having the kernel measure probes")?;
    let mut section = Section::new("overhead: mean BPF time of a system call");
    for calls in CALLS {
        section.figures.push(calls.measure(effort)?);
    }
    Ok(section)
}

/// Calls of one kind.
struct Calls {
    name: &'static str,
    goal_ns: f64,
    round: fn(Duration) -> Result<Spent>,
}

impl Calls {
    fn measure(&self, effort: Effort) -> Result<Figure> {
        step(&format!("BPF time: {}", self.name));
        let time = Duration::from_secs(effort.seconds).div_f64(PARTS);
        let rounds: Result<Vec<Spent>> = (0..effort.rounds).map(|_| (self.round)(time)).collect();
        let rounds = rounds?;
        let ns = median(rounds.iter().map(|spent| spent.call_ns));
        note(&rounds.iter().map(|spent| number(spent.call_ns)).collect::<Vec<_>>().join(", "));
        let remark = rounds.last().map(|spent| spent.remark.clone()).unwrap_or_default();
        Ok(Figure::new(self.name, ns, "ns").goal(Goal::AtMost(self.goal_ns)).remark(remark))
    }
}

/// The mean of one round.
struct Spent {
    call_ns: f64,
    remark: String,
}

/// Calls that move requests and responses of less than 1 KiB, and hardly any others.
fn captured(time: Duration) -> Result<Spent> {
    let scene = Scene::new()?;
    let agent = Agent::start(&scene, None)?;
    let mut pair = Pair::new()?;
    let mut exchanges = 0;
    let runs = over(&agent, time, || {
        pair.exchanges(BURST)?;
        exchanges += BURST as u64;
        // Below what the agent can follow: a full ring would make calls cheaper.
        thread::sleep(BURST_PAUSE);
        Ok(())
    })?;
    let port = pair.port;
    drop(pair);
    let counts = journal::count(&agent.stop()?, port)?;
    let calls = number(runs.count as f64);
    let (recorded, lost) = (counts.exchanges, counts.lost);
    Ok(Spent {
        call_ns: runs.mean_ns(),
        remark: format!("{calls} calls; {recorded} of {exchanges} exchanges recorded, {lost} lost"),
    })
}

/// The same over the calls of a real server that are captured: what the others cost is known from
/// the same load with a filter.
fn captured_of_nginx(time: Duration) -> Result<Spent> {
    let (filtered, _) = nginx(time, true)?;
    let (runs, exchanges) = nginx(time, false)?;
    let captured = 2.0 * exchanges as f64;
    let others = runs.count as f64 - captured;
    let call_ns = (runs.time_ns as f64 - others * filtered.mean_ns()) / captured;
    let mean = number(runs.mean_ns());
    Ok(Spent { call_ns, remark: format!("{mean} ns over every call of nginx and wrk") })
}

fn filtered(time: Duration) -> Result<Spent> {
    let (runs, _) = nginx(time, true)?;
    Ok(spent(runs))
}

/// nginx and wrk at full load. Returns the exchanges too.
fn nginx(time: Duration, is_filtered: bool) -> Result<(Runs, u64)> {
    let scene = Scene::new()?;
    let nginx = Nginx::start(&scene, Log::Off, Over::Tcp)?;
    let config = format!("[capture]\nexclude = [{{ port = {} }}]\n", nginx.port);
    let agent = Agent::start(&scene, is_filtered.then_some(&*config))?;
    let before = agent.sys_exit()?;
    let exchanges = Load::Full.run(&nginx, time)?.exchanges;
    let runs = agent.sys_exit()?.since(before);
    agent.stop()?;
    Ok((runs, exchanges))
}

/// Connections whose bytes are no HTTP.
fn binary(time: Duration) -> Result<Spent> {
    let mut pair = None;
    watched(time, || match &mut pair {
        // After the agent has started.
        None => Pair::new().map(|new| pair = Some(new)),
        Some(pair) => pair.binary(AT_ONCE),
    })
}

/// Reads and writes on what is no socket.
fn files(time: Duration) -> Result<Spent> {
    let (mut zero, mut null) = (File::open("/dev/zero")?, File::create("/dev/null")?);
    watched(time, || {
        let mut buffer = [0; 512];
        for _ in 0..AT_ONCE {
            zero.read_exact(&mut buffer)?;
            null.write_all(&buffer)?;
        }
        Ok(())
    })
}

/// Calls that have nothing to do with files.
fn others(time: Duration) -> Result<Spent> {
    watched(time, || {
        for _ in 0..AT_ONCE {
            std::hint::black_box(parent_id());
        }
        Ok(())
    })
}

fn watched(time: Duration, work: impl FnMut() -> Result<()>) -> Result<Spent> {
    let scene = Scene::new()?;
    let agent = Agent::start(&scene, None)?;
    let before_ns = agent.cpu_ns()?;
    let runs = over(&agent, time, work)?;
    let agent_ns = (agent.cpu_ns()? - before_ns) as f64 / runs.count as f64;
    agent.stop()?;
    let mut spent = spent(runs);
    spent.remark.push_str(&format!(", agent CPU {} ns each", number(agent_ns)));
    Ok(spent)
}

fn spent(runs: Runs) -> Spent {
    let remark = format!("{} calls", number(runs.count as f64));
    Spent { call_ns: runs.mean_ns(), remark }
}

/// What the probe did while this work was done again and again.
fn over(agent: &Agent, time: Duration, mut work: impl FnMut() -> Result<()>) -> Result<Runs> {
    let warm_up = Instant::now();
    while warm_up.elapsed() < WARM_UP {
        work()?;
    }
    let before = agent.sys_exit()?;
    let begun = Instant::now();
    while begun.elapsed() < time {
        work()?;
    }
    Ok(agent.sys_exit()?.since(before))
}

const CALLS: &[Calls] = &[
    Calls { name: "captured, up to 1 KiB", goal_ns: GOAL_CAPTURED_NS, round: captured },
    Calls {
        name: "captured, of nginx under wrk",
        goal_ns: GOAL_CAPTURED_NS,
        round: captured_of_nginx,
    },
    Calls {
        name: "not captured: nginx and wrk behind a filter",
        goal_ns: GOAL_OTHERS_NS,
        round: filtered,
    },
    Calls { name: "not captured: sockets without HTTP", goal_ns: GOAL_OTHERS_NS, round: binary },
    Calls {
        name: "not captured: reads and writes of files",
        goal_ns: GOAL_OTHERS_NS,
        round: files,
    },
    Calls { name: "not captured: getppid", goal_ns: GOAL_OTHERS_NS, round: others },
];
const GOAL_CAPTURED_NS: f64 = 700.0;
const GOAL_OTHERS_NS: f64 = 100.0;
const BURST: usize = 64;
const BURST_PAUSE: Duration = Duration::from_millis(1);
const AT_ONCE: usize = 10_000;
const WARM_UP: Duration = Duration::from_millis(300);
/// Means over a million calls need no longer rounds.
const PARTS: f64 = 2.5;
