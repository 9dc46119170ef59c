//! WebSocket over HTTP/1.1: a connection that is handed over.

use anyhow::{Result, ensure};
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::websocket::{Compression, Over};

use super::super::number;
use super::{Talk, closed, echoed};

crate::tests![
    plain,
    compressed,
    over_tls,
    compressed_over_tls,
    server_closes,
    close_without_a_code,
    client_is_killed,
    client_alone_is_watched,
    many_messages,
    several_connections,
    told_while_it_is_open,
];

const OVER: Over = Over::Http1;

super::over_either!(OVER);

/// The client's process goes on to its end, which is 1000.
fn close_without_a_code(scene: &Scene) -> Result<()> {
    let talk = Talk::new(scene, OVER, Compression::Plain)?;
    let (ended, log) = talk.said(&["text 50"])?;
    let (_, end) = talk.as_logged(&ended, &log)?;
    closed(end, Some(1000), "client")?;
    ensure!(log.codes == [1000], "the server says {:?}", log.codes);
    ended.lost_nothing()
}

/// Each message names the handshake of its own connection.
fn several_connections(scene: &Scene) -> Result<()> {
    let talk = Talk::new(scene, OVER, Compression::Deflate)?;
    let agent = scene.agent().port(talk.server.port).start()?;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(talk.client()?);
    }
    for (index, client) in clients.iter_mut().enumerate() {
        client.ask(&format!("text {}", 100 + index))?;
    }
    for (index, client) in clients.iter_mut().enumerate() {
        client.ask(&format!("binary {}", 200 + index))?;
        client.ask(&format!("close {}", 4100 + index))?;
    }
    drop(clients);
    talk.server.log(3)?;
    let ended = agent.finish(6)?;
    let ends = ended.finished();
    ensure!(ends.len() == 3, "{} connections are over", ends.len());
    for end in ends {
        let seq = end.exchange_seq();
        let head = ended.records.iter().find(|record| record.number("/seq") == seq);
        ensure!(head.is_some_and(|head| head.client_port() == end.client_port()), "{end}");
        let number = number(end, "/earwitness/messages/close/code")? - 4100;
        echoed(&ended, seq, 100 + number, 200 + number)?;
    }
    ended.lost_nothing()
}

/// The handshake and each message are there as soon as they have come.
fn told_while_it_is_open(scene: &Scene) -> Result<()> {
    let talk = Talk::new(scene, OVER, Compression::Plain)?;
    let mut agent = scene.agent().port(talk.server.port).start()?;
    let mut client = talk.client()?;
    let messages = |records: &[Record]| records.iter().filter(|record| record.is_message()).count();
    for number in 1..4 {
        client.ask("text 10")?;
        agent.wait_until("the handshake", |records| records.iter().any(Record::is_open))?;
        agent.wait_until("a message each way", |records| messages(records) == 2 * number)?;
    }
    ensure!(!agent.records()?.iter().any(Record::is_over), "it is over before its end");
    client.ask("close 1001")?;
    agent.wait_until("the end", |records| records.iter().any(Record::is_over))?;
    drop(client);
    let log = talk.server.log(1)?;
    let ended = agent.stop()?;
    talk.as_logged(&ended, &log)?;
    ended.lost_nothing()
}
