//! What an agent that ended has recorded.
//!
//! In: its data directory. Out: counts.
//! Always: only exchanges of the given server count, each once, also those that are told at their
//! head and at their end; losses of programs and protocols that cannot be read at all are no losses
//! of these exchanges.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use live_tests::journal::{open, segments};
use serde::{Deserialize, Serialize};

/// What was counted.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// Records of exchanges.
    pub exchanges: u64,
    /// Those of which a part is missing.
    pub incomplete: u64,
    /// Records of losses.
    pub losses: u64,
    /// How many exchanges these may stand for.
    pub lost: u64,
    /// Reasons of these losses, each once.
    pub reasons: Vec<String>,
}

/// Counts what a journal tells of the server at a port.
pub fn count(data_dir: &Path, port: u16) -> Result<Counts> {
    let mut counts = Counts::default();
    for segment in segments(data_dir)? {
        let mut lines = BufReader::with_capacity(1 << 20, open(&segment)?);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let record: Record = serde_json::from_slice(&line).with_context(|| {
                format!("{}: {}", segment.display(), String::from_utf8_lossy(&line))
            })?;
            counts.add(&record, port);
            line.clear();
        }
    }
    Ok(counts)
}

impl Counts {
    fn add(&mut self, record: &Record, port: u16) {
        let server = record.server.as_ref().and_then(|server| server.port);
        match (&record.loss, &record.capture) {
            (Some(loss), _) if !UNREADABLE.contains(&&*loss.reason) => {
                self.losses += 1;
                self.lost += loss.exchanges.unwrap_or(loss.events);
                if !self.reasons.contains(&loss.reason) {
                    self.reasons.push(loss.reason.clone());
                }
            }
            (None, Some(capture)) if server == Some(port) && !capture.open => {
                self.exchanges += 1;
                self.incomplete += u64::from(!capture.complete);
            }
            _ => {}
        }
    }
}

#[derive(Deserialize)]
struct Record {
    server: Option<Server>,
    capture: Option<Capture>,
    loss: Option<Loss>,
}

#[derive(Deserialize)]
struct Server {
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Capture {
    complete: bool,
    /// Its end is told by another record.
    #[serde(default)]
    open: bool,
}

#[derive(Deserialize)]
struct Loss {
    reason: String,
    events: u64,
    exchanges: Option<u64>,
}

const UNREADABLE: [&str; 4] = ["opaque_tls", "http2", "upgraded", "io_uring"];
