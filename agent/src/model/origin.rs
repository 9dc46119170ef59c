//! Where an exchange took place: both ends, their addresses and processes.
//!
//! In: what the tracker knows of a connection. Out: `Origin`, which `audit` writes into records.
//! Always: unknown is `None`, never a placeholder; the texts of `Side` and `Attribution` are part of the
//! record's contract.
//! Not here: finding it out (`pipeline::tracker`, `discover`).

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::proxied::Proxied;
use crate::model::tls::{Facts, TlsLibrary};

/// Both ends of the connection that carried an exchange.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Which end the watched process is.
    pub side: Side,
    /// `network.transport`.
    pub transport: Transport,
    /// The end that sent the request.
    pub client: Party,
    /// The end that answered.
    pub server: Party,
    /// How the addresses are known.
    pub attribution: Attribution,
    /// What is known of the TLS around it, `None` for plaintext on the socket.
    pub tls: Option<Tls>,
    /// What a proxy has said before the connection's first byte.
    pub proxied: Option<Arc<Proxied>>,
}

/// The TLS around an exchange, or of a connection that cannot be read.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Who encrypts and decrypts, `None` where it is not read.
    pub library: Option<TlsLibrary>,
    /// What the handshake showed, if it was seen.
    pub facts: Option<Arc<Facts>>,
}

/// Which end of the connection the watched process is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It answers.
    Server,
    /// It asks.
    Client,
}

/// Transport of the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// Unix stream socket.
    Unix,
    /// UDP: only of QUIC's beginnings, never of an exchange.
    Udp,
    /// Not known.
    Unknown,
}

/// How a stream was tied to its socket.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// Plaintext on the socket itself.
    Socket,
    /// TLS: the socket was used inside the library's call.
    Syscall,
    /// TLS: the same ciphertext went through a memory buffer and the socket.
    Ciphertext,
    /// TLS, and it is not known which socket carried it: no address is given.
    None,
}

/// One end of a connection.
#[derive(Clone, Debug, Default)]
pub struct Party {
    /// IP address, or the path of a unix socket.
    pub address: Option<Address>,
    /// TCP port.
    pub port: Option<u16>,
    /// The process, when it runs on this host and was seen.
    pub process: Option<Arc<Process>>,
}

/// Address of one end.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Address {
    /// IPv4 or IPv6 (mapped IPv4 is IPv4).
    Ip(IpAddr),
    /// Path of a unix socket; abstract names begin with `@`.
    Path(Arc<str>),
}

/// A process on this host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Process {
    /// Thread group id in the initial pid namespace.
    pub pid: u32,
    /// Absolute path of the executable.
    pub executable: Option<Arc<str>>,
    /// Real user id.
    pub user_id: Option<u32>,
    /// Its name in the host's user database.
    pub user_name: Option<Arc<str>>,
}
