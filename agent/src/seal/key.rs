//! Signing keys: made, kept in files, wiped.
//!
//! In: a name, the operating system's random source, a directory. Out: `SigningKey`, which signs notes.
//! Always: a file is 0600, in the format of Go's `sumdb/note`; one that others may read is refused; secrets are
//! wiped from memory, and a file with one is overwritten before it is removed.
//! Not here: which key signs what (`sealer`).

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::SystemTime;

use data_encoding::BASE64;
use signed_note::{Signer, StandardSigner, StandardVerifier, key_id, new_ed25519_verifier_key};
use zeroize::Zeroizing;

use super::error::SealError;
use super::file;

/// An Ed25519 key with a name. No `Debug`: it is a secret.
#[derive(Clone)]
pub struct SigningKey {
    name: String,
    signer: StandardSigner,
    text: Zeroizing<String>,
    verifier: StandardVerifier,
    verifier_text: String,
}

impl SigningKey {
    /// A new one. Errors: there is no randomness.
    pub fn generate(name: &str) -> io::Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(io::Error::from)?;
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = [&[ED25519], key.verifying_key().as_bytes().as_slice()].concat();
        let secret = Zeroizing::new([&[ED25519], seed.as_slice()].concat());
        let secret = Zeroizing::new(BASE64.encode(&secret));
        let id = key_id(name, &public);
        let text = Zeroizing::new(format!("{PREFIX}{name}+{id:08x}+{}", *secret));
        Self::parse(text).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// From its text. `None`: it is none.
    fn parse(text: Zeroizing<String>) -> Option<Self> {
        let signer = StandardSigner::new(&text).ok()?;
        let seed = Zeroizing::new(BASE64.decode(text.splitn(5, '+').nth(4)?.as_bytes()).ok()?);
        let seed = Zeroizing::new(<[u8; 32]>::try_from(seed.get(1..)?).ok()?);
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let name = signer.name().to_owned();
        let verifier_text = new_ed25519_verifier_key(&name, &key.verifying_key());
        let verifier = StandardVerifier::new(&verifier_text).ok()?;
        Some(Self { name, signer, text, verifier, verifier_text })
    }

    /// The one in a file; `None`: there is no file. Errors: it is none, or others may read it.
    pub fn read(path: &Path) -> Result<Option<(Self, SystemTime)>, SealError> {
        let failed = |action| move |cause| SealError::io(action, path, cause);
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("look at")(error)),
        };
        let mode = found.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SealError::OpenToOthers { path: path.to_owned(), mode });
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(failed("read"))?);
        let text = Zeroizing::new(text.trim_end().to_owned());
        let key = Self::parse(text).ok_or_else(|| SealError::Broken { path: path.to_owned() })?;
        Ok(Some((key, found.modified().map_err(failed("look at"))?)))
    }

    /// Keeps it in a file.
    pub fn write(&self, path: &Path) -> Result<(), SealError> {
        let line = Zeroizing::new(format!("{}\n", *self.text));
        file::replace(path, line.as_bytes()).map_err(|cause| SealError::io("write", path, cause))
    }

    /// Its name, which stands in signatures.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Signs notes.
    pub fn signer(&self) -> &dyn Signer {
        &self.signer
    }

    /// Checks its signatures.
    pub fn verifier(&self) -> &StandardVerifier {
        &self.verifier
    }

    /// The public key as text, `NAME+ID+KEY`.
    pub fn verifier_text(&self) -> &str {
        &self.verifier_text
    }
}

/// Overwrites a key's file and removes it. One that is not there is gone already.
pub fn wipe(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.metadata()?.size()).unwrap_or_default().min(4_096);
    file.write_all(&vec![b'0'; length])?;
    file.sync_all()?;
    fs::remove_file(path)?;
    file::sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// Note algorithm number.
const ED25519: u8 = 1;
const PREFIX: &str = "PRIVATE+KEY+";
