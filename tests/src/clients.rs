//! Clients that somebody else wrote: curl, wrk, Python's `http.client`.
//!
//! Out: what each says happened, which is ground truth beside the server's log.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::process::{self, Process};
use crate::servers::log::Entry;

/// Runs curl without a proxy and gives what it says of each URL, in order.
pub fn curl(arguments: &[&str]) -> Result<Vec<Entry>> {
    let mut command = process::command("curl")?;
    command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "60"]);
    // Of several URLs each has its own output, which is not wanted.
    let outputs = arguments.iter().filter(|word| word.starts_with("http://")).count();
    for _ in 0..outputs {
        command.args(["--output", "/dev/null"]);
    }
    command.args(["--write-out", WRITE_OUT]).args(arguments);
    let printed = process::run(&mut command, LIMIT_SECONDS)?;
    // It fails where a server does something odd on purpose; what it wrote counts.
    printed.stdout.lines().map(curl_entry).collect()
}

/// curl tells the whole address; the target is what follows the port.
fn curl_entry(line: &str) -> Result<Entry> {
    let entry = Entry::parse(line)?;
    let place = entry.target.match_indices('/').nth(2).map(|(at, _)| at);
    let target = place.and_then(|at| entry.target.get(at..)).unwrap_or("/").to_owned();
    Ok(Entry { target, ..entry })
}

/// Runs curl and gives the content it got, as text.
pub fn curl_content(arguments: &[&str]) -> Result<String> {
    let mut command = process::command("curl")?;
    command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "60"]);
    process::run(command.args(arguments), LIMIT_SECONDS)?.good()
}

/// Loads a URL with wrk and gives the number of responses it got.
pub fn wrk(url: &str, connections: usize, seconds: u64, more: &[&str]) -> Result<usize> {
    let mut command = process::command("wrk")?;
    command.args(["--threads", "1", "--connections", &connections.to_string()]);
    command.args(["--duration", &format!("{seconds}s")]).args(more).arg(url);
    let text = process::run(&mut command, LIMIT_SECONDS)?.good()?;
    let line = text.lines().find_map(|line| line.trim().split_once(" requests in "));
    let (count, _) = line.with_context(|| format!("wrk says no number of requests:\n{text}"))?;
    Ok(count.parse()?)
}

/// A client that runs before it asks: Python's `http.client`, told URLs one by one.
pub struct Asker {
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Asker {
    /// Starts it; it opens no connection yet. `host` is an address and port, for one connection.
    pub fn start(host: &str) -> Result<Self> {
        let mut command = process::command("python3")?;
        command.args(["-c", ASKER, host]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start_with_input("the asking client", &mut command)?;
        let input = process.child().stdin.take().context("no pipe")?;
        let output = BufReader::new(process.child().stdout.take().context("no pipe")?);
        Ok(Self { process, input, output })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Asks for a path over its one connection, and gives the status and the content's length.
    pub fn ask(&mut self, path: &str) -> Result<(u64, u64)> {
        writeln!(self.input, "{path}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.trim().split_once(' ') {
            Some((status, length)) => Ok((status.parse()?, length.parse()?)),
            None => bail!("the asking client says {line:?}"),
        }
    }
}

const ASKER: &str = "
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=10)
for path in sys.stdin:
    connection.request('GET', path.strip())
    response = connection.getresponse()
    print(response.status, len(response.read()), flush=True)
";

const WRITE_OUT: &str = "{\"method\":\"%{method}\",\"target\":\"%{url_effective}\",\"status\":%{http_code},\
                         \"port\":%{local_port},\"body_bytes\":%{size_download}}\\n";
const LIMIT_SECONDS: u64 = 60;
