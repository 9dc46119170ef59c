//! The configuration changes while requests come: each exchange is decided by one policy, whole, and none is
//! missing.
//!
//! Always: nginx's log holds as many exchanges as were recorded and told as left out, path by path.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use live_tests::agent::{Agent, Ended};
use live_tests::clients::{curl, wrk};
use live_tests::compare;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::{get, ok};
use live_tests::servers::log::Entry;
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::wire::Place;
use nix::sys::signal::Signal;

crate::tests![policies_change_under_load, filters_of_the_command_line_stay];

/// A policy, and what it makes of the two kinds of paths: the rule and the level of their records.
struct Policy {
    config: &'static str,
    /// `None`: left out, by rule 0.
    health: Option<(Option<u64>, &'static str)>,
    others: (Option<u64>, &'static str),
}

const POLICIES: [Policy; 4] = [
    Policy {
        config: "[[policy.rule]]\nlevel = \"none\"\npath = \"/health/**\"\n",
        health: None,
        others: (None, "metadata"),
    },
    Policy {
        config: "[[policy.rule]]\nlevel = \"request_response\"\npath = \"/health/**\"\n",
        health: Some((Some(0), "request_response")),
        others: (None, "metadata"),
    },
    Policy {
        config: "[[policy.rule]]\nlevel = \"none\"\npath = \"/health/**\"\n\
                 [[policy.rule]]\nlevel = \"request\"\npath = \"/text\"\n",
        health: None,
        others: (Some(1), "request"),
    },
    Policy {
        config: "policy.default = \"request_response\"\n",
        health: Some((None, "request_response")),
        others: (None, "request_response"),
    },
];
const ROUNDS: usize = 5;

fn policies_change_under_load(scene: &Scene) -> Result<()> {
    let server = "location /health/ { return 200 \"well\\n\"; }".to_owned();
    let nginx = Nginx::start(scene, &Options { server, ..Options::default() })?;
    let agent = scene.agent().config(POLICIES[0].config)?.port(nginx.port).start()?;
    let script = scene.file("paths.lua", PATHS)?;
    let (url, script) = (nginx.url("/text"), script.to_string_lossy().into_owned());
    let mut agent = agent;
    let count = thread::scope(|scope| {
        let load = scope.spawn(|| wrk(&url, CONNECTIONS, SECONDS, &["--script", &script]));
        change(scene, &mut agent)?;
        load.join().unwrap_or_else(|_| bail!("the loading thread panicked"))
    })?;
    let log = nginx.stop()?;
    let ended = agent.stop()?;
    ensure!(log.len() >= count, "nginx logs {} exchanges, wrk counts {count}", log.len());
    let digests = digests(&ended)?;
    ended.exchanges().iter().try_for_each(|record| decided(record, &digests))?;
    complete(&ended, &log, &digests)
}

/// Each policy some times, the next once the last is in force; then several signals at once.
fn change(scene: &Scene, agent: &mut Agent) -> Result<()> {
    let policies = POLICIES.iter().cycle().skip(1).take(ROUNDS * POLICIES.len());
    for (before, policy) in policies.enumerate() {
        thread::sleep(Duration::from_millis(150));
        scene.file("earwitness.toml", policy.config)?;
        agent.signal(Signal::SIGHUP)?;
        agent.wait_until("the change of the configuration", |records| {
            records.iter().filter(|record| is_change(record)).count() == before + 1
        })?;
    }
    // The file is as it was, however often it is read.
    (0..20).try_for_each(|_| agent.signal(Signal::SIGHUP))
}

fn is_change(record: &Record) -> bool {
    record.text("/lifecycle/action") == Some("config")
}

/// What each digest stands for, by the order in which the policies came into force.
fn digests(ended: &Ended) -> Result<HashMap<String, &'static Policy>> {
    let is = |record: &&Record, action| record.text("/lifecycle/action") == Some(action);
    let changes = ended.records.iter().filter(|record| is(record, "start") || is_change(record));
    let order = POLICIES.iter().cycle().take(1 + ROUNDS * POLICIES.len());
    // What comes after all of them is the last again.
    let order = order.chain(std::iter::repeat(&POLICIES[0]));
    let mut digests = HashMap::new();
    for (record, policy) in changes.zip(order) {
        let digest = record.text("/lifecycle/detail/policy_digest");
        let digest = digest.with_context(|| format!("no digest: {record}"))?;
        let known: &Policy = digests.entry(digest.to_owned()).or_insert(policy);
        ensure!(known.config == policy.config, "two policies have the digest {digest}");
    }
    ensure!(digests.len() == POLICIES.len(), "{} digests", digests.len());
    Ok(digests)
}

/// The record says what the policy of its digest makes of its path, and nothing of another policy.
fn decided(record: &Record, digests: &HashMap<String, &'static Policy>) -> Result<()> {
    let digest = record.text("/policy/digest").unwrap_or_default();
    let policy = digests.get(digest).with_context(|| format!("no such policy: {record}"))?;
    let expected = match is_health(&record.target()) {
        true => policy.health.with_context(|| format!("left out, and recorded: {record}"))?,
        false => policy.others,
    };
    let level = record.text("/policy/level").unwrap_or_default();
    let decided = (record.number("/policy/rule"), level);
    ensure!(decided == expected, "{expected:?} expected by its digest: {record}");
    let content = record.text("/http/response/body/content").is_some();
    let wanted = level == "request_response";
    ensure!(content == wanted, "content at the level {level}: {record}");
    Ok(())
}

/// As many as nginx logs, path by path: recorded, or told as left out by a policy that does so.
fn complete(
    ended: &Ended,
    log: &[Entry],
    digests: &HashMap<String, &'static Policy>,
) -> Result<()> {
    ended.lost_nothing()?;
    let mut left_out = 0;
    for record in &ended.records {
        if record.text("/lifecycle/action") != Some("left_out") {
            continue;
        }
        let digest = record.text("/lifecycle/detail/policy_digest").unwrap_or_default();
        let policy = digests.get(digest).with_context(|| format!("no such policy: {record}"))?;
        let rule = record.number("/lifecycle/detail/rule");
        ensure!(policy.health.is_none() && rule == Some(0), "nothing is left out by it: {record}");
        left_out += record.number("/lifecycle/detail/exchanges").unwrap_or(0);
    }
    let (health, others): (Vec<_>, Vec<_>) =
        log.iter().cloned().partition(|entry| is_health(&entry.target));
    let (seen, rest): (Vec<_>, Vec<_>) =
        ended.exchanges().into_iter().partition(|record| is_health(&record.target()));
    compare::in_any_order(&rest, &others)?;
    let told = seen.len() as u64 + left_out;
    ensure!(
        health.len() as u64 == told && !seen.is_empty() && left_out > 0,
        "{} exchanges of /health/, {} recorded, {left_out} told as left out",
        health.len(),
        seen.len()
    );
    Ok(())
}

fn is_health(target: &str) -> bool {
    target.starts_with("/health/")
}

/// What the file does not say is not forgotten when it is read again.
fn filters_of_the_command_line_stay(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let watched = Place::tcp()?;
    let mut agent = scene.agent().config("")?.port(watched.port).start()?;
    scene.file("earwitness.toml", "policy.default = \"request\"\n")?;
    agent.signal(Signal::SIGHUP)?;
    agent.wait_until("the change of the configuration", |records| records.iter().any(is_change))?;
    curl(&[&nginx.url("/small")])?;
    watched.connect()?.exchange(get("/watched"), ok("1"))?;
    let ended = agent.finish(1)?;
    compare::exchanges(&ended.exchanges(), &["GET /watched 200 1"])?;
    ended.lost_nothing()
}

const CONNECTIONS: usize = 8;
const SECONDS: u64 = 8;
/// Every other request is one of `/health/`, some 200 a second on each connection.
const PATHS: &str = "
local count = 0
function request()
  count = count + 1
  if count % 2 == 0 then return wrk.format('GET', '/health/' .. count % 10) end
  return wrk.format('GET', '/text')
end
function delay() return 5 end
";
