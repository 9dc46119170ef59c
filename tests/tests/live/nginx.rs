//! nginx as a web server, with its access log as ground truth.

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::clients::curl;
use live_tests::compare;
use live_tests::scene::Scene;
use live_tests::script::{get, text};
use live_tests::servers::nginx::{Nginx, Options};
use live_tests::wire::End;

crate::tests![
    keep_alive_matches_access_log,
    content_is_seen_without_sendfile,
    sendfile_is_a_gap_with_the_right_length,
    large_and_small_by_turns,
    errors_and_redirects,
    responses_without_content,
    chunked_responses,
    large_download,
    large_download_by_sendfile,
    any_method_token,
    target_of_60_kib_is_uncut,
    pipelined_in_one_segment,
    slow_single_bytes,
];

/// Several URLs over one connection of curl.
fn keep_alive_matches_access_log(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let urls = ["/small", "/text?page=2&sort=a", "/small?x", "/text"].map(|path| nginx.url(path));
    let answers = curl(&urls.each_ref().map(String::as_str))?;
    let ports: Vec<_> = answers.iter().map(|entry| entry.port).collect();
    ensure!(ports.windows(2).all(|pair| pair.first() == pair.last()), "not kept alive: {ports:?}");
    let ended = agent.finish(4)?;
    compare::with_log(&ended.exchanges(), &answers)?;
    compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
    ended.lost_nothing()
}

fn content_is_seen_without_sendfile(scene: &Scene) -> Result<()> {
    let ended = one_file(scene, false, 20_000)?;
    let record = ended.only_exchange()?;
    let gaps = record.response_gaps();
    ensure!(!gaps.contains(&"sendfile"), "a gap by sendfile, which is off: {record}");
    Ok(())
}

fn sendfile_is_a_gap_with_the_right_length(scene: &Scene) -> Result<()> {
    let ended = one_file(scene, true, 100_000)?;
    let record = ended.only_exchange()?;
    ensure!(record.response_gaps() == ["sendfile"], "no gap by sendfile alone: {record}");
    let missing = record.number("/capture/response/gaps/0/bytes");
    ensure!(missing == Some(100_000), "the gap is not as long as the file: {record}");
    ensure!(record.flag("/capture/complete") == Some(false), "complete with a gap: {record}");
    Ok(())
}

/// A large file whose length the head tells costs the agent at most its turn budget and is counted to the byte.
fn large_download(scene: &Scene) -> Result<()> {
    let ended = one_file(scene, false, LARGE_BYTES)?;
    let record = ended.only_exchange()?;
    let captured = record.number("/capture/response/captured_bytes").unwrap_or(0);
    ensure!(captured <= 4 << 20, "{captured} bytes of a counted body were copied: {record}");
    Ok(())
}

fn large_download_by_sendfile(scene: &Scene) -> Result<()> {
    one_file(scene, true, LARGE_BYTES)?;
    Ok(())
}

/// What was left out of one message does not shift the next, on one connection.
fn large_and_small_by_turns(scene: &Scene) -> Result<()> {
    scene.file("www/file", text(3_000_000))?;
    for sendfile in [false, true] {
        let nginx = Nginx::start(scene, &Options { sendfile, ..Options::default() })?;
        let agent = scene.agent().port(nginx.port).start()?;
        let urls = ["/file", "/small", "/file?2", "/file?3", "/text", "/file?4", "/missing"];
        let urls = urls.map(|path| nginx.url(path));
        let answers = curl(&urls.each_ref().map(String::as_str))?;
        let ended = agent.finish(urls.len())?;
        compare::with_log(&ended.exchanges(), &answers)?;
        compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
        ended.lost_nothing()?;
    }
    Ok(())
}

/// One file by curl; size and status are checked against both ends.
fn one_file(scene: &Scene, sendfile: bool, bytes: usize) -> Result<Ended> {
    scene.file("www/file", text(bytes))?;
    let nginx = Nginx::start(scene, &Options { sendfile, ..Options::default() })?;
    let agent = scene.agent().port(nginx.port).start()?;
    let answers = curl(&[&nginx.url("/file")])?;
    let ended = agent.finish(1)?;
    ended.took_at_most(RSS_BYTES)?;
    compare::exchanges(&ended.exchanges(), &[&format!("GET /file 200 {bytes}")])?;
    compare::with_log(&ended.exchanges(), &answers)?;
    compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
    ended.lost_nothing()?;
    Ok(ended)
}

fn errors_and_redirects(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let urls = ["/missing", "/fault", "/redirect"].map(|path| nginx.url(path));
    curl(&urls.each_ref().map(String::as_str))?;
    let ended = agent.finish(3)?;
    compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
    let outcomes: Vec<_> =
        ended.exchanges().iter().filter_map(|record| record.text("/event/outcome")).collect();
    ensure!(outcomes == ["failure", "failure", "success"], "outcomes: {outcomes:?}");
    ended.lost_nothing()
}

/// HEAD, 204 and 304 tell a length or none and send nothing; what follows them is still in step.
fn responses_without_content(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let client = End::connect(nginx.port)?;
    let unchanged = "GET /small HTTP/1.1\r\nHost: t\r\nIf-Modified-Since: ";
    let unchanged = format!("{unchanged}{FAR_FUTURE}\r\n\r\n");
    for request in [&unchanged, &get("/empty"), &unchanged, &get("/text")] {
        client.send(request)?;
        client.receive_response()?;
    }
    client.send("HEAD /small HTTP/1.1\r\nHost: t\r\n\r\n")?;
    client.receive_head()?;
    client.send(get("/small?last"))?;
    client.receive_response()?;
    drop(client);
    let ended = agent.finish(6)?;
    let expected = [
        "GET /small 304 0",
        "GET /empty 204 0",
        "GET /small 304 0",
        "GET /text 200 10",
        "HEAD /small 200 0",
        "GET /small?last 200 6",
    ];
    compare::exchanges(&ended.exchanges(), &expected)?;
    compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
    ended.lost_nothing()
}

/// nginx compresses as it sends, so it cannot know the length before.
fn chunked_responses(scene: &Scene) -> Result<()> {
    scene.file("www/page", text(300_000))?;
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let urls = ["/gzip/page", "/gzip/small", "/gzip/page?again"].map(|path| nginx.url(path));
    let mut arguments = vec!["--header", "Accept-Encoding: gzip"];
    arguments.extend(urls.each_ref().map(String::as_str));
    let answers = curl(&arguments)?;
    let ended = agent.finish(3)?;
    compare::with_log(&ended.exchanges(), &answers)?;
    compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
    for record in ended.exchanges() {
        let coding = record.text("/http/response/body/encoding");
        ensure!(coding == Some("gzip"), "content coding is {coding:?}: {record}");
    }
    ended.lost_nothing()
}

fn any_method_token(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    for method in METHODS {
        curl(&["--request", method, &nginx.url("/text")])?;
    }
    let ended = agent.finish(METHODS.len())?;
    compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
    let methods: Vec<_> = ended.exchanges().iter().map(|record| record.method()).collect();
    ensure!(methods == METHODS, "{METHODS:?} expected, {methods:?} came");
    ended.lost_nothing()
}

fn target_of_60_kib_is_uncut(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let target = format!("/{}end", "long/way/".repeat(6_900));
    ensure!(target.len() > 60 * 1024, "the target has {} bytes only", target.len());
    let client = End::connect(nginx.port)?;
    client.send(get(&target))?;
    client.receive_response()?;
    client.send(get("/text"))?;
    client.receive_response()?;
    drop(client);
    let ended = agent.finish(2)?;
    compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
    ended.lost_nothing()
}

fn pipelined_in_one_segment(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let client = End::connect(nginx.port)?;
    let targets: Vec<_> = (0..10).map(|number| format!("/text?number={number}")).collect();
    client.send(targets.iter().map(|target| get(target)).collect::<String>())?;
    for _ in &targets {
        client.receive_response()?;
    }
    drop(client);
    let ended = agent.finish(10)?;
    let expected: Vec<_> = targets.iter().map(|target| format!("GET {target} 200 10")).collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    compare::exchanges(&ended.exchanges(), &expected)?;
    compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
    ended.lost_nothing()
}

/// A segment a byte, with a pause after each.
fn slow_single_bytes(scene: &Scene) -> Result<()> {
    let nginx = Nginx::start(scene, &Options::default())?;
    let agent = scene.agent().port(nginx.port).start()?;
    let client = End::connect(nginx.port)?;
    for target in ["/text?slow=1", "/text?slow=2"] {
        for byte in get(target).bytes() {
            client.send([byte])?;
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        client.receive_response()?;
    }
    drop(client);
    let ended = agent.finish(2)?;
    compare::with_log(&ended.exchanges(), &nginx.stop()?)?;
    ended.lost_nothing()
}

const LARGE_BYTES: usize = 20_000_000;
const RSS_BYTES: u64 = 128 << 20;
const METHODS: [&str; 6] = ["PROPFIND", "PURGE", "QUERY", "DELETE", "OPTIONS", "EAR_WITNESS"];
const FAR_FUTURE: &str = "Fri, 01 Jan 2038 00:00:00 GMT";
