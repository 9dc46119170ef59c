//! The first packets of QUIC clients: that there is a connection, and to which server.
//!
//! In: datagrams of one client. Out: its `ClientHello`.
//! Always: sans-IO; never fails, never panics, never reads a clock; at most `stream::STREAM_BYTES` of
//! the handshake held; a connection only if a packet opens with the keys of a client, which neither
//! a server's packet nor anything else does by chance.
//! Not here: what follows the first packets, whose keys only the two ends know; packets that were not
//! captured as a whole, which do not open.
//! Source: RFC 9000, RFC 9001, RFC 9369 (version 2).
//!
//! ```text
//! Hello --ClientHello--> Over
//!       --another message, one too long--> Over
//! ```

mod frames;
mod keys;
mod packet;
mod stream;
#[cfg(test)]
mod tests;
mod varint;

use crate::protocol::quic::frames::Frames;
use crate::protocol::quic::keys::Keys;
use crate::protocol::quic::packet::Packets;
use crate::protocol::quic::stream::{STREAM_BYTES, Stream};
use crate::protocol::tls::hello::{self, ClientHello};
use crate::protocol::tls::message::kind;

pub use packet::Version;

/// A client's Initial packets of one connection, put together.
pub struct Opening {
    version: Version,
    id: Box<[u8]>,
    keys: Keys,
    state: State,
}

enum State {
    /// The ClientHello is not whole.
    Hello(Stream),
    /// It was, or will never be.
    Over(Option<ClientHello>),
}

impl Opening {
    /// Begins with a client's first datagram. `None`: it holds no whole Initial packet of a client,
    /// or one of a version that we do not know.
    ///
    /// After a server's Retry a client begins anew, and its next datagram is a first one again.
    pub fn new(datagram: &[u8]) -> Option<Self> {
        let first = Packets::of(datagram).next()?;
        if first.destination.len() < FIRST_ID_BYTES {
            return None;
        }
        let mut opening = Self {
            version: first.version,
            id: first.destination.into(),
            keys: Keys::of_client(first.version, first.destination)?,
            state: State::Hello(Stream::default()),
        };
        opening.datagram(datagram).then_some(opening)
    }

    /// Takes one more datagram; says whether any of it is this client's. Once the server has answered,
    /// a client sends to another connection id, but encrypts with the same keys: what opens is its.
    pub fn datagram(&mut self, datagram: &[u8]) -> bool {
        let (version, mut is_ours) = (self.version, false);
        for packet in Packets::of(datagram).filter(|packet| packet.version == version) {
            if let Some(payload) = self.keys.open(&packet) {
                is_ours = true;
                self.payload(&payload);
            }
        }
        is_ours
    }

    /// Version of the protocol.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Destination connection id of the client's first packets, chosen by chance.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// What the client offers, once that is whole.
    pub fn hello(&self) -> Option<&ClientHello> {
        match &self.state {
            State::Hello(_) => None,
            State::Over(hello) => hello.as_ref(),
        }
    }

    /// Whether nothing more can be learnt: `hello` is there, or will never be.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let state_bytes = match &self.state {
            State::Hello(stream) => stream.memory_bytes(),
            State::Over(hello) => hello.as_ref().map_or(0, ClientHello::memory_bytes),
        };
        self.id.len() + state_bytes
    }

    fn payload(&mut self, payload: &[u8]) {
        let State::Hello(stream) = &mut self.state else { return };
        for (offset, piece) in Frames::of(payload) {
            stream.put(offset, piece);
        }
        if let Some(hello) = client_hello(stream.front()) {
            self.state = State::Over(hello);
        }
    }
}

/// The source connection id of a datagram's first Initial packet, by which one client's belong
/// together, even after a Retry. Empty where clients know their connections by their ports.
pub fn source_id(datagram: &[u8]) -> Option<&[u8]> {
    Packets::of(datagram).next().map(|packet| packet.source)
}

/// The message that the handshake begins with. `None`: it is not whole; `Some(None)`: it is none that
/// we can read.
fn client_hello(front: &[u8]) -> Option<Option<ClientHello>> {
    match front {
        [kind, ..] if *kind != kind::CLIENT_HELLO => Some(None),
        [_, high, middle, low, rest @ ..] => {
            let length_bytes = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
            match rest.get(..length_bytes) {
                Some(body) => Some(hello::client(body)),
                None if length_bytes > STREAM_BYTES - HEAD_BYTES => Some(None),
                None => None,
            }
        }
        _ => None,
    }
}

/// A client's Initial packet. For tests, which need some that no client sends.
#[cfg(any(fuzzing, test))]
pub fn sealed(version: Version, id: &[u8], number: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let first = match version {
        Version::V1 => 0xc0,
        Version::V2 => 0xd0,
    };
    let id_length = u8::try_from(id.len()).ok()?;
    let number_version = version.number().to_be_bytes();
    // No source connection id, no token.
    let header = [&[first], &number_version[..], &[id_length], id, &[0, 0]].concat();
    Keys::of_client(version, id)?.seal(&header, number, payload)
}

/// Shortest connection id that a client may choose for its server, in bytes (RFC 9000 section 7.2).
const FIRST_ID_BYTES: usize = 8;

/// Type and length of a message.
const HEAD_BYTES: usize = 4;
