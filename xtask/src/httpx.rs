//! The HTTP/2 client in Python that the tests use, from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else; one version of each package.

use anyhow::Result;

use crate::pip;
use crate::workspace::Workspace;

/// Installs it where it is not there yet, or no longer fits. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    pip::ensure_compiled(&workspace.tools().join("httpx"), "httpx, h2.connection", PACKAGES)
}

/// The client, its HTTP/2, and what they cannot be loaded without.
const PACKAGES: &[&str] = &[
    "httpx==0.28.1",
    "anyio==4.16.0",
    "certifi==2026.10.18",
    "h11==0.16.0",
    "h2==4.4.1",
    "hpack==4.2.0",
    "httpcore==1.0.9",
    "hyperframe==6.1.0",
    "idna==3.20",
    "typing-extensions==4.16.0",
];
