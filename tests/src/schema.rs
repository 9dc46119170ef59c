//! The shipped JSON Schema of records.
//!
//! Always: every record that a test sees is held against it. While the file does not exist, that is
//! said once, aloud.

use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Result, bail};
use jsonschema::Validator;
use serde_json::Value;

/// Fails unless the record is as the schema says.
pub fn check(record: &Value) -> Result<()> {
    let Some(validator) = SCHEMA.as_ref() else { return Ok(()) };
    let faults: Vec<_> = validator
        .iter_errors(record)
        .map(|fault| format!("at {}: {fault}", fault.instance_path()))
        .collect();
    if !faults.is_empty() {
        bail!("record does not follow {PATH}:\n{}\n{record}", faults.join("\n"));
    }
    Ok(())
}

static SCHEMA: LazyLock<Option<Validator>> = LazyLock::new(|| {
    let loaded = load();
    if let Err(error) = &loaded {
        eprintln!("records are not held against a schema: {error:#}");
    }
    loaded.ok()
});

fn load() -> Result<Validator> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PATH);
    let Ok(text) = std::fs::read_to_string(&path) else { bail!("{PATH} does not exist") };
    Ok(jsonschema::validator_for(&serde_json::from_str(&text)?)?)
}

const PATH: &str = "deploy/record.schema.json";
