//! `earwitness keys auditor`: keys of those who may read what records hold encrypted.
//!
//! In: files with private keys, encrypted values. Out: public keys and values on standard output, advice on standard
//! error.
//! Always: a private key is in a file that only its owner can read, and is shown nowhere; the daemon knows the public
//! one alone.
//! Not here: what is encrypted and how (`audit::seal`).

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use zeroize::Zeroizing;

use crate::audit::seal::AuditorKey;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Auditor {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Makes a private key in a new file, and prints the public one
    #[command(after_help = "Example: earwitness keys auditor generate auditor.key")]
    Generate {
        /// File for the private key
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Prints the public key of a private one
    #[command(after_help = "Example: earwitness keys auditor public auditor.key")]
    Public {
        /// File with the private key
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Prints what was encrypted, a line a value
    #[command(
        after_help = "Example: earwitness keys auditor decrypt --key auditor.key encrypt:3f9a2c11:…"
    )]
    Decrypt {
        /// File with the private key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// As a record holds it, or - to read such values from standard input, one a line
        #[arg(value_name = "VALUE")]
        value: String,
    },
}

/// Does what the arguments ask for. Errors: files cannot be read or written, or hold no key.
pub(super) fn run(auditor: Auditor) -> anyhow::Result<ExitCode> {
    match auditor.command {
        Command::Generate { file } => {
            let key = AuditorKey::generate();
            write(&file, &key).with_context(|| file.display().to_string())?;
            let (id, file) = (key.auditor().id().to_owned(), file.display());
            eprintln!(
                "the id of this key is {id}\nhint: keep {file} on another host than the records; set `redaction.encrypt_to`"
            );
            super::print(&[key.auditor().public()])
        }
        Command::Public { file } => super::print(&[read(&file)?.auditor().public()]),
        Command::Decrypt { key, value } => {
            let key = read(&key)?;
            let mut out = io::stdout().lock();
            if value == "-" {
                return decrypt(&key, io::stdin().lock().lines(), &mut out);
            }
            decrypt(&key, [Ok(value)].into_iter(), &mut out)
        }
    }
}

fn write(path: &Path, key: &AuditorKey) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(key.text().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Errors: it cannot be read, others can, or it is no key.
fn read(path: &Path) -> anyhow::Result<AuditorKey> {
    let name = path.display();
    let file = File::open(path).with_context(|| name.to_string())?;
    let mode = file.metadata().with_context(|| name.to_string())?.mode();
    if mode & OTHERS != 0 {
        bail!("{name} can be used by others than its owner\nhint: chmod 600 {name}");
    }
    // Grown at once, so that no copy is left behind.
    let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES));
    let length = KEY_FILE_BYTES as u64;
    file.take(length).read_to_string(&mut text).with_context(|| name.to_string())?;
    AuditorKey::new(&text).with_context(|| name.to_string())
}

/// Opens all that can be opened; what cannot is told by its line.
fn decrypt(
    key: &AuditorKey,
    values: impl Iterator<Item = io::Result<String>>,
    out: &mut impl io::Write,
) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for (value, line) in values.zip(1..) {
        match key.open(&value.context("standard input")?) {
            Ok(value) => out.write_all(&value).and_then(|()| out.write_all(b"\n")),
            Err(error) => {
                eprintln!("line {line}: {error}");
                code = ExitCode::FAILURE;
                // So that the lines of both still belong together.
                out.write_all(b"\n")
            }
        }
        .context("standard output")?;
    }
    out.flush().context("standard output")?;
    Ok(code)
}

/// Longest file with a key that is read, in bytes.
const KEY_FILE_BYTES: usize = 256;
/// Permissions of others than the owner.
const OTHERS: u32 = 0o077;

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_written_once_for_its_owner_alone_and_opens_what_is_encrypted_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("auditor.key");
        let command = Command::Generate { file: path.clone() };
        assert!(run(Auditor { command: command.clone() }).is_ok());
        assert!(run(Auditor { command }).is_err());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);

        let key = read(&path).unwrap();
        let sealed =
            ["a value", "another"].map(|value| key.auditor().seal(value.as_bytes()).unwrap());
        let lines = [sealed[0].clone(), "nonsense".to_owned(), sealed[1].clone()];
        let mut out = Vec::new();
        let code = decrypt(&key, lines.into_iter().map(Ok), &mut out).unwrap();
        assert_eq!(out, b"a value\n\nanother\n");
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));

        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let error = read(&path).err().unwrap().to_string();
        assert!(error.contains("others than its owner\nhint: chmod 600 "), "{error}");
    }
}
