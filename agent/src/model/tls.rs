//! Words for TLS that several layers use.
//!
//! In: nothing. Out: `TlsLibrary`, `Facts`. Always: the text of a library is part of the record's
//! contract. Not here: finding libraries (`discover`), following handshakes (`protocol::tls`).

use std::fmt;

use earwitness_common::tls;

use crate::model::sample::Direction;

/// A TLS implementation, as messages and `doctor` name it; records have `TlsLibrary::name`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TlsLibrary {
    /// OpenSSL.
    OpenSsl,
    /// BoringSSL.
    BoringSsl,
    /// LibreSSL.
    LibreSsl,
    /// GnuTLS.
    GnuTls,
    /// Mozilla's NSS.
    Nss,
    /// Go's `crypto/tls`.
    Go,
    /// rustls.
    Rustls,
}

impl TlsLibrary {
    /// The library behind a number of the kernel side.
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|library| library.number() == number)
    }

    /// What the kernel side calls it.
    pub fn number(self) -> u8 {
        match self {
            Self::OpenSsl => tls::LIBRARY_OPENSSL,
            Self::BoringSsl => tls::LIBRARY_BORINGSSL,
            Self::LibreSsl => tls::LIBRARY_LIBRESSL,
            Self::GnuTls => tls::LIBRARY_GNUTLS,
            Self::Nss => tls::LIBRARY_NSS,
            Self::Go => tls::LIBRARY_GO,
            Self::Rustls => tls::LIBRARY_RUSTLS,
        }
    }

    /// The text in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenSsl => "openssl",
            Self::BoringSsl => "boringssl",
            Self::LibreSsl => "libressl",
            Self::GnuTls => "gnutls",
            Self::Nss => "nss",
            Self::Go => "go",
            Self::Rustls => "rustls",
        }
    }

    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::OpenSsl,
        Self::BoringSsl,
        Self::LibreSsl,
        Self::GnuTls,
        Self::Nss,
        Self::Go,
        Self::Rustls,
    ];
}

impl fmt::Display for TlsLibrary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::OpenSsl => "OpenSSL",
            Self::BoringSsl => "BoringSSL",
            Self::LibreSsl => "LibreSSL",
            Self::GnuTls => "GnuTLS",
            Self::Nss => "NSS",
            Self::Go => "Go",
            Self::Rustls => "rustls",
        })
    }
}

/// What the handshake shows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// Name of the server that the client asked for (SNI): a DNS name or an address, lower case.
    /// With Encrypted ClientHello this is the public name in front of the hidden one.
    pub server_name: Option<String>,
    /// What the server chose.
    pub version: Option<Version>,
    /// Cipher suite that the server chose; see `protocol::tls::cipher_name`.
    pub cipher: Option<u16>,
    /// Protocol of the application that the server chose. TLS 1.3 hides it.
    pub alpn: Option<String>,
    /// Whom the client says it is. TLS 1.3 hides it, and a resumed session does not repeat it.
    pub client_certificate: Option<ClientCertificate>,
    /// From where the ClientHello comes, seen or concluded from the ServerHello.
    pub client_direction: Option<Direction>,
}

/// Version of the protocol.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// SSL 3.0.
    Ssl3,
    /// TLS 1.0.
    Tls10,
    /// TLS 1.1.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Names in a client's certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientCertificate {
    /// Subject as RFC 4514 writes it: `CN=zoe,O=Example,C=DE`.
    pub subject: String,
    /// Alternative names without their kind: `zoe.example.org`, `spiffe://example.org/zoe`.
    pub alternative_names: Vec<String>,
}

impl Facts {
    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
        let names = self.client_certificate.as_ref().map_or(0, |certificate| {
            let names = &certificate.alternative_names;
            let texts: usize = names.iter().map(String::capacity).sum();
            certificate.subject.capacity() + names.capacity() * size_of::<String>() + texts
        });
        text(&self.server_name) + text(&self.alpn) + names
    }
}

impl Version {
    /// Value of `tls.protocol.version`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssl3 => "3",
            Self::Tls10 => "1.0",
            Self::Tls11 => "1.1",
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }

    /// Value of `tls.protocol.name`.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Ssl3 => "ssl",
            _ => "tls",
        }
    }
}
