//! Earwitness as a library: everything but the command line's entry.
//!
//! In: the kernel's samples or a capture file. Out: records, and a journal of them.
//! Always: modules use lower layers only (ARCHITECTURE.md has the list; `cargo xtask tidy` checks).

pub mod audit;
pub mod capture;
pub mod cli;
pub mod config;
pub mod conn;
pub mod daemon;
pub mod discover;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod journal;
pub mod kernel;
pub mod model;
pub mod pipeline;
pub mod protocol;
