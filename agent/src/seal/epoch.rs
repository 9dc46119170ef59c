//! Epoch keys: each signs for about an hour, names the next one, and is destroyed.
//!
//! In: the key directory, the log key. Out: who signs a checkpoint of a size; the note of a hand-over.
//! Always: a key signs sizes of its own range only; a hand-over counts once its record is durable, and a stop
//! between any two steps leaves either the old key or the new one in force.
//! Not here: the record of a hand-over (`daemon::words`), writing checkpoints (`sealer`).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use memchr::memmem;
use tlog_tiles::Hash;

use super::error::SealError;
use super::key::{self, SigningKey};
use super::{file, note};

/// The epoch key in force, and the one that is to follow.
pub(super) struct Epochs {
    path: PathBuf,
    next_path: PathBuf,
    current: Option<Epoch>,
    next: Option<Next>,
    /// Number of the next one.
    number: u64,
    /// No hand-over is tried before.
    not_before: Option<Instant>,
}

struct Epoch {
    key: SigningKey,
    /// When it is to be followed by another.
    until: Instant,
    /// Signs sizes above this.
    above_size: u64,
}

struct Next {
    key: SigningKey,
    /// `seq` of the record that begins its epoch, once it has one.
    seq: Option<u64>,
}

/// What a record says that begins an epoch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Handover {
    /// The epoch's number, from 0.
    pub epoch: u64,
    /// The `seq` that the record must get.
    pub seq: u64,
    /// A signed note: the checkpoint of all records before, and the new key.
    pub note: String,
}

impl Epochs {
    /// As an earlier run left them. `last_signers`: names on the newest checkpoint.
    pub(super) fn open(
        keys: &Path,
        origin: &str,
        last_signers: &[String],
    ) -> Result<Self, SealError> {
        let (path, next_path) = (keys.join("epoch"), keys.join("epoch-next"));
        let number = |name: &str| -> Option<u64> {
            name.strip_prefix(origin)?.strip_prefix("/epoch/")?.parse().ok()
        };
        let signed = last_signers.iter().filter_map(|name| number(name)).max();
        let current = SigningKey::read(&path)?.filter(|(key, _)| number(key.name()) >= signed);
        let next = SigningKey::read(&next_path)?.map(|(key, _)| Next { key, seq: None });
        let last = current.as_ref().and_then(|(key, _)| number(key.name())).or(signed);
        let current = current.map(|(key, made)| Epoch { key, until: until(made), above_size: 0 });
        let number = last.map_or(0, |last| last + 1);
        Ok(Self { path, next_path, current, next, number, not_before: None })
    }

    /// Looks for the begin of the next epoch in a line that an earlier run wrote.
    pub(super) fn look(&mut self, line: &[u8], seq: u64) {
        if let Some(next) = &mut self.next
            && memmem::find(line, next.key.verifier_text().as_bytes()).is_some()
        {
            next.seq = Some(seq);
        }
    }

    /// Ends a hand-over that an earlier run began: with the new key if its record is there.
    pub(super) fn conclude(&mut self, size: u64) -> Result<(), SealError> {
        match &self.next {
            Some(Next { seq: Some(_), .. }) => self.follow(size),
            _ => self.forget_next(),
        }
    }

    /// True if another key is to follow now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let is_over = self.current.as_ref().is_none_or(|current| now >= current.until);
        is_over && self.next.is_none() && self.not_before.is_none_or(|earliest| now >= earliest)
    }

    /// Heeds the wish for another key, if somebody has left one. Errors: the disk refuses.
    pub(super) fn heed_wish(&mut self) -> Result<(), SealError> {
        let wish = self.path.with_file_name(super::WISH);
        let is_wished =
            file::remove(&wish).map_err(|cause| SealError::io("remove", &wish, cause))?;
        if let Some(current) = self.current.as_mut().filter(|_| is_wished) {
            current.until = Instant::now();
        }
        Ok(())
    }

    /// Makes the next key, and what its record says.
    pub(super) fn begin(
        &mut self,
        log: &SigningKey,
        size: u64,
        root: Hash,
    ) -> Result<Option<Handover>, SealError> {
        let name = format!("{}/epoch/{}", log.name(), self.number);
        let failed = |cause| SealError::io("make", &self.next_path, cause);
        let key = SigningKey::generate(&name).map_err(failed)?;
        key.write(&self.next_path)?;
        let extension = format!("next-epoch {}\n", key.verifier_text());
        let current = self.current.iter().map(|current| current.key.signer());
        let signers: Vec<_> = std::iter::once(log.signer()).chain(current).collect();
        let note = note::sign(log.name(), size, root, &extension, &signers);
        let Some(note) = note.and_then(|note| String::from_utf8(note).ok()) else {
            return Ok(None);
        };
        self.next = Some(Next { key, seq: Some(size) });
        Ok(Some(Handover { epoch: self.number, seq: size, note }))
    }

    /// The record did not come about.
    pub(super) fn cancel(&mut self) -> Result<(), SealError> {
        self.not_before = Instant::now().checked_add(PAUSE);
        self.forget_next()
    }

    fn forget_next(&mut self) -> Result<(), SealError> {
        self.next = None;
        let wiped = key::wipe(&self.next_path);
        wiped.map_err(|cause| SealError::io("remove", &self.next_path, cause))
    }

    /// `seq` of the record that begins the next epoch, if there is one on its way.
    pub(super) fn next_seq(&self) -> Option<u64> {
        self.next.as_ref().and_then(|next| next.seq)
    }

    /// The next key is in force from now on, and the one before is destroyed.
    pub(super) fn follow(&mut self, above_size: u64) -> Result<(), SealError> {
        if self.next.is_none() {
            return Ok(());
        }
        // Until the rename the old key's file is there or gone: either way the new one is found by its record.
        key::wipe(&self.path).map_err(|cause| SealError::io("remove", &self.path, cause))?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        fs::rename(&self.next_path, &self.path)
            .and_then(|()| file::sync_directory(directory))
            .map_err(|cause| SealError::io("write", &self.path, cause))?;
        let Some(next) = self.next.take() else { return Ok(()) };
        self.number += 1;
        self.current = Some(Epoch { key: next.key, until: until(SystemTime::now()), above_size });
        Ok(())
    }

    /// The key that signs a checkpoint of this size. `Err`: none may.
    pub(super) fn signer(&self, size: u64) -> Result<Option<&SigningKey>, ()> {
        match &self.current {
            None => Ok(None),
            Some(current) if size > current.above_size => Ok(Some(&current.key)),
            Some(_) => Err(()),
        }
    }
}

/// A key that was made then. One from the future, by a clock that was put back, is over at once.
fn until(made: SystemTime) -> Instant {
    let age = made.elapsed().unwrap_or(EPOCH);
    Instant::now() + EPOCH.saturating_sub(age)
}

/// How long a key signs.
const EPOCH: Duration = Duration::from_secs(3_600);
/// Pause after a hand-over that failed.
const PAUSE: Duration = Duration::from_secs(60);
