//! The JSON Schema of records, as shipped, or as the agent itself prints it.
//!
//! Always: every record that a test sees is held against it; without a schema every test fails.

use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Result, anyhow, ensure};
use jsonschema::Validator;
use serde_json::Value;

use crate::agent;

/// Fails unless the record is as the schema says.
pub fn check(record: &Value) -> Result<()> {
    let validator = SCHEMA.as_ref().map_err(|error| anyhow!("no schema of records: {error:#}"))?;
    let faults: Vec<_> = validator
        .iter_errors(record)
        .map(|fault| format!("at {}: {fault}", fault.instance_path()))
        .collect();
    ensure!(faults.is_empty(), "record and schema differ:\n{}\n{record}", faults.join("\n"));
    Ok(())
}

static SCHEMA: LazyLock<Result<Validator>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/record.schema.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) => agent::run(&["config", "schema", "--record"])?.good()?,
    };
    Ok(jsonschema::validator_for(&serde_json::from_str(&text)?)?)
});
