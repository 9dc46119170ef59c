//! WebSocket over HTTP/2 (RFC 8441): each message of each stream as the server has logged it, with
//! other exchanges on the same connection.

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::Asker;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::websocket::{self, Compression, Log, Over, Server};

use super::websocket::{closed, line};
use super::{number, told_twice};

crate::tests![
    plain,
    compressed,
    over_tls,
    compressed_over_tls,
    server_closes,
    client_is_killed,
    client_alone_is_watched,
    rooms_on_one_connection,
    many_messages,
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

/// Text and binary, small and of a megabyte, in fragments, pings and a request in between; closed by
/// the client.
fn every_kind(
    scene: &Scene,
    compression: Compression,
    certificates: Option<&Certificates>,
) -> Result<()> {
    let commands = [
        "1 text 5",
        "1 binary 1000000",
        "1 ping",
        "0 get",
        "1 fragments 4 300",
        "1 text 1000000",
        "1 text 0",
        "1 binary 0",
        "1 ping",
        "1 give 20 1000",
        "1 binary 200",
        "1 close 4001",
    ];
    let (ended, log) = talked(scene, compression, certificates, &commands)?;
    let (head, end) = as_logged(&ended, &log)?;
    let scheme = if certificates.is_some() { "https" } else { "http" };
    for record in [head, end] {
        record.must_be("/url/scheme", scheme)?;
        record.must_be("/observer/side", "server")?;
    }
    closed(end, Some(4001), "client")?;
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
    ensure!(fragments.collect::<Vec<_>>() == [4], "the fragments of one message");
    let other = super::finished_of(&ended, "/other")?;
    ensure!(other.summary() == "GET /other 200 2", "the request in between: {other}");
    ended.lost_nothing()
}

fn server_closes(scene: &Scene) -> Result<()> {
    let commands = ["1 text 50", "1 bye 4002"];
    let (ended, log) = talked(scene, Compression::Deflate, None, &commands)?;
    let (_, end) = as_logged(&ended, &log)?;
    closed(end, Some(4002), "server")?;
    ensure!(log.codes == [4002], "the server says {:?}", log.codes);
    ended.lost_nothing()
}

/// Nobody says goodbye: no code, and the exchange was cut off.
fn client_is_killed(scene: &Scene) -> Result<()> {
    let server = start(scene, Compression::Deflate, None)?;
    let agent = scene.agent().port(server.port).start()?;
    let mut client = connect(scene, &server, Compression::Deflate, None)?;
    client.ask("1 text 50")?;
    client.ask("1 binary 5000")?;
    client.kill()?;
    let log = server.log(1)?;
    let ended = agent.finish(2)?;
    let (_, end) = as_logged(&ended, &log)?;
    ensure!(end.at("/earwitness/messages/close").is_none(), "nobody closed it: {end}");
    end.must_be("/earwitness/end/response", "truncated")?;
    ended.lost_nothing()
}

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let server = start(scene, Compression::Deflate, Some(&certificates))?;
    let mut client = connect(scene, &server, Compression::Deflate, Some(&certificates))?;
    let agent = scene.agent().pid(client.pid()).start()?;
    for command in ["1 text 5", "1 give 4 5000", "1 close 1000"] {
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
    let commands = ["1 give 5000 20", "1 text 10", "1 close 1000"];
    let (ended, log) = talked(scene, Compression::Plain, None, &commands)?;
    ensure!(log.messages.len() == 5003, "{} messages", log.messages.len());
    let (_, end) = as_logged(&ended, &log)?;
    closed(end, Some(1000), "client")?;
    ended.lost_nothing()
}

/// Each message names the handshake of its own stream.
fn rooms_on_one_connection(scene: &Scene) -> Result<()> {
    let mut commands = Vec::new();
    for room in 1..=3 {
        commands.push(format!("{room} text {}", 100 + room));
    }
    for room in 1..=3 {
        commands.push("0 get".to_owned());
        commands.push(format!("{room} binary {}", 40_000 + room));
    }
    for room in [2, 1, 3] {
        commands.push(format!("{room} close {}", 4100 + room));
    }
    let commands: Vec<_> = commands.iter().map(String::as_str).collect();
    let (ended, log) = talked(scene, Compression::Deflate, None, &commands)?;
    ensure!(log.messages.len() == 12, "{log:?}");
    for room in 1..=3 {
        let (head, end) = told_twice(&ended, &format!("/chat?room={room}"))?;
        let seq = head.seq()?;
        let of = |record: &&Record| record.exchange_seq() == Some(seq);
        let lines: Vec<_> = ended.messages().into_iter().filter(of).map(line).collect();
        let (text, binary) = (100 + room, 40_000 + room);
        let expected = [
            format!("request text {text}"),
            format!("response text {text}"),
            format!("request binary {binary}"),
            format!("response binary {binary}"),
        ];
        ensure!(lines == expected, "{expected:?} expected, {lines:?} came");
        closed(end, Some(4100 + room), "client")?;
    }
    let gets = ended.finished().into_iter().filter(|record| record.target() == "/other");
    ensure!(gets.count() == 3, "other exchanges on the connection");
    ended.lost_nothing()
}

/// One connection of a client that obeys these commands and ends.
fn talked(
    scene: &Scene,
    compression: Compression,
    certificates: Option<&Certificates>,
    commands: &[&str],
) -> Result<(Ended, Log)> {
    let server = start(scene, compression, certificates)?;
    let agent = scene.agent().port(server.port).start()?;
    let mut client = connect(scene, &server, compression, certificates)?;
    for command in commands {
        client.ask(command)?;
    }
    client.end()?;
    let count = |word: &str| commands.iter().filter(|command| command.contains(word)).count();
    let rooms = count("close") + count("bye");
    let log = server.log(rooms)?;
    Ok((agent.finish(2 * rooms + count("get"))?, log))
}

fn start(
    scene: &Scene,
    compression: Compression,
    certificates: Option<&Certificates>,
) -> Result<Server> {
    Server::start(scene, Over::Http2, compression, certificates)
}

/// A client; it connects when it gets its first command.
fn connect(
    scene: &Scene,
    server: &Server,
    compression: Compression,
    certificates: Option<&Certificates>,
) -> Result<Asker> {
    let over = Over::Http2;
    Asker::run(&mut websocket::client(scene, over, server.port, compression, certificates)?)
}

/// Fails unless the records tell of one room: its handshake, every message that the server has logged,
/// in order in each direction, and its end with as many messages. Gives the first and the last.
fn as_logged<'e>(ended: &'e Ended, log: &Log) -> Result<(&'e Record, &'e Record)> {
    let (head, end) = told_twice(ended, "/chat?room=1")?;
    for record in [head, end] {
        record.must_be("/network/protocol/version", "2")?;
        record.must_be("/http/request/method", "CONNECT")?;
        record.must_be("/earwitness/http2/protocol", "websocket")?;
        ensure!(record.status() == Some(200), "not accepted: {record}");
        ensure!(record.stream() == head.stream() && record.stream() % 2 == 1, "stream: {record}");
    }
    let messages = ended.messages();
    for way in ["request", "response"] {
        let is_its = |line: &&String| line.split(' ').next() == Some(way);
        let expected: Vec<_> = log.messages.iter().filter(is_its).cloned().collect();
        let is_its = |record: &&&Record| record.text("/message/direction") == Some(way);
        let records: Vec<_> = messages.iter().filter(is_its).collect();
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
