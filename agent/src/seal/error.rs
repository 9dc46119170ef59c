//! What can go wrong with seals.
//!
//! In: errors of the operating system. Out: `SealError`, with the path and advice in its text.
//! Always: no text has a key in it.
//! Not here: what a journal that was touched is (`sealer::Found`).

use std::io;
use std::path::{Path, PathBuf};

/// Why seals cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
    /// Others can sign with it.
    #[error(
        "{} can be read by others than its owner (mode {mode:04o})\nhint: chmod go-rwx {}; if others may have \
         read it, keep a copy of the journal and begin a new one",
        path.display(), path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is no key.
    #[error(
        "{} is no signing key\nhint: put it back from a backup; without one move the data directory away, \
         and a new journal is begun",
        path.display()
    )]
    Broken {
        /// The file.
        path: PathBuf,
    },
}

impl SealError {
    pub(super) fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), cause }
    }
}
