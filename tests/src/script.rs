//! One connection that says what a test has written down, watched by an agent.
//!
//! Out: what the agent recorded of it. The script itself is ground truth.

use anyhow::Result;

use crate::agent::Ended;
use crate::scene::Scene;
use crate::wire::{Place, Wire};

/// Plays `script` over a TCP connection that begins when the agent is ready and is closed after it,
/// waits for so many exchanges, and stops the agent.
pub fn recorded(
    scene: &Scene,
    exchanges: usize,
    script: impl FnOnce(&Wire) -> Result<()>,
) -> Result<Ended> {
    recorded_at(scene, &Place::tcp()?, exchanges, script)
}

/// `recorded`, at a place of choice.
pub fn recorded_at(
    scene: &Scene,
    place: &Place,
    exchanges: usize,
    script: impl FnOnce(&Wire) -> Result<()>,
) -> Result<Ended> {
    let setup = scene.agent();
    let agent = if place.port == 0 { setup } else { setup.port(place.port) }.start()?;
    let wire = place.connect()?;
    script(&wire)?;
    drop(wire);
    agent.finish(exchanges)
}

/// An ordinary GET request.
pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\nAccept: */*\r\n\r\n")
}

/// A POST request with content.
pub fn post(target: &str, content: &str) -> String {
    let length = content.len();
    format!("POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{content}")
}

/// An ordinary response with content.
pub fn ok(content: &str) -> String {
    let length = content.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{content}"
    )
}

/// Content in chunks of so many bytes, with an extension on each and a trailer.
pub fn chunked(content: &str, chunk_bytes: usize) -> String {
    let mut text = String::new();
    for chunk in content.as_bytes().chunks(chunk_bytes) {
        let data = String::from_utf8_lossy(chunk);
        text.push_str(&format!("{:x};name=\"a;b\"\r\n{data}\r\n", chunk.len()));
    }
    text + "0\r\nX-Trailer: end\r\n\r\n"
}

/// Text of any length, of words.
pub fn text(bytes: usize) -> String {
    "all work and no play ".chars().cycle().take(bytes).collect()
}
