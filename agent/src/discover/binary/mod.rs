//! Where in an executable or a library probes have to go, to see what its TLS carries.
//!
//! In: an open file. Out: functions with their offsets in it, or why there are none.
//! Always: the file is only read, and may be anything: what it claims is checked against its
//! length, reading stops at a budget; an offset that is not certain is not given.
//! Not here: attaching, which process runs the file (`discover::tls`). Probes exist for 64 bits,
//! little-endian; what depends on instructions is x86-64 only.
//!
//! ```text
//! file ──▶ image (segments, sections) ──▶ symbols    names in .dynsym and .symtab
//!                                     ├─▶ go         names in .gopclntab
//!                                     └─▶ stripped   what code and texts give away
//! points ──▶ entry    the same calls, where a probe costs less
//! ```

mod entry;
mod go;
mod image;
mod stripped;
mod symbols;
mod window;

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;

use crate::model::tls::TlsLibrary;
use image::Image;

/// What there is to probe in the file.
pub fn examine(file: &File) -> Examined {
    let Some(image) = Image::open(file) else { return Examined::default() };
    let mut examined = functions(&image);
    if let Some(found) = &mut examined.found {
        entry::refine(&image, found);
    }
    examined
}

/// Where functions begin.
fn functions(image: &Image<'_>) -> Examined {
    let named = symbols::find(image);
    if named.found.as_ref().is_some_and(Found::has_tls) {
        return named;
    }
    let go = go::find(image);
    let examined = if go == Examined::default() { stripped::find(image) } else { go };
    // `libcrypto` has no TLS of its own, and a program may export that much of it only.
    Examined {
        found: examined.found.or(named.found),
        opaque: examined.opaque.or(named.opaque),
        buffers: named.buffers || examined.buffers,
    }
}

/// What a look at one file gave.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Examined {
    /// `None`: nothing to probe, as it is no ELF file, has no TLS, or hides it.
    pub found: Option<Found>,
    /// TLS that is there and cannot be read.
    pub opaque: Option<Opaque>,
    /// Whoever runs this code is likely to put memory buffers between TLS and sockets.
    pub buffers: bool,
}

/// One TLS implementation in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// Whose it is.
    pub library: TlsLibrary,
    /// How its functions were found.
    pub how: How,
    /// In order of their offsets, each offset once.
    pub points: Vec<Point>,
    /// How many bytes into its object the queue of records lies. rustls only; 0 elsewhere.
    pub queue_at: u16,
}

/// One place in the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Point {
    /// What begins there, or is called there in all but name: with the same arguments and result.
    pub function: Function,
    /// Offset in the file of its first instruction, or of one at which nothing has changed yet.
    pub offset: u64,
    /// Offsets in the file of its RET instructions. Go only, where a return probe would break the
    /// program; empty elsewhere.
    pub returns: Vec<u64>,
}

/// A function that a probe is put on.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Function {
    /// `SSL_read`
    SslRead,
    /// `SSL_read_ex`
    SslReadEx,
    /// `SSL_read_early_data`
    SslReadEarlyData,
    /// `SSL_write`
    SslWrite,
    /// `SSL_write_ex`
    SslWriteEx,
    /// `SSL_write_ex2`, which since OpenSSL 3.3 takes flags before the place for the size
    SslWriteEx2,
    /// `SSL_write_early_data`
    SslWriteEarlyData,
    /// `SSL_sendfile`
    SslSendfile,
    /// `SSL_free`
    SslFree,
    /// `SSL_do_handshake`
    SslDoHandshake,
    /// `SSL_connect`
    SslConnect,
    /// `SSL_accept`
    SslAccept,
    /// `BIO_write`, which `libcrypto` has
    BioWrite,
    /// `BIO_write_ex`
    BioWriteEx,
    /// `gnutls_record_recv`, `gnutls_record_recv_seq`
    GnutlsRecordRecv,
    /// `gnutls_record_send`, `gnutls_record_send2`, `gnutls_record_send_early_data`
    GnutlsRecordSend,
    /// `gnutls_record_recv_early_data`
    GnutlsRecordRecvEarlyData,
    /// `gnutls_deinit`
    GnutlsDeinit,
    /// `PR_Read`
    PrRead,
    /// `PR_Recv`
    PrRecv,
    /// `PR_Write`
    PrWrite,
    /// `PR_Send`
    PrSend,
    /// `PR_Close`
    PrClose,
    /// `crypto/tls.(*Conn).Read`
    GoRead,
    /// `crypto/tls.(*Conn).Write`
    GoWrite,
    /// `crypto/tls.(*Conn).Close`
    GoClose,
    /// `CommonState::send_appdata_encrypt` of rustls 0.23
    RustlsSend,
    /// `CommonState::send_some_plaintext` of rustls 0.21 and 0.22
    RustlsSendSlice,
    /// `CommonState::take_received_plaintext` of rustls 0.23
    RustlsTake,
    /// `<ExpectTraffic as State>::handle` of rustls 0.21 and 0.22
    RustlsHandle,
    /// `ChunkVecBuffer::write_to`, which calls the socket
    RustlsWriteTo,
    /// `drop_in_place::<ChunkVecBuffer>`
    RustlsDrop,
}

/// How functions were found.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum How {
    /// By their names.
    Symbols,
    /// By Go's table of functions, which every Go program carries.
    Pclntab,
    /// By their code, as their names were taken out.
    Signature,
}

/// TLS that cannot be read.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Opaque {
    /// Its texts are there; its functions were not found, or it is a version that is not known.
    Rustls,
    /// Its texts are there, its functions were not found.
    OpenSsl,
    /// Its texts are there, its functions were not found.
    BoringSsl,
    /// Before Go 1.17, which passes arguments in registers.
    GoTooOld,
    /// Its functions are there, their code was not understood.
    Go,
}

impl Found {
    /// Whether its functions carry TLS: `libcrypto` alone only has the buffers below it.
    pub fn has_tls(&self) -> bool {
        let is_buffers =
            |point: &Point| matches!(point.function, Function::BioWrite | Function::BioWriteEx);
        !self.points.iter().all(is_buffers)
    }
}

impl From<Found> for Examined {
    fn from(found: Found) -> Self {
        Self { found: Some(found), ..Self::default() }
    }
}

impl From<Opaque> for Examined {
    fn from(opaque: Opaque) -> Self {
        Self { opaque: Some(opaque), ..Self::default() }
    }
}

impl fmt::Display for How {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Symbols => "symbols",
            Self::Pclntab => "pclntab",
            Self::Signature => "signature",
        })
    }
}

impl fmt::Display for Opaque {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Rustls => "rustls",
            Self::OpenSsl => "OpenSSL, stripped",
            Self::BoringSsl => "BoringSSL, stripped",
            Self::GoTooOld => "Go before 1.17",
            Self::Go => "Go, not understood",
        })
    }
}
