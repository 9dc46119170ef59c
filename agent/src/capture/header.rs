//! What a capture file says of itself.
//!
//! In: JSON. Out: `Header`.
//! Always: keys that are not known are skipped, those that are missing are `None`, so that older and
//! newer files can be read.
//! Not here: measuring the clocks, reading the host (`discover::host`).

use serde::{Deserialize, Serialize};

use crate::model::time::ClockOffset;

/// The header of a capture file.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Header {
    /// Version of the agent that wrote it.
    pub version: String,
    /// Release of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Wall-clock time minus monotonic time, in nanoseconds.
    pub clock_offset_ns: i64,
    /// When it was begun, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Name of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
}

impl Header {
    /// The clock of the samples.
    pub fn clock(&self) -> ClockOffset {
        ClockOffset { offset_ns: self.clock_offset_ns }
    }
}
