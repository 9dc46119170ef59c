//! WebSocket servers and clients in Python, over HTTP/1.1 and over HTTP/2.
//!
//! In: what carries it, whether messages may be compressed. Out: a running server and what it logs,
//! or a command that reads lines (the heads of the scripts list them) and writes `1` and a length for
//! each (`clients::Asker`). Always: a client opens one connection.

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

/// Whether the ends agree on permessage-deflate (RFC 7692).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// They do.
    Deflate,
    /// They do not.
    Plain,
}

impl Compression {
    fn name(self) -> &'static str {
        match self {
            Self::Deflate => "deflate",
            Self::Plain => "plain",
        }
    }
}

/// What carries it, and who speaks it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Over {
    /// A connection of HTTP/1.1 that is handed over; the websockets library at both ends.
    Http1,
    /// Streams of HTTP/2 (RFC 8441); hypercorn, and a client over h2 and wsproto. Its server does not
    /// know the code of a client that closes, and logs 1006.
    Http2,
}

/// A running server.
pub struct Server {
    app: App,
    log: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

/// What the server says happened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Log {
    /// Messages in order, as in `request text 5`.
    pub messages: Vec<String>,
    /// Close codes of the connections that are over.
    pub codes: Vec<u64>,
}

impl Server {
    /// Starts one, with TLS if it is given certificates.
    pub fn start(
        scene: &Scene,
        over: Over,
        compression: Compression,
        certificates: Option<&Certificates>,
    ) -> Result<Self> {
        let port = ports::free()?;
        let mut command = script(scene, over)?;
        command.args(["serve", &port.to_string(), compression.name()]);
        command.args(certificates.map(Certificates::folder));
        let app = App::start(scene, "websocket", command, port, || is_listening(port))?;
        Ok(Self { app, log: scene.path("websocket.json"), port })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.app.pid()
    }

    /// All that it has logged, as soon as so many connections are over.
    pub fn log(&self, connections: usize) -> Result<Log> {
        wait::until("the ends of connections in the server's log", LOG_SECONDS, || {
            let log = read(&std::fs::read_to_string(&self.log)?)?;
            Ok((log.codes.len() >= connections).then_some(log))
        })
    }
}

/// A command that is a client of the server at a port.
pub fn client(
    scene: &Scene,
    over: Over,
    port: u16,
    compression: Compression,
    certificates: Option<&Certificates>,
) -> Result<Command> {
    let mut command = script(scene, over)?;
    command.args(["ask", &port.to_string(), compression.name()]);
    if let Some(certificates) = certificates {
        command.args([&certificates.file("ca.pem"), NAME]);
    }
    Ok(command)
}

fn script(scene: &Scene, over: Over) -> Result<Command> {
    let (tool, name, source) = match over {
        Over::Http1 => ("websockets", "websocket.py", include_str!("websocket.py")),
        Over::Http2 => ("hypercorn", "websocket2.py", include_str!("websocket2.py")),
    };
    python(tool, &scene.file(name, source)?)
}

fn read(text: &str) -> Result<Log> {
    let mut log = Log::default();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).with_context(|| format!("log: {line}"))?;
        let word = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("-");
        let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        match word("event") {
            "message" => log.messages.push(format!(
                "{} {} {}",
                word("direction"),
                word("opcode"),
                number("size")
            )),
            _ => log.codes.push(number("code")),
        }
    }
    Ok(log)
}

const LOG_SECONDS: u64 = 10;
