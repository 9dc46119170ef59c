//! The messages of OTLP as OpenTelemetry has them, with which the tests read exported records, from the Python
//! package index.
//!
//! Always: they lie in the target folder and nowhere else; one version of each package.

use anyhow::Result;

use crate::pip;
use crate::workspace::Workspace;

/// Installs them where they are not there yet, or no longer fit. The tests look for them at this place.
pub fn ensure(workspace: &Workspace) -> Result<()> {
    pip::ensure_compiled(&workspace.tools().join("otlp"), MODULES, PACKAGES)
}

const MODULES: &str =
    "google.protobuf.json_format, opentelemetry.proto.collector.logs.v1.logs_service_pb2";
const PACKAGES: &[&str] = &["opentelemetry-proto==1.45.2", "protobuf==7.36.2"];
