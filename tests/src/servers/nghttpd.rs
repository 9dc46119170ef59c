//! nghttpd, which tells every frame of HTTP/2 that it sends and receives.
//!
//! In: what is to be sent besides files. Out: a running server and its streams, which are ground truth.
//! Always: its files are those in `www/`, and what is posted comes back.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::nginx::is_listening;
use crate::certificates::Certificates;
use crate::process::{self, Process};
use crate::scene::Scene;
use crate::{ports, wait};

/// A running nghttpd.
pub struct Nghttpd {
    _process: Process,
    log: std::path::PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

/// A stream as the server saw it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stream {
    /// `:method` and `:path`.
    pub method: String,
    /// Of the request, or of the promise.
    pub path: String,
    /// `:status`, 0 if none was sent.
    pub status: u64,
    /// Content of the request.
    pub received_bytes: u64,
    /// Content of the response.
    pub sent_bytes: u64,
    /// The server promised it.
    pub pushed: bool,
    /// Name of the error that the client gave it up with.
    pub reset: Option<String>,
}

/// Streams by connection, from 1, and by identifier.
pub type Streams = BTreeMap<(u64, u64), Stream>;

impl Nghttpd {
    /// Starts one, with TLS if it is given certificates. `more` are arguments of its own.
    pub fn start(
        scene: &Scene,
        certificates: Option<&Certificates>,
        more: &[&str],
    ) -> Result<Self> {
        let port = ports::free()?;
        let log = scene.path("nghttpd.log");
        scene.file("www/small", "hello\n")?;
        let mut command = process::command("nghttpd")?;
        command.args(["--verbose", "--echo-upload", "--address", "127.0.0.1", "--htdocs"]);
        command.arg(scene.path("www")).args(more);
        match certificates {
            None => command.arg("--no-tls").arg(port.to_string()),
            Some(files) => command
                .arg(port.to_string())
                .args([files.file("server.key"), files.file("server.pem")]),
        };
        command.stdout(process::output_file(&log)?).stderr(process::output_file(&log)?);
        let mut process = Process::start("nghttpd", &mut command)?;
        wait::until_true("nghttpd to listen", START_SECONDS, || {
            process.must_live()?;
            Ok(is_listening(port))
        })?;
        Ok(Self { _process: process, log, port })
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// All streams, as soon as so many connections are closed.
    pub fn streams(&self, connections: usize) -> Result<Streams> {
        let closed = |line: &str| line.starts_with("[id=") && line.ends_with("] closed");
        let text = wait::until("the end of connections to nghttpd", LOG_SECONDS, || {
            let text = std::fs::read_to_string(&self.log)?;
            let is_over = text.lines().filter(|line| closed(line)).count() >= connections;
            Ok(is_over.then_some(text))
        })?;
        streams(&text)
    }
}

/// A frame is a line that begins with `[id=`; what is in it follows, indented, but fields that are
/// received come before.
fn streams(text: &str) -> Result<Streams> {
    let mut streams = Streams::new();
    let mut of = (0, 0);
    for line in text.lines() {
        if let Some(connection) = number_after(line, "[id=") {
            of = (connection, number_after(line, "stream_id=").unwrap_or(0));
        }
        if of.1 != 0 {
            let _ = streams.entry(of).or_default();
        }
        if let Some(promised) = number_after(line, "promised_stream_id=") {
            of.1 = promised;
            streams.entry(of).or_default().pushed = true;
        }
        if let Some(stream) = streams.get_mut(&of) {
            read(line, stream).with_context(|| format!("nghttpd says {line}"))?;
        }
    }
    Ok(streams)
}

fn read(line: &str, stream: &mut Stream) -> Result<()> {
    let field = |name: &str| line.split_once(name).map(|(_, value)| value.trim().to_owned());
    if let Some(method) = field(":method: ") {
        stream.method = method;
    }
    if let Some(path) = field(":path: ") {
        stream.path = path;
    }
    if let Some(status) = field(":status: ") {
        stream.status = status.parse()?;
    }
    if let Some(error) = field("(error_code=") {
        stream.reset = error.split('(').next().map(str::to_owned);
    }
    let length = number_after(line, "length=").unwrap_or(0);
    if line.contains("recv DATA frame") {
        stream.received_bytes += length;
    } else if line.contains("send DATA frame") {
        stream.sent_bytes += length;
    }
    Ok(())
}

fn number_after(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(name)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

const START_SECONDS: u64 = 10;
const LOG_SECONDS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::{Stream, streams};

    #[test]
    fn frames_make_streams() {
        let text = "[id=1] [  0.5] recv (stream_id=1) :method: GET\n\
                    [id=1] [  0.5] recv (stream_id=1) :path: /small\n\
                    [id=1] [  0.5] send PUSH_PROMISE frame <length=25, flags=0x04, stream_id=1>\n          \
                    (padlen=0, promised_stream_id=2)\n          :method: GET\n          :path: /file\n\
                    [id=1] [  0.5] send HEADERS frame <length=96, flags=0x04, stream_id=1>\n          :status: 200\n\
                    [id=1] [  0.5] send DATA frame <length=6, flags=0x01, stream_id=1>\n\
                    [id=1] [  0.5] recv RST_STREAM frame <length=4, flags=0x00, stream_id=2>\n          \
                    (error_code=CANCEL(0x08))\n\
                    [id=1] [  0.5] closed\n";
        let found = streams(text).unwrap();
        let stream =
            |path: &str| Stream { method: "GET".into(), path: path.into(), ..Stream::default() };
        assert_eq!(found[&(1, 1)], Stream { status: 200, sent_bytes: 6, ..stream("/small") });
        let reset = Some("CANCEL".to_owned());
        assert_eq!(found[&(1, 2)], Stream { pushed: true, reset, ..stream("/file") });
    }
}
