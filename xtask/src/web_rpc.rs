//! The gRPC-Web that the tests use: Connect and the library of browsers from npm's registry, sonora
//! from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else; one version of each package.

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{npm, pip};

/// Installs it where it is not there yet, or no longer fits. The tests look for it at these places.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    let modules = ["@connectrpc/connect-node", "@bufbuild/protobuf/wkt", "grpc-web", "xhr2"];
    npm::ensure(&workspace.tools().join("web-rpc"), &modules, NPM_PACKAGES)?;
    let folder = workspace.tools().join("sonora");
    pip::ensure_compiled(&folder, "hypercorn.asyncio, sonora.asgi", PIP_PACKAGES)
}

/// The last Connect that runs in Debian 12's Node, and what both libraries cannot be loaded without.
const NPM_PACKAGES: &[&str] = &[
    "@bufbuild/protobuf@2.7.0",
    "@connectrpc/connect@2.0.4",
    "@connectrpc/connect-node@2.0.4",
    "grpc-web@2.1.1",
    "xhr2@0.2.1",
];

/// The server for base64, what serves it, and what they cannot be loaded without.
const PIP_PACKAGES: &[&str] = &[
    "sonora==0.2.3",
    "async-timeout==4.0.3",
    "grpcio==1.85.1",
    "h11==0.16.0",
    "h2==4.4.1",
    "hpack==4.2.0",
    "hypercorn==0.18.0",
    "hyperframe==6.1.0",
    "priority==2.0.0",
    "typing-extensions==4.16.0",
    "wsproto==1.3.2",
];
