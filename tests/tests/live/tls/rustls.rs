//! rustls, which is linked into its programs, has no object that stays in its place, and knows no
//! sockets.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use live_tests::certificates::Certificates;
use live_tests::clients::Asker;
use live_tests::process;
use live_tests::scene::Scene;
use live_tests::script::text;
use live_tests::servers::log::Entry;
use live_tests::servers::rustls::{self, Kind};

use super::Seen;
use super::doctor::Users;
use super::opaque;
use super::program::Program;

crate::tests![
    server,
    fat_server,
    server_0_22,
    server_0_21,
    tokio_server,
    upload,
    upload_0_22,
    tls_1_2,
    client_and_server,
    client_and_server_0_22,
    client_and_server_0_21,
    tokio_client_and_server,
    client_alone_is_watched,
    client_0_21_alone_is_watched,
    connections_older_than_the_agent,
    doctor_names_it,
    stripped_one_is_told_as_lost,
];

fn server(scene: &Scene) -> Result<()> {
    program(Kind::V23)?.answers_curl(scene, &[], &PATHS).map(drop)
}

fn fat_server(scene: &Scene) -> Result<()> {
    program(Kind::V23Fat)?.answers_curl(scene, &[], &PATHS).map(drop)
}

fn server_0_22(scene: &Scene) -> Result<()> {
    program(Kind::V22)?.answers_curl(scene, &[], &PATHS).map(drop)
}

fn server_0_21(scene: &Scene) -> Result<()> {
    program(Kind::V21)?.answers_curl(scene, &[], &PATHS).map(drop)
}

fn tokio_server(scene: &Scene) -> Result<()> {
    program(Kind::Tokio)?.answers_curl(scene, &[], &PATHS).map(drop)
}

fn upload(scene: &Scene) -> Result<()> {
    uploaded(scene, Kind::V23)
}

fn upload_0_22(scene: &Scene) -> Result<()> {
    uploaded(scene, Kind::V22)
}

fn uploaded(scene: &Scene, kind: Kind) -> Result<()> {
    let data = format!("@{}", scene.file("upload", text(UPLOAD_BYTES))?.display());
    let more = ["--data-binary", &data];
    let ended = program(kind)?.answers_curl(scene, &more, &["/first", "/second?x=1"])?;
    for record in ended.exchanges() {
        let size = record.number("/http/request/body/size");
        ensure!(size == Some(UPLOAD_BYTES as u64), "the request has {size:?} bytes: {record}");
    }
    Ok(())
}

fn tls_1_2(scene: &Scene) -> Result<()> {
    let program = Program { version: "1.2", ..program(Kind::V23)? };
    program.answers_curl(scene, &["--tls-max", "1.2"], &PATHS).map(drop)
}

fn client_and_server(scene: &Scene) -> Result<()> {
    program(Kind::V23)?.asks_itself(scene, CONNECTIONS).map(drop)
}

fn client_and_server_0_22(scene: &Scene) -> Result<()> {
    program(Kind::V22)?.asks_itself(scene, CONNECTIONS).map(drop)
}

fn client_and_server_0_21(scene: &Scene) -> Result<()> {
    program(Kind::V21)?.asks_itself(scene, CONNECTIONS).map(drop)
}

/// Tasks go from thread to thread.
fn tokio_client_and_server(scene: &Scene) -> Result<()> {
    program(Kind::Tokio)?.asks_itself(scene, CONNECTIONS).map(drop)
}

fn client_alone_is_watched(scene: &Scene) -> Result<()> {
    program(Kind::V23)?.asks_python(scene, CONNECTIONS).map(drop)
}

fn client_0_21_alone_is_watched(scene: &Scene) -> Result<()> {
    program(Kind::V21)?.asks_python(scene, CONNECTIONS).map(drop)
}

/// Neither their handshakes nor their first exchanges were seen; what follows is, by turns.
fn connections_older_than_the_agent(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let program = program(Kind::V23)?;
    let app = (program.start)(scene, &program.path, &certificates)?;
    let host = format!("127.0.0.1:{}", app.port);
    let mut askers = Vec::new();
    for length in 1..=3 {
        let mut asker = Asker::start_tls(&host, &certificates)?;
        ensure!(asker.ask(&format!("/length/{length}?before"))? == (200, length), "no answer");
        askers.push(asker);
    }
    // Not the clients, which could tell of it as well.
    let agent = scene.agent().pid(app.pid()).start()?;
    for turn in 0..3 {
        for (number, asker) in (0..).zip(&mut askers) {
            let length = 100 + 30_000 * turn + number;
            let answer = asker.ask(&format!("/length/{length}?turn={turn}"))?;
            ensure!(answer == (200, length), "{answer:?} is the answer of {length} bytes");
        }
    }
    let log = app.log(4 * askers.len())?;
    let ended = agent.finish(3 * askers.len())?;
    let log = log.into_iter().skip(askers.len()).map(|entry| Entry { tls: None, ..entry });
    let server = program.path.to_string_lossy();
    let seen = program.seen(app.port, "python3", &server);
    Seen { handshake: false, client: None, ..seen }.check(&ended, &log.collect::<Vec<_>>())
}

fn doctor_names_it(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let program = rustls::find(Kind::V23)?;
    let stripped = rustls::stripped(scene, Kind::V23)?;
    let app = rustls::start(scene, &program, &certificates)?;
    let other = rustls::start(scene, &stripped, &certificates)?;
    let users = Users::told()?;
    users.must_have(app.pid(), &program, "rustls", "symbols")?;
    users.must_have(other.pid(), &stripped, "rustls", "opaque")
}

/// Both ends are: what one that is read tells is not lost.
fn stripped_one_is_told_as_lost(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let program = of(rustls::stripped(scene, Kind::V23)?);
    let app = rustls::start(scene, &program.path, &certificates)?;
    let agent = scene.agent().port(app.port).start()?;
    process::run(&mut program.client(&app, &certificates, 1), 30)?.good()?;
    ensure!(app.log(3)?.len() == 3, "the server has not answered three times");
    opaque::told(&agent.stop()?, app.port, &program.path)
}

fn program(kind: Kind) -> Result<Program> {
    rustls::find(kind).map(of)
}

fn of(path: PathBuf) -> Program {
    Program { path, library: "rustls", version: "1.3", start: rustls::start }
}

const PATHS: [&str; 5] =
    ["/length/5", "/chunked/250000", "/none", "/length/1000000", "/length/0?last"];
const UPLOAD_BYTES: usize = 700_000;
const CONNECTIONS: usize = 10;
