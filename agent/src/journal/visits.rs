//! Who read records on this host: left by the reader, recorded by the daemon.
//!
//! In: a command that reads. Out: a file below `DATA/read`, and `Visit`s of those that are there.
//! Always: a visit survives until it is taken, also where no daemon runs; the user is the file's owner, as the
//! kernel has it; what was looked for is not told, since it may be a secret.
//! Not here: the record (`daemon::words`).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use crate::seal::file;

/// Somebody's reading.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Visit {
    /// The command, such as `cat`.
    pub command: String,
    /// The user's number.
    #[serde(skip)]
    pub user_id: u32,
    /// Who logged in, as the kernel's audit has it; another user than `user_id` after `sudo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_user_id: Option<u32>,
    /// The reading process.
    pub pid: u32,
    /// When, RFC 3339.
    pub time: String,
    /// Begin of the time asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Not all records of that time were asked for.
    #[serde(default)]
    pub filtered: bool,
}

impl Visit {
    /// By this process, now.
    pub fn now(command: &str) -> Self {
        let login = fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
        // All bits set: nobody logged in.
        let login = login.trim().parse().ok().filter(|user| *user != u32::MAX);
        Self {
            command: command.to_owned(),
            login_user_id: login,
            pid: std::process::id(),
            time: jiff::Timestamp::now().to_string(),
            ..Self::default()
        }
    }
}

/// Leaves a visit in a data directory. Where that cannot be done, in a copy that is read-only or on a full disk,
/// reading goes on.
pub fn leave_or_warn(data_dir: &Path, visit: &Visit) {
    if let Err(error) = leave(&Directory::new(data_dir).visits(), visit) {
        tracing::warn!(%error, "that records were read is not recorded");
    }
}

/// Leaves a visit. Errors: the directory cannot be written.
fn leave(directory: &Path, visit: &Visit) -> io::Result<()> {
    let text = serde_json::to_vec(visit).map_err(io::Error::other)?;
    let name = format!("{}-{}.json", jiff::Timestamp::now().as_nanosecond(), visit.pid);
    file::replace(&directory.join(name), &text)
}

/// Takes some visits, the oldest first, each with its file, which is to be removed once it is recorded. What is no
/// visit is removed at once. Errors: the directory cannot be read.
pub fn waiting(directory: &Path) -> io::Result<Vec<(PathBuf, Visit)>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut visits = Vec::new();
    for path in paths.into_iter().take(AT_ONCE) {
        match read(&path) {
            Some(visit) => visits.push((path, visit)),
            None => {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(visits)
}

fn read(path: &Path) -> Option<Visit> {
    let found = fs::symlink_metadata(path).ok()?;
    let is_plain = found.is_file() && found.len() < MOST_BYTES;
    let visit: Visit = serde_json::from_slice(&is_plain.then(|| fs::read(path).ok())??).ok()?;
    Some(Visit { user_id: found.uid(), ..visit })
}

/// Most visits of one look.
const AT_ONCE: usize = 100;
/// A visit is smaller.
const MOST_BYTES: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_found_with_its_user_until_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("read");
        assert_eq!(waiting(&place).unwrap(), []);
        let visit = Visit { since: Some("2026-01-01T00:00:00Z".into()), ..Visit::now("cat") };
        leave(&place, &visit).unwrap();
        fs::write(place.join("1-1.json"), "no visit").unwrap();
        fs::write(place.join("2-1.json.tmp"), "half a vis").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", place.join("3-1.json")).unwrap();
        let found = waiting(&place).unwrap();
        let user_id = nix::unistd::geteuid().as_raw();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, Visit { user_id, ..visit });
        fs::remove_file(&found[0].0).unwrap();
        assert_eq!(waiting(&place).unwrap(), []);
        assert_eq!(fs::read_dir(&place).unwrap().count(), 1, "what is no visit is gone");
    }
}
