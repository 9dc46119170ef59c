//! TLS that cannot be read: what is not seen is told, with the ends and the name that were asked for.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::{Certificates, NAME};
use live_tests::clients::Held;
use live_tests::compare;
use live_tests::process;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::servers::app::{App, Mode};
use live_tests::servers::java;
use live_tests::servers::log::Entry;

use super::{Seen, curl_answers};

crate::tests![client_alone_is_watched, neither_end_is_read, server_is_read_from_its_client];

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = App::python_tls(scene, Mode::Thread, &certificates)?;
    let held = Held::new(scene, &java::client(scene, app.port, &certificates)?)?;
    let agent = scene.agent().pid(held.pid()).start()?;
    let answers = held.go()?;
    let answers = answers.lines().map(Entry::parse).collect::<Result<Vec<_>>>()?;
    compare::both_ends(&answers, &app.log(2)?)?;
    told(&agent.stop()?, app.port, &process::find("java")?)
}

fn neither_end_is_read(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = java::start(scene, &certificates)?;
    let agent = scene.agent().port(app.port).start()?;
    process::run(&mut java::client(scene, app.port, &certificates)?, 30)?.good()?;
    ensure!(app.log(2)?.len() == 2, "the server has not answered twice");
    told(&agent.stop()?, app.port, &process::find("java")?)
}

/// What one end can read is not lost.
fn server_is_read_from_its_client(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let app = java::start(scene, &certificates)?;
    let agent = scene.agent().port(app.port).start()?;
    let answers = curl_answers(app.port, &certificates, &[], &["/first", "/second?x=1"])?;
    let log = app.log(2)?;
    compare::both_ends(&answers, &log)?;
    let ended = agent.finish(2)?;
    let seen = Seen::openssl(app.port, "curl", "java");
    Seen { side: "client", server: None, ..seen }.check(&ended, &log)
}

/// Fails unless one connection of this program to this port is told as lost, and nothing is recorded.
pub(super) fn told(ended: &Ended, port: u16, program: &Path) -> Result<()> {
    let opaque = unread(ended, "opaque_tls", 1)?;
    let record = opaque.first().context("no loss by opaque_tls")?;
    of_server(record, port, program)
}

/// The losses for this reason, which must tell of so many connections while nothing is recorded.
pub(super) fn unread<'a>(
    ended: &'a Ended,
    reason: &str,
    connections: u64,
) -> Result<Vec<&'a Record>> {
    ensure!(ended.exchanges().is_empty(), "exchanges of what cannot be read");
    let mut losses = ended.losses();
    losses.retain(|record| record.reason() == Some(reason));
    let told: u64 = losses.iter().filter_map(|record| record.number("/loss/connections")).sum();
    ensure!(told == connections, "{told} of {connections} connections are told: {losses:?}");
    Ok(losses)
}

/// Fails unless a loss names this program, the server's port and the name that was asked for.
pub(super) fn of_server(record: &Record, port: u16, program: &Path) -> Result<()> {
    record.must_be("/loss/process/executable/path", &program.to_string_lossy())?;
    record.must_be("/tls/server_name", NAME)?;
    let told = record.number("/loss/server/port");
    ensure!(told == Some(port.into()), "the server's port is {port}: {record}");
    Ok(())
}
