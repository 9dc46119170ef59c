//! A key on disk: one line of 64 hexadecimal digits.
//!
//! In: a directory, a name, a key. Out: the same after a restart.
//! Always: a file has its name once it is whole and synced; what its group or others may use is refused, never
//! repaired; what was read or written is wiped from memory.
//! Not here: names of keys (`keys`).

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::SystemTime;

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use super::{KeyError, Secret};
use crate::audit::token::KEY_BYTES;
use crate::journal::segment::sync_parent;

/// Names of the files in the directory; none if it is not there. Errors: others may use it.
pub(super) fn names(directory: &Path) -> Result<Vec<String>, KeyError> {
    let failed = |action| move |error| KeyError::io(action, directory, error);
    let found = match fs::metadata(directory) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("look at")(error)),
    };
    check(directory, &found)?;
    let entries = fs::read_dir(directory).map_err(failed("read"))?;
    let name =
        |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
    let names: io::Result<Vec<_>> = entries.map(name).collect();
    Ok(names.map_err(failed("read"))?.into_iter().flatten().collect())
}

/// Reads a key, and when it was written.
pub(super) fn read(path: &Path) -> Result<(Secret, SystemTime), KeyError> {
    let failed = |action| move |error| KeyError::io(action, path, error);
    let mut file = File::open(path).map_err(failed("open"))?;
    let found = file.metadata().map_err(failed("look at"))?;
    check(path, &found)?;
    let mut line = Line::new([0; LINE_BYTES]);
    // One that is longer or shorter is broken.
    file.read_exact(&mut *line).map_err(|_| KeyError::broken(path))?;
    let fits = found.len() == LINE_BYTES as u64;
    let digits = line.strip_suffix(b"\n").filter(|_| fits).ok_or(KeyError::broken(path))?;
    let mut secret = Secret::default();
    // There are twice as many digits as bytes.
    HEXLOWER.decode_mut(digits, &mut *secret).map_err(|_| KeyError::broken(path))?;
    Ok((secret, found.modified().map_err(failed("look at"))?))
}

/// Writes a key under a name that is new. Returns when.
pub(super) fn write(directory: &Path, name: &str, secret: &Secret) -> Result<SystemTime, KeyError> {
    let (path, fresh) = (directory.join(name), directory.join(FRESH));
    try_write(&path, &fresh, secret).map_err(|error| KeyError::io("write", &path, error))
}

fn try_write(path: &Path, fresh: &Path, secret: &Secret) -> io::Result<SystemTime> {
    let mut line = Line::new([0; LINE_BYTES]);
    if let Some((end, digits)) = line.split_last_mut() {
        HEXLOWER.encode_mut(&**secret, digits);
        *end = b'\n';
    }
    // Left from one that was stopped in the middle.
    match fs::remove_file(fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
    file.write_all(&*line)?;
    file.sync_all()?;
    fs::rename(fresh, path)?;
    // The directory may be as new as the file.
    sync_parent(path)?;
    path.parent().map_or(Ok(()), sync_parent)?;
    file.metadata()?.modified()
}

fn check(path: &Path, found: &Metadata) -> Result<(), KeyError> {
    let user = nix::unistd::geteuid().as_raw();
    if found.uid() != user && found.uid() != 0 {
        return Err(KeyError::Foreign { path: path.to_owned(), owner: found.uid(), user });
    }
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::OpenToOthers { path: path.to_owned(), mode });
    }
    Ok(())
}

/// A key as digits, and a newline.
type Line = Zeroizing<[u8; LINE_BYTES]>;
const LINE_BYTES: usize = 2 * KEY_BYTES + 1;
/// Name of a file that is being written.
const FRESH: &str = "fresh";
