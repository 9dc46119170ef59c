//! HTTP/2 of nginx, in the clear and over TLS, with its access log as ground truth.

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::{curl, h2load, named, nghttp, trust};
use live_tests::compare;
use live_tests::host;
use live_tests::process;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::text;
use live_tests::servers::log::Entry;
use live_tests::servers::nginx::{Nginx, Options};

use super::whole_on_streams;

crate::tests![
    prior_knowledge,
    prior_knowledge_of_curl,
    by_alpn,
    several_at_a_time,
    large_download,
    large_download_over_tls,
    compressed,
    head,
    reverse_proxy,
    server_alone_is_watched,
    client_alone_is_watched,
    client_alone_is_watched_over_tls,
    load_in_the_clear,
    load_over_tls,
];

fn prior_knowledge(scene: &Scene) -> Result<()> {
    let (ended, _) = asked(scene, None, &[], &PATHS)?;
    for record in ended.exchanges() {
        record.must_be("/url/scheme", "http")?;
        record.must_be("/capture/attribution", "socket")?;
    }
    Ok(())
}

fn by_alpn(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let (ended, _) = asked(scene, Some(&certificates), &[], &PATHS)?;
    for record in ended.exchanges() {
        record.must_be("/url/scheme", "https")?;
        record.must_be("/tls/library", "openssl")?;
        record.must_be("/capture/attribution", "syscall")?;
    }
    Ok(())
}

/// A connection each: Debian 12's curl asks only once over one that is not encrypted.
fn prior_knowledge_of_curl(scene: &Scene) -> Result<()> {
    let nginx = start(scene, None)?;
    let agent = scene.agent().port(nginx.port).start()?;
    let mut answers = Vec::new();
    for path in PATHS {
        answers.extend(curl(&["--http2-prior-knowledge", &nginx.url(path)])?);
    }
    let ended = agent.finish(PATHS.len())?;
    let log = nginx.stop()?;
    compare::both_ends_in_any_order(&answers, &log)?;
    whole_on_streams(&ended.exchanges())?;
    compare::in_any_order(&ended.exchanges(), &log)?;
    ended.lost_nothing()
}

/// All of them over one connection before there is an answer.
fn several_at_a_time(scene: &Scene) -> Result<()> {
    scene.file("www/file", text(400_000))?;
    let paths = ["/file", "/small", "/file?2", "/text", "/file?3", "/missing"];
    asked(scene, None, &[], &paths)?;
    asked(scene, Some(&Certificates::new(scene)?), &["--parallel"], &paths)?;
    Ok(())
}

fn large_download(scene: &Scene) -> Result<()> {
    scene.file("www/file", text(LARGE_BYTES))?;
    let (ended, _) = asked(scene, None, &[], &["/file", "/small", "/file?again"])?;
    ended.took_at_most(RSS_BYTES)
}

fn large_download_over_tls(scene: &Scene) -> Result<()> {
    scene.file("www/file", text(LARGE_BYTES))?;
    let certificates = Certificates::new(scene)?;
    let paths = ["/file", "/small", "/file?again"];
    let (ended, _) = asked(scene, Some(&certificates), &[], &paths)?;
    ended.took_at_most(RSS_BYTES)
}

fn compressed(scene: &Scene) -> Result<()> {
    scene.file("www/page", text(300_000))?;
    let header = ["--header", "Accept-Encoding: gzip"];
    let certificates = Certificates::new(scene)?;
    let (ended, _) = asked(scene, Some(&certificates), &header, &["/gzip/page", "/gzip/small"])?;
    for record in ended.exchanges() {
        record.must_be("/http/response/body/encoding", "gzip")?;
    }
    Ok(())
}

/// The answer tells a length and has no content.
fn head(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let paths = ["/small", "/missing", "/small?2"];
    let (ended, _) = asked(scene, Some(&certificates), &["--head"], &paths)?;
    let methods: Vec<_> = ended.exchanges().iter().map(|record| record.method()).collect();
    ensure!(methods == ["HEAD"; 3], "HEAD expected, {methods:?} came");
    Ok(())
}

/// An upload over HTTP/2 in front, HTTP/1.1 behind: two exchanges for each request.
fn reverse_proxy(scene: &Scene) -> Result<()> {
    let back = Nginx::start(scene, &Options::default())?;
    let server =
        format!("location /inner/ {{ proxy_pass {}; proxy_http_version 1.1; }}", back.url("/"));
    let certificates = Certificates::new(scene)?;
    let tls = Some(certificates.clone());
    let front = Nginx::start(scene, &Options { tls, http2: true, server, ..Options::default() })?;
    let agent = scene.agent().port(front.port).port(back.port).start()?;
    let data = format!("@{}", scene.file("upload", text(UPLOAD_BYTES))?.display());
    let more = ["--data", &data];
    let answers = fetch(&front, Some(&certificates), &more, &["/inner/text", "/inner/text?2"])?;
    let ended = agent.finish(4)?;
    let port = front.port;
    let (outer, inner) = (front.stop()?, back.stop()?);
    compare::both_ends(&answers, &outer)?;
    let is_front = |record: &&Record| record.number("/server/port") == Some(port.into());
    let (before, behind): (Vec<_>, _) = ended.exchanges().into_iter().partition(is_front);
    whole_on_streams(&before)?;
    compare::in_any_order(&before, &outer)?;
    // nginx counts no content that it throws away.
    let inner: Vec<_> =
        inner.into_iter().map(|entry| Entry { request_bytes: None, ..entry }).collect();
    compare::in_any_order(&behind, &inner)?;
    for record in ended.exchanges() {
        let size = record.number("/http/request/body/size");
        ensure!(size == Some(UPLOAD_BYTES as u64), "the request has {size:?} bytes: {record}");
    }
    ended.lost_nothing()
}

fn server_alone_is_watched(scene: &Scene) -> Result<()> {
    for tls in [false, true] {
        let certificates = tls.then(|| Certificates::new(scene)).transpose()?;
        let client = if tls { "curl" } else { "nghttp" };
        one_end(scene, certificates.as_ref(), client, "server")?;
    }
    Ok(())
}

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    one_end(scene, None, "nginx", "client")
}

fn client_alone_is_watched_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    one_end(scene, Some(&certificates), "nginx", "client")
}

/// One program is left out, the other end is watched.
fn one_end(
    scene: &Scene,
    certificates: Option<&Certificates>,
    left_out: &str,
    side: &str,
) -> Result<()> {
    let nginx = start(scene, certificates)?;
    let config = format!(
        "[capture]\ninclude = [{{ port = {} }}]\nexclude = [{{ executable = {:?} }}]\n",
        nginx.port,
        process::find(left_out)?
    );
    let data = scene.path(&format!("data-{}", nginx.port));
    let agent = scene.agent().data_dir(data).config(&config)?.start()?;
    let answers = fetch(&nginx, certificates, &[], &PATHS)?;
    let ended = agent.finish(PATHS.len())?;
    let mut log = nginx.stop()?;
    agree(&answers, &log)?;
    for entry in &mut log {
        // Who watches one end may not know the other's process, nor the handshake.
        (entry.pid, entry.tls) = (entry.pid.filter(|_| side == "server"), None);
    }
    whole_on_streams(&ended.exchanges())?;
    compare::in_any_order(&ended.exchanges(), &log)?;
    for record in ended.exchanges() {
        record.must_be("/observer/side", side)?;
    }
    ended.lost_nothing()
}

fn load_in_the_clear(scene: &Scene) -> Result<()> {
    loaded(scene, None)
}

fn load_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    loaded(scene, Some(&certificates))
}

/// As many exchanges as nginx has logged, each with its stream, its status and its sizes.
fn loaded(scene: &Scene, certificates: Option<&Certificates>) -> Result<()> {
    let nginx = start(scene, certificates)?;
    let agent = scene.agent().port(nginx.port).start()?;
    let requests = host::amount(REQUESTS);
    let succeeded = h2load(&nginx.url("/text"), requests, 4, 50)?;
    ensure!(succeeded == requests, "{succeeded} of {requests} requests succeeded");
    let ended = agent.finish(requests)?;
    let log = nginx.stop()?;
    ensure!(log.len() == requests, "nginx has logged {} of {requests}", log.len());
    whole_on_streams(&ended.exchanges())?;
    compare::in_any_order(&ended.exchanges(), &log)?;
    ended.lost_nothing()
}

/// Asks nginx for each path over one connection, and compares the records with both ends.
fn asked(
    scene: &Scene,
    certificates: Option<&Certificates>,
    more: &[&str],
    paths: &[&str],
) -> Result<(Ended, u16)> {
    let nginx = start(scene, certificates)?;
    let data = scene.path(&format!("data-{}", nginx.port));
    let agent = scene.agent().data_dir(data).port(nginx.port).start()?;
    let answers = fetch(&nginx, certificates, more, paths)?;
    let ended = agent.finish(paths.len())?;
    let port = nginx.port;
    let log = nginx.stop()?;
    agree(&answers, &log)?;
    whole_on_streams(&ended.exchanges())?;
    compare::in_any_order(&ended.exchanges(), &log)?;
    ended.lost_nothing()?;
    Ok((ended, port))
}

/// nghttp tells streams, and no port.
fn agree(answers: &[Entry], log: &[Entry]) -> Result<()> {
    if answers.iter().all(|entry| entry.port != 0) {
        return compare::both_ends_in_any_order(answers, log);
    }
    let line = |entry: &Entry| format!("{:?} {} {}", entry.stream, entry.target, entry.status);
    compare::same(log.iter().map(line).collect(), answers.iter().map(line).collect())
}

/// Over one connection of HTTP/2: by nghttp in the clear, else by curl.
fn fetch(
    nginx: &Nginx,
    certificates: Option<&Certificates>,
    more: &[&str],
    paths: &[&str],
) -> Result<Vec<Entry>> {
    let answers = match certificates {
        Some(certificates) => {
            let urls: Vec<_> = paths.iter().map(|path| named(nginx.port, path)).collect();
            let trust = [trust(certificates), vec!["--http2".to_owned()]].concat();
            let words = trust.iter().map(String::as_str).chain(more.iter().copied());
            curl(&words.chain(urls.iter().map(String::as_str)).collect::<Vec<_>>())?
        }
        None => {
            let urls: Vec<_> = paths.iter().map(|path| nginx.url(path)).collect();
            let words = more.iter().copied().chain(["--no-dep"]);
            nghttp(&words.chain(urls.iter().map(String::as_str)).collect::<Vec<_>>())?
        }
    };
    let ports: Vec<_> = answers.iter().map(|entry| entry.port).collect();
    ensure!(ports.len() == paths.len(), "{} answers to {paths:?}", ports.len());
    ensure!(ports.windows(2).all(|pair| pair.first() == pair.last()), "not one: {ports:?}");
    Ok(answers)
}

fn start(scene: &Scene, certificates: Option<&Certificates>) -> Result<Nginx> {
    let tls = certificates.cloned();
    Nginx::start(scene, &Options { tls, http2: true, ..Options::default() })
}

const PATHS: [&str; 7] =
    ["/small", "/text?page=2&sort=a", "/missing", "/empty", "/redirect", "/fault", "/small?x"];
const LARGE_BYTES: usize = 3_000_000;
const UPLOAD_BYTES: usize = 700_000;
const RSS_BYTES: u64 = 128 << 20;
const REQUESTS: usize = 20_000;
