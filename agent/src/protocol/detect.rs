//! Whether bytes begin an HTTP message, decided from the first line alone.
//!
//! In: the first bytes of a message or of a stream. Out: `Match`.
//! Always: biased against false claims: nothing is called HTTP before a whole request line
//! (`token SP target SP HTTP/1.x`) or `HTTP/1.x SP 3DIGIT` was seen. Every byte is looked at once,
//! however the bytes were cut. Source: RFC 9112 sections 2.2, 3, 4.
//! Not here: the rest of the head (`http1::head`), what follows from the answer (`protocol`).

/// Longest method that we take for one, in bytes.
pub const METHOD_BYTES: usize = 64;

/// What the bytes so far are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Match {
    /// Everything fits so far; more bytes are needed.
    Maybe,
    /// Begins as that message does.
    Yes,
    /// Does not.
    No,
}

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

    /// Looks at the bytes that follow those of earlier calls.
    pub fn feed(&mut self, bytes: &[u8]) -> Match {
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

/// A byte that `token` may hold (RFC 9110 section 5.6.2).
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Space or tab.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A TLS record that holds a handshake: type 22, version 3.0 to 3.4 (RFC 8446 section 5.1).
pub fn starts_tls(bytes: &[u8]) -> Match {
    match bytes {
        [0x16, 0x03, 0x00..=0x04, ..] => Match::Yes,
        [] | [0x16] | [0x16, 0x03] => Match::Maybe,
        _ => Match::No,
    }
}

/// HTTP/2: the client's preface, or the server's SETTINGS frame, which may be seen before it
/// (RFC 9113 sections 3.4 and 6.5).
pub fn starts_http2(bytes: &[u8]) -> Match {
    let settings = match bytes {
        [0, 0, length, 4, 0, 0, 0, 0, 0, ..] if length % 6 == 0 => Match::Yes,
        [0, 0, _, rest @ ..] => starts_as(rest, &[4, 0, 0, 0, 0, 0]).and_unsure(),
        _ => starts_as(bytes, &[0, 0, 0]).and_unsure(),
    };
    match starts_as(bytes, HTTP2_PREFACE) {
        Match::No => settings,
        preface => preface,
    }
}

fn starts_as(bytes: &[u8], magic: &[u8]) -> Match {
    let common = bytes.len().min(magic.len());
    if bytes.get(..common) != magic.get(..common) {
        Match::No
    } else if common == magic.len() {
        Match::Yes
    } else {
        Match::Maybe
    }
}

impl Match {
    /// A match of a part is not one of the whole.
    fn and_unsure(self) -> Self {
        match self {
            Self::Maybe => Self::Maybe,
            _ => Self::No,
        }
    }
}

/// First bytes of every HTTP/2 connection (RFC 9113 section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM";

const VERSION: &[u8] = b"HTTP/1.";
