//! Whether bytes begin an HTTP/1 message, decided from the first line alone.
//!
//! In: the first bytes of a message or of a stream. Out: `Match`.
//! Always: biased against false claims: nothing is called HTTP before a whole request line
//! (`token SP target SP HTTP/1.x`) or `HTTP/1.x SP 3DIGIT` was seen. Every byte is looked at once,
//! however the bytes were cut. Source: RFC 9112 sections 2.2, 3, 4.
//! Not here: the rest of the head (`head`).

use crate::protocol::detect::{Grammar, Match};
use crate::protocol::token::{METHOD_BYTES, is_space, is_token};

/// Matches the beginning of a request or response, byte by byte.
///
/// ```text
/// Blank --> Method --SP--> Target --SP--> Version(i) --"HTTP/1.d"--> Cr --> Yes
///                             ^--- other byte ---+  (the target may hold spaces)
/// Blank --> Status(i) --"HTTP/1.d ddd" and a delimiter--> Yes
/// ```
#[derive(Clone, Debug)]
pub struct Matcher {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Blank,
    Method(usize),
    Target { any: bool },
    Version(usize),
    Cr,
    Blanks,
    Status(usize),
    Over(Match),
}

impl Matcher {
    /// Expects a request.
    pub fn request() -> Self {
        Self { state: State::Blank }
    }

    /// Expects a response.
    pub fn response() -> Self {
        Self { state: State::Blanks }
    }
}

impl Grammar for Matcher {
    fn feed(&mut self, bytes: &[u8]) -> Match {
        for &byte in bytes {
            if let State::Over(result) = self.state {
                return result;
            }
            self.state = next(self.state, byte);
        }
        match self.state {
            State::Over(result) => result,
            _ => Match::Maybe,
        }
    }
}

fn next(state: State, byte: u8) -> State {
    let refuse = State::Over(Match::No);
    match state {
        State::Blank if matches!(byte, b'\r' | b'\n') => State::Blank,
        State::Blank if is_token(byte) => State::Method(1),
        State::Method(count) if is_token(byte) && count < METHOD_BYTES => State::Method(count + 1),
        State::Method(_) if is_space(byte) => State::Target { any: false },
        State::Target { any } if is_space(byte) => match any {
            true => State::Version(0),
            false => State::Target { any },
        },
        State::Target { .. } if byte > b' ' => State::Target { any: true },
        State::Version(8) if byte == b'\r' => State::Cr,
        State::Version(8) | State::Cr if byte == b'\n' => State::Over(Match::Yes),
        State::Version(at) if at < 8 && in_version(at, byte) => State::Version(at + 1),
        State::Version(_) if is_space(byte) => State::Version(0),
        State::Version(_) if byte > b' ' => State::Target { any: true },
        State::Blanks if matches!(byte, b'\r' | b'\n') => State::Blanks,
        State::Blanks if in_version(0, byte) => State::Status(1),
        State::Status(at) if at < 8 && in_version(at, byte) => State::Status(at + 1),
        State::Status(8) if byte == b' ' => State::Status(9),
        State::Status(9) if matches!(byte, b'1'..=b'9') => State::Status(10),
        State::Status(at @ 10..12) if byte.is_ascii_digit() => State::Status(at + 1),
        State::Status(12) if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => {
            State::Over(Match::Yes)
        }
        State::Over(result) => State::Over(result),
        _ => refuse,
    }
}

/// Whether `byte` fits at this place of `HTTP/1.d`.
fn in_version(at: usize, byte: u8) -> bool {
    match VERSION.get(at) {
        Some(&expected) => byte == expected,
        None => byte.is_ascii_digit(),
    }
}

const VERSION: &[u8] = b"HTTP/1.";
