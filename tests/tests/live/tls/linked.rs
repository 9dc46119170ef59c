//! Libraries inside a program or a module of its own, with and without the names of their functions.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::Certificates;
use live_tests::clients::Asker;
use live_tests::curl_cffi;
use live_tests::process;
use live_tests::record::Record;
use live_tests::scene::Scene;
use live_tests::script::text;
use live_tests::servers::linked::{self, Link};
use live_tests::servers::nginx::{Nginx, Options};

use super::doctor::Users;
use super::program::Program;
use super::{Seen, told};

crate::tests![
    stripped_static_server,
    stripped_static_server_at_a_fixed_address,
    upload_to_stripped_static_server,
    stripped_static_client_and_server,
    stripped_static_client_alone_is_watched,
    doctor_finds_stripped_ones,
    static_boringssl_client,
    stripped_static_boringssl_client,
];

fn stripped_static_server(scene: &Scene) -> Result<()> {
    served(scene, Link::Movable, &[], &["/length/5", "/none", "/length/700000", "/length/0?last"])
}

fn stripped_static_server_at_a_fixed_address(scene: &Scene) -> Result<()> {
    served(scene, Link::Fixed, &[], &["/length/5", "/none", "/length/700000", "/length/0?last"])
}

fn upload_to_stripped_static_server(scene: &Scene) -> Result<()> {
    let data = format!("@{}", scene.file("upload", text(700_000))?.display());
    served(scene, Link::Movable, &["--data-binary", &data], &["/first", "/second?x=1"])
}

fn served(scene: &Scene, how: Link, more: &[&str], paths: &[&str]) -> Result<()> {
    let program = program(scene, how)?;
    let ended = program.answers_curl(scene, more, paths)?;
    found(&ended, &program.path, "signature")
}

/// Each from several threads at a time.
fn stripped_static_client_and_server(scene: &Scene) -> Result<()> {
    program(scene, Link::Movable)?.asks_itself(scene, CONNECTIONS).map(drop)
}

/// A server that nobody asks runs the same program, which is known by that.
fn stripped_static_client_alone_is_watched(scene: &Scene) -> Result<()> {
    let program = program(scene, Link::Movable)?;
    let ended = program.asks_python(scene, CONNECTIONS)?;
    found(&ended, &program.path, "signature")
}

fn program(scene: &Scene, how: Link) -> Result<Program> {
    let path = linked::build(scene, how)?;
    Ok(Program { path, library: "openssl", version: "1.3", start: linked::start })
}

fn doctor_finds_stripped_ones(scene: &Scene) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    let program = linked::build(scene, Link::Movable)?;
    let app = linked::start(scene, &program, &certificates)?;
    let stripped = curl_cffi::stripped_packages(scene)?;
    let mut asker = Asker::run(&mut curl_cffi::client(&stripped, app.port, &certificates)?)?;
    ensure!(asker.ask("ready")? == (0, 0), "the client is not ready");
    let users = Users::told()?;
    users.must_have(app.pid(), &program, "OpenSSL", "signature")?;
    users.must_have(asker.pid(), &process::find("python3")?, "BoringSSL", "signature")
}

fn static_boringssl_client(scene: &Scene) -> Result<()> {
    asked(scene, &curl_cffi::packages()?, "symbols")
}

fn stripped_static_boringssl_client(scene: &Scene) -> Result<()> {
    asked(scene, &curl_cffi::stripped_packages(scene)?, "signature")
}

/// Only the client is watched. It runs before the agent does.
fn asked(scene: &Scene, packages: &Path, how: &str) -> Result<()> {
    let certificates = Certificates::new(scene)?;
    scene.file("www/file", text(400_000))?;
    let tls = Some(certificates.clone());
    let nginx = Nginx::start(scene, &Options { tls, ..Options::default() })?;
    let mut asker = Asker::run(&mut curl_cffi::client(packages, nginx.port, &certificates)?)?;
    ensure!(asker.ask("ready")? == (0, 0), "the client is not ready");
    let agent = scene.agent().pid(asker.pid()).start()?;
    let answers = [("/text?1", 10), ("/file", 400_000), ("/empty", 0), ("/small?last", 6)];
    for (path, length) in answers {
        let (_, came) = asker.ask(path)?;
        ensure!(came == length, "{came} bytes of {path}");
    }
    let ended = agent.finish(answers.len())?;
    drop(asker);
    let port = nginx.port;
    let log = told(nginx.stop()?);
    ensure!(log.len() == answers.len(), "nginx logs {} exchanges", log.len());
    found(&ended, &curl_cffi::module(packages), how)?;
    let seen = Seen::openssl(port, "python3", "nginx");
    Seen { library: "boringssl", side: "client", server: None, ..seen }.check(&ended, &log)
}

/// Fails unless a record says that probes are in the file, and that its functions were found like this.
fn found(ended: &Ended, file: &Path, how: &str) -> Result<()> {
    let path = file.canonicalize()?;
    let path = path.to_string_lossy();
    let is_of_it = |record: &&Record| record.text("/lifecycle/detail/path") == Some(&path);
    let record = ended.records.iter().find(is_of_it);
    let record = record.with_context(|| format!("nothing is told of probes in {path}"))?;
    record.must_be("/lifecycle/action", "probe")?;
    record.must_be("/lifecycle/detail/how", how)
}

const CONNECTIONS: usize = 10;
