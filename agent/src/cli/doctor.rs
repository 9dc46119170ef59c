//! `earwitness doctor`: what this host can and cannot capture, and why.
//!
//! In: the kernel's description of itself, privileges, running processes, the data directory. Out: a
//! report on standard output, for a person or as JSON.
//! Always: the probes are really loaded and attached for a moment, disabled, so nothing is captured;
//! nothing else on the host is changed; exit code 0 all good, 1 something that is needed is missing.
//! Not here: putting anything right.

mod check;
mod host;
mod kernel;
mod print;
mod privilege;
mod probe;
mod traffic;

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::discover::ProcFs;
use crate::journal::directory;
use check::Report;
use print::Look;

/// Tells what this host can and cannot capture, and why.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example: sudo earwitness doctor --json | jq '.checks[] | select(.status == \"missing\")'"
)]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Directory with the agent's data
    #[arg(long, value_name = "DIR", default_value = directory::DEFAULT)]
    pub data_dir: PathBuf,
}

/// Looks at everything and prints what it found.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let report = examine(args, probe::check);
    let text = if args.json { print::json(&report)? } else { print::text(&report, look()) };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            return Err(error).context("cannot write to standard output");
        }
        _ => {}
    }
    Ok(ExitCode::from(u8::from(!report.is_ok())))
}

/// Every check, in the order of printing.
fn examine(args: &Args, try_probes: impl FnOnce(&mut Report)) -> Report {
    let proc_fs = ProcFs::host();
    let mut report = Report::default();
    kernel::check(&mut report);
    privilege::check(&mut report, &proc_fs);
    try_probes(&mut report);
    host::check(&mut report, &args.data_dir);
    traffic::check(&mut report, &proc_fs);
    kernel::check_optional(&mut report);
    report
}

fn look() -> Look {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let is_terminal = io::stdout().is_terminal() && variable("TERM") != "dumb";
    // setlocale(3): the first of these that is set counts.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(variable);
    let locale = locale.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    Look {
        color: is_terminal && variable("NO_COLOR").is_empty(),
        unicode: is_terminal && (locale.contains("utf-8") || locale.contains("utf8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_is_examined() {
        let data_dir = tempfile::tempdir().unwrap();
        let args = Args { json: true, data_dir: data_dir.path().to_owned() };
        let report = examine(&args, |_| ());
        let json: serde_json::Value = serde_json::from_str(&print::json(&report).unwrap()).unwrap();
        assert_eq!(json["ok"], report.is_ok());
        let checks = json["checks"].as_array().unwrap();
        for name in ["kernel.btf", "privilege.capabilities", "host.disk_space", "traffic.tls"] {
            assert!(checks.iter().any(|check| check["name"] == name), "{name}");
        }
        for check in checks {
            assert_eq!(check["hint"].is_null(), check["status"] != "missing", "{check}");
        }
    }
}
