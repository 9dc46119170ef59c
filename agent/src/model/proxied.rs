//! What a PROXY protocol header says.
//!
//! In: nothing. Out: `Proxied`, which goes with the origin of every exchange of its connection.
//! Always: what the peer said, whoever the peer is.
//! Not here: reading it (`protocol::proxy`), whether it is believed (`audit::source`).

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The header that stood before a connection's first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Proxied {
    /// Version of the protocol, 1 or 2.
    pub version: u8,
    /// What the connection is for.
    pub command: Command,
    /// For whom the peer asks; `None`: it does not say, or by no address of IP.
    pub source: Option<SocketAddr>,
    /// What that one has connected to.
    pub destination: Option<SocketAddr>,
}

/// What a proxy has opened a connection for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// For somebody else.
    Proxy,
    /// For itself: it checks whether the server is well.
    Local,
    /// What it says breaks the protocol.
    Invalid,
}
