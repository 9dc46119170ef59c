//! Earwitness as a library: everything but the command line's entry.
//!
//! In: the kernel's samples or a capture file. Out: records, and a journal of them.
//! Always: modules use lower layers only (ARCHITECTURE.md has the list; `cargo xtask tidy` checks).

pub mod kernel;
pub mod model;
pub mod protocol;
