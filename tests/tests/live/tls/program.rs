//! A program that is a server and a client in one, and what is tested alike with each of them.
//!
//! In: the program, the library that its records name, and how it is started as a server. Out: what
//! the agent wrote, once its records were found to be what the server has logged.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use live_tests::agent::Ended;
use live_tests::certificates::{Certificates, NAME};
use live_tests::clients::Held;
use live_tests::compare;
use live_tests::process;
use live_tests::scene::Scene;
use live_tests::servers::app::{App, Mode};
use live_tests::servers::log::Entry;

use super::{Seen, curl_answers, told};

/// The program, as `serve PORT FOLDER` and as `ask PORT CA NAME CONNECTIONS`.
pub(super) struct Program {
    pub path: PathBuf,
    /// As records name it.
    pub library: &'static str,
    /// The version of TLS that is agreed on.
    pub version: &'static str,
    pub start: fn(&Scene, &Path, &Certificates) -> Result<App>,
}

impl Program {
    /// curl asks it for each path over one connection.
    pub fn answers_curl(&self, scene: &Scene, more: &[&str], paths: &[&str]) -> Result<Ended> {
        let certificates = Certificates::new(scene)?;
        let app = (self.start)(scene, &self.path, &certificates)?;
        let agent = scene.agent().port(app.port).start()?;
        let answers = curl_answers(app.port, &certificates, more, paths)?;
        let log = app.log(paths.len())?;
        compare::both_ends(&answers, &log)?;
        let ended = agent.finish(paths.len())?;
        self.seen(app.port, "curl", &self.path.to_string_lossy()).check(&ended, &log)?;
        Ok(ended)
    }

    /// It asks itself, over all connections at the same time.
    pub fn asks_itself(&self, scene: &Scene, connections: usize) -> Result<Ended> {
        let certificates = Certificates::new(scene)?;
        let app = (self.start)(scene, &self.path, &certificates)?;
        let agent = scene.agent().port(app.port).start()?;
        let mut client = self.client(&app, &certificates, connections);
        let printed = process::run(&mut client, CLIENT_SECONDS)?.good()?;
        let log = agreed(&app, &printed, connections)?;
        let ended = agent.finish(log.len())?;
        let path = self.path.to_string_lossy();
        self.seen(app.port, &path, &path).check(&ended, &log)?;
        Ok(ended)
    }

    /// It asks a server in Python, which nobody watches.
    pub fn asks_python(&self, scene: &Scene, connections: usize) -> Result<Ended> {
        let certificates = Certificates::new(scene)?;
        // What nobody has run yet is probed a moment too late for its first exchange.
        let _known = (self.start)(scene, &self.path, &certificates)?;
        let app = App::python_tls(scene, Mode::Thread, &certificates)?;
        let held = Held::new(scene, &self.client(&app, &certificates, connections))?;
        let agent = scene.agent().pid(held.pid()).start()?;
        let log = agreed(&app, &held.go()?, connections)?;
        let ended = agent.finish(log.len())?;
        let path = self.path.to_string_lossy();
        let seen = self.seen(app.port, &path, "python3");
        Seen { side: "client", server: None, ..seen }.check(&ended, &told(log))?;
        Ok(ended)
    }

    /// A command that makes three exchanges over each connection.
    pub fn client(&self, app: &App, certificates: &Certificates, connections: usize) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("ask").arg(app.port.to_string());
        command.args([&certificates.file("ca.pem"), NAME, &connections.to_string()]);
        command
    }

    /// What records of it tell besides the exchanges.
    pub fn seen<'a>(&self, port: u16, client: &'a str, server: &'a str) -> Seen<'a> {
        let Self { library, version, .. } = *self;
        Seen { library, version, ..Seen::openssl(port, client, server) }
    }
}

/// What the server has logged, if the client says the same.
fn agreed(app: &App, printed: &str, connections: usize) -> Result<Vec<Entry>> {
    let answers = printed.lines().map(Entry::parse).collect::<Result<Vec<_>>>()?;
    ensure!(answers.len() == 3 * connections, "the client says:\n{printed}");
    let log = app.log(answers.len())?;
    compare::both_ends(&answers, &log)?;
    Ok(log)
}

const CLIENT_SECONDS: u64 = 30;
