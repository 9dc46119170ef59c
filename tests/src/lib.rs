//! What the live tests are made of: the agent, servers, clients, raw sockets, and comparisons.
//!
//! Always: every child is one of ours and is ended by its process id, also when a test fails; every
//! wait has a limit; all traffic stays on the loopback interface and on unix sockets.
//! Not here: the tests themselves (`tests/live`).

pub mod agent;
pub mod brought;
pub mod calls;
pub mod canary;
pub mod certificates;
pub mod clients;
pub mod compare;
pub mod curl_cffi;
pub mod disk;
pub mod host;
pub mod journal;
pub mod ports;
pub mod process;
pub mod random;
pub mod record;
pub mod scene;
pub mod schema;
pub mod script;
pub mod servers;
pub mod wait;
pub mod wire;
