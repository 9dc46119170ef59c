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
pub mod function;
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

pub use function::Function;

use crate::model::tls::TlsLibrary;
use function::Group;
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
        self.points.iter().any(|point| point.function.row().group != Group::Buffers)
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
