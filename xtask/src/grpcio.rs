//! The gRPC that the tests use, from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else; one version of each package.

use anyhow::Result;

use crate::pip;
use crate::workspace::Workspace;

/// Installs it where it is not there yet, or no longer fits. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    pip::ensure_compiled(&workspace.tools().join("grpcio"), "grpc", PACKAGES)
}

/// The library, and what it cannot be loaded without.
const PACKAGES: &[&str] = &["grpcio==1.85.1", "typing-extensions==4.16.0"];
