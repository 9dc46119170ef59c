//! A server and a client of HTTP/3 in Python, whose QUIC nothing can read.
//!
//! Out: both run the library that set-up brings. Always: the client asks for [`NAME`]; it runs to its
//! end, and each of its connections is closed by then.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::app::App;
use crate::certificates::{Certificates, NAME};
use crate::scene::Scene;
use crate::{brought, ports, process};

/// The client's socket.
#[derive(Clone, Copy, Debug)]
pub enum Socket {
    /// As the library makes it: of both families, with an address in each call that sends.
    Any,
    /// Connected to the server: calls have no address.
    Connected,
}

impl Socket {
    fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Connected => "connected",
        }
    }
}

/// How a client asks.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Its socket.
    pub socket: Socket,
    /// How many connections, one after another.
    pub connections: usize,
    /// How many exchanges over each.
    pub requests: usize,
}

/// Starts the server at a loopback address.
pub fn start(scene: &Scene, certificates: &Certificates, address: IpAddr) -> Result<App> {
    let port = ports::free()?;
    let mut command = python(scene.file("quic.py", include_str!("quic.py"))?)?;
    command.arg(port.to_string()).arg(certificates.folder()).arg(address.to_string());
    App::start(scene, "quic", command, port, || is_bound(port))
}

/// A command that asks the server at a port of this address, and prints what it was answered.
pub fn client(
    scene: &Scene,
    address: IpAddr,
    port: u16,
    certificates: &Certificates,
    asking: Asking,
) -> Result<Command> {
    let mut command = python(scene.file("quic_client.py", include_str!("quic_client.py"))?)?;
    command.args([&address.to_string(), &port.to_string(), &certificates.file("ca.pem"), NAME]);
    let Asking { socket, connections, requests } = asking;
    command.args([socket.name(), &connections.to_string(), &requests.to_string()]);
    Ok(command)
}

/// Whether a socket of UDP has the port; asked of the kernel, since a datagram would be seen.
pub fn is_bound(port: u16) -> bool {
    let end = format!(":{port:04X}");
    let has =
        |line: &str| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&end));
    ["/proc/net/udp", "/proc/net/udp6"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .any(|text| text.lines().any(has))
}

fn python(script: PathBuf) -> Result<Command> {
    let mut command = process::command("python3")?;
    command.env("PYTHONPATH", brought::tool("aioquic")?).env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(script);
    Ok(command)
}
