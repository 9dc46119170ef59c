//! The journal's writing end: numbers records, writes them, rotates, and survives a bad disk.
//!
//! In: encoded records. Out: segments; finished ones for sealing; counts of what had to be dropped.
//! Always: `seq` is given only to records that are kept, so what is stored has no hole; at most
//! `HELD_BYTES` and `RESERVE_BYTES` are held; nothing is called durable before `fdatasync` succeeded.
//! Not here: when to write and to sync (`writer`), what happens at the start (`recover`).
//!
//! **After a write that failed** the file is cut back to its last whole line, the lines stay in
//! memory, and the next `flush` goes on at the same place.
//!
//! **After an `fdatasync` that failed** the kernel may have thrown the pages away and would answer
//! the next call with success, so the segment gets no more lines. All lines since the last successful
//! sync are still in the backlog; they are written again, with the same numbers, to a new segment
//! named by the first of them. Once those are durable the old segment is cut back to its durable
//! part. Until then, or if that cannot be done, both files hold these lines, and the rule "a segment
//! ends where the next one begins" makes each count once. A segment with nothing durable in it is
//! begun anew under its own name.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::audit::encode::EncodedRecord;
use crate::journal::JournalConfig;
use crate::journal::backlog::Backlog;
use crate::journal::directory::Directory;
use crate::journal::error::JournalError;
use crate::journal::hold::{self, Hold};
use crate::journal::line::{self, FRAME_BYTES_MAX, LINE_BYTES_MAX};
use crate::journal::lock::Lock;
use crate::journal::recover::{self, Recovery};
use crate::journal::reseal;
use crate::journal::retain::{self, Look, Plan};
use crate::journal::segment::{Disk, Finished, Segment, Storage};
use crate::seal::{Handover, Sealer};

/// The one journal of a data directory, open for writing.
pub struct Journal {
    config: JournalConfig,
    segments: PathBuf,
    holds: PathBuf,
    storage: Box<dyn Storage>,
    /// `None` until there is a line for it: a journal without records has no file.
    active: Option<Segment>,
    /// A segment whose last lines are being written again elsewhere.
    poisoned: Option<Segment>,
    backlog: Backlog,
    /// Over exactly the lines that are durable.
    sealer: Sealer,
    dropped: Dropped,
    finished: Vec<Finished>,
    _lock: Lock,
}

/// Records that were not kept because nothing could be written for too long.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dropped {
    /// All of them.
    pub records: u64,
    /// Those of kind `exchange`.
    pub exchanges: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Journal {
    /// Opens the journal of a data directory for writing, and puts right what a crash left. Errors:
    /// the directory is open to others, another process writes it, or it cannot be read or written.
    pub fn open(data_dir: &Path, config: JournalConfig) -> Result<(Self, Recovery), JournalError> {
        Self::open_on(Box::new(Disk), data_dir, config)
    }

    pub(super) fn open_on(
        storage: Box<dyn Storage>,
        data_dir: &Path,
        config: JournalConfig,
    ) -> Result<(Self, Recovery), JournalError> {
        let directory = Directory::new(data_dir);
        directory.prepare()?;
        let lock = Lock::take(&directory)?;
        let (mut recovery, mut active) = recover::recover(&directory.segments())?;
        let mut sealer = Sealer::open(&directory.journal(), &directory.keys())?;
        let from_seq = active.as_ref().map_or(recovery.next_seq, |active| active.first_seq);
        reseal::reseal(&mut sealer, data_dir, from_seq, &mut recovery)?;
        if sealer.size() != recovery.next_seq {
            // Numbers that were sealed are not given again.
            recovery.next_seq = sealer.size();
            active = None;
        }
        let journal = Self {
            config,
            segments: directory.segments(),
            holds: directory.holds(),
            storage,
            active,
            poisoned: None,
            backlog: Backlog::new(recovery.next_seq),
            sealer,
            dropped: Dropped::default(),
            finished: Vec::new(),
            _lock: lock,
        };
        Ok((journal, recovery))
    }

    /// Takes a record into memory; its number. `None` if there is no room for it: then it is
    /// counted in `take_dropped` and gets no number.
    pub fn append(&mut self, record: &EncodedRecord) -> Option<u64> {
        if !self.has_room(record.as_bytes()) {
            self.dropped.count(record.as_bytes());
            return None;
        }
        Some(self.backlog.push(record))
    }

    /// Writes what is in memory to the file, where readers see it. Errors: the lines not written
    /// stay in memory; call again later.
    pub fn flush(&mut self) -> Result<(), JournalError> {
        while let Some(length) = memchr::memchr(b'\n', self.backlog.unwritten()) {
            self.rotate_for(length as u64 + 1)?;
            self.write_some()?;
        }
        Ok(())
    }

    /// Makes durable what was written. Errors: it is not durable, and the next `flush` writes it
    /// again elsewhere.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        let Some(segment) = &mut self.active else { return Ok(()) };
        if segment.synced_bytes == segment.len_bytes {
            return Ok(());
        }
        if let Err(cause) = segment.sync(&mut *self.storage) {
            let error = JournalError::io("sync", &segment.path, cause);
            self.poison();
            return Err(error);
        }
        let Self { backlog, sealer, .. } = self;
        backlog.synced(|line| sealer.push(line));
        if let Some(old) = self.poisoned.take() {
            // Readers go by the names; this only spares others the repetition.
            let _ = self.storage.truncate(&old.file, old.synced_bytes);
        }
        Ok(())
    }

    /// Writes all that can be written and makes it durable. Errors: as `flush` and `sync`.
    pub fn settle(&mut self) -> Result<(), JournalError> {
        let flushed = self.flush();
        self.sync()?;
        flushed
    }

    /// Writes, syncs and ends. Errors: `Unstored` with the number of records that were not made
    /// durable.
    pub fn close(mut self) -> Result<(), JournalError> {
        // Twice, since a sync that failed leaves lines to write.
        let result = self.settle().or_else(|_| self.settle());
        let result = result.and_then(|()| self.checkpoint());
        let records = self.next_seq() - self.durable_seq() + self.dropped.records;
        match result {
            Err(cause) if records > 0 => {
                Err(JournalError::Unstored { records, cause: Box::new(cause) })
            }
            result => result,
        }
    }

    /// Seals what is durable with a signed checkpoint. Errors: the disk refuses; asking again may succeed.
    pub fn checkpoint(&mut self) -> Result<(), JournalError> {
        Ok(self.sealer.checkpoint()?)
    }

    /// Writes the newest checkpoint again, so that silence is a statement too.
    pub fn repeat_checkpoint(&mut self) -> Result<(), JournalError> {
        Ok(self.sealer.repeat()?)
    }

    /// True if there are durable lines that no checkpoint seals.
    pub fn is_unsealed(&self) -> bool {
        self.sealer.is_behind()
    }

    /// What there is, by the limits and the holds; heeds what commands have left. Errors: it cannot be looked at.
    pub fn look(&mut self) -> Result<(Look, Vec<Hold>), JournalError> {
        self.sealer.heed_wish()?;
        let failed = |cause| JournalError::io("look through", &self.segments, cause);
        let holds = hold::all(&self.holds).map_err(failed)?;
        let limits = self.config.limits();
        let look =
            retain::look(&self.segments, limits, &holds, SystemTime::now()).map_err(failed)?;
        Ok((look, holds))
    }

    /// Most bytes that are kept, if there is a limit.
    pub fn limit_bytes(&self) -> Option<u64> {
        self.config.retain_bytes
    }

    /// Carries out a plan of which the record has been appended, once that is durable and sealed. Errors: the
    /// disk refuses; what was not removed is planned again.
    pub fn prune(&mut self, plan: &Plan) -> Result<(), JournalError> {
        self.settle()?;
        self.checkpoint()?;
        plan.carry_out().map_err(|(path, cause)| JournalError::io("remove", &path, cause))?;
        Ok(self.sealer.forget_edges(&plan.gone, &plan.kept)?)
    }

    /// True if another epoch key is to sign from now on.
    pub fn is_epoch_due(&self, now: Instant) -> bool {
        self.sealer.is_epoch_due(now)
    }

    /// Begins an epoch, once everything is durable: what the next record must say, and be the very next.
    pub fn hand_over(&mut self) -> Result<Option<Handover>, JournalError> {
        self.settle()?;
        Ok(self.sealer.hand_over()?)
    }

    /// That record did not come about.
    pub fn cancel_hand_over(&mut self) -> Result<(), JournalError> {
        Ok(self.sealer.cancel_hand_over()?)
    }

    /// How long a written line may wait for `sync`.
    pub fn sync_after(&self) -> Duration {
        Duration::from_millis(self.config.sync_ms)
    }

    /// `seq` of the next record.
    pub fn next_seq(&self) -> u64 {
        self.backlog.next_seq()
    }

    /// Every record before this one is durable.
    pub fn durable_seq(&self) -> u64 {
        self.backlog.first_seq()
    }

    /// Bytes in memory that are not in the file.
    pub fn unwritten_bytes(&self) -> usize {
        self.backlog.unwritten().len()
    }

    /// Bytes in the file that are not durable.
    pub fn unsynced_bytes(&self) -> usize {
        self.backlog.unsynced_bytes()
    }

    /// Segments finished since the last call. Here sealing gets them.
    pub fn take_finished(&mut self) -> Vec<Finished> {
        std::mem::take(&mut self.finished)
    }

    /// What was dropped since the last call.
    pub fn take_dropped(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }

    /// The reserve is for records that tell what is missing: they must not be what goes missing.
    fn has_room(&self, record: &[u8]) -> bool {
        let length = record.len() + FRAME_BYTES_MAX;
        let reserve = match line::kind_of_record(record) {
            Some(b"loss" | b"lifecycle") => RESERVE_BYTES,
            _ => 0,
        };
        length <= LINE_BYTES_MAX && self.backlog.len_bytes() + length <= HELD_BYTES + reserve
    }

    /// Sees to it that a line of `length_bytes` may go into the active segment.
    fn rotate_for(&mut self, length_bytes: u64) -> Result<(), JournalError> {
        let full = self.active.as_ref().is_some_and(|active| {
            active.len_bytes > 0 && active.len_bytes + length_bytes > self.config.segment_bytes
        });
        if full {
            self.sync()?;
            self.finish();
        }
        if self.active.is_none() {
            let first_seq = self.backlog.written_seq();
            if first_seq > 0 {
                self.sealer.keep_edge()?;
            }
            let segment = Segment::create(&mut *self.storage, &self.segments, first_seq)
                .map_err(|(path, cause)| JournalError::io("create", &path, cause))?;
            self.active = Some(segment);
        }
        Ok(())
    }

    /// Writes as many lines as the active segment may still hold, at least one.
    fn write_some(&mut self) -> Result<(), JournalError> {
        let Some(segment) = &mut self.active else { return Ok(()) };
        let room = self.config.segment_bytes.saturating_sub(segment.len_bytes);
        let lines = whole_lines(self.backlog.unwritten(), room);
        let (written, result) = segment.write(&mut *self.storage, lines);
        let result = result.map_err(|cause| JournalError::io("write", &segment.path, cause));
        self.backlog.wrote(written);
        result
    }

    /// The active segment gets no more lines.
    fn finish(&mut self) {
        let Some(segment) = self.active.take() else { return };
        self.finished.push(finished(&segment, self.backlog.first_seq()));
    }

    fn poison(&mut self) {
        self.backlog.rewind();
        let Some(segment) = self.active.take() else { return };
        if segment.synced_bytes > 0 {
            self.finished.push(finished(&segment, self.backlog.first_seq()));
            self.poisoned = Some(segment);
        }
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Journal")
            .field("segments", &self.segments)
            .field("next_seq", &self.next_seq())
            .field("durable_seq", &self.durable_seq())
            .finish_non_exhaustive()
    }
}

impl Dropped {
    /// True if nothing was dropped.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    fn count(&mut self, record: &[u8]) {
        self.records += 1;
        self.exchanges += u64::from(line::kind_of_record(record) == Some(b"exchange"));
        self.bytes += record.len() as u64;
    }
}

fn finished(segment: &Segment, next_seq: u64) -> Finished {
    Finished {
        path: segment.path.clone(),
        first_seq: segment.first_seq,
        next_seq,
        len_bytes: segment.synced_bytes,
    }
}

/// The lines that fit into `room_bytes`, or the first one if none does.
fn whole_lines(lines: &[u8], room_bytes: u64) -> &[u8] {
    let room = usize::try_from(room_bytes).unwrap_or(usize::MAX).min(lines.len());
    let fitting = lines.get(..room).and_then(|fitting| memchr::memrchr(b'\n', fitting));
    let last = fitting.or_else(|| memchr::memchr(b'\n', lines));
    last.and_then(|newline| lines.get(..=newline)).unwrap_or_default()
}

/// Most bytes of lines held while nothing can be written.
const HELD_BYTES: usize = 16 << 20;

/// As much again for `loss` and `lifecycle` records.
const RESERVE_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests;
