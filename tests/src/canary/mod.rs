//! Canaries: secrets of known kinds, planted in messages, and searched for in what the agent wrote.
//!
//! Not here: which places there are (the test), who sends the messages (`servers::canary`).

pub mod hunt;
pub mod plan;
pub mod secret;
