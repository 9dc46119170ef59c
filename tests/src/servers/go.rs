//! A server and a client in Go, built here as programs are deployed.
//!
//! In: how to link. Out: a program of `app.go`. Always: nothing is fetched, and what the compiler
//! keeps for the next build lies in the target folder.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::app::App;
use super::nginx::is_listening;
use crate::certificates::Certificates;
use crate::ports;
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
    let source = scene.file("app.go", include_str!("app.go"))?;
    let program = scene.path("go-app");
    let target = target_folder()?;
    let cache = target.join("tmp/go");
    let mut command = std::process::Command::new(compiler(&target)?);
    command.env("HOME", &cache).env("GOCACHE", cache.join("build")).env("GOPATH", &cache);
    command.envs([("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("GOFLAGS", "-mod=mod")]);
    command.env("CGO_ENABLED", "0").env_remove("GOROOT");
    command.arg("build").args(how.arguments()).arg("-o").arg(&program).arg(source);
    process::run(&mut command, BUILD_SECONDS)?.good().context("building the program in Go")?;
    Ok(program)
}

/// Starts such a program as a server.
pub fn start(scene: &Scene, program: &Path, certificates: &Certificates) -> Result<App> {
    let port = ports::free()?;
    let mut command = std::process::Command::new(program);
    command.arg("serve").arg(port.to_string()).arg(certificates.folder());
    App::start(scene, "go", command, port, || is_listening(port))
}

/// Fails if there is no compiler to build programs with.
pub fn must_be_installed() -> Result<()> {
    compiler(&target_folder()?).map(drop)
}

/// The one that set-up brings, or another.
fn compiler(target: &Path) -> Result<PathBuf> {
    let brought = target.join("tools/go/go/bin/go");
    if brought.is_file() { Ok(brought) } else { process::find("go") }
}

/// This program lies in a profile's folder, a test in `deps/` there.
fn target_folder() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folders = own.ancestors().skip(1);
    let mut folders = folders.skip_while(|folder| folder.ends_with("deps"));
    let folder = folders.nth(1).context("this program lies nowhere")?;
    Ok(folder.to_owned())
}

const BUILD_SECONDS: u64 = 300;
