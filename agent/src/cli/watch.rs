//! `earwitness watch`: a person's live view.
//!
//! In: the journal of the running daemon, or, where none runs, records that the caller captures.
//! Out: lines on standard output, and on a terminal a status line below them.
//! Always: the daemon's lock tells whether one runs; `loss` records are shown whatever the filter
//! says, since what it shows would be wrong without them.
//! Not here: how lines look (`live`), capturing (`daemon`).

use std::io::{self, IsTerminal as _, Stdout};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::tz::TimeZone;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use serde_json::Value;

use super::cat::parse_filter;
use super::live::screen::Screen;
use super::live::{Look, Renderer};
use crate::audit::filter::Filter;
use crate::journal::directory::{self, Directory};
use crate::journal::lock;
use crate::journal::reader::{Item, Reader};
use crate::journal::visits::{self, Visit};

/// Shows what happens, one line an exchange.
///
/// Watches with the running daemon, or by itself when none runs. A FILTER compares keys of the
/// record, joined with dots, as in `earwitness cat`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: earwitness watch 'http.response.status_code >= 500'")]
pub struct Args {
    /// Directory with the data of the running daemon
    #[arg(long, value_name = "DIR", default_value = directory::DEFAULT)]
    pub data_dir: PathBuf,
    /// Only records for which this expression is true
    #[arg(value_name = "FILTER", allow_negative_numbers = true)]
    pub filter: Vec<String>,
}

/// Where records come from.
#[derive(Debug)]
pub enum Source {
    /// The journal of the daemon that runs, from its end on.
    Journal(Box<Reader>),
    /// No daemon runs: capture here.
    Own,
}

/// How `run` came back.
#[derive(Debug)]
pub enum Outcome {
    /// It watched and ended.
    Done(ExitCode),
    /// No daemon runs: the caller captures, and gives the records to this view.
    Own(Box<View>),
}

/// Watches the daemon that runs, until interrupted. Errors: its journal cannot be read, or standard
/// output not written.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let view = match parse_filter(&args.filter) {
        Ok(filter) => View::new(filter),
        Err(usage) => return Ok(Outcome::Done(usage)),
    };
    match source(&args.data_dir)? {
        Source::Own => Ok(Outcome::Own(Box::new(view))),
        Source::Journal(reader) => {
            let visit = Visit { filtered: !args.filter.is_empty(), ..Visit::now("watch") };
            visits::leave_or_warn(&args.data_dir, &visit);
            follow(*reader, view).map(Outcome::Done)
        }
    }
}

/// Finds out whether a daemon runs on this data directory. Errors: that cannot be told, or its
/// journal cannot be read.
pub fn source(data_dir: &Path) -> anyhow::Result<Source> {
    let holder = lock::holder(&Directory::new(data_dir))
        .with_context(|| format!("cannot tell whether a daemon writes {}", data_dir.display()))?;
    Ok(match holder {
        Some(_) => Source::Journal(Box::new(Reader::open_at_end(data_dir)?)),
        None => Source::Own,
    })
}

fn follow(mut reader: Reader, mut view: View) -> anyhow::Result<ExitCode> {
    let interrupted = interrupted()?;
    let result = loop {
        let more = some(&mut reader, &mut view)?;
        let pause_ms = if more { 0 } else { POLL_MS };
        match view.draw(None).and_then(|()| wait(&interrupted, pause_ms)) {
            Ok(true) => {}
            Ok(false) => break view.finish(),
            Err(error) => break Err(error),
        }
    };
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Shows some of what there is. True if there may be more.
fn some(reader: &mut Reader, view: &mut View) -> anyhow::Result<bool> {
    for _ in 0..LINES_A_DRAW {
        match reader.read()? {
            None => return Ok(false),
            Some(Item::Record { line, .. }) => view.line(line),
            Some(Item::Notice(notice)) => view.note(&notice.to_string()),
        }
    }
    Ok(true)
}

/// The signals that end the view, as a file to poll, so that the status line can be taken away.
fn interrupted() -> anyhow::Result<SignalFd> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    signals.thread_block().context("cannot block signals")?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).context("cannot wait for signals")
}

/// Waits for a while. False if it is time to end.
fn wait(interrupted: &SignalFd, pause_ms: u8) -> io::Result<bool> {
    let out = io::stdout();
    let mut watched = [
        PollFd::new(interrupted.as_fd(), PollFlags::POLLIN),
        PollFd::new(out.as_fd(), PollFlags::empty()),
    ];
    nix::poll::poll(&mut watched, PollTimeout::from(pause_ms))?;
    Ok(!watched.iter().any(|file| file.any().unwrap_or(true)))
}

/// The view on this process's standard output.
#[derive(Debug)]
pub struct View {
    filter: Option<Filter>,
    renderer: Renderer,
    screen: Screen<Stdout>,
    is_terminal: bool,
    begun: Instant,
    drawn: Option<Instant>,
}

impl View {
    /// A view that shows what `filter` chooses. Looks at standard output and the environment.
    pub fn new(filter: Option<Filter>) -> Self {
        let is_terminal = io::stdout().is_terminal() && variable("TERM") != "dumb";
        let look = Look {
            width: is_terminal.then(columns),
            color: is_terminal && variable("NO_COLOR").is_empty(),
            unicode: is_utf8(),
            time_zone: TimeZone::system(),
        };
        Self {
            filter,
            renderer: Renderer::new(look),
            screen: Screen::new(io::stdout()),
            is_terminal,
            begun: Instant::now(),
            drawn: None,
        }
    }

    /// Takes one line of the journal. It is shown by `draw`.
    pub fn line(&mut self, line: &[u8]) {
        if let Ok(record) = serde_json::from_slice(line) {
            self.record(&record);
        }
    }

    /// Takes one record. It is shown by `draw`.
    pub fn record(&mut self, record: &Value) {
        let is_loss = || record.pointer("/event/kind").is_some_and(|kind| kind == "loss");
        if self.filter.as_ref().is_none_or(|filter| filter.matches(record) || is_loss()) {
            let line = self.renderer.line(record);
            self.screen.line(&line);
        }
    }

    /// Takes a message of our own.
    pub fn note(&mut self, message: &str) {
        let message = super::live::text::clean(message, self.renderer.look.unicode);
        self.screen.line(&format!("warning: {message}"));
    }

    /// Shows what came since the last time, and the status line, which is made anew ten times a
    /// second at most. `connections` are those that are open, where that is known. Errors: those of
    /// writing.
    pub fn draw(&mut self, connections: Option<u64>) -> io::Result<()> {
        if !self.has_status() {
            return self.screen.draw(None);
        }
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW) {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        self.renderer.tally.tick(self.begun.elapsed());
        self.renderer.look.width = Some(columns());
        let status = self.renderer.status(connections);
        self.screen.draw(Some(status))
    }

    /// Takes the status line away. Errors: those of writing.
    pub fn finish(&mut self) -> io::Result<()> {
        self.screen.draw(None)
    }

    fn has_status(&self) -> bool {
        self.is_terminal && self.renderer.look.color
    }
}

fn columns() -> usize {
    terminal_size::terminal_size().map_or(DEFAULT_COLUMNS, |(width, _)| usize::from(width.0))
}

fn variable(name: &str) -> String {
    std::env::var_os(name).unwrap_or_default().to_string_lossy().into_owned()
}

/// As the C library decides: the first of these that says anything.
fn is_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(variable);
    let locale = locale.iter().find(|value| !value.is_empty());
    let locale = locale.map(|value| value.to_ascii_lowercase().replace('-', ""));
    locale.is_some_and(|value| value.contains("utf8"))
}

/// Pause between looks at the journal.
const POLL_MS: u8 = 50;

/// Between two status lines.
const REDRAW: Duration = Duration::from_millis(100);

/// Lines taken before the screen is drawn.
const LINES_A_DRAW: usize = 256;

const DEFAULT_COLUMNS: usize = 80;
