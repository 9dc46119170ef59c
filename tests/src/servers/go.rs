//! A server and a client in Go, built here as programs are deployed.
//!
//! In: how to link. Out: a program of `app.go`. Always: nothing is fetched, and what the compiler
//! keeps for the next build lies in the target folder.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::app::App;
use crate::brought;
use crate::certificates::Certificates;
use crate::process;
use crate::scene::Scene;

/// How a program is built.
#[derive(Clone, Copy, Debug)]
pub enum Build {
    /// As Go does it unasked.
    Plain,
    /// Without symbols.
    Stripped,
    /// At an address that is chosen when it starts.
    Pie,
}

impl Build {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::Stripped => &["-ldflags=-s -w"],
            Self::Pie => &["-buildmode=pie", "-ldflags=-s -w"],
        }
    }
}

/// Builds the program.
pub fn build(scene: &Scene, how: Build) -> Result<PathBuf> {
    build_source(scene, "app", include_str!("app.go"), how)
}

/// Builds a program of one file.
pub(super) fn build_source(scene: &Scene, name: &str, text: &str, how: Build) -> Result<PathBuf> {
    let source = scene.file(&format!("{name}.go"), text)?;
    let program = scene.path(&format!("go-{name}"));
    let cache = brought::target_folder()?.join("tmp/go");
    let mut command = std::process::Command::new(compiler()?);
    command.env("HOME", &cache).env("GOCACHE", cache.join("build")).env("GOPATH", &cache);
    command.envs([("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("GOFLAGS", "-mod=mod")]);
    command.env("CGO_ENABLED", "0").env_remove("GOROOT");
    command.arg("build").args(how.arguments()).arg("-o").arg(&program).arg(source);
    process::run(&mut command, BUILD_SECONDS)?.good().context("building the program in Go")?;
    Ok(program)
}

/// Starts such a program as a server.
pub fn start(scene: &Scene, program: &Path, certificates: &Certificates) -> Result<App> {
    App::program(scene, "go", program, certificates)
}

/// Fails if there is no compiler to build programs with.
pub fn must_be_installed() -> Result<()> {
    compiler().map(drop)
}

/// The one that set-up brings, or another.
fn compiler() -> Result<PathBuf> {
    let brought = brought::target_folder()?.join("tools/go/go/bin/go");
    if brought.is_file() { Ok(brought) } else { process::find("go") }
}

const BUILD_SECONDS: u64 = 300;
