//! Legal holds: times of which nothing may be removed.
//!
//! In: `DATA/hold/NAME.toml`, one file a hold, written by `earwitness hold`. Out: `Hold`s.
//! Always: a file that cannot be read holds everything, since somebody wanted something held.
//! Not here: removal (`retain`), the command (`cli::hold`), telling that holds changed (`writer`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::seal::file;

/// Nothing of this time is removed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Its file's name: letters, digits, `.`, `_`, `-`.
    #[serde(skip)]
    pub name: String,
    /// From when on. `None`: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when. `None`: whatever comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, in the words of who ordered it.
    #[serde(default)]
    pub reason: String,
}

impl Hold {
    /// True if something between these two moments may be of its time.
    pub fn covers(&self, begun: SystemTime, ended: SystemTime) -> bool {
        let is_before = self.since.is_some_and(|since| ended < SystemTime::from(since));
        let is_after = self.until.is_some_and(|until| begun > SystemTime::from(until));
        !is_before && !is_after
    }
}

/// True for what may be a hold's name.
pub fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=100).contains(&name.len()) && name.bytes().all(is_plain) && !name.starts_with('.')
}

/// All holds of a directory, by name. Errors: it cannot be read.
pub fn all(directory: &Path) -> io::Result<Vec<Hold>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut holds = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            holds.push(read(&path));
        }
    }
    holds.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(holds)
}

fn read(path: &Path) -> Hold {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).unwrap_or_default();
    match toml::from_str::<Hold>(&text) {
        Ok(hold) if !text.is_empty() => Hold { name, ..hold },
        _ => Hold { name, since: None, until: None, reason: String::from("cannot be read") },
    }
}

/// Places a hold; one of the same name is replaced.
pub fn place(directory: &Path, hold: &Hold) -> io::Result<()> {
    let text = toml::to_string(hold).map_err(io::Error::other)?;
    file::replace(&path(directory, &hold.name), text.as_bytes())
}

/// Releases a hold. False if there was none of this name.
pub fn release(directory: &Path, name: &str) -> io::Result<bool> {
    file::remove(&path(directory, name))
}

fn path(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_are_found_again_and_broken_ones_hold_everything() {
        let directory = tempfile::tempdir().unwrap();
        let holds = directory.path().join("hold");
        assert_eq!(all(&holds).unwrap(), []);
        let since = Some("2026-01-01T00:00:00Z".parse().unwrap());
        let hold = Hold { name: "case-7".into(), since, until: None, reason: "a \"case\"".into() };
        place(&holds, &hold).unwrap();
        assert_eq!(all(&holds).unwrap(), std::slice::from_ref(&hold));
        fs::write(holds.join("broken.toml"), "since = yesterday").unwrap();
        let broken = all(&holds).unwrap().remove(0);
        assert!(broken.covers(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH));
        assert!(!hold.covers(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH));
        assert!(release(&holds, "case-7").unwrap());
        assert!(!release(&holds, "case-7").unwrap());
        assert_eq!(all(&holds).unwrap(), [broken]);
    }

    #[test]
    fn names_are_names_of_files() {
        for (name, good) in [("case-7", true), ("a.b_c", true), ("", false), ("../x", false)] {
            assert_eq!(is_name(name), good, "{name}");
        }
        assert!(!is_name(".hidden") && !is_name("a b") && !is_name(&"x".repeat(101)));
    }
}
