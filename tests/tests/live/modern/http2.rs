//! HTTP/2 of Apache, Node, Go and Python: servers and clients, streams that are given up.

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::{Asker, curl, nghttp};
use live_tests::compare;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::text;
use live_tests::servers::apache;
use live_tests::servers::http2::Program;
use live_tests::servers::log::Entry;

use super::{finished_of, whole_on_streams};

crate::tests![
    apache_by_upgrade,
    apache_by_prior_knowledge,
    node_in_the_clear,
    node_over_tls,
    go_in_the_clear,
    go_over_tls,
    python_asks_node,
    python_asks_go_over_tls,
    node_client_alone_is_watched,
    go_client_alone_is_watched,
    client_gives_up,
    client_gives_up_over_tls,
    server_gives_up,
    trailers,
];

/// Each request comes as HTTP/1.1, the first of its connection, and is answered on stream 1.
fn apache_by_upgrade(scene: &Scene) -> Result<()> {
    // More than Debian 12's curl has room for, behind the switch, makes it fail now and then.
    scene.file("www/file", text(20_000))?;
    let app = apache::start_h2c(scene)?;
    let agent = scene.agent().port(app.port).start()?;
    let mut answers = Vec::new();
    for path in PATHS {
        answers.extend(curl(&["--http2", &app.url(path)])?);
    }
    let ended = agent.finish(PATHS.len())?;
    // It logs each with status 101 as well.
    let log = app.log(2 * PATHS.len())?;
    let log: Vec<_> = log.into_iter().filter(|entry| entry.status != 101).collect();
    compare::both_ends_in_any_order(&answers, &log)?;
    as_apache_says(&ended, log)?;
    for record in ended.exchanges() {
        // The version is the request's.
        record.must_be("/network/protocol/version", "1.1")?;
        ensure!(record.flag("/capture/complete") == Some(true), "not complete: {record}");
        ensure!(record.stream() == 1, "not on the first stream: {record}");
        let interim = record.at("/earwitness/interim").map(ToString::to_string);
        ensure!(interim.as_deref() == Some("[101]"), "interim responses {interim:?}: {record}");
    }
    Ok(())
}

fn apache_by_prior_knowledge(scene: &Scene) -> Result<()> {
    scene.file("www/file", text(200_000))?;
    let app = apache::start_h2c(scene)?;
    let agent = scene.agent().port(app.port).start()?;
    let urls = PATHS.map(|path| app.url(path));
    let words = ["--no-dep"].into_iter().chain(urls.iter().map(String::as_str));
    let answers = nghttp(&words.collect::<Vec<_>>())?;
    ensure!(answers.len() == PATHS.len(), "{} answers", answers.len());
    let ended = agent.finish(PATHS.len())?;
    whole_on_streams(&ended.exchanges())?;
    as_apache_says(&ended, app.log(PATHS.len())?)
}

/// A thread of another process than the one that was asked may have written the answer.
fn as_apache_says(ended: &Ended, log: Vec<Entry>) -> Result<()> {
    let log: Vec<_> = log.into_iter().map(|entry| Entry { pid: None, ..entry }).collect();
    compare::in_any_order(&ended.exchanges(), &log)?;
    ended.lost_nothing()
}

fn node_in_the_clear(scene: &Scene) -> Result<()> {
    let node = Program::node(scene)?;
    conversation(scene, &node, &node, None)
}

fn node_over_tls(scene: &Scene) -> Result<()> {
    let node = Program::node(scene)?;
    conversation(scene, &node, &node, Some(&Certificates::new(scene)?))
}

fn go_in_the_clear(scene: &Scene) -> Result<()> {
    let go = Program::go(scene)?;
    conversation(scene, &go, &go, None)
}

fn go_over_tls(scene: &Scene) -> Result<()> {
    let go = Program::go(scene)?;
    conversation(scene, &go, &go, Some(&Certificates::new(scene)?))
}

fn python_asks_node(scene: &Scene) -> Result<()> {
    conversation(scene, &Program::python(scene)?, &Program::node(scene)?, None)
}

fn python_asks_go_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    conversation(scene, &Program::python(scene)?, &Program::go(scene)?, Some(&certificates))
}

/// One after another and at the same time, over one connection.
fn conversation(
    scene: &Scene,
    client: &Program,
    server: &Program,
    certificates: Option<&Certificates>,
) -> Result<()> {
    let app = server.serve(scene, certificates)?;
    let agent = scene.agent().port(app.port).start()?;
    talk(&mut Asker::run(&mut client.client(app.port, certificates)?)?)?;
    let ended = agent.finish(EXCHANGES)?;
    let log = app.log(EXCHANGES)?;
    whole_on_streams(&ended.exchanges())?;
    compare::in_any_order(&ended.exchanges(), &log)?;
    let post = finished_of(&ended, "/upload")?;
    let size = post.number("/http/request/body/size");
    ensure!(size == Some(300_000), "the request has {size:?} bytes: {post}");
    for (end, program) in [("client", client), ("server", server)] {
        let executable = program.executable()?;
        for record in ended.exchanges() {
            let key = format!("/{end}/process/executable/path");
            record.must_be(&key, &executable.to_string_lossy())?;
        }
    }
    ended.lost_nothing()
}

fn talk(client: &mut Asker) -> Result<()> {
    let say = |client: &mut Asker, words: &str, expected: (u64, u64)| {
        let answer = client.ask(words)?;
        ensure!(answer == expected, "{words}: {expected:?} expected, {answer:?} came");
        Ok(())
    };
    say(client, "/length/5", (200, 5))?;
    say(client, "/length/100000 /chunked/30000 /length/7?x=1 /trailers/70", (200, 130_077))?;
    say(client, "post /upload 300000", (200, 6))?;
    say(client, "/none", (404, 0))
}

fn node_client_alone_is_watched(scene: &Scene) -> Result<()> {
    let node = Program::node(scene)?;
    client_alone(scene, &node, &Program::go(scene)?)
}

fn go_client_alone_is_watched(scene: &Scene) -> Result<()> {
    let go = Program::go(scene)?;
    client_alone(scene, &go, &Program::node(scene)?)
}

/// Over TLS; the server's program is left out.
fn client_alone(scene: &Scene, client: &Program, server: &Program) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = server.serve(scene, Some(&certificates))?;
    // What nobody has run yet is probed a moment too late for its first exchange.
    let _known = client.serve(scene, None)?;
    let executable = server.executable()?;
    let config = format!(
        "[capture]\ninclude = [{{ port = {} }}]\nexclude = [{{ executable = {executable:?} }}]\n",
        app.port
    );
    let agent = scene.agent().config(&config)?.start()?;
    talk(&mut Asker::run(&mut client.client(app.port, Some(&certificates))?)?)?;
    let ended = agent.finish(EXCHANGES)?;
    let strip = |entry: Entry| Entry { pid: None, tls: None, ..entry };
    // Both servers log to one file.
    let log: Vec<_> = app.log(EXCHANGES)?.into_iter().map(strip).collect();
    whole_on_streams(&ended.exchanges())?;
    compare::in_any_order(&ended.exchanges(), &log)?;
    for record in ended.exchanges() {
        record.must_be("/observer/side", "client")?;
    }
    ended.lost_nothing()
}

fn client_gives_up(scene: &Scene) -> Result<()> {
    for program in [Program::node(scene)?, Program::go(scene)?] {
        given_up(scene, &program, None)?;
    }
    Ok(())
}

fn client_gives_up_over_tls(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    for program in [Program::node(scene)?, Program::go(scene)?] {
        given_up(scene, &program, Some(&certificates))?;
    }
    Ok(())
}

/// Other exchanges of the connection go on.
fn given_up(scene: &Scene, client: &Program, certificates: Option<&Certificates>) -> Result<()> {
    let app = Program::node(scene)?.serve(scene, certificates)?;
    let data = scene.path(&format!("data-{}", app.port));
    let agent = scene.agent().data_dir(data).port(app.port).start()?;
    let mut asker = Asker::run(&mut client.client(app.port, certificates)?)?;
    asker.ask("/length/5")?;
    let (status, size) = asker.ask("cancel /slow")?;
    ensure!(status == 200 && size > 0, "the client says {status} {size}");
    asker.ask("/length/6")?;
    drop(asker);
    let ended = agent.finish(3)?;
    let record = finished_of(&ended, "/slow")?;
    reset(record, 8, "CANCEL", "client")?;
    record.must_be("/earwitness/end/response", "reset")?;
    ensure!(record.status() == Some(200), "the head had come: {record}");
    let body = record.body_bytes();
    ensure!(body >= size, "the client had {size} bytes: {record}");
    let others = ended.exchanges().into_iter().filter(|record| record.target() != "/slow");
    let others: Vec<_> = others.collect();
    whole_on_streams(&others)?;
    ensure!(others.len() == 2, "{} other exchanges", others.len());
    ended.lost_nothing()
}

fn server_gives_up(scene: &Scene) -> Result<()> {
    let node = Program::node(scene)?;
    let app = node.serve(scene, None)?;
    let agent = scene.agent().port(app.port).start()?;
    let mut asker = Asker::run(&mut node.client(app.port, None)?)?;
    for words in ["/abort", "/length/5", "/reset/11"] {
        asker.ask(words)?;
    }
    drop(asker);
    let ended = agent.finish(3)?;
    let abort = finished_of(&ended, "/abort")?;
    reset(abort, 2, "INTERNAL_ERROR", "server")?;
    abort.must_be("/earwitness/end/response", "reset")?;
    ensure!(abort.body_bytes() == 1, "a byte had come: {abort}");
    let none = finished_of(&ended, "/reset/11")?;
    reset(none, 11, "ENHANCE_YOUR_CALM", "server")?;
    ensure!(none.at("/http/response").is_none(), "there was no response: {none}");
    whole_on_streams(&[finished_of(&ended, "/length/5")?])?;
    ended.lost_nothing()
}

fn reset(record: &Record, code: u64, name: &str, by: &str) -> Result<()> {
    let told = record.number("/earwitness/http2/reset/error_code");
    ensure!(told == Some(code), "error code {told:?}: {record}");
    record.must_be("/earwitness/http2/reset/error", name)?;
    record.must_be("/earwitness/http2/reset/by", by)?;
    record.must_be("/earwitness/http2/reset/frame", "rst_stream")?;
    ensure!(record.flag("/capture/complete") == Some(false), "complete: {record}");
    Ok(())
}

/// A field block behind the content belongs to the message, and not to the next.
fn trailers(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let go = Program::go(scene)?;
    let app = go.serve(scene, Some(&certificates))?;
    let agent = scene.agent().port(app.port).start()?;
    let mut asker = Asker::run(&mut go.client(app.port, Some(&certificates))?)?;
    for words in ["/trailers/0", "/trailers/50000", "/length/5", "/trailers/1"] {
        asker.ask(words)?;
    }
    drop(asker);
    let ended = agent.finish(4)?;
    whole_on_streams(&ended.exchanges())?;
    compare::in_any_order(&ended.exchanges(), &app.log(4)?)?;
    ended.lost_nothing()
}

const EXCHANGES: usize = 7;
const PATHS: [&str; 4] = ["/small", "/file", "/missing", "/file?2"];
