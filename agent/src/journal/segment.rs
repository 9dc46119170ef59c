//! One segment file: its name, and writing to it.
//!
//! In: chunks of whole lines. Out: the file, and how much of it is written and durable.
//! Always: named by the `seq` of its first line; written at explicit offsets, so that trying again
//! after a short write puts the same bytes in the same place; **a segment ends where the next one
//! begins**: lines from the next segment's first `seq` on are repeated there (`store` says why), and
//! readers skip them here.
//! Not here: when to begin another one (`store`), which line is which (`line`).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A segment file found in its directory.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Found {
    /// `seq` of its first line, from its name.
    pub first_seq: u64,
    /// Compressed, and complete.
    pub is_sealed: bool,
    /// Where it is.
    pub path: PathBuf,
}

/// A segment that gets no more lines: what sealing starts from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finished {
    /// Where it is.
    pub path: PathBuf,
    /// `seq` of its first line.
    pub first_seq: u64,
    /// `seq` after its last line: the next segment's first.
    pub next_seq: u64,
    /// Durable bytes; a file that is longer repeats lines of the next segment.
    pub len_bytes: u64,
}

/// The segments of a directory in order; other files are left out. A segment that is there twice, as
/// it is while it is being sealed, is given as the sealed one. Errors: those of listing.
pub fn list(directory: &Path) -> io::Result<Vec<Found>> {
    let mut found = list_once(directory)?;
    // A listing may miss both names of one that is sealed meanwhile; then the next one has the new name.
    for _ in 0..LISTINGS {
        let again = list_once(directory)?;
        let is_same =
            again.iter().map(|found| found.first_seq).eq(found.iter().map(|found| found.first_seq));
        found = again;
        if is_same {
            break;
        }
    }
    Ok(found)
}

fn list_once(directory: &Path) -> io::Result<Vec<Found>> {
    let mut found = list_files(directory)?;
    found.reverse();
    found.dedup_by_key(|found| found.first_seq);
    found.reverse();
    Ok(found)
}

/// As `list`, but a segment that is there twice is given twice, plain and then sealed.
pub(super) fn list_files(directory: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let Some((first_seq, is_sealed)) = entry.file_name().to_str().and_then(first_seq) {
            found.push(Found { first_seq, is_sealed, path: entry.path() });
        }
    }
    found.sort();
    Ok(found)
}

/// The name of the segment that begins with `first_seq`.
pub fn file_name(first_seq: u64) -> String {
    format!("{first_seq:020}{EXTENSION}")
}

/// Its name once it is sealed.
pub fn sealed_name(first_seq: u64) -> String {
    format!("{first_seq:020}{EXTENSION}{SEALED}")
}

/// The number in a name, and whether it is that of a sealed segment.
fn first_seq(file_name: &str) -> Option<(u64, bool)> {
    let (name, is_sealed) =
        file_name.strip_suffix(SEALED).map_or((file_name, false), |name| (name, true));
    let digits = name.strip_suffix(EXTENSION)?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let first_seq = digits.parse().ok().filter(|_| plain)?;
    Some((first_seq, is_sealed))
}

/// What a segment asks of the file system: a seam, so that tests can make it refuse.
pub(super) trait Storage: Send {
    fn create(&mut self, path: &Path) -> io::Result<File>;
    fn write_at(&mut self, file: &File, bytes: &[u8], offset_bytes: u64) -> io::Result<usize>;
    fn sync(&mut self, file: &File) -> io::Result<()>;
    fn truncate(&mut self, file: &File, len_bytes: u64) -> io::Result<()>;
}

/// The file system itself.
#[derive(Debug)]
pub(super) struct Disk;

impl Storage for Disk {
    /// A new, empty file for the owner alone, and its name made durable.
    fn create(&mut self, path: &Path) -> io::Result<File> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        sync_parent(path)?;
        Ok(file)
    }

    fn write_at(&mut self, file: &File, bytes: &[u8], offset_bytes: u64) -> io::Result<usize> {
        file.write_at(bytes, offset_bytes)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn truncate(&mut self, file: &File, len_bytes: u64) -> io::Result<()> {
        file.set_len(len_bytes)
    }
}

/// Makes the names in the directory of `path` durable. Errors: those of the file system.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in `directory` durable. Errors: those of the file system.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// The segment that is being written.
/// `0 <= synced_bytes <= len_bytes`; the file may be longer after a write that failed.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) first_seq: u64,
    /// Whole lines in the file.
    pub(super) len_bytes: u64,
    /// Those of them that `fdatasync` has confirmed.
    pub(super) synced_bytes: u64,
}

impl Segment {
    /// A new one. A file that has its name already holds nothing durable, and is emptied.
    pub(super) fn create(
        storage: &mut dyn Storage,
        directory: &Path,
        first_seq: u64,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let path = directory.join(file_name(first_seq));
        match storage.create(&path) {
            Ok(file) => Ok(Self { file, path, first_seq, len_bytes: 0, synced_bytes: 0 }),
            Err(error) => Err((path, error)),
        }
    }

    /// Writes whole lines behind those that are there. Gives how many bytes of whole lines went in,
    /// also when the rest did not; the rest of a broken line is cut off again as well as can be.
    pub(super) fn write(
        &mut self,
        storage: &mut dyn Storage,
        lines: &[u8],
    ) -> (usize, io::Result<()>) {
        let (done, result) = write_all_at(storage, &self.file, lines, self.len_bytes);
        let written = lines.get(..done).unwrap_or_default();
        let whole = memchr::memrchr(b'\n', written).map_or(0, |newline| newline + 1);
        self.len_bytes += whole as u64;
        if whole < done {
            // If this fails too, the next attempt overwrites these bytes with the same ones.
            let _ = storage.truncate(&self.file, self.len_bytes);
        }
        (whole, result)
    }

    /// Makes everything written durable.
    pub(super) fn sync(&mut self, storage: &mut dyn Storage) -> io::Result<()> {
        storage.sync(&self.file)?;
        self.synced_bytes = self.len_bytes;
        Ok(())
    }
}

fn write_all_at(
    storage: &mut dyn Storage,
    file: &File,
    bytes: &[u8],
    offset_bytes: u64,
) -> (usize, io::Result<()>) {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match storage.write_at(file, rest, offset_bytes + done as u64) {
            Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Err(error)),
        }
    }
    (done, Ok(()))
}

const EXTENSION: &str = ".jsonl";

/// Listings in which nothing is new end a look; more than this many are not made.
const LISTINGS: usize = 8;

/// What a sealed segment's name has behind that.
const SEALED: &str = ".zst";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_numbers_and_strangers_are_left_out() {
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "00000000000000000100.jsonl",
            "00000000000000000020.jsonl",
            "18446744073709551615.jsonl",
            "99999999999999999999.jsonl",
            "00000000000000000000.jsonl.zst.tmp",
            "00000000000000000100.jsonl.zst",
            "00000000000000000007.jsonl.zst",
            "00000000000000000008.zst",
            "+0000000000000000001.jsonl",
            "7.jsonl",
            "notes.txt",
        ] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let numbers = |found: Vec<Found>| {
            let number = |found: &Found| (found.first_seq, found.is_sealed);
            found.iter().map(number).collect::<Vec<_>>()
        };
        let expected = [(7, true), (20, false), (100, true), (u64::MAX, false)];
        assert_eq!(numbers(list(directory.path()).unwrap()), expected);
        let files = numbers(list_files(directory.path()).unwrap());
        assert_eq!(files[2..4], [(100, false), (100, true)]);
        assert_eq!(files.len(), 5);
        assert_eq!(sealed_name(20), "00000000000000000020.jsonl.zst");
        assert_eq!(file_name(20), "00000000000000000020.jsonl");
    }
}
