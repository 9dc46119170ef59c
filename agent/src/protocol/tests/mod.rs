//! Tests of the protocol layer: data in, text out.
//!
//! In: scripts of both directions (`script`). Out: what the connection gave, as text.
//! Always: every script also runs cut at every byte and byte by byte, with the same result.
//! Not here: sockets.

mod bounds;
mod detection;
mod gaps;
mod heads;
mod http2;
mod messages;
mod pairing;
mod random;
pub(in crate::protocol) mod script;
mod smuggling;
