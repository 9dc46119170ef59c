//! Clients that somebody else wrote: curl, wrk, h2load, Python's `http.client`.
//!
//! Out: what each says happened, which is ground truth beside the server's log.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use crate::certificates::{Certificates, NAME};
use crate::process::{self, Printed, Process};
use crate::scene::Scene;
use crate::servers::log::Entry;

/// Runs curl without a proxy and gives what it says of each URL, in order.
pub fn curl(arguments: &[&str]) -> Result<Vec<Entry>> {
    let mut command = process::command("curl")?;
    command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "60"]);
    // Of several URLs each has its own output, which is not wanted.
    let outputs = arguments.iter().filter(|word| is_url(word)).count();
    for _ in 0..outputs {
        command.args(["--output", "/dev/null"]);
    }
    command.args(["--write-out", WRITE_OUT]).args(arguments);
    let printed = process::run(&mut command, LIMIT_SECONDS)?;
    // It fails where a server does something odd on purpose; what it wrote counts.
    printed.stdout.lines().map(curl_entry).collect()
}

fn is_url(word: &str) -> bool {
    word.starts_with("http://") || word.starts_with("https://")
}

/// What makes curl ask for [`NAME`] on loopback, and trust the certificate that answers.
pub fn trust(certificates: &Certificates) -> Vec<String> {
    let words = ["--cacert", &certificates.file("ca.pem"), "--connect-to", "::127.0.0.1:"];
    words.map(str::to_owned).to_vec()
}

/// The address of a path on [`NAME`].
pub fn named(port: u16, path: &str) -> String {
    format!("https://{NAME}:{port}{path}")
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

/// Asks for different URLs of one server at the same time over one connection of HTTP/2 with nghttp,
/// and gives what it says of each that was answered: stream, target and status.
pub fn nghttp(arguments: &[&str]) -> Result<Vec<Entry>> {
    let mut command = process::command("nghttp")?;
    command.args(["--null-out", "--stat"]).args(arguments);
    let text = process::run(&mut command, LIMIT_SECONDS)?.good()?;
    Ok(text.lines().filter_map(nghttp_entry).collect())
}

/// As in `  3     +9.15ms        +83us   9.06ms  200   10 /text?x=1`; behind a number, `*` says that
/// it was pushed.
fn nghttp_entry(line: &str) -> Option<Entry> {
    let words: Vec<_> = line.split_whitespace().filter(|word| *word != "*").collect();
    let [stream, _, _, _, status, _, target] = words[..] else { return None };
    let (stream, status) = (stream.parse().ok()?, status.parse().ok()?);
    let target = target.to_owned();
    Some(Entry { target, status, stream: Some(stream), ..Entry::default() })
}

/// Loads a URL over HTTP/2 with h2load, and gives the number of requests that succeeded.
pub fn h2load(url: &str, requests: usize, connections: usize, streams: usize) -> Result<usize> {
    let mut command = process::command("h2load")?;
    command.args(["-n", &requests.to_string(), "-c", &connections.to_string()]);
    command.args(["-m", &streams.to_string()]).arg(url);
    let text = process::run(&mut command, LIMIT_SECONDS)?.good()?;
    let line = text.lines().find_map(|line| line.strip_prefix("requests: "));
    let words =
        line.and_then(|line| line.split(", ").find_map(|word| word.strip_suffix(" succeeded")));
    Ok(words.with_context(|| format!("h2load says no number of requests:\n{text}"))?.parse()?)
}

/// Runs a client written in Python for a test, and gives what it says of each exchange.
pub fn python(script: &str, arguments: &[&str]) -> Result<Vec<Entry>> {
    let mut command = process::command("python3")?;
    let printed = process::run(command.args(["-c", script]).args(arguments), LIMIT_SECONDS)?;
    printed.good()?.lines().map(Entry::parse).collect()
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
        command.args(["-c", ASKER, host]);
        Self::run(&mut command)
    }

    /// The same over TLS.
    pub fn start_tls(host: &str, certificates: &Certificates) -> Result<Self> {
        let mut command = process::command("python3")?;
        command.args(["-c", ASKER, host, &certificates.file("ca.pem"), NAME]);
        Self::run(&mut command)
    }

    /// Starts a program that reads paths and writes a status and a length for each.
    pub fn run(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start_with_input("the asking client", command)?;
        let input = process.child().stdin.take().context("no pipe")?;
        let output = BufReader::new(process.child().stdout.take().context("no pipe")?);
        Ok(Self { process, input, output })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Asks for a path and does not wait for the answer.
    pub fn send(&mut self, path: &str) -> Result<()> {
        Ok(writeln!(self.input, "{path}")?)
    }

    /// Ends it at once, in the midst of whatever it does.
    pub fn kill(mut self) -> Result<()> {
        self.process.signal(Signal::SIGKILL)?;
        self.process.wait(LIMIT_SECONDS).map(drop)
    }

    /// Tells it that nothing more comes, and waits for its end.
    pub fn end(mut self) -> Result<()> {
        drop(self.input);
        self.process.wait(LIMIT_SECONDS).map(drop)
    }

    /// Asks for a path over its one connection, and gives the status and the content's length.
    pub fn ask(&mut self, path: &str) -> Result<(u64, u64)> {
        self.send(path)?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.trim().split_once(' ') {
            Some((status, length)) => Ok((status.parse()?, length.parse()?)),
            None => bail!("the asking client says {line:?}"),
        }
    }
}

/// A client whose process id is known before it runs: the agent can be told to watch it.
pub struct Held {
    process: Process,
    input: ChildStdin,
    output: std::path::PathBuf,
}

impl Held {
    /// A process that becomes this command's when it is let go. Its output goes to the scene's folder.
    pub fn new(scene: &Scene, command: &Command) -> Result<Self> {
        let output = scene.path("held.out");
        let mut shell = process::command("sh")?;
        shell.args(["-c", "read -r _; exec \"$@\"", "sh"]);
        shell.arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.stdin(Stdio::piped()).stdout(process::output_file(&output)?);
        shell.stderr(process::output_file(&scene.path("held.log"))?);
        let mut process = Process::start_with_input("a held client", &mut shell)?;
        let input = process.child().stdin.take().context("no pipe")?;
        Ok(Self { process, input, output })
    }

    /// Its process id, which stays the same.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Lets it run to its end and gives what it has printed.
    pub fn go(mut self) -> Result<String> {
        writeln!(self.input)?;
        let status = self.process.wait(LIMIT_SECONDS)?;
        let stdout = std::fs::read(&self.output)?;
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        Printed { status, stdout, stderr: String::new() }.good()
    }
}

const ASKER: &str = "
import http.client, socket, ssl, struct, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=10)
if sys.argv[2:]:
    context = ssl.create_default_context(cafile=sys.argv[2])
    plain = socket.create_connection((connection.host, connection.port))
    # The kernel's own limit: the library itself waits, inside its call.
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 10, 0))
    connection.sock = context.wrap_socket(plain, server_hostname=sys.argv[3])
for path in sys.stdin:
    connection.request('GET', path.strip())
    response = connection.getresponse()
    print(response.status, len(response.read()), flush=True)
";

const WRITE_OUT: &str = "{\"method\":\"%{method}\",\"target\":\"%{url_effective}\",\"status\":%{http_code},\
                         \"port\":%{local_port},\"body_bytes\":%{size_download}}\\n";
const LIMIT_SECONDS: u64 = 60;
