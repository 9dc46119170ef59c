//! Words for TLS that several layers use.
//!
//! In: nothing. Out: `TlsLibrary`. Always: the text of a library is part of the record's contract.
//! Not here: finding libraries (`discover`), handshakes (`protocol::tls`).

use earwitness_common::tls;

/// A TLS implementation whose plaintext is read.
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
        }
    }

    const ALL: [Self; 6] =
        [Self::OpenSsl, Self::BoringSsl, Self::LibreSsl, Self::GnuTls, Self::Nss, Self::Go];
}
