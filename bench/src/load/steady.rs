//! A client with a rate: so many requests a second over connections that stay open.
//!
//! In: a port, a rate. Out: the exchanges that were answered. Always: what is late is sent at once,
//! so the rate holds on average; each connection has one request under way at most.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::Answered;
use crate::cpu;
use crate::nginx::PATH;

/// Asks at that rate.
pub fn run(port: u16, per_second: f64, time: Duration) -> Result<Answered> {
    let mut lanes = Vec::new();
    for _ in 0..THREADS {
        lanes.push(Lane::open(port, per_second / THREADS as f64)?);
    }
    let before_ns = cpu::own()?;
    let begun = Instant::now();
    let exchanges = thread::scope(|scope| {
        let spawn = |lane: Lane| scope.spawn(move || lane.run(begun, time));
        let threads: Vec<_> = lanes.into_iter().map(spawn).collect();
        threads.into_iter().try_fold(0, |sum, thread| match thread.join() {
            Ok(count) => Ok(sum + count?),
            Err(_) => bail!("a client's thread panicked"),
        })
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Answered { exchanges, seconds, cpu_ns: cpu::own()? - before_ns })
}

/// One thread's connections, used by turns.
struct Lane {
    connections: Vec<Connection>,
    per_second: f64,
}

impl Lane {
    fn open(port: u16, per_second: f64) -> Result<Self> {
        let connections =
            (0..CONNECTIONS).map(|_| Connection::open(port)).collect::<Result<_>>()?;
        Ok(Self { connections, per_second })
    }

    fn run(mut self, begun: Instant, time: Duration) -> Result<u64> {
        let mut exchanges = 0;
        loop {
            let elapsed = begun.elapsed();
            if elapsed >= time {
                return Ok(exchanges);
            }
            let due = (elapsed.as_secs_f64() * self.per_second) as u64 - exchanges;
            let batch = usize::try_from(due)?.min(self.connections.len());
            let (now, later) = self.connections.split_at_mut(batch);
            now.iter_mut().try_for_each(Connection::ask)?;
            now.iter_mut().try_for_each(Connection::answer)?;
            exchanges += now.len() as u64;
            // Those that waited come first next time.
            let is_late = later.is_empty();
            self.connections.rotate_left(batch);
            if !is_late {
                thread::sleep(PAUSE);
            }
        }
    }
}

/// A connection that stays open.
pub struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    response: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("connecting to the server")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let request = request(port).into_bytes();
        Ok(Self { stream, request, response: Vec::new() })
    }

    /// Sends the request.
    pub fn ask(&mut self) -> Result<()> {
        self.stream.write_all(&self.request).context("asking the server")
    }

    /// Reads the response. All are of one length, which the first one tells.
    pub fn answer(&mut self) -> Result<()> {
        if self.response.is_empty() {
            return self.first_answer();
        }
        self.stream.read_exact(&mut self.response).context("reading the server's answer")?;
        ensure!(self.response.starts_with(GOOD), "the server refused");
        Ok(())
    }

    /// It comes in one piece: it is written by one call and fits into one segment of loopback.
    fn first_answer(&mut self) -> Result<()> {
        self.response.resize(16_384, 0);
        let bytes = self.stream.read(&mut self.response).context("reading the first answer")?;
        self.response.truncate(bytes);
        ensure!(self.response.starts_with(GOOD), "the server refused");
        Ok(())
    }
}

/// A small API client's request.
pub fn request(port: u16) -> String {
    format!(
        "GET {PATH} HTTP/1.1\r\n\
         Host: 127.0.0.1:{port}\r\n\
         User-Agent: python-requests/2.32.3\r\n\
         Accept-Encoding: gzip, deflate\r\n\
         Accept: application/json\r\n\
         Connection: keep-alive\r\n\
         X-Request-Id: 7d44a8f0-91c5-4e0b-b8a2-000000004711\r\n\r\n"
    )
}

const GOOD: &[u8] = b"HTTP/1.1 200 ";
const THREADS: usize = 2;
/// Of each thread.
const CONNECTIONS: usize = 16;
const PAUSE: Duration = Duration::from_millis(1);
const LIMIT: Duration = Duration::from_secs(10);
