//! The journal thread: takes records, writes them at once, syncs them in groups.
//!
//! In: batches of records on a channel. Out: the journal; events, which the daemon turns into
//! records (`loss`, `lifecycle`) and hands back.
//! Always: a record is visible to readers as soon as the thread comes to it; a disk that refuses
//! never stops the thread and never blocks the channel: after `store`'s memory is full, records are
//! dropped and counted.
//! Not here: writing itself (`store`).

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::audit::encode::EncodedRecord;
use crate::journal::error::JournalError;
use crate::journal::segment::Finished;
use crate::journal::store::{Dropped, Journal};

/// What the journal thread is sent.
#[derive(Debug)]
pub enum Batch {
    /// Records, in their order.
    Records(Vec<EncodedRecord>),
    /// Write and sync all that came before, then answer with `Journal::durable_seq`. It is smaller
    /// than expected if the disk refuses.
    Sync(Sender<u64>),
    /// Take what is in the channel, close the journal, end. So does a channel without senders.
    Stop,
}

/// What the journal thread tells; all of it is rare.
#[derive(Debug)]
pub enum WriterEvent<'a> {
    /// Writing or syncing has begun to fail; records are kept in memory and tried again each second.
    Failing(&'a JournalError),
    /// Everything that was kept is durable again.
    Recovered {
        /// The file system was full (otherwise something else was wrong).
        disk_full: bool,
        /// How long it lasted.
        lasted: Duration,
        /// Records for which there was no memory; they have no `seq`.
        dropped: Dropped,
    },
    /// Records longer than a line may be; they have no `seq`.
    TooLong(Dropped),
    /// A segment gets no more lines.
    Finished(Finished),
}

/// Runs until told to stop. `report` gives records to append in answer to an event. Errors: `Unstored`
/// if the disk still refused at the end.
pub fn run<F>(journal: Journal, batches: &Receiver<Batch>, report: F) -> Result<(), JournalError>
where
    F: FnMut(WriterEvent<'_>) -> Vec<EncodedRecord>,
{
    let mut writer = Writer { journal, report, failure: None, unsynced_since: None };
    while writer.turn(batches) {}
    writer.finish(batches)
}

struct Writer<F> {
    journal: Journal,
    report: F,
    failure: Option<Failure>,
    /// When the oldest line that is written and not durable was written.
    unsynced_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    since: Instant,
    retry_at: Instant,
    disk_full: bool,
}

impl<F: FnMut(WriterEvent<'_>) -> Vec<EncodedRecord>> Writer<F> {
    /// Waits for something to do and does it. False at the end.
    fn turn(&mut self, batches: &Receiver<Batch>) -> bool {
        let mut batch = self.wait(batches);
        while let Some(next) = batch {
            if !self.take(next) {
                return false;
            }
            // What else is there goes into the same write.
            let full = self.journal.unwritten_bytes() >= WRITE_BYTES;
            batch = if full { None } else { batches.try_recv().ok() };
        }
        self.step(Instant::now());
        true
    }

    fn wait(&self, batches: &Receiver<Batch>) -> Option<Batch> {
        let Some(due) = self.due() else {
            return Some(batches.recv().unwrap_or(Batch::Stop));
        };
        match batches.recv_deadline(due) {
            Ok(batch) => Some(batch),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Batch::Stop),
        }
    }

    /// When there is something to do without a batch.
    fn due(&self) -> Option<Instant> {
        if let Some(failure) = self.failure {
            return Some(failure.retry_at);
        }
        if self.journal.unwritten_bytes() > 0 {
            return Some(Instant::now());
        }
        self.unsynced_since.and_then(|since| since.checked_add(self.journal.sync_after()))
    }

    /// False for the end.
    fn take(&mut self, batch: Batch) -> bool {
        match batch {
            Batch::Records(records) => self.append(&records),
            Batch::Sync(answer) => {
                self.settle(Instant::now());
                // Who asked may have gone.
                let _ = answer.send(self.journal.durable_seq());
            }
            Batch::Stop => return false,
        }
        true
    }

    fn append(&mut self, records: &[EncodedRecord]) {
        for record in records {
            self.journal.append(record);
            if self.journal.unwritten_bytes() >= WRITE_BYTES {
                self.step(Instant::now());
            }
        }
    }

    /// Writes, and syncs if it is time.
    fn step(&mut self, now: Instant) {
        if let Some(failure) = self.failure {
            if now >= failure.retry_at {
                self.settle(now);
            }
            return;
        }
        let result = self.journal.flush();
        if self.journal.unsynced_bytes() == 0 {
            self.unsynced_since = None;
        }
        let since = *self.unsynced_since.get_or_insert(now);
        let waited = now.saturating_duration_since(since) >= self.journal.sync_after();
        let due = waited || self.journal.unsynced_bytes() >= SYNC_BYTES;
        let result = if due { result.and(self.journal.sync()) } else { result };
        self.conclude(result, now);
    }

    /// Writes and syncs everything.
    fn settle(&mut self, now: Instant) {
        let result = self.journal.settle();
        let recovered = result.is_ok().then(|| self.failure.take()).flatten();
        if let Some(failure) = recovered {
            let dropped = self.journal.take_dropped();
            let lasted = now.saturating_duration_since(failure.since);
            let disk_full = failure.disk_full;
            self.tell(WriterEvent::Recovered { disk_full, lasted, dropped });
        }
        self.conclude(result, now);
    }

    fn conclude(&mut self, result: Result<(), JournalError>, now: Instant) {
        if self.journal.unsynced_bytes() == 0 {
            self.unsynced_since = None;
        }
        for finished in self.journal.take_finished() {
            self.tell(WriterEvent::Finished(finished));
        }
        match result {
            Err(error) => self.fail(&error, now),
            Ok(()) if self.failure.is_none() => self.tell_too_long(),
            Ok(()) => {}
        }
    }

    fn fail(&mut self, error: &JournalError, now: Instant) {
        let before = self.failure;
        let since = before.map_or(now, |failure| failure.since);
        let disk_full = error.is_disk_full();
        self.failure = Some(Failure { since, retry_at: now + RETRY, disk_full });
        if before.is_none() {
            self.tell(WriterEvent::Failing(error));
        }
    }

    fn tell_too_long(&mut self) {
        let dropped = self.journal.take_dropped();
        if !dropped.is_empty() {
            self.tell(WriterEvent::TooLong(dropped));
        }
    }

    fn tell(&mut self, event: WriterEvent<'_>) {
        for record in (self.report)(event) {
            self.journal.append(&record);
        }
    }

    fn finish(mut self, batches: &Receiver<Batch>) -> Result<(), JournalError> {
        for batch in batches.try_iter() {
            self.take(batch);
        }
        let now = Instant::now();
        self.settle(now);
        if self.journal.unwritten_bytes() > 0 || self.failure.is_some() {
            // What the events gave, and lines whose sync failed.
            self.settle(now);
        }
        self.journal.close()
    }
}

/// A write is this large at most when there is more to take, in bytes.
const WRITE_BYTES: usize = 256 << 10;

/// As much unsynced data does not wait for `sync_ms`, in bytes.
const SYNC_BYTES: usize = 1 << 20;

/// Pause between attempts while writing fails.
const RETRY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
