//! The one list of protocols, and what their parsers say and are told.
//!
//! In: bytes, gaps and ends of both directions with their times (`connection`, from `pipeline::followed`).
//! Out: `Exchange`, `Loss`, and what the kernel side should do with the connection (`Wants`).
//! Always: sans-IO; never fails, never panics, never reads a clock; memory <= `Limits`.
//! Not here: addresses, processes, redaction.

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
pub mod kept;
pub mod meter;
mod probe;
pub mod quic;
pub mod sse;
pub mod stream_message;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod websocket;

use crate::model::loss::{Loss, Reason};
use crate::protocol::exchange::Exchange;
use crate::protocol::stream_message::StreamMessage;

/// What a direction carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Requests.
    Request,
    /// Responses.
    Response,
}

/// Bytes that moved and were captured.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// What moved.
    pub bytes: &'a [u8],
    /// First piece of its call.
    pub call_start: bool,
    /// First piece after bytes moved the other way.
    pub turn_start: bool,
    /// Process that made the call.
    pub tgid: u32,
    /// Its real user id.
    pub uid: u32,
}

/// Bytes that moved and were not captured.
#[derive(Clone, Copy, Debug)]
pub struct Hole {
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// How many.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
    /// First piece of its call.
    pub call_start: bool,
    /// First piece after bytes moved the other way.
    pub turn_start: bool,
    /// Process that made the call.
    pub tgid: u32,
    /// Its real user id.
    pub uid: u32,
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

/// What the kernel side should do with the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wants {
    /// Send the beginning; it is not known yet what this is.
    Undecided,
    /// Send up to the budget of each turn.
    Capture,
    /// Send everything: the framing is in the middle of the data.
    Full,
    /// Count only: ciphertext, whose plaintext is another connection.
    Tls,
    /// Send nothing.
    Ignore,
}
