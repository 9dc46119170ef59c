//! wrk, which asks as fast as it is answered.
//!
//! Always: it counts exchanges that it has read whole; those under way at its end are not among
//! them. An answer other than success fails the measurement.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use live_tests::process;

use super::Answered;
use crate::cpu;

/// Asks for an address over so many connections.
pub fn run(url: &str, connections: usize, time: Duration) -> Result<Answered> {
    let seconds = time.as_secs().max(1);
    let before_ns = cpu::of_ended_children()?;
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
        cpu_ns: cpu::of_ended_children()? - before_ns,
    })
}

const GRACE_SECONDS: u64 = 10;
