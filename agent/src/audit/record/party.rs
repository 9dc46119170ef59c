//! Both ends of an exchange and what carried it: `client`, `server`, `network`.
//!
//! In: `model::origin`. Out: groups of a record.
//! Always: absent where it is not known; a unix socket has a path and no port.
//! Not here: finding it out (`pipeline::tracker`, `discover`).

use serde::{Deserialize, Serialize};

use super::value::{Address, Text};

/// One end of the connection.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Party<'a> {
    /// IP address, or the path of a unix socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address<'a>>,
    /// TCP port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The process, when it runs on this host and was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process<'a>>,
}

impl Party<'_> {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.address.is_none() && self.port.is_none() && self.process.is_none()
    }
}

/// A process on this host.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Process<'a> {
    /// Process id in the initial namespace.
    pub pid: u32,
    /// What it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<Executable<'a>>,
    /// Whom it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User<'a>>,
}

/// What a process runs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Executable<'a> {
    /// Absolute path.
    pub path: Text<'a>,
}

/// Whom a process runs as.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct User<'a> {
    /// Real user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// Its name in the host's user database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
}

/// What carried the exchange.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Network<'a> {
    /// Transport; absent where the socket is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// Address family; absent for unix sockets and unknown addresses.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// Application protocol.
    pub protocol: Protocol<'a>,
}

/// Transport of a connection.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// Unix stream socket.
    Unix,
}

/// Address family of a connection.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4, also where it is mapped into IPv6.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Application protocol.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Protocol<'a> {
    /// `http`.
    pub name: Text<'a>,
    /// Version of the request's start line, or else of the response's: `1.0`, `1.1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<'a>>,
}
