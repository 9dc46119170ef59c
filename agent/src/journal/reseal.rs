//! The tree over what an earlier run left.
//!
//! In: a sealer, the segments. Out: the sealer with all lines; what differs from the newest checkpoint.
//! Always: numbers that were sealed are counted, whether their lines are there or not; nothing is written.
//! Not here: putting files right (`recover`), telling of it (the daemon).
//!
//! The edge of the tree is kept where a segment begins, so only the last one is read. If that does not give what
//! the checkpoint says, everything is read: it may be the edge that is wrong.

use std::path::Path;

use super::directory::Directory;
use super::error::JournalError;
use super::reader::{Item, ReadError, Reader};
use super::recover::Recovery;
use super::segment;
use crate::seal::{Found, Sealer};

/// Takes all lines; `from_seq` begins the last segment.
pub(super) fn reseal(
    sealer: &mut Sealer,
    data_dir: &Path,
    from_seq: u64,
    recovery: &mut Recovery,
) -> Result<(), JournalError> {
    let sealed = Sealed::of(sealer.found());
    let next_seq = recovery.next_seq.max(sealed.size);
    let mut is_as_sealed = sealed.size >= from_seq
        && sealer.restore(from_seq)
        && replay(sealer, data_dir, next_seq, sealed)?;
    if !is_as_sealed && from_seq > 0 {
        let segments = segment::list(&Directory::new(data_dir).segments());
        let segments =
            segments.map_err(|cause| JournalError::io("list the segments of", data_dir, cause))?;
        let first_seq = segments.first().map_or(next_seq, |first| first.first_seq);
        sealer.restore(first_seq);
        is_as_sealed = replay(sealer, data_dir, next_seq, sealed)?;
    }
    recovery.missing_records += next_seq - recovery.next_seq;
    recovery.clean &= next_seq == recovery.next_seq;
    match sealer.found() {
        Found::Ours { .. } if is_as_sealed => recovery.unsealed_records = next_seq - sealed.size,
        Found::Ours { note, .. } | Found::Foreign { note } => {
            recovery.contradicts = Some(note.clone());
        }
        Found::Nothing => recovery.unsealed_records = next_seq,
    }
    Ok(sealer.begin(is_as_sealed)?)
}

/// What the checkpoint says that was found; the empty journal if it does not count.
#[derive(Clone, Copy)]
struct Sealed {
    size: u64,
    root: Option<[u8; 32]>,
}

impl Sealed {
    fn of(found: &Found) -> Self {
        match found {
            Found::Ours { size, root, .. } => Self { size: *size, root: Some(*root) },
            Found::Nothing | Found::Foreign { .. } => Self { size: 0, root: None },
        }
    }

    fn is_met(self, sealer: &Sealer) -> bool {
        sealer.size() == self.size && self.root == Some(sealer.root())
    }
}

/// Takes the lines behind those that the sealer has. True if they are as they were sealed.
fn replay(
    sealer: &mut Sealer,
    data_dir: &Path,
    next_seq: u64,
    sealed: Sealed,
) -> Result<bool, JournalError> {
    let mut is_as_sealed = sealed.is_met(sealer);
    let mut reader = Reader::open_at(data_dir, sealer.size()).map_err(read_error)?;
    while let Some(item) = reader.read().map_err(read_error)? {
        let Item::Record { seq, line } = item else { continue };
        if seq < sealer.size() || seq >= next_seq {
            continue;
        }
        is_as_sealed |= pass_over(sealer, seq, sealed);
        sealer.replay(line);
        is_as_sealed |= sealed.is_met(sealer);
    }
    Ok(is_as_sealed | pass_over(sealer, next_seq, sealed))
}

/// Counts missing numbers up to this one. True if the journal was sealed among them, and so.
fn pass_over(sealer: &mut Sealer, seq: u64, sealed: Sealed) -> bool {
    sealer.push_missing(seq.min(sealed.size));
    let is_met = sealed.is_met(sealer);
    sealer.push_missing(seq);
    is_met
}

fn read_error(error: ReadError) -> JournalError {
    match error {
        ReadError::NoJournal { path } => {
            JournalError::io("read", &path, std::io::ErrorKind::NotFound.into())
        }
        ReadError::Io { path, cause } => JournalError::io("read", &path, cause),
    }
}

#[cfg(test)]
mod tests;
