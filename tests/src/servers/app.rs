//! Servers of Python's and Node's standard libraries, with answers made for the tests.
//!
//! In: where to listen. Out: a running server and its own log. The answers are those that the head
//! of each script lists.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::log::{self, Entry};
use super::nginx::is_listening;
use crate::certificates::Certificates;
use crate::process::{self, Process};
use crate::scene::Scene;
use crate::{ports, wait};

/// A running server.
pub struct App {
    process: Process,
    log: PathBuf,
    /// Where it listens, on 127.0.0.1; 0 on a unix socket.
    pub port: u16,
}

/// How Python's server deals with several connections.
#[derive(Clone, Copy)]
pub enum Mode {
    /// A thread each.
    Thread,
    /// A process each.
    Fork,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Fork => "fork",
        }
    }
}

impl App {
    /// Python's `http.server` on a port; `version` is `1.0` or `1.1`.
    pub fn python(scene: &Scene, mode: Mode, version: &str) -> Result<Self> {
        let port = ports::free()?;
        let mut command = python(scene)?;
        command.args([&port.to_string(), mode.name(), version]);
        Self::start(scene, "python", command, port, || is_listening(port))
    }

    /// The same on a unix socket.
    pub fn python_unix(scene: &Scene, socket: &Path) -> Result<Self> {
        let mut command = python(scene)?;
        command.arg(socket).args([Mode::Thread.name(), "1.1"]);
        Self::start(scene, "python", command, 0, || socket.exists())
    }

    /// Python's `http.server` over TLS, its socket wrapped by `ssl`.
    pub fn python_tls(scene: &Scene, mode: Mode, certificates: &Certificates) -> Result<Self> {
        let port = ports::free()?;
        let mut command = python(scene)?;
        command.args([&port.to_string(), mode.name(), "1.1"]).arg(certificates.folder());
        Self::start(scene, "python", command, port, || is_listening(port))
    }

    /// `asyncio` over TLS, which gives the library memory in place of a socket.
    pub fn asyncio_tls(scene: &Scene, certificates: &Certificates) -> Result<Self> {
        Self::script(scene, "loop", include_str!("loop.py"), certificates)
    }

    /// A server in Python that takes a port and a folder of certificates, and logs as others do.
    pub fn script(
        scene: &Scene,
        name: &str,
        source: &str,
        certificates: &Certificates,
    ) -> Result<Self> {
        let port = ports::free()?;
        let script = scene.file(&format!("{name}.py"), source)?;
        let mut command = process::command("python3")?;
        command.arg(script).arg(port.to_string()).arg(certificates.folder());
        Self::start(scene, name, command, port, || is_listening(port))
    }

    /// A program that serves over TLS when told so, built for a test.
    pub(super) fn program(
        scene: &Scene,
        name: &str,
        program: &Path,
        certificates: &Certificates,
    ) -> Result<Self> {
        let port = ports::free()?;
        let mut command = Command::new(program);
        command.arg("serve").arg(port.to_string()).arg(certificates.folder());
        Self::start(scene, name, command, port, || is_listening(port))
    }

    /// Node's `http` on a port.
    pub fn node(scene: &Scene) -> Result<Self> {
        let port = ports::free()?;
        let script = scene.file("app.js", include_str!("app.js"))?;
        let mut command = process::command("node")?;
        command.arg(script).arg(port.to_string());
        Self::start(scene, "node", command, port, || is_listening(port))
    }

    /// Node's `https` on a port.
    pub fn node_tls(scene: &Scene, certificates: &Certificates) -> Result<Self> {
        let port = ports::free()?;
        let script = scene.file("app.js", include_str!("app.js"))?;
        let mut command = process::command("node")?;
        command.arg(script).arg(port.to_string()).arg(certificates.folder());
        Self::start(scene, "node", command, port, || is_listening(port))
    }

    /// `python3 -m http.server` as it comes, over the files in `www/`. It logs no JSON.
    pub fn plain_python(scene: &Scene) -> Result<Self> {
        let port = ports::free()?;
        let mut command = process::command("python3")?;
        command.args(["-m", "http.server", "--bind", "127.0.0.1", "--directory"]);
        command.arg(scene.path("www")).arg(port.to_string());
        Self::start(scene, "python", command, port, || is_listening(port))
    }

    /// Starts a program that logs into `NAME.json`, on its standard output if not by itself.
    pub(super) fn start(
        scene: &Scene,
        name: &str,
        mut command: Command,
        port: u16,
        is_ready: impl Fn() -> bool,
    ) -> Result<Self> {
        let log = scene.path(&format!("{name}.json"));
        command.stdout(process::output_file(&log)?);
        command.stderr(process::output_file(&scene.path(&format!("{name}.log")))?);
        let mut process = Process::start(name, &mut command)?;
        wait::until_true(&format!("{name} to listen"), START_SECONDS, || {
            process.must_live()?;
            Ok(is_ready())
        })?;
        Ok(Self { process, log, port })
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Process id of the server itself.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has logged, as soon as that is so many exchanges.
    pub fn log(&self, at_least: usize) -> Result<Vec<Entry>> {
        log::read_at_least(&self.log, at_least)
    }
}

fn python(scene: &Scene) -> Result<Command> {
    let script = scene.file("app.py", include_str!("app.py"))?;
    let mut command = process::command("python3")?;
    command.arg(script);
    Ok(command)
}

const START_SECONDS: u64 = 10;
