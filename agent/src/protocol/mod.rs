//! The one list of protocols, and what a connection's parser is to the rest.
//!
//! In: bytes, gaps and ends of both directions with their times (`conn::tracker`).
//! Out: `Exchange`, `Loss`, and what the kernel side should do with the connection (`Wants`).
//! Always: sans-IO; never fails, never panics, never reads a clock; memory <= `Limits`.
//! Not here: addresses, processes, redaction.

pub mod exchange;
