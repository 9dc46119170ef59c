//! nginx, as a web server and as a reverse proxy.
//!
//! In: what differs from test to test. Out: a running server and its access log, which is ground
//! truth: it counts bytes itself. Always: several workers that accept by turns; files in `www/`.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use nix::sys::signal::Signal;

use super::log::{self, Entry};
use crate::certificates::Certificates;
use crate::process::{self, Process};
use crate::scene::Scene;
use crate::{ports, wait};

/// What differs from test to test.
#[derive(Default)]
pub struct Options {
    /// Files go out by `sendfile`.
    pub sendfile: bool,
    /// Listens with TLS, by these certificates.
    pub tls: Option<Certificates>,
    /// Speaks HTTP/2; its log tells streams, and content without frames.
    pub http2: bool,
    /// More of the server's block.
    pub server: String,
}

/// A running nginx.
pub struct Nginx {
    process: Process,
    log: PathBuf,
    scheme: &'static str,
    /// Where it listens, on 127.0.0.1 and ::1.
    pub port: u16,
}

impl Nginx {
    /// Starts one with files: `small` (6 bytes), and what the test puts into `www/`.
    pub fn start(scene: &Scene, options: &Options) -> Result<Self> {
        let port = ports::free()?;
        let log = scene.path(&format!("access-{port}.json"));
        scene.file("www/small", "hello\n")?;
        fs::create_dir_all(scene.path("temporary"))?;
        let config = scene.file("nginx.conf", config(scene, options, port))?;
        let mut command = process::command("nginx")?;
        command.arg("-c").arg(&config).arg("-p").arg(scene.path(""));
        command.arg("-e").arg(scene.path("nginx-error.log"));
        command.stdout(process::output_file(&scene.path("nginx.log"))?);
        command.stderr(process::output_file(&scene.path("nginx.log"))?);
        let mut process = Process::start("nginx", &mut command)?;
        wait::until_true("nginx to listen", START_SECONDS, || {
            process.must_live()?;
            Ok(is_listening(port))
        })?;
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        Ok(Self { process, log, scheme, port })
    }

    /// Process ids: the first one's, and its workers'.
    pub fn pids(&self) -> Result<Vec<u32>> {
        let first = self.process.pid();
        let workers = fs::read_to_string(format!("/proc/{first}/task/{first}/children"))?;
        let workers = workers.split_whitespace().map(|pid| Ok(pid.parse()?));
        std::iter::once(Ok(first)).chain(workers).collect()
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    /// The access log, as soon as it holds so many exchanges.
    pub fn log(&self, at_least: usize) -> Result<Vec<Entry>> {
        Ok(numbered(log::read_at_least(&self.log, at_least)?))
    }

    /// Ends it, so that every connection is closed and logged, and gives the whole access log.
    pub fn stop(mut self) -> Result<Vec<Entry>> {
        self.process.signal(Signal::SIGQUIT)?;
        self.process.wait(STOP_SECONDS)?;
        Ok(numbered(log::read(&self.log)?))
    }
}

/// Of an HTTP/2 connection, nginx tells the place of each request; clients take every other number
/// for their streams, from 1.
fn numbered(mut entries: Vec<Entry>) -> Vec<Entry> {
    for entry in &mut entries {
        entry.stream = entry.stream.map(|place| 2 * place - 1);
    }
    entries
}

/// Whether a socket listens on the port; asked of the kernel, since a connection would be seen.
pub fn is_listening(port: u16) -> bool {
    let ends = format!(":{port:04X}");
    let listens = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&ends)) && words.nth(1) == Some("0A")
    };
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .any(|text| text.lines().any(listens))
}

fn config(scene: &Scene, options: &Options, port: u16) -> String {
    let folder = scene.path("").display().to_string();
    CONFIG
        .replace("@FOLDER@", folder.trim_end_matches('/'))
        .replace("@LOG@", &format!("access-{port}.json"))
        .replace("@PORT@", &port.to_string())
        .replace("@SENDFILE@", if options.sendfile { "on" } else { "off" })
        .replace("@SSL@", if options.tls.is_some() { " ssl" } else { "" })
        .replace("@HTTP2@", if options.http2 { " http2" } else { "" })
        .replace("@FORMAT@", if options.http2 { "streams" } else { "truth" })
        .replace("@SERVER@", &format!("{}{}", tls(options), options.server))
}

fn tls(options: &Options) -> String {
    let Some(certificates) = &options.tls else { return String::new() };
    // Not all versions of nginx offer 1.3 unasked.
    let is_chosen = options.server.split([' ', ';']).any(|word| word == "ssl_protocols");
    let protocols = if is_chosen { "" } else { "ssl_protocols TLSv1.2 TLSv1.3;" };
    format!(
        "ssl_certificate {}; ssl_certificate_key {}; ssl_client_certificate {};\n    \
         {protocols} ",
        certificates.file("server.pem"),
        certificates.file("server.key"),
        certificates.file("ca.pem"),
    )
}

const CONFIG: &str = include_str!("nginx.conf");
const START_SECONDS: u64 = 10;
const STOP_SECONDS: u64 = 10;
