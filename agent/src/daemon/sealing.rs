//! The thread that compresses finished segments.
//!
//! In: wakes from the journal's thread. Out: sealed segments.
//! Always: it slows nobody; a disk that refuses is said once and tried again; it has ended before the
//! journal is unlocked, and what is left is done at the next start.
//! Not here: sealing one (`journal::compress`).

use std::io;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Flag;
use crate::journal::compress::Compress;
use crate::kernel::sched;

/// How long to wait before the next attempt.
const RETRY: Duration = Duration::from_secs(30);

/// The thread, while it runs.
pub(super) struct Sealing {
    thread: JoinHandle<()>,
    waker: Waker,
    ended: Flag,
}

/// Tells the thread that there may be something to do.
#[derive(Clone)]
pub(super) struct Waker(Sender<()>);

impl Waker {
    pub(super) fn wake(&self) {
        // One that waits already is enough.
        let _ = self.0.try_send(());
    }
}

impl Sealing {
    /// Starts it; the journal of `data_dir` must be locked by this process. Errors: no thread can be made.
    pub(super) fn start(data_dir: &Path) -> io::Result<Self> {
        let (waker, wakes) = bounded(1);
        let ended = Flag::default();
        let (compress, flag) = (Compress::new(data_dir), ended.clone());
        let thread = thread::Builder::new()
            .name(String::from("sealing"))
            .spawn(move || run(&compress, &wakes, &flag))?;
        Ok(Self { thread, waker: Waker(waker), ended })
    }

    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Ends it, in the middle of a segment if need be.
    pub(super) fn finish(self) {
        self.ended.set();
        self.waker.wake();
        let _ = self.thread.join();
    }
}

fn run(compress: &Compress, wakes: &Receiver<()>, ended: &Flag) {
    if let Err(error) = sched::run_late() {
        tracing::debug!(%error, "scheduled like any other thread");
    }
    if let Err(error) = compress.clean_up() {
        tracing::warn!(%error, "segments that were not finished stay");
    }
    let mut is_failing = false;
    while !ended.is_set() {
        let result = compress.seal_finished(&|| ended.is_set());
        match &result {
            Err(error) if !is_failing => {
                tracing::warn!(%error, "a segment stays as it is; trying again");
            }
            Ok(()) if is_failing => tracing::warn!("segments are sealed again"),
            _ => {}
        }
        is_failing = result.is_err();
        if is_failing {
            let _ = wakes.recv_timeout(RETRY);
        } else {
            let _ = wakes.recv();
        }
    }
}
