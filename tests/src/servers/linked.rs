//! A server and a client in C with OpenSSL in their own program, and no names of its functions.
//!
//! In: how to link. Out: a program of `linked.c`. Always: the archives are the distribution's, and
//! what they need besides is asked of it, as that differs from release to release.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::app::App;
use crate::certificates::Certificates;
use crate::process;
use crate::scene::Scene;

/// How a program is linked.
#[derive(Clone, Copy, Debug)]
pub enum Link {
    /// With the C library beside it, at an address that is chosen when it starts.
    Movable,
    /// With nothing beside it, at an address of its own.
    Fixed,
}

impl Link {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Movable => &["-pie", "-fPIE"],
            Self::Fixed => &["-static", "-no-pie", "-fno-PIE"],
        }
    }
}

/// Builds the program.
pub fn build(scene: &Scene, how: Link) -> Result<PathBuf> {
    let source = scene.file("linked.c", include_str!("linked.c"))?;
    let program = scene.path("linked");
    let mut command = process::command("gcc")?;
    command.args(["-O2"]).args(how.arguments()).arg("-o").arg(&program).arg(source);
    command.args(libraries()?);
    process::run(&mut command, BUILD_SECONDS)?.good().context("building the program in C")?;
    strip(&program)?;
    Ok(program)
}

/// Starts such a program as a server.
pub fn start(scene: &Scene, program: &Path, certificates: &Certificates) -> Result<App> {
    App::program(scene, "linked", program, certificates)
}

/// What to link, in order: OpenSSL from its archives, and what those need.
fn libraries() -> Result<Vec<String>> {
    let mut command = process::command("pkg-config")?;
    let told = process::run(command.args(["--static", "--libs", "libssl"]), 10)?.good()?;
    let archive = |word: &str| match word {
        "-lssl" => String::from("-l:libssl.a"),
        "-lcrypto" => String::from("-l:libcrypto.a"),
        other => other.to_owned(),
    };
    Ok(told.split_whitespace().map(archive).collect())
}

/// Takes away the names of a program's or a library's functions.
pub fn strip(file: &Path) -> Result<()> {
    let mut command = process::command("strip")?;
    process::run(command.arg(file), BUILD_SECONDS)?.good().map(drop)
}

const BUILD_SECONDS: u64 = 60;
