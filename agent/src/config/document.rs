//! The commented default configuration, and the JSON Schemas of configuration and records.
//!
//! In: the doc comments of settings and records. Out: `default.toml` beside this file, schemas.
//! Always: the file is what the doc comments say (a test compares; `UPDATE_EXPECT=1` rewrites it);
//! reading it gives the defaults, and so does reading it with every setting uncommented.
//! Not here: writing the file (`config::generate`).

/// The commented default configuration.
pub const DEFAULT_FILE: &str = include_str!("default.toml");

/// JSON Schema of the configuration.
#[cfg(feature = "schema")]
pub fn config_schema() -> schemars::Schema {
    schemars::schema_for!(super::Config)
}

/// JSON Schema of a record.
#[cfg(feature = "schema")]
pub fn record_schema() -> schemars::Schema {
    schemars::schema_for!(crate::audit::record::Record<'static>)
}
