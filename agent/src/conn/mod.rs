//! Connections below any protocol: byte positions, and which two ends belong together.
//!
//! In: samples' positions and addresses. Out: what is new, what is missing, who is the other end.
//! Always: sans-IO, memory bounded by the number of connections.
//! Not here: protocols (`protocol`), joining the two (`pipeline`).

pub mod ends;
pub mod stream;
