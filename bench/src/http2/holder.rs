//! A server that begins every response and ends none until it is told to: Node's own HTTP/2.
//!
//! Out: a running server, how many streams it holds. Always: HTTP/2 by prior knowledge.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use live_tests::process::{self, Process, output_file};
use live_tests::scene::Scene;
use live_tests::servers::nginx::is_listening;
use live_tests::{ports, wait};
use nix::sys::signal::Signal;

/// A running server.
pub struct Holder {
    process: Process,
    log: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl Holder {
    /// Starts one.
    pub fn start(scene: &Scene) -> Result<Self> {
        let port = ports::free()?;
        let log = scene.path("holder.log");
        let script = scene.file("hold.js", include_str!("hold.js"))?;
        let mut command = process::command("node")?;
        command.arg(script).arg(port.to_string());
        command.stdout(output_file(&log)?).stderr(output_file(&log)?);
        let mut process = Process::start("node", &mut command)?;
        wait::until_true("node to listen", LIMIT_SECONDS, || {
            process.must_live()?;
            Ok(is_listening(port))
        })?;
        Ok(Self { process, log, port })
    }

    /// What clients ask for.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/item", self.port)
    }

    /// Waits until it has begun so many responses since its start.
    pub fn wait_for(&self, streams: usize) -> Result<()> {
        wait::until_true(&format!("{streams} streams"), LIMIT_SECONDS, || {
            let log = fs::read_to_string(&self.log)?;
            Ok(log.lines().next_back() == Some(&streams.to_string()))
        })
    }

    /// Has it end all responses that it holds.
    pub fn let_go(&self) -> Result<()> {
        self.process.signal(Signal::SIGUSR2)
    }
}

const LIMIT_SECONDS: u64 = 30;
