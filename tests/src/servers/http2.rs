//! Servers and clients of HTTP/2 in Node, Go and Python.
//!
//! In: where to listen, or whom to ask. Out: a running server, or a command that reads lines and
//! writes a status and a length for each (`clients::Asker`):
//!
//! ```text
//! /path [/path ...]   asks for all of them at the same time; the last one's status, all lengths
//! post /path COUNT    sends so many bytes
//! cancel /path        gives up when the response has begun; the length that has come by then
//! ```
//!
//! Always: a client asks over one connection; a server logs an exchange when it is over. The answers
//! are those that the head of each script lists.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::app::App;
use super::go::{self, Build};
use super::nginx::is_listening;
use crate::certificates::{Certificates, NAME};
use crate::scene::Scene;
use crate::{brought, ports, process};

/// Who speaks it.
#[derive(Clone, Debug)]
pub enum Program {
    /// `node:http2`.
    Node(PathBuf),
    /// `net/http`, built here.
    Go(PathBuf),
    /// httpx, with `h2`; a client only.
    Python(PathBuf),
}

impl Program {
    /// Node.
    pub fn node(scene: &Scene) -> Result<Self> {
        Ok(Self::Node(scene.file("http2.js", include_str!("http2.js"))?))
    }

    /// Go, built as it is unasked.
    pub fn go(scene: &Scene) -> Result<Self> {
        let source = include_str!("http2.go");
        Ok(Self::Go(go::build_source(scene, "http2", source, Build::Plain)?))
    }

    /// Python.
    pub fn python(scene: &Scene) -> Result<Self> {
        Ok(Self::Python(scene.file("http2_client.py", include_str!("http2_client.py"))?))
    }

    /// The program that runs, as the kernel names it.
    pub fn executable(&self) -> Result<PathBuf> {
        match self {
            Self::Node(_) => process::find("node"),
            Self::Go(program) => Ok(program.canonicalize()?),
            Self::Python(_) => process::find("python3"),
        }
    }

    /// A server; it speaks TLS if it is given certificates.
    pub fn serve(&self, scene: &Scene, certificates: Option<&Certificates>) -> Result<App> {
        let port = ports::free()?;
        let mut command = self.command()?;
        command.arg("serve").arg(port.to_string());
        command.args(certificates.map(Certificates::folder));
        App::start(scene, "http2", command, port, || is_listening(port))
    }

    /// A client of the server at a port.
    pub fn client(&self, port: u16, certificates: Option<&Certificates>) -> Result<Command> {
        let mut command = self.command()?;
        if !matches!(self, Self::Python(_)) {
            command.arg("ask");
        }
        command.arg(port.to_string());
        if let Some(certificates) = certificates {
            command.args([&certificates.file("ca.pem"), NAME]);
        }
        Ok(command)
    }

    fn command(&self) -> Result<Command> {
        match self {
            Self::Node(script) => {
                let mut command = process::command("node")?;
                command.arg(script);
                Ok(command)
            }
            Self::Go(program) => Ok(Command::new(program)),
            Self::Python(script) => python("httpx", script),
        }
    }
}

/// A script in Python with a library that set-up brings.
pub(super) fn python(tool: &str, script: &Path) -> Result<Command> {
    let mut command = brought::python(tool)?;
    command.arg(script);
    Ok(command)
}
