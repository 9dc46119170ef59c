//! `earwitness cat`: records from the journal as lines.
//!
//! In: the journal of a data directory, a time range, a `FILTER`. Out: its lines on standard output,
//! byte for byte or in another format; places that are no record on standard error.
//! Always: exit code 0, or 1 if there were such places; a reader that goes away ends it quietly.
//! Not here: finding lines (`journal::reader`), choosing them (`audit::filter`), formats (`export`).

use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::Timestamp;
use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::audit::filter::Filter;
use crate::export::Format;
use crate::journal::directory;
use crate::journal::moment::{self, MomentError};
use crate::journal::reader::{Bounds, Item, ReadError, Reader};
use crate::journal::visits::{self, Visit};

/// Prints records of the journal, one a line.
///
/// A FILTER compares keys of the record, joined with dots:
/// = == != < <= > >= ~ (regular expression) !~ in [a, b] exists, and or not ( ).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: earwitness cat --since 15m \
    'http.response.status_code >= 500 and url.path ~ \"^/v1/\"'")]
pub struct Args {
    /// Directory with the agent's data
    #[arg(long, value_name = "DIR", default_value = directory::DEFAULT)]
    pub data_dir: PathBuf,
    /// Go on with what comes in, until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// Only records whose timestamp is not before this: RFC 3339, or a time ago like 15m, 2h, 7d
    #[arg(long, value_name = "T", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Only records whose timestamp is before this
    #[arg(long, value_name = "T", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// What a record is printed as
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Only records for which this expression is true
    #[arg(value_name = "FILTER", allow_negative_numbers = true)]
    pub filter: Vec<String>,
}

/// Prints what is asked for. Errors: the journal cannot be read, or standard output not written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let filter = match parse_filter(&args.filter) {
        Ok(filter) => filter,
        Err(usage) => return Ok(usage),
    };
    let bounds = Bounds { since: args.since, until: args.until };
    let reader = Reader::open(&args.data_dir, &bounds)?;
    visits::leave_or_warn(&args.data_dir, &args.visit());
    let out = BufWriter::with_capacity(OUTPUT_BYTES, io::stdout());
    let mut cat = Cat { reader, filter, format: args.format, out, bad_places: 0 };
    match cat.run(args.follow) {
        Ok(()) => Ok(ExitCode::from(u8::from(cat.bad_places > 0))),
        Err(Stop::Read(error)) => Err(error.into()),
        Err(Stop::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Err(Stop::Write(error)) => Err(error).context("cannot write to standard output"),
    }
}

impl Args {
    fn visit(&self) -> Visit {
        let text = |moment: Option<Timestamp>| moment.map(|moment| moment.to_string());
        let (since, until) = (text(self.since), text(self.until));
        Visit { since, until, filtered: !self.filter.is_empty(), ..Visit::now("cat") }
    }
}

/// The filter that the words of a command line make, `None` without words. Errors: says on standard
/// error what is wrong, and gives the exit code for wrong usage.
pub fn parse_filter(words: &[String]) -> Result<Option<Filter>, ExitCode> {
    let text = words.join(" ");
    if text.trim().is_empty() {
        return Ok(None);
    }
    Filter::parse(&text).map(Some).map_err(|error| {
        eprintln!("error: {error}\nhint: quote the filter for the shell: 'url.path ~ \"^/v1/\"'");
        ExitCode::from(2)
    })
}

fn moment(text: &str) -> Result<Timestamp, MomentError> {
    moment::parse(text, Timestamp::now())
}

struct Cat<W> {
    reader: Reader,
    filter: Option<Filter>,
    format: Format,
    out: W,
    bad_places: u64,
}

#[derive(Debug)]
enum Stop {
    Read(ReadError),
    Write(io::Error),
}

impl<W: Write> Cat<W> {
    fn run(&mut self, follow: bool) -> Result<(), Stop> {
        loop {
            while self.next()? {}
            self.out.flush().map_err(Stop::Write)?;
            if !follow || !wait().map_err(Stop::Write)? {
                return Ok(());
            }
        }
    }

    /// Handles one item. False if there is none for now.
    fn next(&mut self) -> Result<bool, Stop> {
        match self.reader.read().map_err(Stop::Read)? {
            None => return Ok(false),
            Some(Item::Record { line, .. }) if chosen(self.filter.as_ref(), line) => {
                if let Some(line) = self.format.convert(line) {
                    let written = self.out.write_all(&line);
                    written.and_then(|()| self.out.write_all(b"\n")).map_err(Stop::Write)?;
                }
            }
            Some(Item::Record { .. }) => {}
            Some(Item::Notice(notice)) => {
                self.bad_places += 1;
                eprintln!("warning: {notice}");
            }
        }
        Ok(true)
    }
}

fn chosen(filter: Option<&Filter>, line: &[u8]) -> bool {
    let Some(filter) = filter else { return true };
    serde_json::from_slice(line).is_ok_and(|record| filter.matches(&record))
}

/// Waits for more to read. False if nobody takes our output any more.
fn wait() -> io::Result<bool> {
    let out = io::stdout();
    let mut watched = [PollFd::new(out.as_fd(), PollFlags::empty())];
    nix::poll::poll(&mut watched, PollTimeout::from(POLL_MS))?;
    let gone = PollFlags::POLLERR | PollFlags::POLLNVAL;
    Ok(!watched.iter().any(|out| out.revents().is_some_and(|events| events.intersects(gone))))
}

const OUTPUT_BYTES: usize = 128 << 10;

/// Pause between looks at a journal that is followed.
const POLL_MS: u8 = 50;

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::journal::testing::{exchange, loss};
    use crate::journal::{Journal, JournalConfig};

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &[&str]) -> Result<Args, clap::Error> {
        Command::try_parse_from([&["cat"], words].concat()).map(|command| command.args)
    }

    fn print(data_dir: &std::path::Path, words: &[&str]) -> (String, u64) {
        let args = args(words).unwrap();
        let bounds = Bounds { since: args.since, until: args.until };
        let reader = Reader::open(data_dir, &bounds).unwrap();
        let filter = parse_filter(&args.filter).unwrap();
        let format = args.format;
        let mut cat = Cat { reader, filter, format, out: Vec::new(), bad_places: 0 };
        cat.run(false).unwrap();
        (String::from_utf8(cat.out).unwrap(), cat.bad_places)
    }

    #[test]
    fn lines_come_out_byte_for_byte_and_chosen() {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(directory.path(), JournalConfig::default()).unwrap();
        let mut expected = String::new();
        for n in 0..3 {
            journal.append(&exchange(n));
            expected.push_str(&String::from_utf8(exchange(n).line(n)).unwrap());
            expected.push('\n');
        }
        journal.append(&loss());
        journal.close().unwrap();

        let of_kind = |kind| print(directory.path(), &["event.kind", "=", kind]).0;
        assert_eq!(of_kind("exchange"), expected);
        assert_eq!(of_kind("loss").lines().count(), 1);
        let (all, bad_places) = print(directory.path(), &[]);
        assert!(all.starts_with(&expected) && bad_places == 0);
        let (log, _) = print(directory.path(), &["--format", "clf", "url.path", "=", "/1"]);
        assert!(log.contains("\"GET /1 HTTP/1.1\"") && log.lines().count() == 1, "{log}");
        let (later, _) = print(directory.path(), &["--since", "2026-11-22T07:00:02Z"]);
        assert_eq!(later.lines().count(), 1);
    }

    #[test]
    fn bad_places_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(directory.path(), JournalConfig::default()).unwrap();
        journal.append(&exchange(0));
        journal.append(&exchange(1));
        journal.close().unwrap();
        let path = directory.path().join("journal/segment/00000000000000000000.jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"seq\":1,", "\"seq\":x,")).unwrap();
        assert_eq!(print(directory.path(), &[]).1, 1);
    }

    #[test]
    fn wrong_usage_is_told() {
        assert!(args(&["--since", "yesterday"]).is_err());
        assert!(args(&["--no-such"]).is_err());
        assert!(args(&["--format", "xml"]).is_err());
        let words = args(&["seq", ">", "-1", "or"]).unwrap().filter;
        assert_eq!(parse_filter(&words).unwrap_err(), ExitCode::from(2));
    }
}
