//! `earwitness run`: the daemon.
//!
//! In: flags, the configuration file. Out: the journal, records on standard output if asked.
//! Always: one line that begins with `ready` on standard error once every probe is attached, and
//! word to the service manager.
//! Not here: the stages (`daemon`).

use std::io::{self, BufWriter, Stdout, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use super::USAGE;
use super::watch::View;
use crate::config::{CaptureRule, Config};
use crate::daemon::{self, DaemonError, Options, output::Output};
use crate::journal::directory;

/// Captures this host's HTTP and keeps records, until SIGTERM or SIGINT.
///
/// SIGHUP reads the configuration again.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: earwitness run --stdout --port 8080 --port 8443")]
pub struct Args {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory for the journal
    #[arg(long, value_name = "DIR", default_value = directory::DEFAULT)]
    pub data_dir: PathBuf,
    /// Print every record as a JSON line on standard output too
    #[arg(long)]
    pub stdout: bool,
    /// Show what happens, one line an exchange
    #[arg(long, conflicts_with = "stdout")]
    pub watch: bool,
    /// Only this process; several may be given
    #[arg(long, value_name = "PID")]
    pub pid: Vec<u32>,
    /// Only connections with this local or remote port; several may be given
    #[arg(long, value_name = "PORT")]
    pub port: Vec<u16>,
}

/// Runs the daemon.
///
/// # Errors
/// Those of `daemon::run`, with their hint.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Some(mut config) = super::load(args.config.as_deref()) else {
        return Ok(ExitCode::from(USAGE));
    };
    let chosen = chosen(&args.pid, &args.port);
    config.capture.choose(&chosen);
    let output: Option<Box<dyn Output>> = if args.watch {
        Some(Box::new(View::new(None)))
    } else if args.stdout {
        Some(Box::new(Lines(BufWriter::new(io::stdout()))))
    } else {
        None
    };
    let data_dir = args.data_dir.clone();
    let told = data_dir.display().to_string();
    finish(daemon::run(Options {
        config,
        config_file: args.config.clone(),
        chosen,
        data_dir,
        output,
        ready: Box::new(move || ready(&told)),
    }))
}

/// `earwitness watch` without a daemon: captures into a directory that is gone afterwards.
///
/// # Errors
/// Those of `daemon::run`; the directory cannot be made.
pub fn watch_by_itself(view: View) -> anyhow::Result<ExitCode> {
    let directory = tempfile::Builder::new().prefix("earwitness-watch-").tempdir()?;
    finish(daemon::run(Options {
        config: Config::default(),
        config_file: None,
        chosen: Vec::new(),
        data_dir: directory.path().to_owned(),
        output: Some(Box::new(view)),
        ready: Box::new(|| {
            eprintln!("ready: no daemon runs, so this view captures by itself and keeps nothing");
        }),
    }))
}

/// Rules for `--pid` and `--port`: any of the processes with any of the ports.
pub(super) fn chosen(pids: &[u32], ports: &[u16]) -> Vec<CaptureRule> {
    let any = |list: usize| list.max(1);
    let pairs =
        (0..any(pids.len())).flat_map(|pid| (0..any(ports.len())).map(move |port| (pid, port)));
    let rules = pairs.map(|(pid, port)| CaptureRule {
        pid: pids.get(pid).copied(),
        port: ports.get(port).copied(),
        ..CaptureRule::default()
    });
    if pids.is_empty() && ports.is_empty() { Vec::new() } else { rules.collect() }
}

fn ready(data_dir: &str) {
    eprintln!("ready: all probes are attached, records go to {data_dir}");
    // Without a service manager there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

fn finish(result: Result<(), DaemonError>) -> anyhow::Result<ExitCode> {
    let Err(error) = result else {
        return Ok(ExitCode::SUCCESS);
    };
    eprintln!("error: {error}");
    if let Some(hint) = error.hint() {
        eprintln!("hint: {hint}");
    }
    Ok(ExitCode::from(if matches!(error, DaemonError::Policy(_) | DaemonError::Rule(_)) {
        USAGE
    } else {
        1
    }))
}

/// Records as JSON lines.
struct Lines(BufWriter<Stdout>);

impl Output for Lines {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.write_all(line)?;
        self.0.write_all(b"\n")
    }

    fn draw(&mut self, _connections: Option<u64>) -> io::Result<()> {
        self.0.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Output for View {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        View::line(self, line);
        Ok(())
    }

    fn draw(&mut self, connections: Option<u64>) -> io::Result<()> {
        View::draw(self, connections)
    }

    fn finish(&mut self) -> io::Result<()> {
        View::finish(self)
    }
}
