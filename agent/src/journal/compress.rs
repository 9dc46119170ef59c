//! Finished segments become sealed ones: `N.jsonl` becomes `N.jsonl.zst`.
//!
//! In: the segment directory. Out: sealed segments in it.
//! Always: a plain segment is removed only once the sealed one is durable and was read back equal; the
//! last segment is left alone, since it is being written; whatever goes wrong, the plain segment stays.
//! Not here: the format (`frames`), when to do it (`daemon::sealing`).
//!
//! A segment that is longer than what counts of it repeats lines of the next one (see `store`). Those
//! lines may be nowhere else until the next one is finished too, so it is sealed only then.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;
use nix::sys::statvfs::statvfs;

use crate::journal::directory::Directory;
use crate::journal::error::JournalError;
use crate::journal::frames::{FrameWriter, Frames, PLAIN_BYTES, PLAIN_BYTES_MAX};
use crate::journal::line;
use crate::journal::lines::{Advance, Lines};
use crate::journal::segment::{self, Found, sync_parent};

/// Asked now and then whether to stop.
type Stop<'a> = &'a dyn Fn() -> bool;

/// Seals the segments of one data directory, whose journal this process has locked.
#[derive(Debug)]
pub struct Compress {
    segments: PathBuf,
}

impl Compress {
    /// For the journal in `data_dir`. Touches nothing.
    pub fn new(data_dir: &Path) -> Self {
        Self { segments: Directory::new(data_dir).segments() }
    }

    /// Removes what was begun and not finished. Errors: those of the file system.
    pub fn clean_up(&self) -> Result<(), JournalError> {
        let list = || fs::read_dir(&self.segments)?.collect::<io::Result<Vec<_>>>();
        let entries = list().map_err(|error| JournalError::io("list", &self.segments, error))?;
        for entry in entries {
            if entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
                let path = entry.path();
                fs::remove_file(&path).map_err(|error| JournalError::io("remove", &path, error))?;
            }
        }
        Ok(())
    }

    /// Seals every segment that can be. Errors: the first that there was; a disk that is full ends the
    /// round, anything else concerns one segment only.
    pub fn seal_finished(&self, stop: Stop<'_>) -> Result<(), JournalError> {
        let found = segment::list_files(&self.segments)
            .map_err(|error| JournalError::io("list", &self.segments, error))?;
        let mut result = Ok(());
        for plain in found.iter().filter(|found| !found.is_sealed) {
            if stop() {
                break;
            }
            let mut later = found.iter().map(|other| other.first_seq);
            let Some(next_seq) = later.find(|first_seq| *first_seq > plain.first_seq) else {
                break;
            };
            let is_next_finished = later.any(|first_seq| first_seq > next_seq);
            let work = Work { plain, next_seq, is_next_finished, stop };
            let is_begun =
                found.iter().any(|other| other.first_seq == plain.first_seq && other.is_sealed);
            let sealed = if is_begun { work.conclude() } else { work.seal() };
            if let Err(cause) = sealed.or_else(allow_absent) {
                let error = JournalError::io("seal", &plain.path, cause);
                let is_full = error.is_disk_full();
                result = result.and(Err(error));
                if is_full {
                    break;
                }
            }
        }
        result
    }
}

/// One segment to seal.
struct Work<'a> {
    plain: &'a Found,
    /// First number of the segment behind it.
    next_seq: u64,
    /// There is one behind that, too.
    is_next_finished: bool,
    stop: Stop<'a>,
}

impl Work<'_> {
    fn seal(&self) -> io::Result<()> {
        let Some(sealed) = self.write()? else { return Ok(()) };
        sealed.publish(&self.sealed_path())?;
        let removed = self.remove_plain();
        if removed.as_ref().is_err_and(is_absent) {
            // Its time was over meanwhile (see `retain`): what was recorded as removed must not come back.
            fs::remove_file(self.sealed_path())?;
        }
        removed
    }

    /// Sealing was interrupted when both files were there.
    fn conclude(&self) -> io::Result<()> {
        let file = File::open(&self.plain.path)?;
        let counted_bytes = counted_bytes(file.try_clone()?, self.next_seq)?;
        let sealed = File::open(self.sealed_path())?;
        if self.is_same(&file, counted_bytes, sealed)? {
            self.remove_plain()?;
        }
        Ok(())
    }

    /// A sealed copy, durable and read back, that has no name yet. `None` if it is too early for it, or
    /// it was stopped.
    fn write(&self) -> io::Result<Option<Temporary>> {
        let file = File::open(&self.plain.path)?;
        let counted_bytes = counted_bytes(file.try_clone()?, self.next_seq)?;
        let found = file.metadata()?;
        if counted_bytes < found.len() && !self.is_next_finished {
            return Ok(None);
        }
        self.want_room(counted_bytes / 2)?;
        let copy = Temporary::create(&self.sealed_path())?;
        if !self.write_frames(&file, counted_bytes, &copy.file)? {
            return Ok(None);
        }
        copy.file.set_modified(found.modified()?)?;
        copy.file.sync_all()?;
        let is_same = self.is_same(&file, counted_bytes, copy.file.try_clone()?)?;
        Ok(is_same.then_some(copy))
    }

    /// False if stopped.
    fn write_frames(&self, plain: &File, counted_bytes: u64, out: &File) -> io::Result<bool> {
        let mut frames = FrameWriter::new(out)?;
        let (mut piece, mut at) = (Vec::new(), 0);
        while at < counted_bytes {
            if (self.stop)() {
                return Ok(false);
            }
            read_piece(plain, at, counted_bytes, &mut piece)?;
            frames.push(&piece)?;
            at += piece.len() as u64;
        }
        frames.finish()?;
        Ok(true)
    }

    /// False if stopped. Errors: also `InvalidData` if they differ.
    fn is_same(&self, plain: &File, counted_bytes: u64, sealed: File) -> io::Result<bool> {
        let mut frames = Frames::open(sealed)?;
        let (mut here, mut there) = (vec![0; PLAIN_BYTES], vec![0; PLAIN_BYTES]);
        let mut at = 0;
        loop {
            if (self.stop)() {
                return Ok(false);
            }
            let read = frames.read_at(&mut there, at)?;
            let (Some(there), Some(here)) = (there.get(..read), here.get_mut(..read)) else {
                break;
            };
            if read == 0 {
                break;
            }
            plain.read_exact_at(here, at)?;
            if here != there {
                return Err(different());
            }
            at += read as u64;
        }
        if at == counted_bytes { Ok(true) } else { Err(different()) }
    }

    fn remove_plain(&self) -> io::Result<()> {
        fs::remove_file(&self.plain.path)?;
        sync_parent(&self.plain.path)
    }

    fn sealed_path(&self) -> PathBuf {
        self.plain.path.with_file_name(segment::sealed_name(self.plain.first_seq))
    }

    /// The last bytes of a disk are for the journal itself.
    fn want_room(&self, bytes: u64) -> io::Result<()> {
        let found = statvfs(&self.plain.path)?;
        let free = found.blocks_available().saturating_mul(found.fragment_size());
        if free < bytes { Err(io::Error::from_raw_os_error(libc::ENOSPC)) } else { Ok(()) }
    }
}

/// A file that is removed again unless it is published.
struct Temporary {
    file: File,
    path: PathBuf,
}

impl Temporary {
    fn create(sealed: &Path) -> io::Result<Self> {
        let mut name = sealed.file_name().unwrap_or_default().to_owned();
        name.push(TEMPORARY);
        let path = sealed.with_file_name(name);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true).mode(0o600);
        Ok(Self { file: options.open(&path)?, path })
    }

    /// Gives it its name, durably.
    fn publish(self, sealed: &Path) -> io::Result<()> {
        fs::rename(&self.path, sealed)?;
        sync_parent(sealed)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already once it was published; anything else is removed at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// How much of a plain segment counts, if the next one begins with `next_seq`: up to its last line
/// with a smaller number. If the number before `next_seq` is missing, bytes behind that which are no
/// line of the next segment are kept, since they may have been it.
fn counted_bytes(plain: File, next_seq: u64) -> io::Result<u64> {
    let mut lines = Lines::new(plain, 0);
    let (mut end_bytes, mut last_seq, mut repeated_bytes) = (0, None, None);
    loop {
        match lines.advance()? {
            Advance::Line => match line::seq(lines.line()) {
                Some(seq) if seq < next_seq => {
                    (end_bytes, last_seq, repeated_bytes) = (lines.offset_bytes(), Some(seq), None);
                }
                Some(_) => {
                    repeated_bytes.get_or_insert(lines.line_offset_bytes());
                }
                None => {}
            },
            Advance::TooLong | Advance::Damaged => {}
            Advance::End { torn_bytes } => {
                let is_complete =
                    last_seq.is_some_and(|last: u64| last.checked_add(1) == Some(next_seq));
                let len_bytes = lines.offset_bytes() + torn_bytes;
                let rest = || repeated_bytes.unwrap_or(len_bytes);
                return Ok(if is_complete { end_bytes } else { rest() });
            }
        }
    }
}

/// Reads whole lines from `at` on, as much as goes into a frame.
fn read_piece(plain: &File, at: u64, end: u64, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.clear();
    loop {
        let start = piece.len();
        let left = usize::try_from(end - at).unwrap_or(usize::MAX);
        let wanted = (start + PLAIN_BYTES).min(PLAIN_BYTES_MAX).min(left);
        piece.resize(wanted, 0);
        plain.read_exact_at(piece.get_mut(start..).unwrap_or_default(), at + start as u64)?;
        if wanted == left {
            return Ok(());
        }
        let newline = piece.get(start..).and_then(|fresh| memchr::memrchr(b'\n', fresh));
        if let Some(newline) = newline {
            piece.truncate(start + newline + 1);
            return Ok(());
        }
        // No line at all: then it need not end with one.
        if wanted == PLAIN_BYTES_MAX {
            return Ok(());
        }
    }
}

/// A segment may be removed at any time, because it is old enough.
fn allow_absent(error: io::Error) -> io::Result<()> {
    if is_absent(&error) { Ok(()) } else { Err(error) }
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn different() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the sealed copy differs")
}

/// End of the names of files that are not finished.
const TEMPORARY: &str = ".tmp";

#[cfg(test)]
mod tests;
