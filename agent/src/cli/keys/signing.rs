//! Keys that sign the journal: shown, changed, kept elsewhere.
//!
//! In: the data directory. Out: public keys on standard output; copies of keys in another directory.
//! Always: no secret is shown; copies are 0600 in a directory of 0700.
//! Not here: making and using them (`seal`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::{Place, print};
use crate::cli::USAGE;
use crate::journal::{Directory, lock};
use crate::seal::{SigningKey, WISH, file};

/// Copies the keys that cannot be made again: the log's, and those that tokens are made with.
///
/// Epoch keys are not among them: they are destroyed within about an hour, and must not live on elsewhere.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: earwitness keys backup /mnt/safe/earwitness-keys")]
pub(super) struct Backup {
    /// A directory that is empty, or not there yet
    #[arg(value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Shows the log's public key on the first line, the epoch's on the second.
pub(super) fn show(data_dir: &Path) -> anyhow::Result<ExitCode> {
    let keys = keys(data_dir)?;
    let mut lines = Vec::new();
    for name in ["log", "epoch"] {
        if let Some((key, _)) = SigningKey::read(&keys.join(name))? {
            lines.push(key.verifier_text().to_owned());
        }
    }
    if lines.is_empty() {
        eprintln!("{} has no keys yet\nhint: the daemon makes them", data_dir.display());
        return Ok(ExitCode::FAILURE);
    }
    print(&lines)
}

/// Asks for another epoch key.
pub(super) fn rotate(data_dir: &Path) -> anyhow::Result<ExitCode> {
    let wish = keys(data_dir)?.join(WISH);
    file::replace(&wish, b"").with_context(|| format!("cannot write {}", wish.display()))?;
    let runs = lock::holder(&Directory::new(data_dir)).ok().flatten().is_some();
    if !runs {
        eprintln!("no daemon runs on {}: it is done at its next start", data_dir.display());
    }
    Ok(ExitCode::SUCCESS)
}

impl Backup {
    /// Copies the keys. Errors: they cannot be read, or the directory not written.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if fs::read_dir(&self.to).is_ok_and(|mut entries| entries.next().is_some()) {
            eprintln!("{} is not empty\nhint: name another directory", self.to.display());
            return Ok(ExitCode::from(USAGE));
        }
        let keys = keys(&self.place.data_dir)?;
        let entries =
            fs::read_dir(&keys).with_context(|| format!("cannot read {}", keys.display()))?;
        let mut copied = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name == "log" || name == "log.pub" || name.starts_with("redaction-") {
                let path = keys.join(&name);
                let secret = zeroize::Zeroizing::new(
                    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?,
                );
                let to = self.to.join(&name);
                file::replace(&to, &secret)
                    .with_context(|| format!("cannot write {}", to.display()))?;
                copied.push(name);
            }
        }
        copied.sort();
        print(&copied)
    }
}

fn keys(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let keys = Directory::new(data_dir).keys();
    anyhow::ensure!(
        keys.is_dir(),
        "no keys in {}\nhint: name another directory with --data-dir; the daemon makes the first keys",
        data_dir.display()
    );
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Journal, JournalConfig};

    #[test]
    fn keys_are_copied_but_the_epochs() {
        let (data, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(Journal::open(data.path(), JournalConfig::default()).unwrap());
        fs::write(data.path().join("key/epoch"), "secret").unwrap();
        crate::keys::KeyStore::new(data.path()).rotate().unwrap();
        let place = Place { data_dir: data.path().to_owned() };
        let backup = Backup { to: to.path().join("keys"), place };
        let code = |code: ExitCode| format!("{code:?}");
        assert_eq!(code(backup.clone().run().unwrap()), code(ExitCode::SUCCESS));
        assert_eq!(code(backup.clone().run().unwrap()), code(ExitCode::from(USAGE)));
        let mut names: Vec<_> = fs::read_dir(&backup.to)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names[..2], ["log", "log.pub"]);
        assert!(names.len() == 3 && names[2].starts_with("redaction-k1-"), "{names:?}");
        let same = |name: &str| {
            fs::read(backup.to.join(name)).unwrap()
                == fs::read(data.path().join("key").join(name)).unwrap()
        };
        assert!(names.iter().all(|name| same(name)));
    }

    #[test]
    fn a_wish_is_left_and_heeded() {
        let data = tempfile::tempdir().unwrap();
        assert!(rotate(data.path()).is_err());
        let (mut journal, _) = Journal::open(data.path(), JournalConfig::default()).unwrap();
        rotate(data.path()).unwrap();
        journal.look().unwrap();
        assert!(!data.path().join("key").join(WISH).exists());
    }
}
