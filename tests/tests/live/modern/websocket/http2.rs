//! WebSocket over HTTP/2 (RFC 8441): streams, with other exchanges on the same connection.

use anyhow::{Result, ensure};
use live_tests::scene::Scene;
use live_tests::servers::websocket::{Compression, Over};

use super::super::told_twice;
use super::{Talk, closed, echoed};

crate::tests![
    plain,
    compressed,
    over_tls,
    compressed_over_tls,
    server_closes,
    client_is_killed,
    client_alone_is_watched,
    many_messages,
    rooms_on_one_connection,
];

const OVER: Over = Over::Http2;

super::over_either!(OVER);

/// Each message names the handshake of its own stream; ordinary requests come in between.
fn rooms_on_one_connection(scene: &Scene) -> Result<()> {
    let talk = Talk::new(scene, OVER, Compression::Deflate)?;
    let agent = scene.agent().port(talk.server.port).start()?;
    let mut client = talk.client()?;
    for room in 1..=3 {
        client.ask(&format!("{room} text {}", 100 + room))?;
    }
    for room in 1..=3 {
        client.ask("0 get")?;
        client.ask(&format!("{room} binary {}", 40_000 + room))?;
    }
    for room in [2, 1, 3] {
        client.ask(&format!("{room} close {}", 4100 + room))?;
    }
    client.end()?;
    let log = talk.server.log(3)?;
    let ended = agent.finish(9)?;
    ensure!(log.messages.len() == 12, "{log:?}");
    for room in 1..=3 {
        let (head, end) = told_twice(&ended, &format!("/chat?room={room}"))?;
        echoed(&ended, Some(head.seq()?), 100 + room, 40_000 + room)?;
        closed(end, Some(4100 + room), "client")?;
    }
    let gets = ended.finished().into_iter().filter(|record| record.summary() == "GET /other 200 2");
    ensure!(gets.count() == 3, "other exchanges on the connection");
    ended.lost_nothing()
}
