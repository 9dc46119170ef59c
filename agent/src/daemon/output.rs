//! Showing records as they are stored.
//!
//! In: the journal's files, followed from where this run begins. Out: lines to an `Output`.
//! Always: what is shown is what is stored, all of it, in order; a slow or dead reader slows nobody.
//! Not here: how it looks (`cli`).

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Flag;
use crate::journal::reader::{Item, ReadError, Reader};

/// How long to wait for more.
const POLL: Duration = Duration::from_millis(50);
/// Lines between two draws.
const LINES: usize = 1_024;

/// Takes lines of the journal and shows them.
pub trait Output: Send {
    /// One record as stored, without the line's end.
    fn line(&mut self, line: &[u8]) -> io::Result<()>;
    /// Shows what came. `connections`: open ones, where known.
    fn draw(&mut self, connections: Option<u64>) -> io::Result<()>;
    /// The last call.
    fn finish(&mut self) -> io::Result<()>;
}

/// The thread that follows.
pub struct Follower {
    thread: JoinHandle<()>,
    ended: Flag,
    connections: Arc<OnceLock<Arc<AtomicU64>>>,
}

/// Follows the journal from its present end.
///
/// # Errors
/// The journal cannot be read, or no thread be made.
pub fn follow(data_dir: &Path, output: Box<dyn Output>) -> io::Result<Follower> {
    let reader = Reader::open_at_end(data_dir).map_err(io::Error::other)?;
    let ended = Flag::default();
    let connections = Arc::new(OnceLock::new());
    let (flag, count) = (ended.clone(), Arc::clone(&connections));
    let thread = std::thread::Builder::new()
        .name(String::from("output"))
        .spawn(move || show_all(reader, output, &flag, &count))?;
    Ok(Follower { thread, ended, connections })
}

impl Follower {
    /// Where the number of open connections is kept.
    pub fn count_connections(&self, connections: Arc<AtomicU64>) {
        let _ = self.connections.set(connections);
    }

    /// The journal is closed: shows the rest and ends.
    pub fn finish(self) {
        self.ended.set();
        let _ = self.thread.join();
    }
}

fn show_all(
    mut reader: Reader,
    mut output: Box<dyn Output>,
    ended: &Flag,
    connections: &OnceLock<Arc<AtomicU64>>,
) {
    loop {
        // Read before the look at the journal, so that its last lines are not missed.
        let last_round = ended.is_set();
        let count = connections.get().map(|count| count.load(Ordering::Relaxed));
        let more = match show_some(&mut reader, &mut *output) {
            Ok(more) => more,
            // Nobody reads any more: not a reason to stop recording.
            Err(ShowError::Write) => return,
            Err(ShowError::Read(error)) => {
                tracing::warn!(%error, "cannot follow the journal");
                false
            }
        };
        if output.draw(count).is_err() {
            return;
        }
        if !more {
            if last_round {
                break;
            }
            std::thread::sleep(POLL);
        }
    }
    let _ = output.finish();
}

enum ShowError {
    Read(ReadError),
    Write,
}

/// Returns whether there may be more.
fn show_some(reader: &mut Reader, output: &mut dyn Output) -> Result<bool, ShowError> {
    for _ in 0..LINES {
        match reader.read().map_err(ShowError::Read)? {
            None => return Ok(false),
            Some(Item::Record { line, .. }) => output.line(line).map_err(|_| ShowError::Write)?,
            Some(Item::Notice(notice)) => tracing::warn!(%notice, "journal"),
        }
    }
    Ok(true)
}
