//! Servers and clients over several versions of rustls, which set-up builds from `tests/rustls`.
//!
//! Out: a program's path. Always: as cargo has linked it, with the names of its functions; only the
//! copy that is asked for as such lacks them.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::app::App;
use super::linked;
use crate::brought;
use crate::certificates::Certificates;
use crate::scene::Scene;

/// Which program.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// rustls 0.23 with a thread for each connection.
    V23,
    /// The same, optimised across all crates at once.
    V23Fat,
    /// rustls 0.22.
    V22,
    /// rustls 0.21.
    V21,
    /// rustls 0.23 in tasks of tokio, HTTP by hyper.
    Tokio,
}

impl Kind {
    /// Below the tool's folder: the profile and the program.
    fn place(self) -> &'static str {
        match self {
            Self::V23 => "release/rustls23",
            Self::V23Fat => "fat/rustls23",
            Self::V22 => "release/rustls22",
            Self::V21 => "release/rustls21",
            Self::Tokio => "release/rustls23-tokio",
        }
    }
}

/// Where such a program is, links resolved, as the kernel names it when it runs.
pub fn find(kind: Kind) -> Result<PathBuf> {
    let program = brought::tool("rustls")?.join(kind.place());
    let path = program.display();
    ensure!(program.is_file(), "{path} is not built\nhint: run `cargo xtask setup --tests`");
    Ok(program.canonicalize()?)
}

/// A copy of it without the names of its functions.
pub fn stripped(scene: &Scene, kind: Kind) -> Result<PathBuf> {
    let copy = scene.path("stripped");
    std::fs::copy(find(kind)?, &copy)?;
    linked::strip(&copy)?;
    Ok(copy)
}

/// Starts such a program as a server.
pub fn start(scene: &Scene, program: &Path, certificates: &Certificates) -> Result<App> {
    App::program(scene, "rustls", program, certificates)
}
