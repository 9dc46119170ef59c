//! A server and a client in Java, whose TLS no probe can read.

use std::process::Command;

use anyhow::Result;

use super::app::App;
use super::nginx::is_listening;
use crate::certificates::{Certificates, NAME};
use crate::scene::Scene;
use crate::{ports, process};

/// Starts the server.
pub fn start(scene: &Scene, certificates: &Certificates) -> Result<App> {
    let port = ports::free()?;
    let mut command = java(scene)?;
    command.arg("serve").arg(port.to_string()).arg(certificates.folder());
    App::start(scene, "java", command, port, || is_listening(port))
}

/// A command that asks the server at a port for `/length/5` and `/length/7`.
pub fn client(scene: &Scene, port: u16, certificates: &Certificates) -> Result<Command> {
    let mut command = java(scene)?;
    command.arg("ask").arg(port.to_string()).arg(certificates.folder()).arg(NAME);
    Ok(command)
}

/// It compiles the source and runs it.
fn java(scene: &Scene) -> Result<Command> {
    let source = scene.file("App.java", include_str!("App.java"))?;
    let mut command = process::command("java")?;
    command.arg(source);
    Ok(command)
}
