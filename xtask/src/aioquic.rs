//! The QUIC and HTTP/3 that the tests use, from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else; one version of each package.

use anyhow::Result;

use crate::pip;
use crate::workspace::Workspace;

/// Installs it where it is not there yet, or no longer fits. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = workspace.tools().join("aioquic");
    pip::ensure_compiled(&folder, "aioquic.asyncio, aioquic.h3.connection", PACKAGES)
}

/// The library, and what it cannot be loaded without.
const PACKAGES: &[&str] = &[
    "aioquic==1.7.2",
    "attrs==26.1.0",
    "certifi==2026.10.18",
    "cffi==2.1.1",
    "cryptography==50.0.2",
    "pylsqpack==1.0.0",
    "pyopenssl==26.4.0",
    "service-identity==26.1.0",
    "typing-extensions==4.16.0",
];
