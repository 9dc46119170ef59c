//! Ports for servers, of TCP and of UDP.
//!
//! Always: below the range that the kernel takes clients' ports from, so that a server's port is
//! never also a client's; each is given once in a run.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// A port that nobody listens on, on IPv4 and on IPv6, by either protocol.
pub fn free() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..COUNT {
        let index = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        // Two runs at the same time begin at different places.
        let start = (std::process::id() % u32::from(COUNT)) as u16;
        let port = FIRST + (start + index) % COUNT;
        let everywhere = ("::", port);
        if TcpListener::bind(everywhere).is_ok() && UdpSocket::bind(everywhere).is_ok() {
            return Ok(port);
        }
    }
    bail!("every port from {FIRST} to {} is taken", FIRST + COUNT);
}

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
