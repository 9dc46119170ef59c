//! What can be wrong with a capture file.
//!
//! In: errors of the operating system, bytes that make no sense. Out: `CaptureError`.
//! Always: the text says where in the file.
//! Not here: a tail that was cut off, which is no error (`Reader::tail_bytes`).

use std::io;
use std::path::PathBuf;

use super::MOST_BYTES;
use super::text::TextError;

/// Why a capture file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// It could not be made.
    #[error("cannot create {}: {error}", path.display())]
    Create {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is there already.
    #[error("{} exists\nhint: give another name, or allow it to be overwritten", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// It could not be opened.
    #[error("cannot open {}: {error}", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Writing to it.
    #[error("cannot write the capture: {0}")]
    Write(io::Error),
    /// Reading from it.
    #[error("cannot read the capture: {0}")]
    Read(io::Error),
    /// Neither a capture file nor text.
    #[error(
        "this is no capture file of a version that this earwitness reads\n\
         hint: `earwitness record FILE` makes one"
    )]
    NotACapture,
    /// The header is not what it should be.
    #[error("the capture's header makes no sense: {0}")]
    Header(String),
    /// Longer than any entry is.
    #[error("entry at byte {at} claims {len_bytes} bytes; none has more than {MOST_BYTES}")]
    Length {
        /// Where in the file.
        at: u64,
        /// What it claims.
        len_bytes: u64,
    },
    /// Of another version.
    #[error(
        "entry at byte {at} has the unknown kind {kind}\n\
         hint: a newer earwitness wrote this capture; read it with that one"
    )]
    Kind {
        /// Where in the file.
        at: u64,
        /// What it says.
        kind: u8,
    },
    /// Not what its kind promises.
    #[error("entry at byte {at} makes no sense: {text}")]
    Content {
        /// Where in the file.
        at: u64,
        /// What is wrong.
        text: String,
    },
    /// A mistake in a capture written by hand.
    #[error(transparent)]
    Text(#[from] TextError),
}
