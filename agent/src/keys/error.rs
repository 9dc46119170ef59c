//! What can go wrong with keys.
//!
//! In: errors of the operating system, files. Out: `KeyError`, with the path and advice in its text.
//! Always: nothing of a key is in it.
//! Not here: what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
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
    /// Others can read or write it.
    #[error(
        "{} can be used by others than its owner (mode {mode:04o})\nhint: chmod go= {}",
        path.display(), path.display()
    )]
    OpenToOthers {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is neither ours nor root's.
    #[error(
        "{} belongs to user {owner}, and this is user {user}\nhint: chown {user} {}",
        path.display(), path.display()
    )]
    Foreign {
        /// The file or directory.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
        /// Our effective user id.
        user: u32,
    },
    /// It is not what was written there.
    #[error(
        "{} does not hold the key that it is named after\n\
         hint: put the right file back; moved away, the key before it is used, or another one made",
        path.display()
    )]
    Broken {
        /// The file.
        path: PathBuf,
    },
    /// There are no random bytes to be had.
    #[error("cannot get random bytes: {0}")]
    Random(io::Error),
}

impl KeyError {
    pub(super) fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), cause }
    }

    pub(super) fn broken(path: &Path) -> Self {
        Self::Broken { path: path.to_owned() }
    }
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => {
            "\nhint: run as root or as the directory's owner, or give another one with --data-dir"
        }
        _ => "",
    }
}
