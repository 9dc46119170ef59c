//! gRPC: calls of every kind, against what the server counts.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::Held;
use live_tests::compare;
use live_tests::process;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::grpc::{self, Call, Server};

use super::{number, whole_on_streams};

crate::tests![
    every_kind_of_call,
    client_alone_is_watched,
    server_alone_is_watched_over_tls,
    client_alone_is_watched_over_tls,
    loss_over_tls_names_no_wrong_end,
];

fn every_kind_of_call(scene: &Scene) -> Result<()> {
    let server = Server::start(scene, None)?;
    let agent = scene.agent().port(server.port).start()?;
    let answers = asked(scene, &server, None)?;
    let ended = agent.finish(answers.len())?;
    as_told(&ended, &answers, &server)?;
    for record in ended.exchanges() {
        record.must_be("/observer/side", "server")?;
        record.must_be("/capture/attribution", "socket")?;
    }
    ended.lost_nothing()
}

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    let server = Server::start(scene, None)?;
    let client = Held::new(scene, &grpc::client(scene, server.port, None)?)?;
    let agent = scene.agent().pid(client.pid()).start()?;
    let answers = grpc::calls(&client.go()?)?;
    let ended = agent.finish(answers.len())?;
    as_told(&ended, &answers, &server)?;
    for record in ended.exchanges() {
        record.must_be("/observer/side", "client")?;
    }
    ended.lost_nothing()
}

/// The library's TLS has no names of functions and no socket: each end is told for itself, and no
/// address.
fn server_alone_is_watched_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let server = Server::start(scene, Some(&certificates))?;
    let agent = scene.agent().pid(server.pid()).start()?;
    let answers = asked(scene, &server, Some(&certificates))?;
    let ended = agent.finish(answers.len())?;
    as_told(&ended, &answers, &server)?;
    unplaced(&ended, "server", server.pid())
}

fn client_alone_is_watched_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let server = Server::start(scene, Some(&certificates))?;
    let client = Held::new(scene, &grpc::client(scene, server.port, Some(&certificates))?)?;
    let pid = client.pid();
    let agent = scene.agent().pid(pid).start()?;
    let answers = grpc::calls(&client.go()?)?;
    let ended = agent.finish(answers.len())?;
    as_told(&ended, &answers, &server)?;
    unplaced(&ended, "client", pid)
}

fn unplaced(ended: &Ended, side: &str, pid: u32) -> Result<()> {
    for record in ended.exchanges() {
        record.must_be("/tls/library", "boringssl")?;
        record.must_be("/url/scheme", "https")?;
        record.must_be("/observer/side", side)?;
        let told = record.number(&format!("/{side}/process/pid"));
        ensure!(told == Some(pid.into()), "{side} is {pid}: {record}");
        let attribution = record.text("/capture/attribution");
        let is_placed = attribution != Some("none");
        let has_address = record.at("/client/port").is_some();
        ensure!(is_placed == has_address, "an address by {attribution:?}: {record}");
    }
    // That the handshake could not be read on the socket may be told all the same.
    let mut losses = ended.losses();
    losses.retain(|record| record.reason() != Some("opaque_tls"));
    let losses: Vec<_> = losses.iter().map(ToString::to_string).collect();
    ensure!(losses.is_empty(), "nothing should be lost here, but:\n{}", losses.join("\n"));
    Ok(())
}

/// Where only a port is wanted and no port is known, it is told whose connections are left out.
fn loss_over_tls_names_no_wrong_end(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let server = Server::start(scene, Some(&certificates))?;
    let client = Held::new(scene, &grpc::client(scene, server.port, Some(&certificates))?)?;
    let pids = [u64::from(server.pid()), u64::from(client.pid())];
    let agent = scene.agent().port(server.port).start()?;
    client.go()?;
    let ended = agent.stop()?;
    if !ended.exchanges().is_empty() {
        return Ok(());
    }
    ensure!(!ended.losses().is_empty(), "neither exchanges nor losses");
    for record in ended.losses() {
        let processes = [("server", pids[0]), ("client", pids[1])];
        for (end, pid) in processes {
            let told = record.number(&format!("/loss/{end}/process/pid"));
            ensure!(told.is_none_or(|told| told == pid), "the {end} is {pid}: {record}");
        }
    }
    Ok(())
}

/// Runs a client to its end, and gives what it says.
fn asked(
    scene: &Scene,
    server: &Server,
    certificates: Option<&Certificates>,
) -> Result<Vec<Call>> {
    let mut client = grpc::client(scene, server.port, certificates)?;
    grpc::calls(&process::run(&mut client, CLIENT_SECONDS)?.good()?)
}

/// Fails unless every call is recorded as both ends tell of it.
fn as_told(ended: &Ended, answers: &[Call], server: &Server) -> Result<()> {
    let records = ended.finished();
    whole_on_streams(&records)?;
    let calls = server.calls(answers.len() - 1)?;
    let expected = answers.iter().map(outcome).collect();
    compare::same(expected, records.iter().map(|record| recorded(record)).collect())?;
    // The server has the same calls in the same order, less those of a method that is not there.
    let mut logged = calls.iter();
    for (record, answer) in in_order(&records).iter().zip(answers) {
        record.must_be("/http/request/method", "POST")?;
        record.must_be("/rpc/system", "grpc")?;
        ensure!(record.status() == Some(200), "the status of HTTP is always 200: {record}");
        if answer.code == "UNIMPLEMENTED" {
            continue;
        }
        let call = logged.next().context("the server has logged fewer calls")?;
        ensure!(call.method == answer.method, "{call:?} logged, {answer:?} answered");
        counted(record, call)?;
    }
    Ok(())
}

fn outcome(call: &Call) -> String {
    let number = NUMBERS.iter().find(|(name, _)| *name == call.code).map_or(99, |(_, number)| *number);
    format!("{} {} {} {number}", call.service, call.method, call.code)
}

fn recorded(record: &Record) -> String {
    let text = |key: &str| record.text(key).unwrap_or("-").to_owned();
    let number = record.number("/rpc/grpc/status_code").map_or(-1, u64::cast_signed);
    let code = text("/rpc/response/status_code");
    format!("{} {} {code} {number}", text("/rpc/service"), text("/rpc/method"))
}

/// By stream: the client makes one call after another.
fn in_order<'r>(records: &[&'r Record]) -> Vec<&'r Record> {
    let by_stream: BTreeMap<_, _> =
        records.iter().map(|record| (record.stream(), *record)).collect();
    by_stream.into_values().collect()
}

/// Every message has 5 bytes in front; compressed ones are shorter than what the server has counted.
fn counted(record: &Record, call: &Call) -> Result<()> {
    let (requests, request_bytes) = call.requests.unwrap_or_default();
    let (responses, response_bytes) = call.responses;
    let ways = [("request", requests, request_bytes), ("response", responses, response_bytes)];
    for (way, messages, bytes) in ways {
        let of = |what: &str| number(record, &format!("/earwitness/messages/{way}/{what}"));
        let came = of("messages")?;
        ensure!(came == messages, "{way}: {messages} messages, {came} came: {record}");
        let (came, expected) = (of("bytes")?, bytes + PREFIX_BYTES * messages);
        let is_compressed = came < expected && record.number("/http/request/body/size") < Some(1000);
        ensure!(came == expected || is_compressed, "{way}: {expected} bytes, {came} came: {record}");
    }
    Ok(())
}

/// What each name stands for, of those that are in the test.
const NUMBERS: [(&str, u64); 3] = [("OK", 0), ("NOT_FOUND", 5), ("UNIMPLEMENTED", 12)];
const PREFIX_BYTES: u64 = 5;
const CLIENT_SECONDS: u64 = 60;
