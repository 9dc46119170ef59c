//! Capture files: the stream of samples as the kernel gave it.
//!
//! In: samples, processes, losses (`Writer`), or such a file again (`Reader`). Out: the same,
//! in order, so that a replay gives the records that the daemon gave.
//! Always: a file is made for its owner alone, since nothing in it is redacted; any bytes can be
//! read without a panic; a tail that was cut off is told, and what is before it counts.
//! Not here: what samples mean (`model::sample`), asking `/proc` for a process (`discover`).
//!
//! ```text
//! file   = "EARWCAP1" length header entry*       header: JSON, see `Header`
//! entry  = length kind content                   length: u32, little-endian, of kind and content
//! kind   = 1  a sample, as `earwitness_common::sample` lays it out
//!        | 2  a process, JSON: it holds for samples after it, until the next one of that pid
//!        | 3  a loss that the kernel side counted, JSON
//!        | 128..=255  may be skipped by a reader that does not know it; any other may not
//! ```
//! A file that begins otherwise is read as text, written by hand: see `text`.

mod entry;
mod error;
mod header;
mod reader;
pub mod text;
mod writer;

pub use entry::Entry;
pub use error::CaptureError;
pub use header::Header;
pub use reader::Reader;
pub use writer::{IfExists, Writer};

/// First bytes of a capture file; the last one is the version.
pub const MAGIC: &[u8; 8] = b"EARWCAP1";

/// Longest entry, in bytes.
pub const MOST_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests;
