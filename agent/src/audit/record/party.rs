//! Both ends of an exchange, for whom it was, and what carried it: `client`, `server`, `source`, `network`.
//!
//! In: `model::origin`. Out: groups of a record.
//! Always: absent where it is not known; a unix socket has a path and no port.
//! Not here: finding it out (`pipeline::tracker`, `discover`).

use serde::{Deserialize, Serialize};

use super::value::{Address, Text};
use crate::model::proxied::Command;

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

/// The client, by what proxies say that the configuration trusts. Absent where none has said anything: then
/// `client.address` is all that is known.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source<'a> {
    /// The first address, seen from here, that is not of a trusted proxy; the farthest one if all are. Absent
    /// where the last trusted proxy does not tell whom it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address<'a>>,
    /// Its port, if that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What tells it.
    pub rule: SourceRule,
    /// From that address over all trusted proxies to the socket's peer. What a client may have put before it
    /// is not in here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Address<'a>>,
    /// Some trusted proxies are left out of `chain`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// What tells who the client is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SourceRule {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `X-Real-IP`.
    XRealIp,
    /// A header of the PROXY protocol, version 1.
    ProxyV1,
    /// A header of the PROXY protocol, version 2.
    ProxyV2,
    /// The socket: what the proxy says cannot be read, or is not one thing (`earwitness.anomalies`).
    Peer,
}

/// A header of the PROXY protocol, as it was sent, whether or not its sender is trusted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proxied<'a> {
    /// Version of the protocol.
    pub version: u8,
    /// What the connection is for.
    pub command: Command,
    /// For whom; absent where it is not told, or no address of IP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<End<'a>>,
    /// What that one has connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<End<'a>>,
}

/// An address with its port.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct End<'a> {
    /// IP address.
    pub address: Address<'a>,
    /// TCP or UDP port.
    pub port: u16,
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
