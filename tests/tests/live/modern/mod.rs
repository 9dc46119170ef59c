//! What came after HTTP/1.1: HTTP/2, gRPC and gRPC-Web, and exchanges with messages in them: WebSocket and
//! server-sent events.
//!
//! In: servers' own logs, which are ground truth as elsewhere. Out: what all files here check alike.

mod grpc;
mod grpc_web;
mod http2;
mod late;
mod long;
mod nghttpd;
mod nginx;
mod websocket;

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::Ended;
use live_tests::record::Record;

/// Every test of these files.
pub fn tests() -> Vec<crate::Test> {
    let files = [
        nginx::tests(),
        nghttpd::tests(),
        http2::tests(),
        grpc::tests(),
        grpc_web::tests(),
        websocket::tests(),
        long::tests(),
        late::tests(),
    ];
    files.into_iter().flatten().collect()
}

/// Fails unless every record is of a whole exchange on a stream that the client has opened.
fn whole_on_streams(records: &[&Record]) -> Result<()> {
    for record in records {
        record.must_be("/network/protocol/version", "2")?;
        let is_whole = record.flag("/capture/complete") == Some(true);
        ensure!(is_whole, "not complete: {record}");
        ensure!(record.stream() % 2 == 1, "no stream of a client: {record}");
        ensure!(record.at("/earwitness/http2/reset").is_none(), "nobody gave it up: {record}");
    }
    Ok(())
}

/// The record of the exchange with this target that is over. Errors: there is not exactly one.
fn finished_of<'e>(ended: &'e Ended, target: &str) -> Result<&'e Record> {
    let mut records = ended.finished();
    records.retain(|record| record.target() == target);
    let [record] = records.as_slice() else {
        anyhow::bail!("{} exchanges of {target} are over:\n{}", records.len(), list(ended));
    };
    Ok(record)
}

/// The two records of an exchange that was told at its head and at its end.
fn told_twice<'e>(ended: &'e Ended, target: &str) -> Result<(&'e Record, &'e Record)> {
    let end = finished_of(ended, target)?;
    let is_head = |record: &&Record| record.is_open() && record.target() == target;
    let heads: Vec<_> = ended.records.iter().filter(is_head).collect();
    let [head] = heads.as_slice() else {
        anyhow::bail!("{} heads of {target}:\n{}", heads.len(), list(ended));
    };
    ensure!(end.exchange_seq() == Some(head.seq()?), "it ends another exchange: {end}");
    ensure!(head.exchange_seq().is_none(), "a head is the first record of its exchange: {head}");
    ensure!(head.status() == end.status(), "the status has changed: {head}\n{end}");
    Ok((head, end))
}

fn list(ended: &Ended) -> String {
    live_tests::agent::list(&ended.records)
}

/// A number that must be there, by JSON pointer.
fn number(record: &Record, pointer: &str) -> Result<u64> {
    record.number(pointer).with_context(|| format!("no {pointer}: {record}"))
}
