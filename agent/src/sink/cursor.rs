//! How far a sink has got, on disk.
//!
//! In: the number of the next record to deliver. Out: the same after a restart.
//! Always: the file is replaced as a whole and synced before `advance` returns, so it holds the old
//! number or the new one; one that is missing or unreadable is none, and the sink begins anew, with
//! what it may have had already.
//! Not here: when it moves (`deliver`).

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::journal::Directory;
use crate::journal::segment::sync_parent;

/// The cursor of one sink.
#[derive(Debug)]
pub(super) struct Cursor {
    path: PathBuf,
    /// What the file says.
    saved: Option<u64>,
    /// What it should say.
    next: Option<u64>,
}

impl Cursor {
    /// The cursor that is kept under this name. Touches the disk only to read.
    pub(super) fn open(data_dir: &Path, name: &str) -> Self {
        let path = Directory::new(data_dir).cursors().join(name);
        let saved = read(&path);
        Self { path, saved, next: saved }
    }

    /// Number of the next record to deliver; `None`: there is no cursor.
    pub(super) fn next(&self) -> Option<u64> {
        self.next
    }

    /// Moves to this number. Errors: it is remembered, and `settle` tries again to write it.
    pub(super) fn advance(&mut self, next: u64) -> io::Result<()> {
        self.next = Some(next);
        self.settle()
    }

    /// Writes what could not be written before.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let Some(next) = self.next.filter(|_| self.next != self.saved) else { return Ok(()) };
        self.write(next)?;
        self.saved = self.next;
        Ok(())
    }

    /// The file, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn write(&self, next: u64) -> io::Result<()> {
        // No name of a sink has a dot.
        let fresh = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        writeln!(file, "{next}")?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        sync_parent(&self.path)
    }
}

fn read(path: &Path) -> Option<u64> {
    let tell = |reason: String| {
        tracing::warn!(path = %path.display(), reason, "no cursor; everything is delivered again");
    };
    match fs::read_to_string(path) {
        Ok(text) => {
            let number = text.strip_suffix('\n').and_then(|digits| digits.parse().ok());
            if number.is_none() {
                tell(format!("{:?} is no number and a newline", text.get(..40).unwrap_or(&text)));
            }
            number
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tell(error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_dir() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("cursor")).unwrap();
        directory
    }

    #[test]
    fn is_there_after_a_restart() {
        let directory = data_dir();
        let mut cursor = Cursor::open(directory.path(), "siem");
        assert_eq!(cursor.next(), None);
        for next in [1, 70_000, u64::MAX] {
            cursor.advance(next).unwrap();
            assert_eq!(Cursor::open(directory.path(), "siem").next(), Some(next));
        }
        assert_eq!(Cursor::open(directory.path(), "other").next(), None);
        assert_eq!(fs::read_dir(directory.path().join("cursor")).unwrap().count(), 1);
    }

    #[test]
    fn a_torn_one_is_none_and_is_replaced() {
        let directory = data_dir();
        for torn in ["", "\n", "12", "1x\n", "-1\n", "99999999999999999999\n", "\0\0\0\0"] {
            fs::write(directory.path().join("cursor/siem"), torn).unwrap();
            let mut cursor = Cursor::open(directory.path(), "siem");
            assert_eq!(cursor.next(), None, "{torn:?}");
            cursor.advance(5).unwrap();
            assert_eq!(Cursor::open(directory.path(), "siem").next(), Some(5));
        }
        fs::write(directory.path().join("cursor/siem"), [0xff, b'\n']).unwrap();
        assert_eq!(Cursor::open(directory.path(), "siem").next(), None);
    }

    #[test]
    fn a_stop_before_the_file_is_renamed_leaves_the_old_one() {
        let directory = data_dir();
        Cursor::open(directory.path(), "siem").advance(5).unwrap();
        fs::write(directory.path().join("cursor/siem.new"), "").unwrap();
        assert_eq!(Cursor::open(directory.path(), "siem").next(), Some(5));
    }

    #[test]
    fn what_could_not_be_written_is_written_later() {
        let directory = tempfile::tempdir().unwrap();
        let mut cursor = Cursor::open(directory.path(), "siem");
        cursor.advance(5).unwrap_err();
        assert_eq!(cursor.next(), Some(5));
        fs::create_dir(directory.path().join("cursor")).unwrap();
        cursor.settle().unwrap();
        assert_eq!(Cursor::open(directory.path(), "siem").next(), Some(5));
    }
}
