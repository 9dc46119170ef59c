//! The WebSocket over HTTP/2 that the tests use, from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else; one version of each package.

use anyhow::Result;

use crate::pip;
use crate::workspace::Workspace;

/// Installs it where it is not there yet, or no longer fits. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = workspace.tools().join("hypercorn");
    pip::ensure_compiled(&folder, "hypercorn.asyncio, h2.connection, wsproto.connection", PACKAGES)
}

/// The server, what it cannot be loaded without, and so the libraries that the client is made of.
const PACKAGES: &[&str] = &[
    "hypercorn==0.18.0",
    "h11==0.16.0",
    "h2==4.4.1",
    "hpack==4.2.0",
    "hyperframe==6.1.0",
    "priority==2.0.0",
    "wsproto==1.3.2",
];
