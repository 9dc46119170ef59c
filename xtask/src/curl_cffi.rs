//! The client with BoringSSL linked into it that the tests use, from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else; one version of each package. What is
//! compiled fits the Python that the tests run, whichever Python's pip installs it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{pip, process};

/// Installs it where it is not there yet, or no longer fits. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = workspace.tools().join("curl-cffi");
    let mut import = Command::new(python());
    if process::succeeds(import.env("PYTHONPATH", &folder).args(["-S", "-c", "import curl_cffi"])) {
        return Ok(());
    }
    let version = process::output(Command::new(python()).args(["-c", VERSION]))?;
    let compiled = ["--only-binary", ":all:", "--python-version", version.trim()];
    pip::install(&folder, PACKAGES, &compiled)
}

/// The one that the tests take: the distribution's before any other.
fn python() -> &'static Path {
    let system = Path::new("/usr/bin/python3");
    if system.is_file() { system } else { Path::new("python3") }
}

const VERSION: &str = "import sys; print('%d.%d' % sys.version_info[:2])";
/// The client, and what it cannot be loaded without.
const PACKAGES: &[&str] = &["curl-cffi==0.16.3", "cffi==2.1.1", "certifi==2026.10.18"];
