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
use crate::journal::hold::Hold;
use crate::journal::keeping::Keeping;
use crate::journal::retain::Plan;
use crate::journal::segment::Finished;
use crate::journal::store::{Dropped, Journal};
use crate::seal::Handover;

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
    /// Another key is to sign checkpoints: the first record in answer must say so.
    HandOver(&'a Handover),
    /// Segments are to be removed, once the record in answer is sealed.
    Prune(&'a Plan),
    /// Holds that are new, and names of those that are gone.
    Holds {
        /// Placed since the last time, or there at the start.
        placed: &'a [Hold],
        /// Released since.
        released: &'a [String],
    },
    /// The journal has come nearer to its limit.
    Filling {
        /// Per cent of `retain_bytes`: 75 or 90.
        percent: u64,
        /// The hold that keeps what would have to go, if one does.
        held_by: Option<&'a str>,
    },
}

/// Runs until told to stop. `report` gives records to append in answer to an event. Errors: `Unstored`
/// if the disk still refused at the end.
pub fn run<F>(journal: Journal, batches: &Receiver<Batch>, report: F) -> Result<(), JournalError>
where
    F: FnMut(WriterEvent<'_>) -> Vec<EncodedRecord>,
{
    let now = Instant::now();
    let mut writer = Writer {
        journal,
        report,
        failure: None,
        unsynced_since: None,
        sealed_at: now,
        keeping: Keeping::new(now),
    };
    writer.hand_over(now);
    while writer.turn(batches) {}
    writer.finish(batches)
}

struct Writer<F> {
    journal: Journal,
    report: F,
    failure: Option<Failure>,
    /// When the oldest line that is written and not durable was written.
    unsynced_since: Option<Instant>,
    /// When the newest checkpoint was written.
    sealed_at: Instant,
    keeping: Keeping,
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
        match batches.recv_deadline(self.due()) {
            Ok(batch) => Some(batch),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Batch::Stop),
        }
    }

    /// When there is something to do without a batch.
    fn due(&self) -> Instant {
        if let Some(failure) = self.failure {
            return failure.retry_at;
        }
        if self.journal.unwritten_bytes() > 0 {
            return Instant::now();
        }
        let sync = self.unsynced_since.map(|since| since + self.journal.sync_after());
        let seal = self.seal_due().min(self.keeping.due());
        sync.map_or(seal, |sync| sync.min(seal))
    }

    /// When the next checkpoint is to be written.
    fn seal_due(&self) -> Instant {
        self.sealed_at + if self.journal.is_unsealed() { SEAL } else { SILENCE }
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
        let result = result.and_then(|()| self.seal(now));
        self.conclude(result, now);
        self.hand_over(now);
        self.keep(now);
    }

    /// Seals what is durable, if it is time.
    fn seal(&mut self, now: Instant) -> Result<(), JournalError> {
        if now < self.seal_due() {
            return Ok(());
        }
        self.sealed_at = now;
        if self.journal.is_unsealed() {
            self.journal.checkpoint()
        } else {
            self.journal.repeat_checkpoint()
        }
    }

    /// Begins an epoch, if it is time: its record comes right behind what is durable.
    fn hand_over(&mut self, now: Instant) {
        if self.failure.is_some() || !self.journal.is_epoch_due(now) {
            return;
        }
        let result = self.journal.hand_over().and_then(|handover| match handover {
            Some(handover) => self.record(&handover),
            None => Ok(()),
        });
        if let Err(error) = result {
            self.fail(&error, now);
        }
    }

    fn record(&mut self, handover: &Handover) -> Result<(), JournalError> {
        let records = (self.report)(WriterEvent::HandOver(handover));
        let numbers: Vec<_> = records.iter().map(|record| self.journal.append(record)).collect();
        if numbers.first() != Some(&Some(handover.seq)) {
            return self.journal.cancel_hand_over();
        }
        self.journal.settle()?;
        self.journal.checkpoint()
    }

    /// Writes and syncs everything.
    fn settle(&mut self, now: Instant) {
        let mut result = self.journal.settle();
        if self.failure.is_some() {
            // Room for lines may not be room for a checkpoint.
            result = result.and_then(|()| self.journal.checkpoint());
        }
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

    /// Looks at what is kept, if it is time.
    fn keep(&mut self, now: Instant) {
        if self.failure.is_some() || !self.keeping.is_due(now) {
            return;
        }
        let result = self.journal.look().and_then(|(look, holds)| {
            let (placed, released) = self.keeping.changes(holds);
            if !placed.is_empty() || !released.is_empty() {
                self.tell(WriterEvent::Holds { placed: &placed, released: &released });
            }
            if let Some(percent) = self.keeping.crossed(look.bytes, self.journal.limit_bytes()) {
                let held_by = look.held_by.as_deref();
                self.tell(WriterEvent::Filling { percent, held_by });
            }
            let Some(plan) = look.plan else { return Ok(()) };
            self.tell(WriterEvent::Prune(&plan));
            self.journal.prune(&plan)
        });
        if let Err(error) = result {
            self.fail(&error, now);
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

/// A checkpoint is written this long after the last one while records come.
const SEAL: Duration = Duration::from_secs(1);

/// And this long while none come.
const SILENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
