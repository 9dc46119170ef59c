//! Keys of this host that must outlive the agent: so far those that tokens are made with.
//!
//! In: the data directory, the operating system's random source. Out: `RedactionKey`s.
//! Always: a key is whole on disk and synced before anything is made with it; files are 0600 in a directory of
//! 0700, and what others can read is refused; no id is ever given to two keys, also where files were lost, since
//! a part of it is made from the key itself; secrets are wiped from memory after use.
//! Not here: what a token is (`audit::token`), which values become tokens (`audit::redact`).

mod error;
mod file;

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use zeroize::Zeroizing;

pub use self::error::KeyError;
use crate::audit::token::{KEY_BYTES, Tokens};
use crate::journal::Directory;

/// The keys below one data directory. Making one touches no file.
#[derive(Clone, Debug)]
pub struct KeyStore {
    path: PathBuf,
}

/// A key that tokens are made with. No `Debug`: it is a secret.
pub struct RedactionKey {
    id: Id,
    made: SystemTime,
    secret: Secret,
}

type Secret = Zeroizing<[u8; KEY_BYTES]>;

/// `k2-3f9a2c`: the second key; the rest is made from the key, so that no other one ever has this id.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Id {
    number: u32,
    fingerprint: String,
}

impl KeyStore {
    /// Those of this data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self { path: Directory::new(data_dir).keys() }
    }

    /// The newest key; the first one is made where there is none. Errors: it cannot be read, made or trusted.
    pub fn current_or_first(&self) -> Result<RedactionKey, KeyError> {
        match self.current()? {
            Some(key) => Ok(key),
            None => self.make(|ids| ids.is_empty()),
        }
    }

    /// The newest key; `None`: there is none yet.
    pub fn current(&self) -> Result<Option<RedactionKey>, KeyError> {
        self.ids()?.last().map(|id| self.read(id)).transpose()
    }

    /// The key with this id; `None`: there is none.
    pub fn find(&self, id: &str) -> Result<Option<RedactionKey>, KeyError> {
        let ids = self.ids()?;
        ids.iter().find(|known| known.to_string() == id).map(|id| self.read(id)).transpose()
    }

    /// All keys, the newest first.
    pub fn all(&self) -> Result<Vec<RedactionKey>, KeyError> {
        self.ids()?.iter().rev().map(|id| self.read(id)).collect()
    }

    /// Makes another key, which is the newest from now on. The others stay, so that their tokens can be
    /// made again.
    pub fn rotate(&self) -> Result<RedactionKey, KeyError> {
        self.make(|_| true)
    }

    /// Makes a key, if the ids that there are say so; otherwise gives the newest.
    fn make(&self, is_wanted: impl Fn(&[Id]) -> bool) -> Result<RedactionKey, KeyError> {
        let mut directory = DirBuilder::new();
        let made = directory.recursive(true).mode(0o700).create(&self.path);
        made.map_err(|error| KeyError::io("create", &self.path, error))?;
        // Two that make keys at the same time come one after the other.
        let lock =
            File::open(&self.path).and_then(|directory| directory.lock().map(|()| directory));
        let _lock = lock.map_err(|error| KeyError::io("lock", &self.path, error))?;
        let ids = self.ids()?;
        if let Some(newest) = ids.last().filter(|_| !is_wanted(&ids)) {
            return self.read(newest);
        }
        let mut secret = Secret::default();
        getrandom::fill(&mut *secret).map_err(|error| KeyError::Random(error.into()))?;
        let number = ids.last().map_or(0, |id| id.number).saturating_add(1);
        let id = Id::of(number, &secret);
        let made = file::write(&self.path, &id.file_name(), &secret)?;
        Ok(RedactionKey { id, made, secret })
    }

    fn read(&self, id: &Id) -> Result<RedactionKey, KeyError> {
        let (secret, made) = file::read(&self.path.join(id.file_name()))?;
        if Id::of(id.number, &secret) != *id {
            return Err(KeyError::broken(&self.path.join(id.file_name())));
        }
        Ok(RedactionKey { id: id.clone(), made, secret })
    }

    /// Ids of the keys that there are, the newest last.
    fn ids(&self) -> Result<Vec<Id>, KeyError> {
        let names = file::names(&self.path)?;
        let mut ids: Vec<_> = names.iter().filter_map(|name| Id::of_file(name)).collect();
        ids.sort_unstable();
        Ok(ids)
    }
}

impl RedactionKey {
    /// Its name in tokens.
    pub fn id(&self) -> String {
        self.id.to_string()
    }

    /// When its file was written.
    pub fn made(&self) -> SystemTime {
        self.made
    }

    /// Makes tokens with it.
    pub fn tokens(&self) -> Tokens {
        Tokens::new(&self.id(), &self.secret)
    }
}

impl Id {
    fn of(number: u32, secret: &[u8; KEY_BYTES]) -> Self {
        // A token is as good as random to whoever does not have the key.
        let fingerprint = Tokens::new("", secret).fingerprint();
        Self { number, fingerprint }
    }

    fn file_name(&self) -> String {
        format!("{PREFIX}{self}")
    }

    fn of_file(name: &str) -> Option<Self> {
        let id = name.strip_prefix(PREFIX)?;
        let (number, fingerprint) = id.strip_prefix('k')?.split_once('-')?;
        let found = Self { number: number.parse().ok()?, fingerprint: fingerprint.to_owned() };
        (found.to_string() == id).then_some(found)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "k{}-{}", self.number, self.fingerprint)
    }
}

/// Begins the names of files with redaction keys; other keys have other names.
const PREFIX: &str = "redaction-";

#[cfg(test)]
mod tests;
