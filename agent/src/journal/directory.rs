//! The data directory: where the journal's files are, and who may touch them.
//!
//! In: the path from the command line. Out: `Directory`, which names the places below it.
//! Always: what is created is 0700; a directory that others could write is refused, never repaired.
//! Not here: the files in it (`segment`, `lock`).

use std::fs::{self, DirBuilder, Metadata};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::journal::error::JournalError;

/// The data directory where none is given.
pub const DEFAULT: &str = "/var/lib/earwitness";

/// A data directory and the places in it. Making one touches no file.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The data directory at `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The data directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `journal/`.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// `journal/segment/`.
    pub fn segments(&self) -> PathBuf {
        self.root.join("journal/segment")
    }

    /// `journal/lock`.
    pub fn lock(&self) -> PathBuf {
        self.root.join("journal/lock")
    }

    /// `cursor/`: how far each sink has got.
    pub fn cursors(&self) -> PathBuf {
        self.root.join("cursor")
    }

    /// `hold/`: what must not be removed.
    pub fn holds(&self) -> PathBuf {
        self.root.join("hold")
    }

    /// `read/`: who read, until it is recorded.
    pub fn visits(&self) -> PathBuf {
        self.root.join("read")
    }

    /// `key/`.
    pub fn keys(&self) -> PathBuf {
        self.root.join("key")
    }

    /// Creates what is missing and checks what is there. Errors: a directory that is not ours, or
    /// that its group or others can write.
    pub(super) fn prepare(&self) -> Result<(), JournalError> {
        let ours = [self.root.clone(), self.journal(), self.segments(), self.cursors()];
        ours.iter().try_for_each(|path| own(path))
    }
}

fn own(path: &Path) -> Result<(), JournalError> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(path)?,
        Err(error) => return Err(JournalError::io("look at", path, error)),
    };
    check(path, &found)
}

fn create(path: &Path) -> Result<Metadata, JournalError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| fs::metadata(path))
        .map_err(|error| JournalError::io("create", path, error))
}

fn check(path: &Path, found: &Metadata) -> Result<(), JournalError> {
    if !found.is_dir() {
        return Err(JournalError::NotADirectory { path: path.to_owned() });
    }
    let user = nix::unistd::geteuid().as_raw();
    if found.uid() != user && found.uid() != 0 {
        return Err(JournalError::Foreign { path: path.to_owned(), owner: found.uid(), user });
    }
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(JournalError::OpenToOthers { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn missing_directories_are_created_for_the_owner_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::new(&temporary.path().join("a/b"));
        directory.prepare().unwrap();
        let below = [directory.journal(), directory.segments(), directory.cursors()];
        for path in below.iter().map(PathBuf::as_path).chain([directory.root()]) {
            assert_eq!(mode(path), 0o700, "{}", path.display());
        }
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused_with_advice() {
        for bits in [0o770, 0o702, 0o1777] {
            let temporary = tempfile::tempdir().unwrap();
            fs::set_permissions(temporary.path(), fs::Permissions::from_mode(bits)).unwrap();
            let error = Directory::new(temporary.path()).prepare().unwrap_err();
            assert!(matches!(error, JournalError::OpenToOthers { mode, .. } if mode == bits));
            let text = error.to_string();
            assert!(text.contains("\nhint: chmod go-w "), "{text}");
            assert_eq!(mode(temporary.path()), bits, "it is left as it was");
        }
    }

    #[test]
    fn the_segment_directory_is_checked_too() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::new(&temporary.path().join("data"));
        directory.prepare().unwrap();
        let mode = fs::Permissions::from_mode(0o777);
        fs::set_permissions(directory.segments(), mode).unwrap();
        assert!(matches!(directory.prepare(), Err(JournalError::OpenToOthers { .. })));
    }

    #[test]
    fn a_file_in_its_place_is_named() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("file");
        fs::write(&path, "").unwrap();
        assert!(matches!(Directory::new(&path).prepare(), Err(JournalError::NotADirectory { .. })));
    }
}
