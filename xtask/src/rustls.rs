//! Programs over several versions of rustls that the tests run, built from `tests/rustls`.
//!
//! Always: what comes of them lies in the tools' folder and nowhere else, under its profile's name;
//! the versions are those of their own lock file. Cargo itself sees whether anything has changed.

use anyhow::Result;

use crate::process;
use crate::step::note;
use crate::workspace::Workspace;

/// Builds what is not up to date. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = workspace.tools().join("rustls");
    note(format!("building tests/rustls into {}: a minute, the first time", folder.display()));
    for (profile, programs) in BUILDS {
        let mut command = workspace.cargo();
        command.args(["build", "--quiet", "--locked", "--manifest-path", MANIFEST]);
        command.args(["--profile", profile]).args(programs);
        process::run(command.arg("--target-dir").arg(&folder))?;
    }
    Ok(())
}

/// Each profile with the programs that are built by it.
const BUILDS: [(&str, &[&str]); 2] = [("release", &["--bins"]), ("fat", &["--bin", "rustls23"])];
const MANIFEST: &str = "tests/rustls/Cargo.toml";
