//! What can go wrong with a journal that is to be written.
//!
//! In: errors of the operating system. Out: `JournalError`, with the path and advice in its text.
//! Always: disk full can be told from everything else (`is_disk_full`).
//! Not here: bad lines met when reading (`reader::Notice`).

use std::io;
use std::path::{Path, PathBuf};

use nix::libc;

use crate::seal::SealError;

/// Why the journal could not be opened, written or closed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Someone else could forge or remove records.
    #[error(
        "{} can be written by others than its owner (mode {mode:04o})\nhint: chmod go-w {}",
        path.display(), path.display()
    )]
    OpenToOthers {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The directory is neither ours nor root's.
    #[error(
        "{} belongs to user {owner}, and this is user {user}\n\
         hint: chown {user} {}, or give another directory with --data-dir",
        path.display(), path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
        /// Our effective user id.
        user: u32,
    },
    /// Something else has the place of a directory.
    #[error("{} is not a directory\nhint: give another one with --data-dir", path.display())]
    NotADirectory {
        /// What is there.
        path: PathBuf,
    },
    /// Another process writes this journal.
    #[error(
        "journal {} is written by another earwitness{}\n\
         hint: stop that one, or give this one its own directory with --data-dir",
        path.display(), holder(*pid)
    )]
    Locked {
        /// The journal's directory.
        path: PathBuf,
        /// The other process, where it could be read.
        pid: Option<u32>,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}{}", path.display(), hint(cause))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
    /// Seals cannot be made.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Records that were still in memory when the journal had to end.
    #[error("{records} records were not stored: {cause}")]
    Unstored {
        /// How many.
        records: u64,
        /// Why.
        cause: Box<JournalError>,
    },
}

impl JournalError {
    pub(super) fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), cause }
    }

    /// True if room on the file system (or the quota) is what is missing.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { cause, .. } | Self::Seal(SealError::Io { cause, .. }) => is_disk_full(cause),
            Self::Unstored { cause, .. } => cause.is_disk_full(),
            _ => false,
        }
    }
}

fn is_disk_full(cause: &io::Error) -> bool {
    matches!(cause.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT))
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => {
            "\nhint: run as root or as the directory's owner, or give another one with --data-dir"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "\nhint: give a directory on a writable file system with --data-dir"
        }
        _ if is_disk_full(cause) => "\nhint: make room on that file system",
        _ => "",
    }
}
