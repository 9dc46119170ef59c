//! WebSocket over HTTP/1.1: each message as the server has logged it, and how the connection ended.

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::Asker;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::websocket::{self, Compression, Log, Over, Server};

use super::{number, told_twice};

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

fn plain(scene: &Scene) -> Result<()> {
    every_kind(scene, Compression::Plain, None)
}

fn compressed(scene: &Scene) -> Result<()> {
    every_kind(scene, Compression::Deflate, None)
}

fn over_tls(scene: &Scene) -> Result<()> {
    every_kind(scene, Compression::Plain, Some(&Certificates::new(scene)?))
}

fn compressed_over_tls(scene: &Scene) -> Result<()> {
    every_kind(scene, Compression::Deflate, Some(&Certificates::new(scene)?))
}

/// Text and binary, small and of a megabyte, in fragments, pings in between; closed by the client.
fn every_kind(
    scene: &Scene,
    compression: Compression,
    certificates: Option<&Certificates>,
) -> Result<()> {
    let commands = [
        "text 5",
        "binary 1000000",
        "ping",
        "fragments 4 300",
        "text 1000000",
        "text 0",
        "binary 0",
        "ping",
        "give 20 1000",
        "binary 200",
        "close 4001",
    ];
    let (ended, log) = talked(scene, compression, certificates, &commands)?;
    let (head, end) = as_logged(&ended, &log)?;
    let scheme = if certificates.is_some() { "https" } else { "http" };
    for record in [head, end] {
        record.must_be("/url/scheme", scheme)?;
        record.must_be("/observer/side", "server")?;
    }
    closed(end, Some(4001), "client")?;
    ensure!(log.codes == [4001], "the server says {:?}", log.codes);
    ensure!(number(end, "/earwitness/messages/request/pings")? == 2, "pings: {end}");
    ensure!(number(end, "/earwitness/messages/response/pongs")? == 2, "pongs: {end}");
    for record in ended.messages() {
        let told = record.flag("/message/compressed").unwrap_or(false);
        let expected = compression == Compression::Deflate;
        ensure!(told == expected, "compressed is {told}: {record}");
    }
    let fragments = ended.messages().into_iter().filter_map(|record| {
        record.number("/message/fragments").filter(|&fragments| fragments > 1)
    });
    // An empty last frame ends them.
    ensure!(fragments.collect::<Vec<_>>() == [5], "the fragments of one message");
    ended.lost_nothing()
}

fn server_closes(scene: &Scene) -> Result<()> {
    let commands = ["text 50", "bye 4002"];
    let (ended, log) = talked(scene, Compression::Deflate, None, &commands)?;
    let (_, end) = as_logged(&ended, &log)?;
    closed(end, Some(4002), "server")?;
    ended.lost_nothing()
}

/// The client's process goes on to its end, which is 1000.
fn close_without_a_code(scene: &Scene) -> Result<()> {
    let (ended, log) = talked(scene, Compression::Plain, None, &["text 50"])?;
    let (_, end) = as_logged(&ended, &log)?;
    closed(end, Some(1000), "client")?;
    ensure!(log.codes == [1000], "the server says {:?}", log.codes);
    ended.lost_nothing()
}

/// Nobody says goodbye: no code, and the exchange was cut off.
fn client_is_killed(scene: &Scene) -> Result<()> {
    let server = Server::start(scene, Over::Http1, Compression::Deflate, None)?;
    let agent = scene.agent().port(server.port).start()?;
    let mut client = connect(scene, &server, Compression::Deflate, None)?;
    client.ask("text 50")?;
    client.ask("binary 5000")?;
    client.kill()?;
    let log = server.log(1)?;
    let ended = agent.finish(2)?;
    let (_, end) = as_logged(&ended, &log)?;
    ensure!(end.at("/earwitness/messages/close").is_none(), "nobody closed it: {end}");
    end.must_be("/earwitness/end/response", "truncated")?;
    ensure!(log.codes == [1006], "the server says {:?}", log.codes);
    ended.lost_nothing()
}

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let server = Server::start(scene, Over::Http1, Compression::Deflate, Some(&certificates))?;
    let mut client = connect(scene, &server, Compression::Deflate, Some(&certificates))?;
    let agent = scene.agent().pid(client.pid()).start()?;
    for command in ["text 5", "give 4 5000", "close 1000"] {
        client.ask(command)?;
    }
    client.end()?;
    let log = server.log(1)?;
    let ended = agent.finish(2)?;
    let (head, end) = as_logged(&ended, &log)?;
    for record in [head, end] {
        record.must_be("/observer/side", "client")?;
    }
    closed(end, Some(1000), "client")?;
    ended.lost_nothing()
}

/// Thousands of them, faster than anybody reads records.
fn many_messages(scene: &Scene) -> Result<()> {
    let commands = ["give 5000 20", "text 10", "close 1000"];
    let (ended, log) = talked(scene, Compression::Plain, None, &commands)?;
    ensure!(log.messages.len() == 5003, "{} messages", log.messages.len());
    let (_, end) = as_logged(&ended, &log)?;
    closed(end, Some(1000), "client")?;
    ended.lost_nothing()
}

/// Each message names the handshake of its own connection.
fn several_connections(scene: &Scene) -> Result<()> {
    let server = Server::start(scene, Over::Http1, Compression::Deflate, None)?;
    let agent = scene.agent().port(server.port).start()?;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(connect(scene, &server, Compression::Deflate, None)?);
    }
    for (index, client) in clients.iter_mut().enumerate() {
        client.ask(&format!("text {}", 100 + index))?;
    }
    for (index, client) in clients.iter_mut().enumerate() {
        client.ask(&format!("binary {}", 200 + index))?;
        client.ask(&format!("close {}", 4100 + index))?;
    }
    drop(clients);
    server.log(3)?;
    let ended = agent.finish(6)?;
    let ends = ended.finished();
    ensure!(ends.len() == 3, "{} connections are over", ends.len());
    for end in ends {
        let seq = end.exchange_seq();
        let head = ended.records.iter().find(|record| record.number("/seq") == seq);
        ensure!(head.is_some_and(|head| head.client_port() == end.client_port()), "{end}");
        let number = number(end, "/earwitness/messages/close/code")? - 4100;
        let of = |record: &&Record| record.exchange_seq() == seq;
        let lines: Vec<_> = ended.messages().into_iter().filter(of).map(line).collect();
        let (text, binary) = (100 + number, 200 + number);
        let expected = [
            format!("request text {text}"),
            format!("response text {text}"),
            format!("request binary {binary}"),
            format!("response binary {binary}"),
        ];
        ensure!(lines == expected, "{expected:?} expected, {lines:?} came");
    }
    ended.lost_nothing()
}

/// The handshake and each message are there as soon as they have come.
fn told_while_it_is_open(scene: &Scene) -> Result<()> {
    let server = Server::start(scene, Over::Http1, Compression::Plain, None)?;
    let mut agent = scene.agent().port(server.port).start()?;
    let mut client = connect(scene, &server, Compression::Plain, None)?;
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
    let log = server.log(1)?;
    let ended = agent.stop()?;
    as_logged(&ended, &log)?;
    ended.lost_nothing()
}

/// One connection of a client that obeys these commands and ends.
fn talked(
    scene: &Scene,
    compression: Compression,
    certificates: Option<&Certificates>,
    commands: &[&str],
) -> Result<(Ended, Log)> {
    let server = Server::start(scene, Over::Http1, compression, certificates)?;
    let agent = scene.agent().port(server.port).start()?;
    let mut client = connect(scene, &server, compression, certificates)?;
    for command in commands {
        client.ask(command)?;
    }
    client.end()?;
    let log = server.log(1)?;
    Ok((agent.finish(2)?, log))
}

/// A client; it connects when it gets its first command.
fn connect(
    scene: &Scene,
    server: &Server,
    compression: Compression,
    certificates: Option<&Certificates>,
) -> Result<Asker> {
    Asker::run(&mut websocket::client(scene, Over::Http1, server.port, compression, certificates)?)
}

/// Fails unless the records tell of one connection: its handshake, every message that the server has
/// logged, in order, and its end with as many messages. Gives the first and the last.
fn as_logged<'e>(ended: &'e Ended, log: &Log) -> Result<(&'e Record, &'e Record)> {
    let (head, end) = told_twice(ended, "/chat?room=1")?;
    ensure!(head.status() == Some(101), "not switched: {head}");
    head.must_be("/network/protocol/version", "1.1")?;
    let messages = ended.messages();
    for (way, counts) in [("request", "request "), ("response", "response ")] {
        let expected: Vec<_> =
            log.messages.iter().filter(|line| line.starts_with(counts)).cloned().collect();
        let records: Vec<_> = messages
            .iter()
            .filter(|record| record.text("/message/direction") == Some(way))
            .collect();
        let came: Vec<_> = records.iter().map(|record| line(record)).collect();
        ensure!(came == expected, "{way}: expected\n{expected:?}\ncame\n{came:?}");
        for (index, record) in records.iter().enumerate() {
            ensure!(number(record, "/message/number")? == index as u64 + 1, "its number: {record}");
        }
        let counted = number(end, &format!("/earwitness/messages/{way}/messages"))?;
        ensure!(counted == expected.len() as u64, "{counted} counted: {end}");
        let lost = end.number(&format!("/earwitness/messages/{way}/lost_bytes"));
        ensure!(lost.is_none(), "lost bytes: {end}");
    }
    let seqs = (head.seq()?, end.seq()?);
    for record in &messages {
        ensure!(record.exchange_seq() == Some(seqs.0), "of another exchange: {record}");
        ensure!((seqs.0..seqs.1).contains(&record.seq()?), "out of order: {record}");
        let complete = record.flag("/capture/complete");
        ensure!(complete == Some(true), "not complete: {record}");
    }
    Ok((head, end))
}

/// As in the server's log.
pub(super) fn line(record: &Record) -> String {
    let text = |key: &str| record.text(key).unwrap_or("-").to_owned();
    let size =
        record.number("/message/size").map_or_else(|| "-".to_owned(), |size| size.to_string());
    format!("{} {} {size}", text("/message/direction"), text("/message/opcode"))
}

/// Fails unless it is told that this end has closed it with this code.
pub(super) fn closed(end: &Record, code: Option<u64>, by: &str) -> Result<()> {
    let told = end.number("/earwitness/messages/close/code");
    ensure!(told == code, "{code:?} expected, {told:?} came: {end}");
    end.must_be("/earwitness/messages/close/by", by)
}
