//! Checking tools that are built when they are first wanted.
//!
//! Always: one that is on `PATH` is used as it is; otherwise it is built into the target folder, at
//! a fixed version, without optimisation (half the time, and fast enough for this code's size).

use std::path::PathBuf;

use anyhow::Result;

use crate::process;
use crate::step::note;
use crate::workspace::Workspace;

/// A tool that cargo can build.
pub struct Tool {
    /// The program.
    pub program: &'static str,
    /// The package that it comes in.
    pub package: &'static str,
    /// The version that is built where there is none.
    pub version: &'static str,
}

/// Checks licences, sources and bans.
pub const DENY: Tool = Tool { program: "cargo-deny", package: "cargo-deny", version: "0.20.2" };
/// Checks spelling.
pub const TYPOS: Tool = Tool { program: "typos", package: "typos-cli", version: "1.52.0" };

/// Full path of the tool, built if there is none.
pub fn ensure(workspace: &Workspace, tool: &Tool) -> Result<PathBuf> {
    let built = workspace.tools().join("bin").join(tool.program);
    if built.exists() {
        return Ok(built);
    }
    if let Some(found) = process::find(tool.program) {
        return Ok(found);
    }
    note(format!("building {} {}: about a minute, once", tool.package, tool.version));
    let mut command = workspace.cargo();
    command
        .args(["install", "--quiet", "--locked", "--debug"])
        .args([tool.package, "--version", tool.version, "--root"])
        .arg(workspace.tools())
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    process::run(&mut command)?;
    Ok(built)
}
