//! h2load, which keeps 100 requests of HTTP/2 under way on each connection.
//!
//! In: an address, how many requests, in what time. Out: the exchanges that it counted.
//! Always: it ends when everything is answered, so that its count is also the server's and the
//! agent's; an answer other than success fails the measurement. A paced load comes in bursts: a
//! connection asks for 100 at once, and the connections take turns. h2load's own `--rps` spreads
//! requests instead, and would have one to 25 streams open where these loads have 100.
//! Not here: the server's limit of streams, which must not be lower.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use live_tests::process;
use live_tests::scene::Scene;

use super::Answered;
use crate::cpu;

/// Streams of a connection that are open at once.
pub const STREAMS: usize = 100;

/// As fast as it is answered. How much it asks for goes by the time, and how long that takes by the
/// server.
pub fn full(url: &str, time: Duration) -> Result<Answered> {
    let requests = (time.as_secs_f64() * FULL_PER_SECOND) as usize;
    let mut command = command(FULL_CONNECTIONS)?;
    command.args(["-n", &requests.to_string()]).arg(url);
    run(command, requests)
}

/// So many requests a second.
pub fn paced(url: &str, per_second: f64, time: Duration) -> Result<Answered> {
    let bursts = (time.as_secs_f64() * per_second / (STREAMS * CONNECTIONS) as f64).ceil() as usize;
    let between_ms = STREAMS as f64 / per_second * 1e3;
    let scene = Scene::new()?;
    let script = scene.file("times", script(url, bursts, between_ms * CONNECTIONS as f64)?)?;
    let mut command = command(CONNECTIONS)?;
    command.arg("--timing-script-file").arg(script);
    // A connection begins when the one before it has sent its first burst.
    command.args(["-r", "1", "--rate-period", &format!("{between_ms:.0}ms")]).arg(url);
    run(command, bursts * STREAMS * CONNECTIONS)
}

/// The command, as yet without an address and a number of requests (`-n`).
pub fn command(connections: usize) -> Result<Command> {
    let mut command = process::command("h2load")?;
    command.args(["-c", &connections.to_string(), "-m", &STREAMS.to_string()]);
    for field in FIELDS {
        command.args(["-H", field]);
    }
    Ok(command)
}

/// When a connection asks for what: a line each.
fn script(url: &str, bursts: usize, between_ms: f64) -> Result<String> {
    let mut text = String::new();
    for burst in 0..bursts {
        let line = format!("{:.3}\t{url}\n", burst as f64 * between_ms);
        write!(text, "{}", line.repeat(STREAMS))?;
    }
    Ok(text)
}

fn run(mut command: Command, requests: usize) -> Result<Answered> {
    let before_ns = cpu::of_ended_children()?;
    let text = process::run(&mut command, LIMIT_SECONDS)?.good()?;
    let cpu_ns = cpu::of_ended_children()? - before_ns;
    let exchanges = succeeded(&text)?;
    ensure!(exchanges == requests as u64, "the server refused:\n{text}");
    let per_second = text.lines().find_map(per_second).with_context(|| text.clone())?;
    Ok(Answered { exchanges, seconds: exchanges as f64 / per_second, cpu_ns })
}

/// How many exchanges it tells, of `requests: 9 total, 9 started, 9 done, 9 succeeded, ...`.
pub fn succeeded(text: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("requests: "));
    let number =
        line.and_then(|line| line.split(", ").find_map(|word| word.strip_suffix(" succeeded")));
    Ok(number.with_context(|| format!("h2load says no number of requests:\n{text}"))?.parse()?)
}

/// `finished in 1.98s, 126401.60 req/s, 80.77MB/s`
fn per_second(line: &str) -> Option<f64> {
    let figures = line.strip_prefix("finished in ")?;
    figures.split(", ").find_map(|word| word.strip_suffix(" req/s"))?.parse().ok()
}

/// A small API client's, as those of the other loads.
const FIELDS: [&str; 4] = [
    "user-agent: python-httpx/0.28.1",
    "accept: application/json",
    "accept-encoding: gzip, deflate",
    "x-request-id: 7d44a8f0-91c5-4e0b-b8a2-000000004711",
];
/// Of a paced load.
pub const CONNECTIONS: usize = 4;
/// So many that each of nginx's workers gets some.
pub const FULL_CONNECTIONS: usize = 16;
const FULL_PER_SECOND: f64 = 50_000.0;
const LIMIT_SECONDS: u64 = 300;
