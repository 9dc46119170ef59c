//! wrk, which asks as fast as it is answered.
//!
//! Always: it counts exchanges that it has read whole; those under way at its end are not among
//! them. An answer other than success fails the measurement.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use live_tests::process;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::Answered;

/// Asks for an address over so many connections.
pub fn run(url: &str, connections: usize, time: Duration) -> Result<Answered> {
    let seconds = time.as_secs().max(1);
    let before_ns = children_ns()?;
    let mut command = process::command("wrk")?;
    command.args(["-t2", &format!("-c{connections}"), &format!("-d{seconds}s"), url]);
    let text = process::run(&mut command, seconds + GRACE_SECONDS)?.good()?;
    ensure!(!text.contains("Non-2xx"), "the server refused:\n{text}");
    let line =
        text.lines().find(|line| line.contains(" requests in ")).with_context(|| text.clone())?;
    let mut words = line.split_whitespace();
    let exchanges = words.next().and_then(|word| word.parse().ok());
    let lasted = words.nth(2).and_then(|word| word.trim_end_matches([',', 's']).parse().ok());
    Ok(Answered {
        exchanges: exchanges.with_context(|| line.to_owned())?,
        seconds: lasted.with_context(|| line.to_owned())?,
        cpu_ns: children_ns()? - before_ns,
    })
}

/// Processor time of children that have ended.
fn children_ns() -> Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let ns = |time: TimeVal| u64::try_from(time.tv_sec() * 1_000_000_000 + time.tv_usec() * 1_000);
    Ok(ns(usage.user_time())? + ns(usage.system_time())?)
}

const GRACE_SECONDS: u64 = 10;
