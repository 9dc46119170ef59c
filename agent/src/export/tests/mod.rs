//! Tests of the formats as a whole.
//!
//! Not here: what a server's own log says of the same exchanges (the live tests).

mod golden;
mod hostile;
mod read;
