//! What servers and clients over rustls have in common, whichever version of it they use.
//!
//! Out: a program's command line (`command`), the answers that a server gives (`answer`), HTTP/1.1
//! over a blocking stream (`blocking`, `http`), certificates (`pem`), and a line on standard output
//! for each exchange (`line`). Always: what they say is what the tests compare records with.
//! Not here: rustls. Each program names its own version.

pub mod answer;
pub mod blocking;
pub mod command;
pub mod http;
pub mod line;
pub mod pem;

/// Any failure ends the connection that it happened on, or the program.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
