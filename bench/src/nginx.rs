//! The server that is watched: nginx with an answer out of its memory, the leanest it can do, so
//! that whatever watches it weighs most.
//!
//! In: what it logs, certificates if it is to speak TLS. Out: a running server, its processor time,
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

/// A running nginx.
pub struct Nginx {
    process: Process,
    log: PathBuf,
    scheme: &'static str,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl Nginx {
    /// Starts one.
    pub fn start(scene: &Scene, log: Log) -> Result<Self> {
        Self::start_with(scene, log, None)
    }

    /// Starts one over TLS.
    pub fn start_tls(scene: &Scene, log: Log) -> Result<Self> {
        Self::start_with(scene, log, Some(&Certificates::new(scene)?))
    }

    fn start_with(scene: &Scene, log: Log, tls: Option<&Certificates>) -> Result<Self> {
        let port = ports::free()?;
        let path = scene.path("access.json");
        fs::create_dir_all(scene.path("temporary"))?;
        let config = scene.file("nginx.conf", config(scene, log, port, tls))?;
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
        let scheme = if tls.is_some() { "https" } else { "http" };
        Ok(Self { process, log: path, scheme, port })
    }

    /// What clients ask for.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}{PATH}", self.scheme, self.port)
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

fn config(scene: &Scene, log: Log, port: u16, tls: Option<&Certificates>) -> String {
    let folder = scene.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let log = match log {
        Log::Off => String::from("off"),
        Log::Json => format!("{folder}/access.json json"),
        Log::BufferedJson => format!("{folder}/access.json json buffer=64k flush=1s"),
    };
    let [ssl, certificates] = tls.map_or([String::new(), String::new()], |certificates| {
        let [file, key] = ["server.pem", "server.key"].map(|name| certificates.file(name));
        [String::from(" ssl"), format!("ssl_certificate {file}; ssl_certificate_key {key};")]
    });
    CONFIG
        .replace("@FOLDER@", folder)
        .replace("@SSL@", &ssl)
        .replace("@CERTIFICATES@", &certificates)
        .replace("@LOG@", &log)
        .replace("@PORT@", &port.to_string())
        .replace("@CONTENT@", &"{\"id\":4711}, ".repeat(CONTENT_BYTES / 13))
}

/// The only target that it answers.
pub const PATH: &str = "/item";
const CONFIG: &str = include_str!("nginx.conf");
const CONTENT_BYTES: usize = 600;
const WORKERS: usize = 2;
const LIMIT_SECONDS: u64 = 20;
