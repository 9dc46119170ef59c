//! `earwitness record`: what the kernel sees, into a capture file.
//!
//! In: flags. Out: a file for its owner alone.
//! Always: says that the file is not redacted.
//! Not here: the recording (`daemon::recorder`), the format (`capture`).

use std::path::PathBuf;
use std::process::ExitCode;

use super::run::chosen;
use crate::capture::IfExists;
use crate::config::CaptureConfig;
use crate::daemon::recorder::{self, RecordError};

/// Writes what the kernel sees to a capture file, for tests and bug reports.
///
/// The file is NOT redacted: it holds headers and bodies as they were sent. It can be read by its
/// owner only. Ends at SIGTERM or SIGINT.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: earwitness record --port 8080 bug.cap")]
pub struct Args {
    /// The capture file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write over a file that exists
    #[arg(long)]
    pub overwrite: bool,
    /// Only this process; several may be given
    #[arg(long, value_name = "PID")]
    pub pid: Vec<u32>,
    /// Only connections with this local or remote port; several may be given
    #[arg(long, value_name = "PORT")]
    pub port: Vec<u16>,
}

/// Records.
///
/// # Errors
/// None: what goes wrong is told here, with its hint.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let capture =
        CaptureConfig { include: chosen(&args.pid, &args.port), ..CaptureConfig::default() };
    let exists = if args.overwrite { IfExists::Overwrite } else { IfExists::Refuse };
    let file = args.file.display().to_string();
    eprintln!("warning: {file} will hold traffic as it was sent, with every secret in it");
    let ready = || eprintln!("ready: all probes are attached, samples go to {file}");
    match recorder::record(&args.file, exists, &capture, ready) {
        Ok(samples) => {
            eprintln!("{samples} samples in {file}; `earwitness replay {file}` shows the records");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("error: {error}");
            if let RecordError::Daemon(error) = &error
                && let Some(hint) = error.hint()
            {
                eprintln!("hint: {hint}");
            }
            Ok(ExitCode::FAILURE)
        }
    }
}
