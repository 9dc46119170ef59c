//! The JSON Web Tokens that the tests' server issues, from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else, in one version.

use anyhow::Result;

use crate::pip;
use crate::workspace::Workspace;

/// Installs it where it is not there yet, or no longer fits. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    pip::ensure_compiled(&workspace.tools().join("pyjwt"), "jwt", PACKAGES)
}

/// What it cannot be loaded without on older versions of Python is there, too.
const PACKAGES: &[&str] = &["pyjwt==2.15.1", "typing-extensions==4.16.0"];
