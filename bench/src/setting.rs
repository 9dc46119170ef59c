//! A kernel setting, changed for a while.
//!
//! Always: the value that was found is put back when this is dropped.

use std::fs;

use anyhow::{Context as _, Result};

use crate::progress;

/// Whether the kernel measures how long BPF programs run; that itself costs some time.
pub const BPF_STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// A setting that is not as it was found.
pub struct Changed {
    path: &'static str,
    found: String,
}

impl Changed {
    /// Changes it.
    pub fn to(path: &'static str, value: &str) -> Result<Self> {
        let found = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
        fs::write(path, value).with_context(|| format!("writing {value} to {path}"))?;
        Ok(Self { path, found })
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        if let Err(error) = fs::write(self.path, self.found.trim()) {
            progress::note(&format!("{} is not as it was found: {error}", self.path));
        }
    }
}
