//! The lock that keeps a second writer out.
//!
//! In: the data directory. Out: `Lock`, held by the daemon; `holder`, which tells readers whether one
//! runs.
//! Always: an open-file-description lock, so it ends with its holder however that ends, and looking
//! for a holder takes nothing that could get in a starting daemon's way.
//! Not here: what the daemon does meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::journal::directory::Directory;
use crate::journal::error::JournalError;

/// Held as long as this value lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A running daemon, as seen from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Holder {
    /// Its process id, where the lock file tells it.
    pub pid: Option<u32>,
}

impl Lock {
    /// Takes the lock. Errors: `Locked` if another process has it.
    pub(super) fn take(directory: &Directory) -> Result<Self, JournalError> {
        let path = directory.lock();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| JournalError::io("open", &path, error))?;
        if !lock(&file).map_err(|error| JournalError::io("lock", &path, error))? {
            let pid = pid_in(&path);
            return Err(JournalError::Locked { path: directory.journal(), pid });
        }
        // Only for the message of whoever comes second: a full disk must not keep us from starting.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// False if another one has it. A process that has just ended may have it for a moment still,
/// through a child that has not got as far as its `exec`.
fn lock(file: &File) -> io::Result<bool> {
    for _ in 0..ATTEMPTS {
        match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file())) {
            Ok(_) => return Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => std::thread::sleep(PAUSE),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(false)
}

/// The daemon that writes this data directory, `None` if there is none. Errors: the lock file
/// exists and cannot be read.
pub fn holder(directory: &Directory) -> io::Result<Option<Holder>> {
    let path = directory.lock();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut found = whole_file();
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut found))?;
    let held = i32::from(found.l_type) != libc::F_UNLCK;
    Ok(held.then(|| Holder { pid: pid_in(&path) }))
}

fn pid_in(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// An exclusive lock on everything; the kernel wants `l_pid` to be 0.
fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_has_it() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::new(temporary.path());
        directory.prepare().unwrap();
        assert_eq!(holder(&directory).unwrap(), None, "no file yet");

        let lock = Lock::take(&directory).unwrap();
        let own = Some(std::process::id());
        assert_eq!(holder(&directory).unwrap(), Some(Holder { pid: own }));
        let error = Lock::take(&directory).unwrap_err();
        assert!(matches!(error, JournalError::Locked { pid, .. } if pid == own));
        assert!(error.to_string().contains("\nhint: "), "{error}");

        drop(lock);
        assert_eq!(holder(&directory).unwrap(), None, "the file alone is not a lock");
        Lock::take(&directory).unwrap();
    }
}
