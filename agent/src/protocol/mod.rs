//! The one list of protocols, and what their parsers say and are told.
//!
//! In: bytes, holes and ends of both directions with their times (`input`), from `pipeline::followed` by way
//! of `connection`. Out: `Output`s.
//! Always: sans-IO; never fails, never panics, never reads a clock; memory <= `Limits`.
//! Not here: what a parser has to be (`parser`), addresses, processes, redaction.

pub mod anomaly;
pub mod coding;
pub mod connection;
pub mod content;
pub mod detect;
pub mod exchange;
pub mod fields;
pub mod grpc;
pub mod held;
pub mod http1;
pub mod http2;
pub mod input;
pub mod kept;
pub mod meter;
pub mod parser;
mod probe;
pub mod proxy;
pub mod quic;
pub mod sse;
pub mod stream_message;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod token;
pub mod websocket;

use crate::model::loss::Loss;
use crate::protocol::exchange::Exchange;
use crate::protocol::parser::Protocol;
use crate::protocol::stream_message::StreamMessage;

/// What is told by its first bytes, and read. TLS, and HTTP/2 of which the beginning was not seen, are
/// found otherwise (`probe`).
pub(crate) const PROTOCOLS: &[Protocol] = &[http1::PROTOCOL, http2::PROTOCOL];

/// What a direction carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Requests.
    Request,
    /// Responses.
    Response,
}

impl Role {
    /// What the other direction carries.
    pub fn other(self) -> Self {
        match self {
            Self::Request => Self::Response,
            Self::Response => Self::Request,
        }
    }
}

/// What the parser found.
#[derive(Debug)]
pub enum Output {
    /// An exchange, as complete as it will get.
    Exchange(Box<Exchange>),
    /// A message within an exchange that has been told as open, and will be again.
    Message(Box<StreamMessage>),
    /// Something that is in no exchange.
    Loss(Loss),
}
