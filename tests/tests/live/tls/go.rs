//! Go, which has a library of its own in every program and moves calls from thread to thread.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use live_tests::certificates::{Certificates, NAME};
use live_tests::clients::Held;
use live_tests::compare;
use live_tests::process;
use live_tests::scene::Scene;
use live_tests::servers::app::{App, Mode};
use live_tests::servers::go::{self, Build};
use live_tests::servers::log::Entry;

use super::{Seen, curl_answers, told};

crate::tests![
    plain_server,
    stripped_server,
    position_independent_server,
    client_and_server,
    many_connections_at_a_time,
    client_alone_is_watched,
    stripped_client_alone_is_watched,
];

fn plain_server(scene: &Scene) -> Result<()> {
    served(scene, Build::Plain)
}

/// What its functions are called is told by a table that is needed at run time.
fn stripped_server(scene: &Scene) -> Result<()> {
    served(scene, Build::Stripped)
}

fn position_independent_server(scene: &Scene) -> Result<()> {
    served(scene, Build::Pie)
}

fn served(scene: &Scene, how: Build) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let program = go::build(scene, how)?;
    let app = go::start(scene, &program, &certificates)?;
    let agent = scene.agent().port(app.port).start()?;
    let paths = ["/length/5", "/chunked/250000", "/none", "/length/1000000", "/length/0"];
    let answers = curl_answers(app.port, &certificates, &[], &paths)?;
    let log = app.log(paths.len())?;
    compare::both_ends(&answers, &log)?;
    let ended = agent.finish(paths.len())?;
    let path = program.to_string_lossy();
    Seen { library: "go", ..Seen::openssl(app.port, "curl", &path) }.check(&ended, &log)
}

fn client_and_server(scene: &Scene) -> Result<()> {
    asked(scene, Build::Plain, 1)
}

/// More connections than threads, so that calls begin on one thread and end on another.
fn many_connections_at_a_time(scene: &Scene) -> Result<()> {
    asked(scene, Build::Stripped, 50)
}

fn asked(scene: &Scene, how: Build, connections: usize) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let program = go::build(scene, how)?;
    let app = go::start(scene, &program, &certificates)?;
    let agent = scene.agent().port(app.port).start()?;
    let mut client = client(&program, &app, &certificates, connections);
    let printed = process::run(&mut client, 30)?.good()?;
    let log = agreed(&app, &printed, connections)?;
    let ended = agent.finish(log.len())?;
    let path = program.to_string_lossy();
    Seen { library: "go", ..Seen::openssl(app.port, &path, &path) }.check(&ended, &log)
}

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    watched(scene, Build::Plain)
}

fn stripped_client_alone_is_watched(scene: &Scene) -> Result<()> {
    watched(scene, Build::Stripped)
}

/// A client in Go of a server in Python.
fn watched(scene: &Scene, how: Build) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let program = go::build(scene, how)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    let held = Held::new(scene, &client(&program, &app, &certificates, 3))?;
    // What nobody has run yet is probed a moment too late for its first exchange.
    let _known = go::start(scene, &program, &certificates)?;
    let agent = scene.agent().pid(held.pid()).start()?;
    let log = agreed(&app, &held.go()?, 3)?;
    let ended = agent.finish(log.len())?;
    let path = program.to_string_lossy();
    let seen = Seen::openssl(app.port, &path, "python3");
    Seen { library: "go", side: "client", server: None, ..seen }.check(&ended, &told(log))
}

/// Three exchanges over each connection.
pub(super) fn client(
    program: &Path,
    app: &App,
    certificates: &Certificates,
    connections: usize,
) -> Command {
    let mut command = Command::new(program);
    command.arg("ask").arg(app.port.to_string());
    command.args([&certificates.file("ca.pem"), NAME, &connections.to_string()]);
    command
}

/// What the server has logged, if the client says the same.
pub(super) fn agreed(app: &App, printed: &str, connections: usize) -> Result<Vec<Entry>> {
    let answers = printed.lines().map(Entry::parse).collect::<Result<Vec<_>>>()?;
    ensure!(answers.len() == 3 * connections, "the client says:\n{printed}");
    let log = app.log(answers.len())?;
    compare::both_ends(&answers, &log)?;
    Ok(log)
}
