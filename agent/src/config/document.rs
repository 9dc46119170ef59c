//! The commented default configuration, and the JSON Schemas of configuration and records.
//!
//! In: the doc comments of settings and records. Out: `deploy/earwitness.toml`, schemas.
//! Always: the files in `deploy` are what the doc comments say (tests compare; `cargo xtask tidy --fix`
//! writes them); reading the first gives the defaults, also with every setting uncommented.
//! Not here: the text of the default file (`config::generate`).

/// The commented default configuration.
pub const DEFAULT_FILE: &str = include_str!("../../../deploy/earwitness.toml");

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
