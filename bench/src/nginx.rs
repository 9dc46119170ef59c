//! The server that is watched: nginx with an answer out of its memory, the leanest it can do, so
//! that whatever watches it weighs most.
//!
//! In: what it logs, what it speaks. Out: a running server, its processor time,
//! the count of its access log.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use live_tests::certificates::Certificates;
use live_tests::process::{self, Process, output_file};
use live_tests::scene::Scene;
use live_tests::servers::nginx::is_listening;
use live_tests::{ports, wait};
use nix::sys::signal::Signal;

use crate::cpu;

/// What nginx logs of each request.
#[derive(Clone, Copy)]
pub enum Log {
    /// Nothing.
    Off,
    /// A line of JSON, written at once, as nginx does unless told otherwise.
    Json,
    /// A line of JSON, written 64 KiB at a time.
    BufferedJson,
}

/// What exchanges go over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// HTTP/1.1 as it is.
    Tcp,
    /// HTTP/1.1, encrypted.
    Tls,
    /// HTTP/2 as it is, by prior knowledge.
    Http2,
    /// HTTP/2, encrypted.
    Http2Tls,
}

impl Over {
    /// HTTP/2 rather than HTTP/1.1.
    pub fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Http2Tls)
    }

    fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Http2Tls)
    }
}

/// A running nginx.
pub struct Nginx {
    process: Process,
    log: PathBuf,
    /// What it speaks.
    pub over: Over,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl Nginx {
    /// Starts one.
    pub fn start(scene: &Scene, log: Log, over: Over) -> Result<Self> {
        let port = ports::free()?;
        let path = scene.path("access.json");
        fs::create_dir_all(scene.path("temporary"))?;
        let config = scene.file("nginx.conf", config(scene, log, port, over)?)?;
        let mut command = process::command("nginx")?;
        command.arg("-c").arg(&config).arg("-p").arg(scene.path(""));
        command.arg("-e").arg(scene.path("nginx-error.log"));
        command.stdout(output_file(&scene.path("nginx.log"))?);
        command.stderr(output_file(&scene.path("nginx.log"))?);
        let mut process = Process::start("nginx", &mut command)?;
        let ready = wait::until_true("nginx to listen", LIMIT_SECONDS, || {
            process.must_live()?;
            Ok(is_listening(port) && cpu::children(process.pid())?.len() == WORKERS)
        });
        ready.with_context(|| scene.logs())?;
        Ok(Self { process, log: path, over, port })
    }

    /// What clients ask for.
    pub fn url(&self) -> String {
        let scheme = if self.over.is_tls() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}{PATH}", self.port)
    }

    /// Process id of the one that has started the workers.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Processor time so far, in nanoseconds.
    pub fn cpu_ns(&self) -> Result<u64> {
        cpu::of_family(self.process.pid())
    }

    /// Ends it, so that every connection is closed and logged. Returns how many exchanges it logged.
    pub fn stop(mut self) -> Result<u64> {
        self.process.signal(Signal::SIGQUIT)?;
        self.process.wait(LIMIT_SECONDS)?;
        if !self.log.exists() {
            return Ok(0);
        }
        let log = BufReader::with_capacity(1 << 20, fs::File::open(&self.log)?);
        log.split(b'\n').try_fold(0, |count, line| line.map(|_| count + 1)).context("access log")
    }
}

fn config(scene: &Scene, log: Log, port: u16, over: Over) -> Result<String> {
    let folder = scene.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let log = match log {
        Log::Off => String::from("off"),
        Log::Json => format!("{folder}/access.json json"),
        Log::BufferedJson => format!("{folder}/access.json json buffer=64k flush=1s"),
    };
    let mut certificates = String::new();
    if over.is_tls() {
        let made = Certificates::new(scene)?;
        let [file, key] = ["server.pem", "server.key"].map(|name| made.file(name));
        certificates = format!("ssl_certificate {file}; ssl_certificate_key {key};");
    }
    Ok(CONFIG
        .replace("@FOLDER@", folder)
        .replace("@SSL@", if over.is_tls() { " ssl" } else { "" })
        .replace("@HTTP2@", if over.is_http2() { HTTP2 } else { "" })
        .replace("@CERTIFICATES@", &certificates)
        .replace("@LOG@", &log)
        .replace("@PORT@", &port.to_string())
        .replace("@CONTENT@", &"{\"id\":4711}, ".repeat(CONTENT_BYTES / 13)))
}

/// The only target that it answers.
pub const PATH: &str = "/item";
/// A few connections with many streams each: left to themselves, one worker takes nearly all of them in
/// some runs and half of them in others, and throughput doubles or halves with that.
const HTTP2: &str = " http2 reuseport";
const CONFIG: &str = include_str!("nginx.conf");
const CONTENT_BYTES: usize = 600;
const WORKERS: usize = 2;
const LIMIT_SECONDS: u64 = 20;
