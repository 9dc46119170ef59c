//! The WebSocket that the tests use, from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else, in one version.

use anyhow::Result;

use crate::pip;
use crate::workspace::Workspace;

/// Installs it where it is not there yet, or no longer fits. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = workspace.tools().join("websockets");
    pip::ensure_compiled(&folder, "websockets.asyncio.server, websockets.asyncio.client", PACKAGES)
}

const PACKAGES: &[&str] = &["websockets==17.4"];
