//! gRPC: calls of every kind, against what the server counts.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
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
    every_kind_of_call_over_tls,
    one_port_over_tls,
    client_alone_is_watched_over_tls,
];

fn every_kind_of_call(scene: &Scene) -> Result<()> {
    let server = Server::start(scene, None)?;
    let agent = scene.agent().port(server.port).start()?;
    let mut client = grpc::client(scene, server.port, None)?;
    let answers = grpc::calls(&process::run(&mut client, CLIENT_SECONDS)?.good()?)?;
    let ended = agent.finish(answers.len())?;
    as_told(&ended.exchanges(), &answers, &server)?;
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
    as_told(&ended.exchanges(), &answers, &server)?;
    for record in ended.exchanges() {
        record.must_be("/observer/side", "client")?;
    }
    ended.lost_nothing()
}

/// The library is BoringSSL without names of functions, above a buffer in memory: which socket it is for is
/// told by the ciphertext. So there is one record for each call, with both ends, and nothing is lost.
fn every_kind_of_call_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let server = Server::start(scene, Some(&certificates))?;
    let client = Held::new(scene, &grpc::client(scene, server.port, Some(&certificates))?)?;
    let pids = [("server", server.pid()), ("client", client.pid())];
    let agent = scene.agent().start()?;
    let answers = grpc::calls(&client.go()?)?;
    let ended = agent.finish(answers.len())?;
    let records = ended.exchanges_under("/demo.v1.Echo/");
    as_told(&records, &answers, &server)?;
    for record in &records {
        over_tls(record, server.port)?;
        record.must_be("/observer/side", "server")?;
        for (end, pid) in pids {
            let told = record.number(&format!("/{end}/process/pid"));
            ensure!(told == Some(pid.into()), "{end} is {pid}: {record}");
        }
    }
    // Others on this machine may lose something meanwhile.
    let is_ours = |record: &&&Record| {
        let pid = record.number("/loss/process/pid");
        pids.iter().any(|(_, ours)| pid == Some(u64::from(*ours)))
    };
    let losses = ended.losses();
    let lost: Vec<_> = losses.iter().filter(is_ours).map(ToString::to_string).collect();
    ensure!(lost.is_empty(), "nothing should be lost here, but:\n{}", lost.join("\n"));
    Ok(())
}

fn one_port_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let server = Server::start(scene, Some(&certificates))?;
    let agent = scene.agent().port(server.port).start()?;
    let mut client = grpc::client(scene, server.port, Some(&certificates))?;
    let answers = grpc::calls(&process::run(&mut client, CLIENT_SECONDS)?.good()?)?;
    let ended = agent.finish(answers.len())?;
    as_told(&ended.exchanges(), &answers, &server)?;
    ended.exchanges().iter().try_for_each(|record| over_tls(record, server.port))?;
    ended.lost_nothing()
}

fn client_alone_is_watched_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let server = Server::start(scene, Some(&certificates))?;
    let client = Held::new(scene, &grpc::client(scene, server.port, Some(&certificates))?)?;
    let agent = scene.agent().pid(client.pid()).start()?;
    let answers = grpc::calls(&client.go()?)?;
    let ended = agent.finish(answers.len())?;
    as_told(&ended.exchanges(), &answers, &server)?;
    for record in ended.exchanges() {
        over_tls(record, server.port)?;
        record.must_be("/observer/side", "client")?;
    }
    ended.lost_nothing()
}

fn over_tls(record: &Record, port: u16) -> Result<()> {
    record.must_be("/tls/library", "boringssl")?;
    record.must_be("/url/scheme", "https")?;
    record.must_be("/capture/attribution", "ciphertext")?;
    ensure!(record.number("/server/port") == Some(port.into()), "the port is {port}: {record}");
    Ok(())
}

/// Fails unless every call is recorded as both ends tell of it.
fn as_told(records: &[&Record], answers: &[Call], server: &Server) -> Result<()> {
    whole_on_streams(records)?;
    as_logged(&in_order(records), answers, server)
}

/// The same of records in the order of the calls, whatever carried them.
pub(super) fn as_logged(records: &[&Record], answers: &[Call], server: &Server) -> Result<()> {
    let of_the_server = answers.iter().filter(|call| call.code != "UNIMPLEMENTED");
    let calls = server.calls(of_the_server.count())?;
    let expected = answers.iter().map(outcome).collect();
    compare::same(expected, records.iter().map(|record| recorded(record)).collect())?;
    // The server has the same calls in the same order, less those of a method that is not there.
    let mut logged = calls.iter();
    for (record, answer) in records.iter().zip(answers) {
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

/// Service, method and status, as an end tells of them.
fn outcome(call: &Call) -> String {
    let number =
        NUMBERS.iter().find(|(name, _)| *name == call.code).map_or(99, |(_, number)| *number);
    format!("{} {} {} {number}", call.service, call.method, call.code)
}

/// The same, as a record does.
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
        let is_compressed =
            came < expected && record.number("/http/request/body/size") < Some(1000);
        ensure!(
            came == expected || is_compressed,
            "{way}: {expected} bytes, {came} came: {record}"
        );
    }
    Ok(())
}

/// What each name stands for, of those that are in the test.
const NUMBERS: [(&str, u64); 3] = [("OK", 0), ("NOT_FOUND", 5), ("UNIMPLEMENTED", 12)];
const PREFIX_BYTES: u64 = 5;
const CLIENT_SECONDS: u64 = 60;
