//! WebSocket: each message as the server has logged it, and how it ended.
//!
//! In: what carries it (`Over`). Out: the tests that are the same over HTTP/1.1 and over HTTP/2, and what
//! those of each have in common. Not here: what only one of them has (`http1`, `http2`).

mod http1;
mod http2;

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::Asker;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::websocket::{self, Compression, Log, Over, Server};

use super::{number, told_twice};

/// The tests that are the same over both.
macro_rules! over_either {
    ($over:expr) => {
        fn plain(scene: &Scene) -> Result<()> {
            super::every_kind(&Talk::new(scene, $over, Compression::Plain)?)
        }

        fn compressed(scene: &Scene) -> Result<()> {
            super::every_kind(&Talk::new(scene, $over, Compression::Deflate)?)
        }

        fn over_tls(scene: &Scene) -> Result<()> {
            super::every_kind(&Talk::over_tls(scene, $over, Compression::Plain)?)
        }

        fn compressed_over_tls(scene: &Scene) -> Result<()> {
            super::every_kind(&Talk::over_tls(scene, $over, Compression::Deflate)?)
        }

        fn server_closes(scene: &Scene) -> Result<()> {
            super::server_closes(&Talk::new(scene, $over, Compression::Deflate)?)
        }

        fn client_is_killed(scene: &Scene) -> Result<()> {
            super::client_is_killed(&Talk::new(scene, $over, Compression::Deflate)?)
        }

        fn client_alone_is_watched(scene: &Scene) -> Result<()> {
            super::client_alone_is_watched(&Talk::over_tls(scene, $over, Compression::Deflate)?)
        }

        fn many_messages(scene: &Scene) -> Result<()> {
            super::many_messages(&Talk::new(scene, $over, Compression::Plain)?)
        }
    };
}
use over_either;

/// Every test of these files.
pub fn tests() -> Vec<crate::Test> {
    [http1::tests(), http2::tests()].into_iter().flatten().collect()
}

/// A running server, and how its clients talk to it.
struct Talk<'s> {
    scene: &'s Scene,
    over: Over,
    compression: Compression,
    certificates: Option<Certificates>,
    server: Server,
}

impl<'s> Talk<'s> {
    fn new(scene: &'s Scene, over: Over, compression: Compression) -> Result<Self> {
        Self::with(scene, over, compression, None)
    }

    fn over_tls(scene: &'s Scene, over: Over, compression: Compression) -> Result<Self> {
        Self::with(scene, over, compression, Some(Certificates::new(scene)?))
    }

    fn with(
        scene: &'s Scene,
        over: Over,
        compression: Compression,
        certificates: Option<Certificates>,
    ) -> Result<Self> {
        let server = Server::start(scene, over, compression, certificates.as_ref())?;
        Ok(Self { scene, over, compression, certificates, server })
    }

    /// A client; it connects when it gets its first command.
    fn client(&self) -> Result<Asker> {
        let (port, certificates) = (self.server.port, self.certificates.as_ref());
        let client = websocket::client(self.scene, self.over, port, self.compression, certificates);
        Asker::run(&mut client?)
    }

    /// Gives a client a command for its only room.
    fn ask(&self, client: &mut Asker, command: &str) -> Result<()> {
        match self.over {
            Over::Http1 => client.ask(command)?,
            Over::Http2 => client.ask(&format!("1 {command}"))?,
        };
        Ok(())
    }

    /// One connection of a client that obeys these commands and ends.
    fn said(&self, commands: &[&str]) -> Result<(Ended, Log)> {
        let agent = self.scene.agent().port(self.server.port).start()?;
        let mut client = self.client()?;
        for command in commands {
            self.ask(&mut client, command)?;
        }
        client.end()?;
        let log = self.server.log(1)?;
        Ok((agent.finish(2)?, log))
    }

    /// Fails unless the records tell of one room: its handshake, every message that the server has
    /// logged, in order in each direction, and its end with as many messages. Gives the first and the
    /// last.
    fn as_logged<'e>(&self, ended: &'e Ended, log: &Log) -> Result<(&'e Record, &'e Record)> {
        let (head, end) = told_twice(ended, "/chat?room=1")?;
        self.opened(head)?;
        self.opened(end)?;
        ensure!(head.at("/earwitness/http2/stream_id") == end.at("/earwitness/http2/stream_id"));
        let messages = ended.messages();
        for way in ["request", "response"] {
            counted(way, &messages, end, log)?;
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

    /// Fails unless the handshake is as it is over that protocol.
    fn opened(&self, record: &Record) -> Result<()> {
        let (version, method, status) = match self.over {
            Over::Http1 => ("1.1", "GET", 101),
            Over::Http2 => ("2", "CONNECT", 200),
        };
        record.must_be("/network/protocol/version", version)?;
        record.must_be("/http/request/method", method)?;
        ensure!(record.status() == Some(status), "not accepted: {record}");
        if self.over == Over::Http2 {
            record.must_be("/earwitness/http2/protocol", "websocket")?;
            ensure!(record.stream() % 2 == 1, "no stream of a client: {record}");
        }
        Ok(())
    }
}

/// Every message of a direction, as the server has logged it, and their number.
fn counted(way: &str, messages: &[&Record], end: &Record, log: &Log) -> Result<()> {
    let is_its = |line: &&String| line.split(' ').next() == Some(way);
    let expected: Vec<_> = log.messages.iter().filter(is_its).cloned().collect();
    let is_its = |record: &&&Record| record.text("/message/direction") == Some(way);
    let records: Vec<_> = messages.iter().filter(is_its).collect();
    let came: Vec<_> = records.iter().map(|record| line(record)).collect();
    ensure!(came == expected, "{way}: expected\n{expected:?}\ncame\n{came:?}");
    for (index, record) in records.iter().enumerate() {
        ensure!(number(record, "/message/number")? == index as u64 + 1, "its number: {record}");
    }
    let told = number(end, &format!("/earwitness/messages/{way}/messages"))?;
    ensure!(told == expected.len() as u64, "{told} counted: {end}");
    let lost = end.number(&format!("/earwitness/messages/{way}/lost_bytes"));
    ensure!(lost.is_none(), "lost bytes: {end}");
    Ok(())
}

/// As in the server's log.
fn line(record: &Record) -> String {
    let text = |key: &str| record.text(key).unwrap_or("-").to_owned();
    let size =
        record.number("/message/size").map_or_else(|| "-".to_owned(), |size| size.to_string());
    format!("{} {} {size}", text("/message/direction"), text("/message/opcode"))
}

/// Fails unless it is told that this end has closed it with this code.
fn closed(end: &Record, code: Option<u64>, by: &str) -> Result<()> {
    let told = end.number("/earwitness/messages/close/code");
    ensure!(told == code, "{code:?} expected, {told:?} came: {end}");
    end.must_be("/earwitness/messages/close/by", by)
}

/// Fails unless a room's messages are a text and a binary one, each sent back.
fn echoed(ended: &Ended, exchange_seq: Option<u64>, text: u64, binary: u64) -> Result<()> {
    let of = |record: &&Record| record.exchange_seq() == exchange_seq;
    let lines: Vec<_> = ended.messages().into_iter().filter(of).map(line).collect();
    let expected = [
        format!("request text {text}"),
        format!("response text {text}"),
        format!("request binary {binary}"),
        format!("response binary {binary}"),
    ];
    ensure!(lines == expected, "{expected:?} expected, {lines:?} came");
    Ok(())
}

// === the same over both ===

/// Text and binary, small and of a megabyte, in fragments, pings in between; closed by the client.
fn every_kind(talk: &Talk<'_>) -> Result<()> {
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
    let (ended, log) = talk.said(&commands)?;
    let (head, end) = talk.as_logged(&ended, &log)?;
    let scheme = if talk.certificates.is_some() { "https" } else { "http" };
    for record in [head, end] {
        record.must_be("/url/scheme", scheme)?;
        record.must_be("/observer/side", "server")?;
    }
    closed(end, Some(4001), "client")?;
    if talk.over == Over::Http1 {
        ensure!(log.codes == [4001], "the server says {:?}", log.codes);
    }
    ensure!(number(end, "/earwitness/messages/request/pings")? == 2, "pings: {end}");
    ensure!(number(end, "/earwitness/messages/response/pongs")? == 2, "pongs: {end}");
    for record in ended.messages() {
        let told = record.flag("/message/compressed").unwrap_or(false);
        let expected = talk.compression == Compression::Deflate;
        ensure!(told == expected, "compressed is {told}: {record}");
    }
    let fragments = ended.messages().into_iter().filter_map(|record| {
        record.number("/message/fragments").filter(|&fragments| fragments > 1)
    });
    // An empty last frame of the websockets library ends them.
    let expected = if talk.over == Over::Http1 { 5 } else { 4 };
    ensure!(fragments.collect::<Vec<_>>() == [expected], "the fragments of one message");
    ended.lost_nothing()
}

fn server_closes(talk: &Talk<'_>) -> Result<()> {
    let (ended, log) = talk.said(&["text 50", "bye 4002"])?;
    let (_, end) = talk.as_logged(&ended, &log)?;
    closed(end, Some(4002), "server")?;
    if talk.over == Over::Http2 {
        ensure!(log.codes == [4002], "the server says {:?}", log.codes);
    }
    ended.lost_nothing()
}

/// Nobody says goodbye: no code, and the exchange was cut off.
fn client_is_killed(talk: &Talk<'_>) -> Result<()> {
    let agent = talk.scene.agent().port(talk.server.port).start()?;
    let mut client = talk.client()?;
    talk.ask(&mut client, "text 50")?;
    talk.ask(&mut client, "binary 5000")?;
    client.kill()?;
    let log = talk.server.log(1)?;
    let ended = agent.finish(2)?;
    let (_, end) = talk.as_logged(&ended, &log)?;
    ensure!(end.at("/earwitness/messages/close").is_none(), "nobody closed it: {end}");
    end.must_be("/earwitness/end/response", "truncated")?;
    ensure!(log.codes == [1006], "the server says {:?}", log.codes);
    ended.lost_nothing()
}

fn client_alone_is_watched(talk: &Talk<'_>) -> Result<()> {
    let mut client = talk.client()?;
    let agent = talk.scene.agent().pid(client.pid()).start()?;
    for command in ["text 5", "give 4 5000", "close 1000"] {
        talk.ask(&mut client, command)?;
    }
    client.end()?;
    let log = talk.server.log(1)?;
    let ended = agent.finish(2)?;
    let (head, end) = talk.as_logged(&ended, &log)?;
    for record in [head, end] {
        record.must_be("/observer/side", "client")?;
    }
    closed(end, Some(1000), "client")?;
    ended.lost_nothing()
}

/// Thousands of them, faster than anybody reads records.
fn many_messages(talk: &Talk<'_>) -> Result<()> {
    let (ended, log) = talk.said(&["give 5000 20", "text 10", "close 1000"])?;
    ensure!(log.messages.len() == 5003, "{} messages", log.messages.len());
    let (_, end) = talk.as_logged(&ended, &log)?;
    closed(end, Some(1000), "client")?;
    ended.lost_nothing()
}
