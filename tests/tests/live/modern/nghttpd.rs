//! HTTP/2 of nghttpd, which tells every frame: trailers, promises, uploads, streams that end early.

use anyhow::{Result, ensure};
use live_tests::certificates::Certificates;
use live_tests::clients::{curl, nghttp};
use live_tests::compare;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::text;
use live_tests::servers::nghttpd::{Nghttpd, Stream, Streams};

use super::whole_on_streams;

crate::tests![trailers, pushed, pushed_over_tls, upload, nghttp_many_streams, client_goes_away];

fn trailers(scene: &Scene) -> Result<()> {
    scene.file("www/file", text(100_000))?;
    let nghttpd = Nghttpd::start(scene, None, &["--trailer", "x-check: abc"])?;
    let agent = scene.agent().port(nghttpd.port).start()?;
    let urls = ["/small", "/file", "/missing"].map(|path| nghttpd.url(path));
    nghttp(&urls.each_ref().map(String::as_str))?;
    let ended = agent.finish(3)?;
    whole_on_streams(&ended.exchanges())?;
    as_logged(&ended.exchanges(), &nghttpd.streams(1)?)?;
    ended.lost_nothing()
}

fn pushed(scene: &Scene) -> Result<()> {
    promised(scene, None)
}

fn pushed_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    promised(scene, Some(&certificates))
}

/// The server sends two files that nobody has asked for.
fn promised(scene: &Scene, certificates: Option<&Certificates>) -> Result<()> {
    scene.file("www/style", text(50_000))?;
    scene.file("www/script", text(7))?;
    let nghttpd = Nghttpd::start(scene, certificates, &["--push", "/small=/style,/script"])?;
    let agent = scene.agent().port(nghttpd.port).start()?;
    let scheme = if certificates.is_some() { "https" } else { "http" };
    let address = format!("{scheme}://127.0.0.1:{}/small", nghttpd.port);
    nghttp(&["--no-dep", &address])?;
    let ended = agent.finish(3)?;
    let streams = nghttpd.streams(1)?;
    ensure!(streams.values().filter(|stream| stream.pushed).count() == 2, "pushed: {streams:?}");
    as_logged(&ended.exchanges(), &streams)?;
    for record in ended.exchanges() {
        let complete = record.flag("/capture/complete");
        ensure!(complete == Some(true), "not complete: {record}");
        record.must_be("/network/protocol/version", "2")?;
    }
    ended.lost_nothing()
}

fn upload(scene: &Scene) -> Result<()> {
    let nghttpd = Nghttpd::start(scene, None, &[])?;
    let agent = scene.agent().port(nghttpd.port).start()?;
    let data = format!("@{}", scene.file("upload", text(900_000))?.display());
    for path in ["/one", "/two"] {
        curl(&["--http2-prior-knowledge", "--data", &data, &nghttpd.url(path)])?;
    }
    let ended = agent.finish(2)?;
    whole_on_streams(&ended.exchanges())?;
    let streams = nghttpd.streams(2)?;
    as_logged(&ended.exchanges(), &streams)?;
    let received: Vec<_> = streams.values().map(|stream| stream.received_bytes).collect();
    ensure!(received == [900_000; 2], "nghttpd has received {received:?} bytes");
    ended.lost_nothing()
}

/// 100 requests at once, on streams that depend on each other, from 13 on.
fn nghttp_many_streams(scene: &Scene) -> Result<()> {
    scene.file("www/file", text(30_000))?;
    let nghttpd = Nghttpd::start(scene, None, &[])?;
    let agent = scene.agent().port(nghttpd.port).start()?;
    nghttp(&["--multiply", "100", &nghttpd.url("/file")])?;
    let ended = agent.finish(100)?;
    whole_on_streams(&ended.exchanges())?;
    let streams = nghttpd.streams(1)?;
    ensure!(streams.len() >= 100, "{} streams", streams.len());
    as_logged(&ended.exchanges(), &streams)?;
    ended.lost_nothing()
}

/// curl stops reading in the midst of it: what had come by then is told, and that it is not all.
fn client_goes_away(scene: &Scene) -> Result<()> {
    scene.file("www/file", text(20_000_000))?;
    let nghttpd = Nghttpd::start(scene, None, &[])?;
    let agent = scene.agent().port(nghttpd.port).start()?;
    curl(&["--http2-prior-knowledge", "--max-filesize", "1000", &nghttpd.url("/file")])?;
    let ended = agent.finish(1)?;
    let streams = nghttpd.streams(1)?;
    let record = ended.only_exchange()?;
    ensure!(record.flag("/capture/complete") == Some(false), "complete: {record}");
    ensure!(record.status() == Some(200), "the head had come: {record}");
    let sent: u64 = streams.values().map(|stream| stream.sent_bytes).sum();
    let body = record.body_bytes();
    ensure!(body <= sent && sent < 20_000_000, "{sent} bytes sent, {body} recorded: {record}");
    let end = record.text("/earwitness/end/response");
    ensure!(matches!(end, Some("truncated" | "reset")), "it ended by {end:?}: {record}");
    Ok(())
}

/// Fails unless the records are those of the streams.
fn as_logged(records: &[&Record], streams: &Streams) -> Result<()> {
    // Streams that nothing was asked on are there for their priority only.
    let is_asked = |stream: &&Stream| !stream.path.is_empty();
    let expected =
        streams.iter().filter(|(_, stream)| is_asked(stream)).map(|((_, id), stream)| {
            let Stream { method, path, status, received_bytes, sent_bytes, pushed, .. } = stream;
            format!("{id}: {method} {path} {status} {received_bytes} {sent_bytes} {pushed}")
        });
    let came = records.iter().map(|record| {
        let received = record.number("/http/request/body/size").unwrap_or(0);
        let pushed = record.flag("/earwitness/http2/pushed").unwrap_or(false);
        let (id, status) = (record.stream(), record.status().unwrap_or(0));
        let (method, target) = (record.method(), record.target());
        format!("{id}: {method} {target} {status} {received} {} {pushed}", record.body_bytes())
    });
    compare::same(expected.collect(), came.collect())
}
