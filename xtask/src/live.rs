//! Cargo commands whose programs need root's rights, while the compiler does not.
//!
//! Always: cargo itself runs as the user and the files it writes stay the user's; only the test or
//! benchmark is started by sudo, through cargo's own notion of a runner.

use std::process::Command;

use anyhow::Result;

use crate::host::Host;
use crate::privilege::Privilege;
use crate::process;
use crate::workspace::Workspace;

/// A cargo command that will start what it builds with root's rights.
pub fn cargo(workspace: &Workspace, privilege: Privilege) -> Result<Command> {
    let mut command = workspace.cargo();
    let words = privilege.prefix()?;
    if !words.is_empty() {
        // A list of strings is written alike in JSON and in cargo's TOML.
        let words = serde_json::to_string(&words)?;
        command.arg("--config").arg(format!("target.'cfg(all())'.runner={words}"));
    }
    command.env("EARWITNESS_BIN", workspace.agent());
    command.env("PATH", std::env::join_paths(process::search_path())?);
    Ok(command)
}

/// Why nothing can be loaded into the kernel here, if so.
pub fn why_not(privilege: Privilege) -> Option<String> {
    if let Some(reason) = privilege.why_no_tracing() {
        return Some(reason.to_owned());
    }
    Host::here().obstacles().first().map(ToString::to_string)
}
