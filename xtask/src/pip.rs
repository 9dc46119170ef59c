//! Packages from the Python package index, for the tests.
//!
//! Always: they lie in a folder of their own and nowhere else, in the versions that are asked for,
//! and bring nothing that is not asked for.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::step::note;

/// Installs packages into a folder, in place of other versions of them. `more` is for pip itself.
pub fn install(folder: &Path, packages: &[&str], more: &[&str]) -> Result<()> {
    note(format!("installing {} into {}", packages.join(", "), folder.display()));
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]).args(more);
    process::run(command.arg("--target").arg(folder).args(packages))
}
