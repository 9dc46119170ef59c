//! `earwitness config`: checks, prints and explains the configuration.
//!
//! In: a configuration file, the environment. Out: what was asked for on standard output, messages
//! on standard error.
//! Always: exit code 0 done, 2 a mistake in the configuration or the call.
//! Not here: reading the configuration (`config`).

mod explain;
mod preset;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use crate::config::DEFAULT_FILE;

/// Exit code of a mistake in the configuration or the call.
const MISTAKE: u8 = 2;

/// Checks, prints and explains the configuration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: earwitness config check /etc/earwitness/earwitness.toml")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reports every mistake at once, with line and column.
    #[command(after_help = "Example: earwitness config check /etc/earwitness/earwitness.toml")]
    Check {
        /// Configuration file; without one only the environment is checked.
        file: Option<PathBuf>,
    },
    /// Prints the default configuration with comments.
    #[command(after_help = "Example: earwitness config default > earwitness.toml")]
    Default,
    /// Prints the JSON Schema of the configuration, or of records.
    #[command(after_help = "Example: earwitness config schema --record")]
    Schema {
        /// Of records, not of the configuration.
        #[arg(long)]
        record: bool,
    },
    /// Shows which policy a request would meet, why, and what of it would be recorded; or what a preset sets.
    #[command(after_help = "Examples: earwitness config explain GET 'http://host/v1/a?token=b' \
                            --header 'Authorization: Bearer c'\n          earwitness config explain --preset pci")]
    Explain(explain::Explain),
}

/// Does what the arguments ask for.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Check { file } => check(file.as_deref()),
        Command::Default => print(DEFAULT_FILE),
        Command::Schema { record } => schema(record),
        Command::Explain(explain) => explain.run(),
    }
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn check(file: Option<&Path>) -> anyhow::Result<ExitCode> {
    match super::load(file) {
        Some(_) => {
            let name = file.map_or("environment".into(), |file| file.display().to_string());
            eprintln!("{name}: no mistakes");
            Ok(ExitCode::SUCCESS)
        }
        None => Ok(ExitCode::from(MISTAKE)),
    }
}

#[cfg(feature = "schema")]
fn schema(record: bool) -> anyhow::Result<ExitCode> {
    let schema =
        if record { crate::config::record_schema() } else { crate::config::config_schema() };
    let text = serde_json::to_string_pretty(&schema).context("JSON Schema")?;
    print(&(text + "\n"))
}

#[cfg(not(feature = "schema"))]
fn schema(_record: bool) -> anyhow::Result<ExitCode> {
    eprintln!("this build has no JSON Schemas\nhint: build with the feature `schema`");
    Ok(ExitCode::from(MISTAKE))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::super::testing::Cli;
    use super::*;

    #[test]
    fn subcommands_are_consistent() {
        Cli::<Args>::command().debug_assert();
        let parses = |arguments: &[&str]| {
            Cli::<Args>::try_parse_from([&["config"], arguments].concat()).is_ok()
        };
        assert!(parses(&["check", "file"]));
        assert!(parses(&["schema", "--record"]));
        assert!(parses(&["explain", "--preset", "gdpr-minimal"]));
        assert!(!parses(&["explain", "--preset", "nonsense"]));
        assert!(!parses(&["explain", "GET"]));
        assert!(!parses(&["explain", "GET", "/", "--preset", "pci"]));
        assert!(!parses(&["explain", "--preset", "pci", "--side", "client"]));
        assert!(!parses(&["explain", "GET", "/", "--side", "middle"]));
        assert!(!parses(&["explain", "GET", "/", "--status", "42"]));
    }
}
