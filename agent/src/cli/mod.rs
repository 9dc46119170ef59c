//! The command line: one file a subcommand.
//!
//! In: arguments. Out: an exit code: 0 done, 1 the thing asked about is wrong, 2 usage or
//! configuration error, 3 could not tell.
//! Always: standard output carries data only; messages go to standard error; advice is on a line of
//! its own that begins with `hint:`.
//! Not here: the work itself.

mod cat;
mod config;
mod doctor;
mod export;
mod hold;
mod keys;
mod live;
mod log;
mod private;
mod prove;
mod record;
mod replay;
mod run;
mod watch;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::audit::token::Tokens;
use crate::config::Config;
use crate::keys::KeyStore;

/// Exit code for usage and configuration errors.
pub const USAGE: u8 = 2;

/// Watches this host with eBPF and turns every HTTP exchange into an audit record.
#[derive(Debug, Parser)]
#[command(name = "earwitness", version, about, long_about = None, max_term_width = 100)]
#[command(after_help = "Example: earwitness run --stdout")]
pub struct Cli {
    /// Say more on standard error; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Messages on standard error as JSON lines
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Watch(watch::Args),
    Cat(cat::Args),
    Record(record::Args),
    Replay(replay::Args),
    Doctor(doctor::Args),
    Config(config::Args),
    Keys(keys::Args),
    Hold(hold::Args),
    Prove(prove::Args),
    Export(export::Args),
}

/// Runs what the arguments say.
///
/// # Errors
/// Those of the subcommands; the caller prints them.
pub fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    log::start(cli.verbose, cli.log_json);
    private::start();
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Watch(args) => match watch::run(&args)? {
            watch::Outcome::Done(code) => Ok(code),
            watch::Outcome::Own(view) => run::watch_by_itself(*view),
        },
        Command::Cat(args) => cat::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Config(args) => config::run(args),
        Command::Keys(args) => keys::run(args),
        Command::Hold(args) => hold::run(args),
        Command::Prove(args) => prove::run(&args),
        Command::Export(args) => export::run(&args),
    }
}

/// Tokens as the daemon of this data directory makes them; without one, under a key that is gone afterwards.
fn tokens(data_dir: Option<&Path>) -> anyhow::Result<Tokens> {
    match data_dir {
        Some(directory) => match KeyStore::new(directory).current()? {
            Some(key) => Ok(key.tokens()),
            None => anyhow::bail!("{} has no key", directory.display()),
        },
        None => Tokens::ephemeral().context("cannot get random bytes"),
    }
}

/// Reads the configuration and shows warnings, or mistakes (then `None`).
fn load(file: Option<&Path>) -> Option<Config> {
    match Config::load(file) {
        Ok((config, warnings)) => {
            for warning in warnings {
                eprintln!("warning: {warning}");
            }
            Some(config)
        }
        Err(errors) => {
            eprintln!("{errors}");
            None
        }
    }
}

#[cfg(test)]
mod testing {
    /// A command line with these arguments only.
    #[derive(clap::Parser)]
    pub(super) struct Cli<A: clap::Args> {
        #[command(flatten)]
        pub(super) args: A,
    }
}
