//! Seals: what makes a journal show that it was touched.
//!
//! In: lines, in order. Out: a Merkle tree's tiles and signed checkpoints beside the journal; keys.
//! Always: the formats of C2SP, so that tools nobody here wrote can check them (`deploy/verify/FORMAT.md`).
//! Not here: lines and their files (`journal`), checking (`verify`, which shares no code with this).
//!
//! ```text
//! journal::store ── durable lines ──▶ sealer ── tree ──▶ tiles
//!                                       └── note, key ──▶ checkpoint
//! ```

mod epoch;
mod error;
pub mod file;
mod key;
mod note;
mod sealer;
mod tree;

pub use epoch::Handover;
pub use error::SealError;
pub use key::SigningKey;
pub use sealer::{Found, Sealer};
pub use tree::path as tile_path;

/// A file of this name in the key directory asks for another epoch key; it is removed when that is heeded.
pub const WISH: &str = "rotate";
