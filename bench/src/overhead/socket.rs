//! A TCP connection over loopback with both ends in one thread, so that nothing but its calls runs.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context as _, Result};
use live_tests::ports;

use crate::load::steady;

/// Both ends.
pub struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// Where the server's end listens.
    pub port: u16,
}

impl Pair {
    /// Connects.
    pub fn new() -> Result<Self> {
        let port = ports::free()?;
        let listener = TcpListener::bind(("127.0.0.1", port)).context("listening")?;
        let client = TcpStream::connect(("127.0.0.1", port)).context("connecting")?;
        let (server, _) = listener.accept().context("accepting")?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        Ok(Self { client, server, port })
    }

    /// Requests and responses, all calls but two of them the server's: the requests go out in one
    /// call, and the responses come in in one.
    pub fn exchanges(&mut self, count: usize) -> Result<()> {
        let request = steady::request(self.port);
        self.client.write_all(request.repeat(count).as_bytes())?;
        let mut buffer = vec![0; request.len()];
        for _ in 0..count {
            self.server.read_exact(&mut buffer)?;
            self.server.write_all(RESPONSE.as_bytes())?;
        }
        self.client.read_exact(&mut vec![0; RESPONSE.len() * count])?;
        Ok(())
    }

    /// Short messages that are no HTTP, there and back.
    pub fn binary(&mut self, count: usize) -> Result<()> {
        let mut message = [0x81; 64];
        for _ in 0..count {
            self.client.write_all(&message)?;
            self.server.read_exact(&mut message)?;
            self.server.write_all(&message)?;
            self.client.read_exact(&mut message)?;
        }
        Ok(())
    }
}

/// Its content is 600 bytes of blanks.
const RESPONSE: &str = concat!(
    "HTTP/1.1 200 OK\r\n",
    "Server: nginx/1.22.1\r\n",
    "Date: Sun, 22 Nov 2026 07:00:00 GMT\r\n",
    "Content-Type: application/json\r\n",
    "Content-Length: 600\r\n",
    "Connection: keep-alive\r\n\r\n",
    "                                                                                                    ",
    "                                                                                                    ",
    "                                                                                                    ",
    "                                                                                                    ",
    "                                                                                                    ",
    "                                                                                                    ",
);
