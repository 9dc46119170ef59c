//! The schema of OCSF as JSON Schema, with which the tests hold exported events, from the Python package index.
//!
//! Always: it lies in the target folder and nowhere else, in one version; every release of OCSF that the tests ask
//! for is in it, so nothing is fetched later.

use anyhow::Result;

use crate::pip;
use crate::workspace::Workspace;

/// Installs it where it is not there yet, or no longer fits. The tests look for it at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    pip::ensure_compiled(&workspace.tools().join("ocsf"), "ocsf_json_schema", PACKAGES)
}

const PACKAGES: &[&str] = &["ocsf-json-schema==1.2.0"];
