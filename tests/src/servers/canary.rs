//! Node at both ends of exchanges that a plan describes (`crate::canary::plan`).
//!
//! In: cases. Out: a running server with its log, and a client that asks for all of them.
//! Always: the log holds what the server has received and sent, decoded, so the secrets are in it.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::app::App;
use super::nginx::is_listening;
use crate::canary::plan::Case;
use crate::certificates::{Certificates, NAME};
use crate::scene::Scene;
use crate::{ports, process, wait};

/// Which HTTP carries the exchanges.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// HTTP/1.1, a connection for each exchange.
    One,
    /// HTTP/2, one connection for all.
    Two,
}

impl Version {
    fn word(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
        }
    }
}

/// A running server.
pub struct Server {
    _app: App,
    log: PathBuf,
    plan: PathBuf,
    version: Version,
    certificates: Option<Certificates>,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl Server {
    /// Starts one, with TLS if it is given certificates. `name` is that of its files.
    pub fn start(
        scene: &Scene,
        name: &str,
        version: Version,
        certificates: Option<&Certificates>,
        cases: &[Case],
    ) -> Result<Self> {
        let port = ports::free()?;
        let plans: Vec<_> = cases.iter().map(|case| &case.plan).collect();
        let plan = scene.file(&format!("{name}.plan"), serde_json::to_vec(&plans)?)?;
        let mut command = process::command("node")?;
        command.arg(scene.file("canary.js", include_str!("canary.js"))?);
        command.args(["serve", &port.to_string()]).arg(&plan).arg(version.word());
        command.args(certificates.map(Certificates::folder));
        let app = App::start(scene, name, command, port, || is_listening(port))?;
        let (log, certificates) = (scene.path(&format!("{name}.json")), certificates.cloned());
        Ok(Self { _app: app, log, plan, version, certificates, port })
    }

    /// Asks for all cases, each of which must be answered with 200, or 101.
    pub fn ask(&self, scene: &Scene) -> Result<()> {
        let mut command = process::command("node")?;
        command.arg(scene.path("canary.js")).args(["ask", &self.port.to_string()]);
        command.arg(&self.plan).arg(self.version.word());
        if let Some(certificates) = &self.certificates {
            command.args([&certificates.file("ca.pem"), NAME]);
        }
        let printed = process::run(&mut command, LIMIT_SECONDS)?.good()?;
        let refused: Vec<_> = printed
            .lines()
            .filter(|line| !line.ends_with(" 200") && !line.ends_with(" 101"))
            .collect();
        ensure!(refused.is_empty(), "not answered: {refused:?}");
        Ok(())
    }

    /// Its log as it is, once it has that many lines.
    pub fn log(&self, exchanges: usize) -> Result<String> {
        wait::until("the server's log", LOG_SECONDS, || {
            let text = std::fs::read_to_string(&self.log)?;
            Ok((text.lines().count() >= exchanges && text.ends_with('\n')).then_some(text))
        })
    }
}

/// The ids in a log, one an exchange.
pub fn ids(log: &str) -> Result<Vec<String>> {
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line)?;
        Ok(line.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
    };
    log.lines().map(id).collect()
}

const LIMIT_SECONDS: u64 = 120;
const LOG_SECONDS: u64 = 10;
