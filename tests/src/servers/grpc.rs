//! A gRPC server and client in Python, whose TLS is a BoringSSL without symbols.
//!
//! Out: a running server and the calls that it logs, and a command that makes one call of each kind.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::app::App;
use super::http2::python;
use super::nginx::is_listening;
use crate::certificates::{Certificates, NAME};
use crate::scene::Scene;
use crate::{ports, wait};

/// A running server.
pub struct Server {
    app: App,
    log: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

/// A call as one of its ends saw it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Call {
    /// Full name of the service.
    pub service: String,
    /// Name of the method.
    pub method: String,
    /// Name of the status.
    pub code: String,
    /// Port of the client; 0 in what the client says.
    pub port: u64,
    /// Messages of the client, and their bytes before compression; `None` if not told.
    pub requests: Option<(u64, u64)>,
    /// Messages of the server, and their bytes.
    pub responses: (u64, u64),
}

impl Server {
    /// Starts one, with TLS if it is given certificates.
    pub fn start(scene: &Scene, certificates: Option<&Certificates>) -> Result<Self> {
        let port = ports::free()?;
        let mut command = script(scene)?;
        command.arg("serve").arg(port.to_string()).args(certificates.map(Certificates::folder));
        Self::run(scene, "rpc", command, port)
    }

    /// Runs a command that serves at that port and logs its calls.
    pub(super) fn run(scene: &Scene, name: &str, command: Command, port: u16) -> Result<Self> {
        let app = App::start(scene, name, command, port, || is_listening(port))?;
        Ok(Self { app, log: scene.path(&format!("{name}.json")), port })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.app.pid()
    }

    /// The calls that it has answered, as soon as there are so many. It logs none of a method that
    /// it does not have.
    pub fn calls(&self, count: usize) -> Result<Vec<Call>> {
        wait::until("calls in the server's log", LOG_SECONDS, || {
            let calls = calls(&std::fs::read_to_string(&self.log)?)?;
            Ok((calls.len() >= count).then_some(calls))
        })
    }
}

/// A command that makes a call of each kind, and prints what it was answered.
pub fn client(scene: &Scene, port: u16, certificates: Option<&Certificates>) -> Result<Command> {
    let mut command = script(scene)?;
    command.arg("ask").arg(port.to_string());
    if let Some(certificates) = certificates {
        command.args([&certificates.file("ca.pem"), NAME]);
    }
    Ok(command)
}

/// Reads what either end has printed.
pub fn calls(text: &str) -> Result<Vec<Call>> {
    text.lines().map(call).collect()
}

fn call(line: &str) -> Result<Call> {
    let value: Value = serde_json::from_str(line).with_context(|| format!("log: {line}"))?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let number = |key: &str| value.get(key).and_then(Value::as_u64);
    let count = |count: &str, bytes: &str| Some((number(count)?, number(bytes)?));
    Ok(Call {
        service: text("service"),
        method: text("method"),
        code: text("code"),
        port: number("port").unwrap_or(0),
        requests: count("requests", "request_bytes"),
        responses: count("responses", "response_bytes").unwrap_or_default(),
    })
}

fn script(scene: &Scene) -> Result<Command> {
    python("grpcio", &scene.file("rpc.py", include_str!("rpc.py"))?)
}

const LOG_SECONDS: u64 = 10;
