//! `[journal]`: the journal's own settings, and those of its later stages.
//!
//! In: the configuration file. Out: `JournalSection`, and the part that the journal takes.
//! Always: defaults are the journal's own.
//! Not here: storing records (`crate::journal`).

use serde::{Deserialize, Serialize};

use super::secret::Secret;
use crate::journal::JournalConfig;

/// How records are stored on this host.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct JournalSection {
    /// Longest time a record waits for the disk, in milliseconds; a loss of power may cost the
    /// records of this time. 0 waits for the disk after every write.
    pub sync_ms: u64,
    /// Size at which a segment file ends and the next one begins, in bytes.
    pub segment_bytes: u64,
    /// Days after which a segment is removed, counted from its last record. A record says so first.
    pub retain_days: u32,
    /// Size of the journal beyond which its oldest segment is removed, in bytes. Not set: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain_bytes: Option<u64>,
    /// Recipients that finished segments are encrypted to. Example: `["age1…"]`. Not available in
    /// this version.
    pub encrypt_to: Vec<String>,
    /// Witnesses that must sign a checkpoint. Example: `{ file = "/etc/earwitness/witnesses" }`.
    /// Not available in this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness_policy: Option<Secret>,
}

impl Default for JournalSection {
    fn default() -> Self {
        let own = JournalConfig::default();
        Self {
            sync_ms: own.sync_ms,
            segment_bytes: own.segment_bytes,
            retain_days: own.retain_days,
            retain_bytes: own.retain_bytes,
            encrypt_to: Vec::new(),
            witness_policy: None,
        }
    }
}

impl JournalSection {
    /// The part that the journal takes.
    pub fn settings(&self) -> JournalConfig {
        JournalConfig {
            sync_ms: self.sync_ms,
            segment_bytes: self.segment_bytes,
            retain_days: self.retain_days,
            retain_bytes: self.retain_bytes,
        }
    }
}
