//! The readable part of a TLS handshake, for what it says about a connection.
//!
//! In: bytes of both directions, in order, and where some are missing. Out: `Facts`.
//! Always: sans-IO; never fails, never panics, never reads a clock; same facts however the bytes
//! were cut; at most `message::MESSAGE_BYTES` held and `DIRECTION_BYTES` looked at per direction.
//! Not here: anything encrypted; whether what the handshake shows was accepted by the other end.
//!
//! ```text
//! Unknown --ClientHello--> Client --Certificate, what follows it, encrypted, version 1.3--> Over
//!         --HelloRetryRequest--> Server --ServerHello--> Over
//!         --ServerHello, anything else, gap--> Over
//! ```

mod certificate;
pub mod ciphertext;
pub mod hello;
pub mod message;
mod name;
mod record;
#[cfg(test)]
mod tests;

use crate::model::sample::Direction;
use crate::model::tls::{Facts, Version};
use crate::protocol::tls::message::{Messages, Step, Want, kind};
use crate::protocol::tls::record::{Kind, Records};

pub use hello::cipher_name;
pub use record::{starts, starts_record};

/// Follows one handshake.
#[derive(Default)]
pub struct Handshake {
    ingress: Side,
    egress: Side,
    facts: Facts,
}

/// One direction.
#[derive(Default)]
struct Side {
    role: Role,
    records: Records,
    messages: Messages,
    seen_bytes: usize,
}

/// Who sends in a direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Role {
    #[default]
    Unknown,
    /// Its hello was seen; a certificate may follow.
    Client,
    /// It asked for another ClientHello; the ServerHello is to follow.
    Server,
    /// Nothing more can be learnt from this direction.
    Over,
}

impl Handshake {
    /// A connection of which nothing was seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of one direction, in order.
    pub fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        let mut rest = self.side(direction).within_bounds(bytes);
        while let Some(message) = self.side(direction).next(&mut rest) {
            let role = self.learn(direction, &message);
            self.side(direction).turn(role);
        }
        self.side(direction).check_bounds();
    }

    /// Bytes of that direction are missing: it is not followed further.
    pub fn gap(&mut self, direction: Direction) {
        self.side(direction).turn(Role::Over);
    }

    /// Whether nothing more can be learnt.
    pub fn is_done(&self) -> bool {
        self.ingress.role == Role::Over && self.egress.role == Role::Over
    }

    /// What is known so far.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let held = self.ingress.messages.memory_bytes() + self.egress.messages.memory_bytes();
        held + self.facts.memory_bytes()
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }

    /// Looks at a message, and says what its sender is from then on.
    fn learn(&mut self, direction: Direction, message: &[u8]) -> Role {
        match message {
            [kind::CLIENT_HELLO, _, _, _, body @ ..] => self.client_hello(direction, body),
            [kind::SERVER_HELLO, _, _, _, body @ ..] => self.server_hello(direction, body),
            [kind::CERTIFICATE, _, _, _, body @ ..] => self.certificate(body),
            _ => Role::Over,
        }
    }

    fn client_hello(&mut self, direction: Direction, body: &[u8]) -> Role {
        let Some(hello) = self.expect(direction).and_then(|()| hello::client(body)) else {
            return Role::Over;
        };
        self.facts.client_direction = Some(direction);
        self.facts.server_name = hello.server_name;
        match self.facts.version {
            Some(Version::Tls13) => Role::Over,
            _ => Role::Client,
        }
    }

    fn server_hello(&mut self, direction: Direction, body: &[u8]) -> Role {
        let client = direction.reverse();
        let Some(hello) = self.expect(client).and_then(|()| hello::server(body)) else {
            return Role::Over;
        };
        self.facts.client_direction = Some(client);
        self.facts.version = hello.version;
        self.facts.cipher = Some(hello.cipher);
        self.facts.alpn = hello.alpn;
        if hello.version == Some(Version::Tls13) {
            self.hide(client);
        }
        match hello.retry {
            true => Role::Server,
            false => Role::Over,
        }
    }

    fn certificate(&mut self, body: &[u8]) -> Role {
        self.facts.client_certificate = certificate::first(body);
        Role::Over
    }

    /// `None`: the client is known to be at the other end.
    fn expect(&self, client: Direction) -> Option<()> {
        self.facts.client_direction.is_none_or(|known| known == client).then_some(())
    }

    /// TLS 1.3 encrypts what follows the hellos: whatever else was readable is not part of it.
    fn hide(&mut self, client: Direction) {
        self.facts.alpn = None;
        self.facts.client_certificate = None;
        let side = self.side(client);
        if side.role == Role::Client {
            side.turn(Role::Over);
        }
    }
}

impl Side {
    /// The next message of interest.
    fn next(&mut self, rest: &mut &[u8]) -> Option<Vec<u8>> {
        let role = self.role;
        while self.role != Role::Over {
            let (kind, mut content) = self.records.next(rest)?;
            let length = content.len();
            let step = match (kind, role) {
                (Kind::Handshake, _) => self.messages.next(&mut content, |kind| role.want(kind)),
                // A server of TLS 1.3 sends one after its HelloRetryRequest that says nothing.
                (Kind::Alert, _) | (Kind::ChangeCipherSpec, Role::Server) => {
                    content = &[];
                    Step::More
                }
                _ => Step::Stop,
            };
            self.records.consume(rest, length - content.len());
            match step {
                Step::More => {}
                Step::Whole(message) => return Some(message),
                Step::Stop => self.turn(Role::Over),
            }
        }
        None
    }

    fn turn(&mut self, role: Role) {
        self.role = role;
        if role == Role::Over {
            self.messages = Messages::default();
        }
    }

    fn within_bounds<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let left = DIRECTION_BYTES - self.seen_bytes;
        let bytes = bytes.get(..left).unwrap_or(bytes);
        self.seen_bytes += bytes.len();
        bytes
    }

    fn check_bounds(&mut self) {
        if self.seen_bytes == DIRECTION_BYTES {
            self.turn(Role::Over);
        }
    }
}

impl Role {
    /// Which messages are of interest.
    fn want(self, kind: u8) -> Want {
        match (self, kind) {
            (Self::Unknown, kind::CLIENT_HELLO | kind::SERVER_HELLO) => Want::Whole,
            (Self::Unknown, kind::HELLO_REQUEST) => Want::Skip,
            (Self::Server, kind::SERVER_HELLO) => Want::Whole,
            (Self::Client, kind::CERTIFICATE) => Want::Whole,
            (
                Self::Client,
                kind::CLIENT_KEY_EXCHANGE | kind::CERTIFICATE_VERIFY | kind::FINISHED,
            ) => Want::Stop,
            // Another ClientHello, which asks for the same name, or data before the certificate.
            (Self::Client, _) => Want::Skip,
            _ => Want::Stop,
        }
    }
}

/// Bytes of a direction after which it is given up: a handshake that never ends is none.
const DIRECTION_BYTES: usize = 256 * 1024;
