//! The TLS around an exchange: `tls`.
//!
//! In: `model::origin::Tls`. Out: a group of a record.
//! Always: what the handshake showed in the clear, and only if it was seen; TLS 1.3 hides the client's
//! certificate. What a client says of itself there was not checked by us.
//! Not here: finding libraries (`discover`), following handshakes (`protocol::tls`).

use serde::{Deserialize, Serialize};

use super::value::Text;
#[cfg(feature = "schema")]
use crate::model::tls::TlsLibrary;

/// The TLS around an exchange, or of a connection that cannot be read.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tls<'a> {
    /// Protocol that was agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol<'a>>,
    /// Cipher suite that was agreed on, by its IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher: Option<Text<'a>>,
    /// Who encrypts and decrypts on this host: one of the examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("examples" = TlsLibrary::NAMES)))]
    pub library: Option<Text<'a>>,
    /// Name that the client asked for (SNI).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<Text<'a>>,
    /// Protocol inside that was agreed on (ALPN), where it is not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_protocol: Option<Text<'a>>,
    /// What the client's certificate says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Client<'a>>,
}

/// Protocol of a TLS connection.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Protocol<'a> {
    /// `tls` or `ssl`.
    pub name: Text<'a>,
    /// `1.3`, `1.2`, …
    pub version: Text<'a>,
}

/// What the client's certificate says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Client<'a> {
    /// Distinguished name of the subject, as RFC 4514 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Text<'a>>,
    /// The certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x509: Option<Certificate<'a>>,
}

/// More of a certificate.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Certificate<'a> {
    /// Subject alternative names, without their kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternative_names: Vec<Text<'a>>,
}
