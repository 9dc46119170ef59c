//! Packages from the Python package index, for the tests.
//!
//! Always: they lie in a folder of their own and nowhere else, in the versions that are asked for,
//! and bring nothing that is not asked for. What is compiled fits the Python that the tests run,
//! whichever Python's pip installs it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::step::note;

/// Installs packages as their makers have compiled them, where that Python cannot load `modules`
/// from the folder.
pub fn ensure_compiled(folder: &Path, modules: &str, packages: &[&str]) -> Result<()> {
    let mut import = Command::new(python());
    import.env("PYTHONPATH", folder).args(["-S", "-c", &format!("import {modules}")]);
    if process::succeeds(&mut import) {
        return Ok(());
    }
    let version = process::output(Command::new(python()).args(["-c", VERSION]))?;
    let compiled = ["--only-binary", ":all:", "--python-version", version.trim()];
    install(folder, packages, &compiled)
}

/// Installs packages into a folder, in place of other versions of them. `more` is for pip itself.
pub fn install(folder: &Path, packages: &[&str], more: &[&str]) -> Result<()> {
    note(format!("installing {} into {}", packages.join(", "), folder.display()));
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]).args(more);
    process::run(command.arg("--target").arg(folder).args(packages))
}

/// The one that the tests take: the distribution's before any other.
fn python() -> &'static Path {
    let system = Path::new("/usr/bin/python3");
    if system.is_file() { system } else { Path::new("python3") }
}

const VERSION: &str = "import sys; print('%d.%d' % sys.version_info[:2])";
