//! Packages from npm's registry, for the tests.
//!
//! Always: they lie in a folder of their own and nowhere else, in the versions that are asked for, and
//! no script of theirs runs while they are installed.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::step::note;

/// Installs packages, as in `name@1.2.3`, where Node cannot load `modules` from the folder or has
/// other versions there. What they need themselves must be among them.
pub fn ensure(folder: &Path, modules: &[&str], packages: &[&str]) -> Result<()> {
    if has(folder, packages) && loads(folder, modules) {
        return Ok(());
    }
    note(format!("installing {} into {}", packages.join(", "), folder.display()));
    std::fs::create_dir_all(folder)?;
    let mut command = Command::new("npm");
    command.args(["install", "--silent", "--no-save", "--no-package-lock", "--ignore-scripts"]);
    process::run(command.args(["--no-audit", "--no-fund", "--prefix"]).arg(folder).args(packages))
}

/// Whether these versions lie there.
fn has(folder: &Path, packages: &[&str]) -> bool {
    packages.iter().all(|package| {
        let Some((name, version)) = package.rsplit_once('@') else { return false };
        let manifest = folder.join("node_modules").join(name).join("package.json");
        let manifest = std::fs::read(manifest).ok();
        let value =
            manifest.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
        value
            .is_some_and(|value| value.get("version").and_then(|one| one.as_str()) == Some(version))
    })
}

fn loads(folder: &Path, modules: &[&str]) -> bool {
    let script = modules.iter().map(|module| format!("require('{module}');")).collect::<String>();
    let mut command = Command::new("node");
    process::succeeds(command.env("NODE_PATH", folder.join("node_modules")).args(["-e", &script]))
}
