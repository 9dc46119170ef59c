//! What set-up brings that no distribution has, and where it puts it.
//!
//! Always: everything lies in the target folder, so that nothing is left when that is removed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process;

/// Cargo's target folder. This program lies in a profile's folder there, a test in `deps/` in it.
pub fn target_folder() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folders = own.ancestors().skip(1);
    let mut folders = folders.skip_while(|folder| folder.ends_with("deps"));
    let folder = folders.nth(1).context("this program lies nowhere")?;
    Ok(folder.to_owned())
}

/// The folder of what goes by this name. Errors: it is not there, although set-up brings it.
pub fn tool(name: &str) -> Result<PathBuf> {
    let folder = target_folder()?.join("tools").join(name);
    ensure!(folder.is_dir(), "{name} is not installed\nhint: run `cargo xtask setup --tests`");
    Ok(folder)
}

/// Python, which finds the packages that go by this name.
pub fn python(name: &str) -> Result<Command> {
    let mut command = process::command("python3")?;
    command.env("PYTHONPATH", tool(name)?).env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}
