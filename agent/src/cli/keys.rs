//! `earwitness keys`: makes and shows keys, and the tokens that they make.
//!
//! In: the data directory, values. Out: ids of keys and tokens on standard output, advice on standard error.
//! Always: a key itself is never shown; exit code 0 done, 1 it could not be done, 2 a mistake in the call.
//! Not here: keys on disk (`keys`), tokens (`audit::token`), keys of auditors (`auditor`), keys that sign
//! the journal (`signing`).

mod auditor;
mod signing;

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use zeroize::Zeroizing;

use super::USAGE;
use crate::audit::record::Sensitive;
use crate::audit::redact::action;
use crate::journal::{Directory, directory, lock};
use crate::keys::{KeyStore, RedactionKey};

/// Makes and shows keys, and the tokens that they make.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example: printf %s 4111111111111111 | earwitness keys token payment_card -"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Shows the public keys of the journal: the log's, by which others check it, and the epoch's in force
    #[command(after_help = "Example: earwitness keys show > log.pub")]
    Show(Place),
    /// Asks for another epoch key at once; a running daemon makes it within seconds
    #[command(after_help = "Example: earwitness keys rotate")]
    Rotate(Place),
    Backup(signing::Backup),
    /// The keys that tokens in records are made with
    Redaction(Redaction),
    /// The keys of those who may read encrypted values
    Auditor(auditor::Auditor),
    Token(Token),
}

#[derive(Clone, Debug, clap::Args)]
struct Redaction {
    #[command(subcommand)]
    command: RedactionCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum RedactionCommand {
    /// Makes a key, which is used from now on; a running daemon takes it at SIGHUP
    #[command(after_help = "Example: earwitness keys redaction rotate")]
    Rotate(Place),
    /// Shows the ids of all keys and when they were made, the newest first
    #[command(after_help = "Example: earwitness keys redaction list")]
    List(Place),
}

#[derive(Clone, Debug, clap::Args)]
struct Place {
    /// Directory with the agent's data
    #[arg(long, value_name = "DIR", default_value = directory::DEFAULT)]
    data_dir: PathBuf,
}

/// Prints the token that stands in records for a value, so that it can be looked for.
///
/// The value is what was meant, not how it was written: percent-encoding, escapes of JSON and white space
/// around a header's value taken away, and separators in a payment card number.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example: printf %s 4111111111111111 | earwitness keys token payment_card -"
)]
struct Token {
    /// Type of the value, as `redactions` of a record name it; `body` is a body as a whole
    #[arg(value_name = "TYPE")]
    kind: String,
    /// The value, or - to read it from standard input, where the shell does not remember it
    #[arg(value_name = "VALUE")]
    value: OsString,
    /// Under this key instead of the newest
    #[arg(long, value_name = "ID", conflicts_with = "all_keys")]
    key: Option<String>,
    /// Under every key, one line each, the newest first
    #[arg(long)]
    all_keys: bool,
    #[command(flatten)]
    place: Place,
}

/// Does what the arguments ask for. Errors: keys cannot be read or made, standard output not written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Redaction(Redaction { command: RedactionCommand::Rotate(place) }) => {
            rotate(&place.data_dir)
        }
        Command::Redaction(Redaction { command: RedactionCommand::List(place) }) => {
            let keys = KeyStore::new(&place.data_dir).all()?;
            print(
                &keys
                    .iter()
                    .zip(0..)
                    .map(|(key, index)| listed(key, index == 0))
                    .collect::<Vec<_>>(),
            )
        }
        Command::Show(place) => signing::show(&place.data_dir),
        Command::Rotate(place) => signing::rotate(&place.data_dir),
        Command::Backup(backup) => backup.run(),
        Command::Auditor(auditor) => auditor::run(auditor),
        Command::Token(token) => token.run(),
    }
}

fn rotate(data_dir: &Path) -> anyhow::Result<ExitCode> {
    let key = KeyStore::new(data_dir).rotate()?;
    if let Ok(Some(holder)) = lock::holder(&Directory::new(data_dir)) {
        let pid = holder.pid.map_or_else(|| "PID".to_owned(), |pid| pid.to_string());
        eprintln!(
            "the running daemon uses the key before until it is told to look again\nhint: kill -HUP {pid}"
        );
    }
    print(&[key.id()])
}

fn listed(key: &RedactionKey, current: bool) -> String {
    let made = jiff::Timestamp::try_from(key.made()).map(|made| format!("{made:.0}"));
    format!(
        "{} {}{}",
        key.id(),
        made.unwrap_or_else(|_| "-".to_owned()),
        if current { " current" } else { "" }
    )
}

impl Token {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Some(kind) = action::TokenKind::named(&self.kind) else {
            let known: Vec<_> = Sensitive::ALL.iter().map(|kind| kind.name()).collect();
            eprintln!("`{}` is no type of a value\nhint: {}, body", self.kind, known.join(", "));
            return Ok(ExitCode::from(USAGE));
        };
        let store = KeyStore::new(&self.place.data_dir);
        let keys = match &self.key {
            Some(id) => store.find(id)?.into_iter().collect(),
            None if self.all_keys => store.all()?,
            None => store.current()?.into_iter().collect::<Vec<_>>(),
        };
        if keys.is_empty() {
            let wanted = self.key.map_or_else(|| "any key".to_owned(), |id| format!("key `{id}`"));
            eprintln!(
                "{} does not have {wanted}\nhint: `earwitness keys redaction list` shows those that there are; \
                       a daemon makes the first",
                self.place.data_dir.display()
            );
            return Ok(ExitCode::FAILURE);
        }
        let value = value(self.value).context("standard input")?;
        print(&keys.iter().map(|key| kind.token(&key.tokens(), &value)).collect::<Vec<_>>())
    }
}

/// The value itself, or what standard input holds up to the end of its line.
fn value(argument: OsString) -> io::Result<Zeroizing<Vec<u8>>> {
    if argument != "-" {
        return Ok(Zeroizing::new(argument.into_vec()));
    }
    // Grown at once, so that no copy is left behind.
    let mut value = Zeroizing::new(Vec::with_capacity(VALUE_BYTES));
    io::stdin().lock().take(VALUE_BYTES as u64).read_to_end(&mut value)?;
    let line = value.strip_suffix(b"\n").unwrap_or(&value);
    let length = line.strip_suffix(b"\r").unwrap_or(line).len();
    value.truncate(length);
    Ok(value)
}

/// Most of standard input that is read, in bytes: a body as a whole.
const VALUE_BYTES: usize = 64 << 20;

fn print(lines: &[String]) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let written = lines.iter().try_for_each(|line| writeln!(out, "{line}"));
    written.and_then(|()| out.flush()).context("standard output")?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::super::testing::Cli;
    use super::*;

    fn call(arguments: &[&str], directory: &Path) -> ExitCode {
        let place = ["--data-dir", directory.to_str().unwrap()];
        let arguments = [&["keys"], arguments, &place].concat();
        run(Cli::<Args>::try_parse_from(arguments).unwrap().args).unwrap()
    }

    #[test]
    fn tokens_need_a_key_and_a_known_type() {
        Cli::<Args>::command().debug_assert();
        let directory = tempfile::tempdir().unwrap();
        let code = |arguments: &[&str]| format!("{:?}", call(arguments, directory.path()));
        let (done, failed, usage) = (ExitCode::SUCCESS, ExitCode::FAILURE, ExitCode::from(USAGE));
        let [done, failed, usage] = [done, failed, usage].map(|code| format!("{code:?}"));
        assert_eq!(code(&["token", "secret", "x"]), failed);
        assert_eq!(code(&["redaction", "rotate"]), done);
        assert_eq!(code(&["token", "secret", "x"]), done);
        assert_eq!(code(&["token", "body", "x", "--all-keys"]), done);
        assert_eq!(code(&["token", "secret", "x", "--key", "k1"]), failed);
        assert_eq!(code(&["token", "nonsense", "x"]), usage);
        assert_eq!(code(&["redaction", "list"]), done);
    }

    #[test]
    fn keys_are_listed_without_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyStore::new(directory.path()).rotate().unwrap();
        let line = listed(&key, true);
        let (id, rest) = line.split_once(' ').unwrap();
        assert_eq!(id, key.id());
        assert!(
            rest.ends_with("Z current") && rest.len() == "2026-11-22T07:00:00Z current".len(),
            "{rest}"
        );
    }
}
