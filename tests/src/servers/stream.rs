//! Servers whose responses go on until a test has them end: server-sent events, and bytes that trickle.
//!
//! Out: a running server. A response ends when [`Endless::end`] is called, and is logged then; its
//! log tells how many events it was. The paths are those that the head of each script lists.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::app::App;
use super::nginx::is_listening;
use crate::certificates::Certificates;
use crate::process;
use crate::scene::Scene;
use crate::{ports, wait};

/// A running server.
pub struct Endless {
    _app: App,
    log: PathBuf,
    stop: PathBuf,
    scheme: &'static str,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

/// A response that is over, as the server saw it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sent {
    /// Events.
    pub events: u64,
    /// Comments among them.
    pub comments: u64,
    /// Content in bytes.
    pub body_bytes: u64,
}

impl Endless {
    /// Python's `http.server`, whose responses are chunked.
    pub fn python(scene: &Scene) -> Result<Self> {
        let script = scene.file("stream.py", include_str!("stream.py"))?;
        let mut command = process::command("python3")?;
        command.arg(script);
        Self::start(scene, command, None)
    }

    /// Node's `http`, or `http2` with certificates, which speaks TLS.
    pub fn node(scene: &Scene, certificates: Option<&Certificates>) -> Result<Self> {
        let script = scene.file("stream.js", include_str!("stream.js"))?;
        let mut command = process::command("node")?;
        command.arg(script);
        Self::start(scene, command, certificates)
    }

    fn start(
        scene: &Scene,
        mut command: std::process::Command,
        certificates: Option<&Certificates>,
    ) -> Result<Self> {
        let port = ports::free()?;
        let stop = scene.path("stop");
        command.arg(port.to_string()).arg(&stop).args(certificates.map(Certificates::folder));
        let app = App::start(scene, "stream", command, port, || is_listening(port))?;
        let scheme = if certificates.is_some() { "https" } else { "http" };
        Ok(Self { _app: app, log: scene.path("stream.json"), stop, scheme, port })
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    /// Lets all responses end.
    pub fn end(&self) -> Result<()> {
        Ok(std::fs::write(&self.stop, "")?)
    }

    /// What was sent, as soon as a response is over.
    pub fn sent(&self) -> Result<Sent> {
        let text = wait::until("a response in the server's log", LOG_SECONDS, || {
            let text = std::fs::read_to_string(&self.log)?;
            Ok(text.ends_with('\n').then_some(text))
        })?;
        let value: Value = serde_json::from_str(&text).with_context(|| format!("log: {text}"))?;
        let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        let (events, comments) = (number("events"), number("comments"));
        Ok(Sent { events, comments, body_bytes: number("body_bytes") })
    }
}

const LOG_SECONDS: u64 = 10;
