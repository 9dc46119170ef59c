//! gRPC-Web: calls of every kind that it has, against what the server counts.

use anyhow::{Result, ensure};
use live_tests::clients::Held;
use live_tests::process;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::grpc::{self, Call, Server};
use live_tests::servers::web_rpc::{self, Program};

use super::grpc::as_logged;

crate::tests![
    over_http1,
    over_http2,
    json,
    in_base64,
    client_alone_is_watched,
    client_alone_is_watched_in_base64,
];

const HTTP1: Program = Program::Connect { version: "1.1", format: "proto" };
const HTTP2: Program = Program::Connect { version: "2", format: "proto" };
const JSON: Program = Program::Connect { version: "1.1", format: "json" };

fn over_http1(scene: &Scene) -> Result<()> {
    every_kind_of_call(scene, HTTP1)
}

fn over_http2(scene: &Scene) -> Result<()> {
    every_kind_of_call(scene, HTTP2)
}

fn json(scene: &Scene) -> Result<()> {
    every_kind_of_call(scene, JSON)
}

fn in_base64(scene: &Scene) -> Result<()> {
    every_kind_of_call(scene, Program::Text)
}

fn every_kind_of_call(scene: &Scene, program: Program) -> Result<()> {
    let server = web_rpc::start(scene, program)?;
    let agent = scene.agent().port(server.port).start()?;
    let mut client = web_rpc::client(scene, server.port, program)?;
    let answers = grpc::calls(&process::run(&mut client, CLIENT_SECONDS)?.good()?)?;
    let ended = agent.finish(answers.len())?;
    as_told(&ended.exchanges(), &answers, &server, program)?;
    for record in ended.exchanges() {
        record.must_be("/observer/side", "server")?;
        record.must_be("/capture/attribution", "socket")?;
    }
    ended.lost_nothing()
}

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    client_alone(scene, HTTP1)
}

fn client_alone_is_watched_in_base64(scene: &Scene) -> Result<()> {
    client_alone(scene, Program::Text)
}

fn client_alone(scene: &Scene, program: Program) -> Result<()> {
    let server = web_rpc::start(scene, program)?;
    let client = Held::new(scene, &web_rpc::client(scene, server.port, program)?)?;
    let agent = scene.agent().pid(client.pid()).start()?;
    let answers = grpc::calls(&client.go()?)?;
    let ended = agent.finish(answers.len())?;
    as_told(&ended.exchanges(), &answers, &server, program)?;
    for record in ended.exchanges() {
        record.must_be("/observer/side", "client")?;
    }
    ended.lost_nothing()
}

/// Fails unless every call is recorded as both ends tell of it. The client makes one after another.
fn as_told(records: &[&Record], answers: &[Call], server: &Server, program: Program) -> Result<()> {
    as_logged(records, answers, server)?;
    let (version, content_type) = match program {
        Program::Connect { version, format } => (version, format!("application/grpc-web+{format}")),
        Program::Text => ("1.1", "application/grpc-web-text".to_owned()),
    };
    for record in records {
        record.must_be("/network/protocol/version", version)?;
        record.must_be("/http/request/header/content-type/0", &content_type)?;
        let is_whole = record.flag("/capture/complete") == Some(true);
        ensure!(is_whole, "not complete: {record}");
    }
    Ok(())
}

const CLIENT_SECONDS: u64 = 60;
