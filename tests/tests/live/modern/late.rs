//! HTTP/2 connections that are older than the agent: what refers to fields that went by before is left
//! out and counted; what is told is true.

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::Asker;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::http2::Program;

crate::tests![
    node_in_the_clear,
    go_in_the_clear,
    python_in_the_clear,
    node_over_tls,
    go_over_tls,
    python_over_tls,
    client_alone_is_watched,
    given_up,
];

fn node_in_the_clear(scene: &Scene) -> Result<()> {
    let node = Program::node(scene)?;
    joined_late(scene, &node, &node, None)
}

fn go_in_the_clear(scene: &Scene) -> Result<()> {
    let go = Program::go(scene)?;
    joined_late(scene, &go, &go, None)
}

fn python_in_the_clear(scene: &Scene) -> Result<()> {
    joined_late(scene, &Program::python(scene)?, &Program::go(scene)?, None)
}

fn node_over_tls(scene: &Scene) -> Result<()> {
    let node = Program::node(scene)?;
    joined_late(scene, &node, &node, Some(&Certificates::new(scene)?))
}

fn go_over_tls(scene: &Scene) -> Result<()> {
    let go = Program::go(scene)?;
    joined_late(scene, &go, &go, Some(&Certificates::new(scene)?))
}

fn python_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    joined_late(scene, &Program::python(scene)?, &Program::node(scene)?, Some(&certificates))
}

/// Everything that was said after the agent was ready is recorded, in both directions.
fn joined_late(
    scene: &Scene,
    client: &Program,
    server: &Program,
    certificates: Option<&Certificates>,
) -> Result<()> {
    let app = server.serve(scene, certificates)?;
    let mut asker = Asker::run(&mut client.client(app.port, certificates)?)?;
    for path in BEFORE {
        asker.ask(path)?;
    }
    let agent = scene.agent().port(app.port).start()?;
    for (path, status, size) in AFTER {
        let answer = asker.ask(path)?;
        ensure!(answer == (status, size), "{path}: {answer:?} came");
    }
    drop(asker);
    let ended = agent.finish(AFTER.len())?;
    true_as_far_as_told(&ended, "server")
}

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = Program::go(scene)?.serve(scene, Some(&certificates))?;
    let mut asker = Asker::run(&mut Program::node(scene)?.client(app.port, Some(&certificates))?)?;
    for path in BEFORE {
        asker.ask(path)?;
    }
    let agent = scene.agent().pid(asker.pid()).start()?;
    for (path, ..) in AFTER {
        asker.ask(path)?;
    }
    drop(asker);
    let ended = agent.finish(AFTER.len())?;
    true_as_far_as_told(&ended, "client")
}

/// One record for each exchange, in order; each value that it has is the one that was sent.
fn true_as_far_as_told(ended: &Ended, side: &str) -> Result<()> {
    let mut records = ended.exchanges();
    records.sort_by_key(|record| record.stream());
    let lines: Vec<_> = records.iter().map(|record| record.summary()).collect();
    ensure!(records.len() == AFTER.len(), "{} expected, these came: {lines:#?}", AFTER.len());
    for (record, (path, status, size)) in records.iter().zip(AFTER) {
        record.must_be("/network/protocol/version", "2")?;
        record.must_be("/observer/side", side)?;
        let is_true = |key: &str, expected: &str| match record.text(key) {
            Some(told) if told != expected => {
                anyhow::bail!("{key}: {expected} was sent: {record}")
            }
            _ => Ok(()),
        };
        is_true("/http/request/method", "GET")?;
        let (path, query) =
            path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        is_true("/url/path", path)?;
        // A path that is told is told with its query.
        if record.at("/url/path").is_some() {
            ensure!(record.text("/url/query") == query, "the query is {query:?}: {record}");
        }
        let told = record.status();
        ensure!(told.is_none_or(|told| told == status), "{status} was sent: {record}");
        ensure!(record.body_bytes() == size, "{size} bytes were sent: {record}");
        what_lacks_is_counted(record)?;
    }
    Ok(())
}

/// Unknown fields are gaps with a number, and a record that lacks something is not complete.
fn what_lacks_is_counted(record: &Record) -> Result<()> {
    let keys = ["/http/request/method", "/url/path", "/http/response/status_code"];
    let lacks = keys.iter().any(|key| record.at(key).is_none());
    let mut fields = 0;
    for way in ["request", "response"] {
        let gaps = record.at(&format!("/capture/{way}/gaps")).and_then(|gaps| gaps.as_array());
        for gap in gaps.into_iter().flatten() {
            let reason = gap.pointer("/reason").and_then(|reason| reason.as_str());
            ensure!(reason == Some("before_attach"), "a gap by {reason:?}: {record}");
            let count = gap.pointer("/fields").and_then(|count| count.as_u64());
            fields += count.with_context(|| format!("a gap without fields: {record}"))?;
        }
    }
    let complete = record.flag("/capture/complete") == Some(true);
    ensure!(!lacks || fields > 0, "something lacks and nothing is counted: {record}");
    ensure!(complete == (fields == 0), "complete with {fields} unknown fields: {record}");
    Ok(())
}

/// An exchange that began before and is given up after: no request of it is made up.
fn given_up(scene: &Scene) -> Result<()> {
    let node = Program::node(scene)?;
    let app = node.serve(scene, None)?;
    let mut asker = Asker::run(&mut node.client(app.port, None)?)?;
    asker.ask("/length/5")?;
    let agent = scene.agent().port(app.port).start()?;
    asker.ask("/length/6?first")?;
    asker.ask("cancel /slow")?;
    asker.ask("/length/7?last")?;
    drop(asker);
    let ended = agent.finish(3)?;
    let mut records = ended.exchanges();
    records.sort_by_key(|record| record.stream());
    let [first, slow, last] = records.as_slice() else {
        anyhow::bail!("three exchanges expected:\n{}", live_tests::agent::list(&ended.records));
    };
    ensure!(slow.number("/earwitness/http2/reset/error_code") == Some(8), "no reset: {slow}");
    for (record, size) in [(first, 6), (last, 7)] {
        ensure!(record.body_bytes() == size, "{size} bytes were sent: {record}");
        what_lacks_is_counted(record)?;
    }
    Ok(())
}

const BEFORE: [&str; 3] = ["/length/5", "/length/5?again", "/length/1000"];
/// What was said before comes again, and what nobody has said.
const AFTER: [(&str, u64, u64); 6] = [
    ("/length/5", 200, 5),
    ("/length/77?new=1", 200, 77),
    ("/length/1000", 200, 1000),
    ("/none?new=2", 404, 0),
    ("/length/77?new=1", 200, 77),
    ("/chunked/60000", 200, 60_000),
];
