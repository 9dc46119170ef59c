//! Captures written by hand, for tests that a person can read.
//!
//! In: text. Out: the bytes of a capture file with the samples that the kernel side would give.
//! Always: the same text gives the same bytes; a mistake is told with its line.
//! Not here: what the samples' fields mean (`earwitness_common::sample`).
//!
//! One statement a line; a line that begins with blanks and a quote goes on with the one before.
//! ```text
//! # a comment
//! wait 250ms                                  ns, us, ms or s; every statement takes 1 ms by itself
//! process 402 /usr/sbin/nginx 33 www-data     path (- if unknown), then user id and name if known
//! exec 402 /usr/sbin/nginx                    fork PID PARENT, exit PID, io_uring PID likewise
//! loss ring_full 3 1000                       events and bytes that the kernel side counted
//!
//! open c1 server 10.0.0.4:80 <- 10.0.0.9:50000 pid 402 uid 33
//! open c2 client 10.0.0.9:50000 -> 10.0.0.4:80 old
//! open c3 server unix /run/app.sock peer c4   an abstract name begins with @, no name is -
//! ```
//! `server` or `client` is what the watched end is; its address comes first. `old`: the connection
//! is older than the agent, so its role is not known. `pid`, `uid`, `peer`, `cgroup` and `netns` may
//! be left out. A TLS stream lies on a connection or on another stream, or it is not known on which:
//! ```text
//! open t1 tls openssl on c1 by call           or `by ciphertext`; `old` and `pid` as above
//! open t2 tls go server pid 402               `undecided`: filters have to be asked
//! place t2 on c1 by ciphertext                from now on it is known
//! ```
//! Then, for the connection that was named last, or with its name before:
//! ```text
//! > "GET / HTTP/1.1\r\n" "Host: a\r\n\r\n"    one call that moves bytes from client to server
//! c2 < "HTTP/1.1 200 OK\r\n" "x" * 20         from server to client; the last text twenty times
//! >+ "rest"                                   one more piece of the call before
//! > "begins so" of 100000 over_limit          the call moved 100000 bytes, these were captured
//! > "GET" pid 403 uid 0                       another process makes the call
//! gap < 5000 sendfile                         moved inside the kernel: no bytes, a reason
//! lost > 200                                  moved, and the sample did not get through
//! end >                                       the client sends no more
//! close                                       the socket is gone
//! ```
//! In quotes: `\r \n \t \0 \\ \" \xHH`. Reasons: `over_limit fault sendfile iov_limit discarded`.

mod connection;
mod event;
mod statement;
mod token;

use std::collections::HashMap;

use super::{Header, Writer};
use connection::{Connection, Opening};
use statement::Words;

/// A mistake in a capture written by hand.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {text}")]
pub struct TextError {
    /// Which, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub text: String,
}

/// What is wrong with a statement, whose line the caller knows.
type Result<T> = std::result::Result<T, String>;

/// Makes a capture file's bytes of the text.
///
/// # Errors
/// The first mistake.
pub fn compile(text: &str) -> std::result::Result<Vec<u8>, TextError> {
    let header = Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        clock_offset_ns: CLOCK_OFFSET_NS,
        ..Header::default()
    };
    let at_end = |line| move |text: String| TextError { line, text };
    let writer = Writer::new(Vec::new(), &header).map_err(|error| at_end(0)(error.to_string()))?;
    let mut compiler = Compiler {
        out: writer,
        time_ns: START_NS,
        connections: HashMap::new(),
        ids: HashMap::new(),
        last_id: 0,
        current: None,
        text_bytes: 0,
    };
    for (line, mut words) in token::statements(text)? {
        compiler.statement(&mut words).and_then(|()| words.end()).map_err(at_end(line))?;
    }
    compiler.out.finish().map_err(|error| at_end(0)(error.to_string()))
}

struct Compiler {
    out: Writer<Vec<u8>>,
    time_ns: u64,
    connections: HashMap<String, Connection>,
    /// Numbers of names that are spoken of, open or not.
    ids: HashMap<String, u64>,
    last_id: u64,
    current: Option<String>,
    /// Bytes made so far.
    text_bytes: u64,
}

impl Compiler {
    fn statement(&mut self, words: &mut Words) -> Result<()> {
        let word = words.word()?;
        self.time_ns = self.time_ns.saturating_add(STEP_NS);
        match word.as_str() {
            "wait" => self.wait(words),
            "process" => self.process(words),
            "exec" | "fork" | "exit" | "io_uring" => self.event(&word, words),
            "loss" => self.loss(words),
            "open" => self.open(words),
            "place" => self.place(words),
            _ if connection::is_verb(&word) => self.on_current(&word, words),
            _ => {
                if !self.connections.contains_key(&word) {
                    return Err(format!("`{word}` is no statement and no open connection"));
                }
                self.current = Some(word);
                let verb = words.word()?;
                self.on_current(&verb, words)
            }
        }
    }

    fn wait(&mut self, words: &mut Words) -> Result<()> {
        self.time_ns = self.time_ns.saturating_add(words.duration_ns()?);
        Ok(())
    }

    fn open(&mut self, words: &mut Words) -> Result<()> {
        let name = words.word()?;
        if connection::is_verb(&name) {
            return Err(format!("`{name}` cannot be a name"));
        }
        // A name that is opened again is another connection.
        if self.connections.remove(&name).is_some() {
            self.ids.remove(&name);
        }
        let id = self.id(&name);
        let mut open =
            if words.take("tls") { self.stream(words)? } else { connection::open(words)? };
        let peer = open.peer.take().map(|peer| self.id(&peer));
        open.number(id, peer);
        self.announce(name, open)
    }

    /// `LIBRARY on NAME by call|ciphertext`, or `LIBRARY server|client`; then options.
    fn stream(&self, words: &mut Words) -> Result<Opening> {
        let library = words.word()?;
        let mut open = if words.take("on") {
            Opening::on(self.carrier(words)?)
        } else {
            Opening::nowhere(words)?
        };
        open.of_library(&library)?;
        open.options(words)?;
        Ok(open)
    }

    /// `NAME on NAME by call|ciphertext`
    fn place(&mut self, words: &mut Words) -> Result<()> {
        let name = words.word()?;
        let stream = self.connections.get(&name);
        let stream = stream.ok_or_else(|| format!("`{name}` is no open connection"))?.head();
        words.expect("on")?;
        let mut open = Opening::on(self.carrier(words)?);
        open.go_on_from(&stream);
        open.options(words)?;
        self.announce(name, open)
    }

    fn carrier(&self, words: &mut Words) -> Result<&Connection> {
        let name = words.word()?;
        self.connections.get(&name).ok_or_else(|| format!("`{name}` is no open connection"))
    }

    fn announce(&mut self, name: String, mut open: Opening) -> Result<()> {
        open.head.time_ns = self.time_ns;
        self.sample(open.head_bytes())?;
        let before = self.connections.remove(&name);
        self.connections.insert(name.clone(), open.into_connection(before));
        self.current = Some(name);
        Ok(())
    }

    fn id(&mut self, name: &str) -> u64 {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        self.last_id += 1;
        self.ids.insert(name.to_owned(), self.last_id);
        self.last_id
    }

    fn on_current(&mut self, verb: &str, words: &mut Words) -> Result<()> {
        let open = self.current.as_ref().and_then(|name| self.connections.get_mut(name));
        let connection = open.ok_or_else(|| "no connection is open".to_owned())?;
        let samples = connection.act(verb, words, self.time_ns)?;
        if verb == "close"
            && let Some(name) = &self.current
        {
            self.connections.remove(name);
            self.ids.remove(name);
        }
        samples.iter().try_for_each(|sample| self.sample(sample))
    }

    fn sample(&mut self, sample: &[u8]) -> Result<()> {
        self.text_bytes += sample.len() as u64;
        if self.text_bytes > MOST_BYTES {
            return Err(format!("the capture has grown beyond {MOST_BYTES} bytes"));
        }
        self.out.sample(sample).map_err(|error| error.to_string())
    }
}

/// Time zero is 2026-11-22T07:00:00Z.
const CLOCK_OFFSET_NS: i64 = 1_795_330_800_000_000_000;
/// Time before the first statement.
const START_NS: u64 = 0;
/// Time that each statement takes.
const STEP_NS: u64 = 1_000_000;
/// Most bytes that a text may grow to.
const MOST_BYTES: u64 = 256 << 20;
