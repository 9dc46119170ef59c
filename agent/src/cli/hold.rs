//! `earwitness hold`: keeps records of a time from being removed, as a court or an auditor orders it.
//!
//! In: the data directory. Out: holds on standard output; files that the daemon heeds within seconds.
//! Always: exit code 0 done, 1 there is no such hold, 2 a mistake in the call.
//! Not here: what a hold keeps (`journal::hold`), removal (`journal::retain`).

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use jiff::Timestamp;

use super::USAGE;
use crate::journal::hold::{self, Hold};
use crate::journal::moment::{self, MomentError};
use crate::journal::{Directory, directory};

/// Keeps records of a time from being removed.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example: earwitness hold add case-7 --since 30d --reason 'order of 2026-11-20'"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Add(Add),
    /// Shows all holds
    #[command(after_help = "Example: earwitness hold list")]
    List(Place),
    Release(Release),
}

/// Places a hold; one of the same name is replaced.
///
/// Segments with records of that time stay, and so do all behind them, whatever the limits say.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: earwitness hold add case-7 --since 2026-11-01T00:00:00Z")]
struct Add {
    /// Letters, digits, `.`, `_` and `-`
    #[arg(value_name = "NAME")]
    name: String,
    /// From when on: RFC 3339, or a time ago like 15m, 2h, 7d; from the beginning if not given
    #[arg(long, value_name = "T", value_parser = moment)]
    since: Option<Timestamp>,
    /// Until when; whatever comes if not given
    #[arg(long, value_name = "T", value_parser = moment)]
    until: Option<Timestamp>,
    /// Why; stands in the record of it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    place: Place,
}

/// Releases a hold.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: earwitness hold release case-7")]
struct Release {
    /// As `earwitness hold list` shows it
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Debug, clap::Args)]
struct Place {
    /// Directory with the agent's data
    #[arg(long, value_name = "DIR", default_value = directory::DEFAULT)]
    data_dir: PathBuf,
}

/// Does what the arguments ask for. Errors: the directory cannot be read or written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Add(add) => add.run(),
        Command::List(place) => list(&place),
        Command::Release(release) => release.run(),
    }
}

fn moment(text: &str) -> Result<Timestamp, MomentError> {
    moment::parse(text, Timestamp::now())
}

fn is_name(name: &str) -> bool {
    let is_name = hold::is_name(name);
    if !is_name {
        eprintln!("`{name}` cannot name a hold\nhint: letters, digits, `.`, `_` and `-`");
    }
    is_name
}

impl Add {
    fn run(self) -> anyhow::Result<ExitCode> {
        let is_empty = self.since.zip(self.until).is_some_and(|(since, until)| since > until);
        if is_empty {
            eprintln!("--since is later than --until: this would hold nothing");
        }
        if is_empty || !is_name(&self.name) {
            return Ok(ExitCode::from(USAGE));
        }
        let holds = self.place.directory()?;
        let Self { name, since, until, reason, .. } = self;
        hold::place(&holds, &Hold { name, since, until, reason })
            .with_context(|| format!("cannot write below {}", holds.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Release {
    fn run(self) -> anyhow::Result<ExitCode> {
        if !is_name(&self.name) {
            return Ok(ExitCode::from(USAGE));
        }
        let holds = self.place.directory()?;
        let released = hold::release(&holds, &self.name)
            .with_context(|| format!("cannot remove it below {}", holds.display()))?;
        if !released {
            eprintln!("there is no hold `{}`\nhint: `earwitness hold list` shows all", self.name);
        }
        Ok(if released { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Place {
    /// Where the holds are. Errors: there is no journal here.
    fn directory(&self) -> anyhow::Result<PathBuf> {
        let directory = Directory::new(&self.data_dir);
        anyhow::ensure!(
            directory.journal().is_dir(),
            "no journal in {}\nhint: name another directory with --data-dir",
            self.data_dir.display()
        );
        Ok(directory.holds())
    }
}

fn list(place: &Place) -> anyhow::Result<ExitCode> {
    let holds = place.directory()?;
    let holds = hold::all(&holds).with_context(|| format!("cannot read {}", holds.display()))?;
    let mut out = std::io::stdout().lock();
    for hold in holds {
        let moment = |moment: Option<Timestamp>| {
            moment.map_or_else(|| String::from("-"), |moment| moment.to_string())
        };
        let (since, until) = (moment(hold.since), moment(hold.until));
        writeln!(out, "{} {since} {until} {}", hold.name, hold.reason)
            .context("standard output")?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::super::testing::Cli;
    use super::*;

    fn call(arguments: &[&str], data_dir: &std::path::Path) -> String {
        let place = ["--data-dir", data_dir.to_str().unwrap()];
        let arguments = [&["hold"], arguments, &place].concat();
        format!("{:?}", run(Cli::<Args>::try_parse_from(arguments).unwrap().args).unwrap())
    }

    #[test]
    fn holds_come_and_go() {
        Cli::<Args>::command().debug_assert();
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path();
        let code = |code: u8| format!("{:?}", ExitCode::from(code));
        std::fs::create_dir(data_dir.join("journal")).unwrap();
        assert_eq!(call(&["add", "case-7", "--since", "7d"], data_dir), code(0));
        assert_eq!(call(&["add", "../x"], data_dir), code(2));
        assert_eq!(call(&["add", "x", "--since", "1d", "--until", "2d"], data_dir), code(2));
        assert_eq!(hold::all(&data_dir.join("hold")).unwrap().len(), 1);
        assert_eq!(call(&["list"], data_dir), code(0));
        assert_eq!(call(&["release", "case-7"], data_dir), code(0));
        assert_eq!(call(&["release", "case-7"], data_dir), code(1));
    }
}
