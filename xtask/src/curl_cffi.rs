//! The client with BoringSSL linked into it that the tests use, from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else; one version of each package.

use anyhow::Result;

use crate::pip;
use crate::workspace::Workspace;

/// Installs it where it is not there yet, or no longer fits. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    pip::ensure_compiled(&workspace.tools().join("curl-cffi"), "curl_cffi", PACKAGES)
}

/// The client, and what it cannot be loaded without.
const PACKAGES: &[&str] = &["curl-cffi==0.16.3", "cffi==2.1.1", "certifi==2026.10.18"];
