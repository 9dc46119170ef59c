//! What must not be written: found, removed and counted.
//!
//! In: heads of messages, `RedactionConfig`. Out: text that may be written, and `Notes` of what
//! was removed from it.
//! Always: headers only by allow-list; credential headers never, whatever the list says; values
//! and names that look secret become `***`; nothing here is logged.
//! Not here: whether an exchange is recorded at all (`audit::policy`), bodies.

pub mod card;
mod gate;
pub mod headers;
pub mod keys;
pub mod lists;
pub mod name;
pub mod notes;
pub mod target;
pub mod text;
pub mod url;
pub mod value;

use serde::{Deserialize, Serialize};

/// What stands in place of a sensitive value.
pub const MASK: &str = "***";

/// Which header fields records keep.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RedactionConfig {
    /// Header fields that records keep, without case. The list replaces the default one. Fields
    /// that carry credentials (`authorization`, `cookie`, `x-api-key` and their like) are never
    /// kept: to list one is a mistake.
    pub header_allow: Vec<String>,
}

impl Default for RedactionConfig {
    fn default() -> Self {
        Self { header_allow: lists::ALLOW.iter().map(|name| String::from(*name)).collect() }
    }
}
