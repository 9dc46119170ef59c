//! The journal: every record, once, in order, as JSON Lines in segment files.
//!
//! In: `audit::encode::EncodedRecord`, by way of the one writer thread (`writer::run`). Out: segment
//! files (`segment`), and their lines again for `cat`, `watch` and the sinks (`reader`).
//! Always: `seq` has no hole in what is stored; a line is whole or it is not there; nothing counts
//! as durable before `fdatasync` said so; one process writes (`lock`).
//! Not here: what a record says (`audit::record`), sealing and retention (they get finished segments
//! from `WriterEvent::Finished`).
//!
//! ```text
//! writer ── append ──▶ store ── lines not yet durable ──▶ backlog
//!                        ├── at open ──▶ directory, lock, recover
//!                        └── write, sync, rotate ──▶ segment ◀── source ◀── lines ◀── reader ◀── cat, watch
//!                                    compress ──▶ frames ◀────────┘
//! ```

mod backlog;
pub mod compress;
pub mod directory;
mod error;
mod frames;
pub mod hashes;
pub mod hold;
mod keeping;
pub mod line;
pub mod lines;
pub mod lock;
pub mod moment;
pub mod reader;
mod recover;
mod reseal;
pub mod retain;
pub mod segment;
pub mod source;
mod store;
#[cfg(test)]
pub(crate) mod testing;
pub mod visits;
pub mod writer;

use std::time::Duration;

use serde::Deserialize;

pub use directory::Directory;
pub use error::JournalError;
pub use recover::Recovery;
pub use segment::Finished;
pub use store::{Dropped, Journal};

/// `[journal]`: how records are stored on this host.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct JournalConfig {
    /// Longest time a record waits for the disk, in milliseconds; 1 MiB of waiting records end the
    /// wait earlier. A loss of power may cost the records of this time; a crash of the agent costs
    /// none that were written. 0 syncs after every write, at the price of one disk flush each.
    /// Default 200.
    pub sync_ms: u64,
    /// Size at which a segment file ends and the next one begins, in bytes. A record that is larger
    /// gets a segment of its own. Default 67 108 864 (64 MiB).
    pub segment_bytes: u64,
    /// Days after which a segment is removed. Default 400.
    pub retain_days: u32,
    /// Size of the journal beyond which its oldest segment is removed, in bytes. Default: no limit.
    pub retain_bytes: Option<u64>,
}

impl JournalConfig {
    /// How much is kept.
    pub fn limits(&self) -> retain::Limits {
        let age = Duration::from_secs(u64::from(self.retain_days) * 24 * 60 * 60);
        retain::Limits { age: Some(age), bytes: self.retain_bytes }
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { sync_ms: 200, segment_bytes: 64 << 20, retain_days: 400, retain_bytes: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_has_defaults_and_refuses_unknown_keys() {
        let config: JournalConfig = toml::from_str("sync_ms = 5").unwrap();
        assert_eq!(config, JournalConfig { sync_ms: 5, ..JournalConfig::default() });
        assert!(toml::from_str::<JournalConfig>("sync = 5").is_err());
    }
}
