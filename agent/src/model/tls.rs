//! Words for TLS that several layers use.
//!
//! In: nothing. Out: `TlsLibrary`, `Facts`. Always: this is the only list of libraries; the text of each
//! is part of the record's contract. Not here: finding libraries (`discover`), following handshakes (`protocol::tls`).

use std::fmt;

use earwitness_common::tls::LIBRARY_RUSTLS;

use crate::model::sample::Direction;

macro_rules! libraries {
    ($($name:ident = $number:expr, $record:literal, $message:literal;)*) => {
        /// A TLS implementation.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum TlsLibrary {
            $(#[doc = $message] $name = $number,)*
        }

        impl TlsLibrary {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            /// Their texts in records.
            #[cfg(feature = "schema")]
            pub const NAMES: &[&str] = &[$($record,)*];

            /// The text in records.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $record,)*
                }
            }
        }

        /// As messages and `doctor` name it; records have `TlsLibrary::name`.
        impl fmt::Display for TlsLibrary {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(match self {
                    $(Self::$name => $message,)*
                })
            }
        }
    };
}

// What the kernel side calls it, the text in records, the text in messages.
libraries! {
    OpenSsl = 1, "openssl", "OpenSSL";
    BoringSsl = 2, "boringssl", "BoringSSL";
    LibreSsl = 3, "libressl", "LibreSSL";
    GnuTls = 4, "gnutls", "GnuTLS";
    Nss = 5, "nss", "NSS";
    Go = 6, "go", "Go";
    Rustls = LIBRARY_RUSTLS, "rustls", "rustls";
}

impl TlsLibrary {
    /// The library behind a number of the kernel side.
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|library| library.number() == number)
    }

    /// What the kernel side calls it.
    pub fn number(self) -> u8 {
        self as u8
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
