//! Exchanges that go on: told at their head and again at their end. Server-sent events at once, others
//! after a while.

use anyhow::{Result, ensure};
use live_tests::agent::Agent;
use live_tests::certificates::Certificates;
use live_tests::clients::{Held, named, trust};
use live_tests::process;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::stream::{Endless, Sent};

use super::{number, told_twice};

crate::tests![
    events_of_python,
    events_of_node,
    events_over_http2,
    trickle_of_python,
    trickle_of_node,
    trickle_over_http2,
    client_leaves_events,
    agent_stops_in_the_midst,
];

fn events_of_python(scene: &Scene) -> Result<()> {
    events(scene, &Endless::python(scene)?, None)
}

fn events_of_node(scene: &Scene) -> Result<()> {
    events(scene, &Endless::node(scene, None)?, None)
}

fn events_over_http2(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    events(scene, &Endless::node(scene, Some(&certificates))?, Some(&certificates))
}

/// The head is told while the events come, and their number at the end.
fn events(scene: &Scene, server: &Endless, certificates: Option<&Certificates>) -> Result<()> {
    let mut agent = scene.agent().port(server.port).start()?;
    let client = curl(scene, server, certificates, "/events")?;
    let client = std::thread::spawn(move || client.go());
    let open = wait_for_head(&mut agent, HEAD_SECONDS);
    // Whatever came of it: nobody is left waiting.
    server.end()?;
    let content = client.join().map_err(|_| anyhow::anyhow!("the client panicked"))??;
    open?;
    let sent = server.sent()?;
    let ended = agent.finish(2)?;
    let (head, end) = told_twice(&ended, "/events")?;
    head.must_be("/http/response/body/media_type", "text/event-stream")?;
    ensure!(head.at("/duration_ns").is_none(), "its duration is not known yet: {head}");
    whole(end, sent, &content)?;
    let of = |what: &str| end.number(&format!("/earwitness/messages/response/{what}"));
    ensure!(of("messages") == Some(sent.events), "{} events: {end}", sent.events);
    ensure!(of("pings").unwrap_or(0) == sent.comments, "{} comments: {end}", sent.comments);
    ended.lost_nothing()
}

fn trickle_of_python(scene: &Scene) -> Result<()> {
    trickle(scene, &Endless::python(scene)?, None)
}

fn trickle_of_node(scene: &Scene) -> Result<()> {
    trickle(scene, &Endless::node(scene, None)?, None)
}

fn trickle_over_http2(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    trickle(scene, &Endless::node(scene, Some(&certificates))?, Some(&certificates))
}

/// Nothing says that it will take long, so it is told when it has.
fn trickle(scene: &Scene, server: &Endless, certificates: Option<&Certificates>) -> Result<()> {
    let mut agent = scene.agent().port(server.port).start()?;
    let client = curl(scene, server, certificates, "/trickle")?;
    let client = std::thread::spawn(move || client.go());
    let open = wait_for_head(&mut agent, LONG_SECONDS);
    server.end()?;
    let content = client.join().map_err(|_| anyhow::anyhow!("the client panicked"))??;
    open?;
    let sent = server.sent()?;
    let ended = agent.finish(2)?;
    let (_, end) = told_twice(&ended, "/trickle")?;
    whole(end, sent, &content)?;
    ensure!(number(end, "/duration_ns")? >= 10_000_000_000, "told after less than that: {end}");
    ensure!(end.at("/earwitness/messages").is_none(), "there are no messages: {end}");
    ended.lost_nothing()
}

fn wait_for_head(agent: &mut Agent, limit_seconds: u64) -> Result<()> {
    agent.wait_so_long("the head of an exchange that goes on", limit_seconds, |records| {
        records.iter().any(Record::is_open)
    })?;
    let is_over = agent.records()?.iter().any(Record::is_over);
    ensure!(!is_over, "it is over before its end");
    Ok(())
}

fn whole(end: &Record, sent: Sent, content: &str) -> Result<()> {
    let size = end.number("/http/response/body/size");
    ensure!(size == Some(sent.body_bytes), "{} bytes were sent: {end}", sent.body_bytes);
    ensure!(content.len() as u64 == sent.body_bytes, "curl got {} bytes", content.len());
    ensure!(end.flag("/capture/complete") == Some(true), "not complete: {end}");
    Ok(())
}

/// The server goes on; the exchange is over all the same, cut short.
fn client_leaves_events(scene: &Scene) -> Result<()> {
    let server = Endless::python(scene)?;
    let mut agent = scene.agent().port(server.port).start()?;
    let mut command = process::command("curl")?;
    command.args(["--silent", "--noproxy", "*", "--no-buffer", &server.url("/events")]);
    command.stdout(process::output_file(&scene.path("curl.out"))?);
    let mut client = process::Process::start("curl", &mut command)?;
    let open = wait_for_head(&mut agent, HEAD_SECONDS);
    client.signal(nix::sys::signal::Signal::SIGKILL)?;
    client.wait(HEAD_SECONDS)?;
    open?;
    let ended = agent.finish(2)?;
    let (_, end) = told_twice(&ended, "/events")?;
    ensure!(end.flag("/capture/complete") == Some(false), "complete: {end}");
    end.must_be("/earwitness/end/response", "truncated")?;
    ensure!(number(end, "/earwitness/messages/response/messages")? > 0, "no events: {end}");
    server.end()
}

/// What is under way is ended in the journal, as far as it went.
fn agent_stops_in_the_midst(scene: &Scene) -> Result<()> {
    let server = Endless::node(scene, None)?;
    let mut agent = scene.agent().port(server.port).start()?;
    let client = curl(scene, &server, None, "/events")?;
    let client = std::thread::spawn(move || client.go());
    let open = wait_for_head(&mut agent, HEAD_SECONDS);
    let ended = agent.stop();
    server.end()?;
    client.join().map_err(|_| anyhow::anyhow!("the client panicked"))??;
    open?;
    let ended = ended?;
    let (_, end) = told_twice(&ended, "/events")?;
    end.must_be("/earwitness/end/response", "unfinished")?;
    ensure!(end.flag("/capture/complete") == Some(false), "complete: {end}");
    Ok(())
}

/// A client that waits to be let go, and prints what it gets.
fn curl(
    scene: &Scene,
    server: &Endless,
    certificates: Option<&Certificates>,
    path: &str,
) -> Result<Held> {
    let mut command = process::command("curl")?;
    command.args(["--silent", "--show-error", "--noproxy", "*", "--no-buffer"]);
    command.args(["--max-time", "50"]);
    match certificates {
        Some(certificates) => {
            command.arg("--http2").args(trust(certificates)).arg(named(server.port, path))
        }
        None => command.arg(server.url(path)),
    };
    Held::new(scene, &command)
}

const HEAD_SECONDS: u64 = 20;
/// Well over the ten seconds after which an exchange is told before its end.
const LONG_SECONDS: u64 = 40;
