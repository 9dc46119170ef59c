//! The threads of the sinks.
//!
//! In: `[[sink]]`, the data directory. Out: one thread a sink.
//! Always: started after the journal has been put right and before anything is appended; ended after
//! it was closed, so that a sink can have its last records.
//! Not here: delivering (`sink`).

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::sink::{Delivery, SinkConfig};

/// All sinks that run.
pub(super) struct Sinks {
    threads: Vec<JoinHandle<()>>,
    /// Nothing is ever sent; that it is gone tells them to end.
    running: Sender<Infallible>,
}

impl Sinks {
    /// Starts them. `next_seq`: number of the journal's next record. Errors: the journal cannot be
    /// read, or no thread be made.
    pub(super) fn start(data_dir: &Path, sinks: &[SinkConfig], next_seq: u64) -> io::Result<Self> {
        let (running, end) = bounded(0);
        let start = |config| start(data_dir, config, next_seq, end.clone());
        let threads = sinks.iter().map(start).collect::<io::Result<_>>()?;
        Ok(Self { threads, running })
    }

    /// The journal is closed: lets them deliver the rest, for a few seconds, and ends them.
    pub(super) fn finish(self) {
        drop(self.running);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn start(
    data_dir: &Path,
    config: &SinkConfig,
    next_seq: u64,
    end: Receiver<Infallible>,
) -> io::Result<JoinHandle<()>> {
    let delivery = Delivery::open(data_dir, config, next_seq).map_err(io::Error::other)?;
    let name = format!("sink-{}", config.settings().name());
    thread::Builder::new().name(name).spawn(move || delivery.run(&end))
}
