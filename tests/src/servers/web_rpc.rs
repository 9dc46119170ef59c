//! gRPC-Web servers and clients: Connect for Node at both ends; and in base64 sonora, asked by the
//! library of browsers.
//!
//! Out: a running server and the calls that it logs, and a command that makes one call of each kind.
//! Always: neither logs ports, nor a method that it does not have.

use std::process::Command;

use anyhow::Result;

use super::grpc::Server;
use super::http2::python;
use crate::scene::Scene;
use crate::{brought, ports, process};

/// Who speaks it, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    /// Connect for Node, over this version of HTTP, its messages in this format: `proto` or `json`.
    Connect {
        /// `1.1` or `2`.
        version: &'static str,
        /// `proto` or `json`.
        format: &'static str,
    },
    /// sonora on hypercorn, and grpc-web in Node: base64 over HTTP/1.1.
    Text,
}

/// Starts a server.
pub fn start(scene: &Scene, program: Program) -> Result<Server> {
    let port = ports::free()?;
    let command = match program {
        Program::Connect { version, .. } => {
            let mut command = node(scene, CONNECT)?;
            command.args(["serve", &port.to_string(), version]);
            command
        }
        Program::Text => {
            let script = scene.file("web_text.py", include_str!("web_text.py"))?;
            let mut command = python("sonora", &script)?;
            command.arg(port.to_string());
            command
        }
    };
    Server::run(scene, "web_rpc", command, port)
}

/// A command that makes a call of each kind, and prints what it was answered.
pub fn client(scene: &Scene, port: u16, program: Program) -> Result<Command> {
    let port = port.to_string();
    let mut command;
    match program {
        Program::Connect { version, format } => {
            command = node(scene, CONNECT)?;
            command.args(["ask", &port, version, format]);
        }
        Program::Text => {
            command = node(scene, ("web_text.js", include_str!("web_text.js")))?;
            command.arg(port);
        }
    }
    Ok(command)
}

/// A script in Node with the packages that set-up brings.
fn node(scene: &Scene, (name, source): (&str, &str)) -> Result<Command> {
    let mut command = process::command("node")?;
    command.env("NODE_PATH", brought::tool("web-rpc")?.join("node_modules"));
    command.arg(scene.file(name, source)?);
    Ok(command)
}

const CONNECT: (&str, &str) = ("web_rpc.js", include_str!("web_rpc.js"));
