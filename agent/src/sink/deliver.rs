//! From the journal to one sink: reads, delivers, moves the cursor.
//!
//! In: the journal's files, followed from the cursor on. Out: batches to a `Sink`, in order.
//! Always: a batch is durable in the journal before it leaves, or a loss of power could give its
//! numbers to other records; the cursor moves only after the sink has said `Ok`; what is not
//! delivered comes again, for as long as it takes; memory is one batch.
//! Each line is converted once, here, so that a kind of sink needs to know no format.
//! Not here: how a batch is delivered (one file a sink), the thread (`daemon::sinks`).

use std::convert::Infallible;
use std::path::Path;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};

use super::cursor::Cursor;
use super::{NotDelivered, Sink, SinkConfig};
use crate::export::Format;
use crate::journal::reader::{Bounds, Item, ReadError, Reader};

/// How long to wait for more.
const POLL: Duration = Duration::from_millis(100);
/// How long to wait before the first new attempt; each wait is twice as long as the one before.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// Longest wait between two attempts.
const LAST_RETRY: Duration = Duration::from_secs(30);
/// How long a sink may go on once the journal is closed; the rest waits for the next start.
const END: Duration = Duration::from_secs(5);
/// Bytes at which a batch is full; the last record may exceed them.
const BATCH_BYTES: usize = 1 << 20;

/// Records that are delivered together, in the sink's format. In order, never empty when it reaches a
/// sink.
#[derive(Debug, Default)]
pub struct Batch {
    format: Format,
    lines: Vec<u8>,
    /// Bytes of the journal that it was made of, also of records that the format has nothing for.
    read_bytes: usize,
    /// Behind the last record that was read for it.
    next_seq: u64,
}

impl Batch {
    /// An empty one.
    pub(super) fn new(format: Format) -> Self {
        Self { format, ..Self::default() }
    }

    /// What its records are written as.
    pub fn format(&self) -> Format {
        self.format
    }

    /// All records as lines of the format, each with its newline.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The records one by one, as lines of the format without newline.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.split(|&byte| byte == b'\n').filter(|record| !record.is_empty())
    }

    /// Adds a line of the journal.
    pub(super) fn push(&mut self, seq: u64, line: &[u8]) {
        if let Some(line) = self.format.convert(line) {
            self.lines.extend_from_slice(&line);
            self.lines.push(b'\n');
        }
        self.read_bytes += line.len();
        self.next_seq = seq.saturating_add(1);
    }

    /// Whether nothing was read for it.
    fn is_unread(&self) -> bool {
        self.read_bytes == 0
    }

    /// Whether it has reached its size, as read or as written.
    fn is_full(&self) -> bool {
        self.read_bytes.max(self.lines.len()) >= BATCH_BYTES
    }

    fn clear(&mut self) {
        self.lines.clear();
        self.read_bytes = 0;
    }
}

/// One sink on its way through the journal.
pub struct Delivery {
    name: String,
    reader: Reader,
    cursor: Cursor,
    sink: Box<dyn Sink>,
    /// Read and not delivered yet.
    batch: Batch,
    /// The wait before the next attempt, after one that failed.
    retry: Option<Duration>,
}

impl Delivery {
    /// Begins at the cursor; without one, at the oldest record that there is. `next_seq`: number of
    /// the journal's next record. Errors: the journal cannot be read.
    pub fn open(data_dir: &Path, config: &SinkConfig, next_seq: u64) -> Result<Self, ReadError> {
        let settings = config.settings();
        let cursor = Cursor::open(data_dir, settings.name());
        let reader = match cursor.next() {
            Some(next) if next <= next_seq => Reader::open_at(data_dir, next)?,
            next => {
                if let Some(next) = next {
                    // Another journal: whoever waited for its numbers to reach the cursor would miss them.
                    let sink = settings.name();
                    tracing::warn!(
                        sink,
                        next,
                        next_seq,
                        "the cursor lies behind the journal's end"
                    );
                }
                Reader::open(data_dir, &Bounds::default())?
            }
        };
        let (name, sink) = (settings.name().to_owned(), settings.open());
        let batch = Batch::new(settings.format());
        Ok(Self { name, reader, cursor, sink, batch, retry: None })
    }

    /// Delivers until the channel's other end is gone; then what is left, as far as that can be done
    /// at once.
    pub fn run(mut self, running: &Receiver<Infallible>) {
        let mut end_at = None;
        loop {
            // Seen before the look at the journal, so that its last lines are not missed.
            let ended = running.try_recv() == Err(TryRecvError::Disconnected);
            let pause = match self.step() {
                Ok(true) => Duration::ZERO,
                Ok(false) => POLL,
                Err(error) => self.failed(&error),
            };
            let late =
                ended && Instant::now() > *end_at.get_or_insert_with(|| Instant::now() + END);
            if late || ended && !pause.is_zero() {
                return;
            }
            if !pause.is_zero() {
                // Nothing is ever sent: this waits, or the other end is gone.
                let _ = running.recv_timeout(pause);
            }
        }
    }

    /// Delivers one batch, or tries to. Whether there may be more.
    fn step(&mut self) -> Result<bool, NotDelivered> {
        let unsaved = |path: &Path, error| {
            NotDelivered(format!("cannot write the cursor {}: {error}", path.display()))
        };
        self.cursor.settle().map_err(|error| unsaved(self.cursor.path(), error))?;
        let more = self.fill().map_err(|error| NotDelivered(error.to_string()))?;
        if self.batch.is_unread() {
            return Ok(more);
        }
        self.reader.sync().map_err(|error| NotDelivered(error.to_string()))?;
        if !self.batch.lines.is_empty() {
            self.sink.deliver(&self.batch)?;
        }
        let next_seq = self.batch.next_seq;
        self.batch.clear();
        if self.retry.take().is_some() {
            // As loud as that it did not: whoever has read the one looks for the other.
            tracing::warn!(sink = self.name, "delivers again");
        }
        self.cursor.advance(next_seq).map_err(|error| unsaved(self.cursor.path(), error))?;
        Ok(more)
    }

    /// Reads until the batch is full or there is nothing more. Whether there may be more.
    fn fill(&mut self) -> Result<bool, ReadError> {
        // One that was not delivered goes as it is.
        while self.batch.is_unread() || self.retry.is_none() {
            if self.batch.is_full() {
                break;
            }
            match self.reader.read()? {
                None => return Ok(false),
                Some(Item::Record { seq, line }) => self.batch.push(seq, line),
                Some(Item::Notice(notice)) => {
                    tracing::warn!(sink = self.name, %notice, "journal");
                }
            }
        }
        Ok(true)
    }

    /// Says so, once for each trouble. How long to wait.
    fn failed(&mut self, error: &NotDelivered) -> Duration {
        if self.retry.is_none() {
            tracing::warn!(sink = self.name, %error, "not delivered; trying again");
        }
        let pause = self.retry.map_or(FIRST_RETRY, |last| (last * 2).min(LAST_RETRY));
        self.retry = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests;
