//! Earwitness as a library: everything but the command line's entry.
//!
//! In: the kernel's samples or a capture file. Out: records, and a journal of them.
//! Always: modules use lower layers only (ARCHITECTURE.md has the list; `cargo xtask tidy` checks). Public
//! is what the program, the benchmarks and the fuzz targets use: of the rest the compiler finds what is dead.

pub mod audit;
mod capture;
#[cfg(test)]
mod cases;
pub mod cli;
mod config;
mod conn;
mod daemon;
pub mod discover;
pub mod export;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod journal;
pub mod kernel;
mod keys;
pub mod model;
pub mod pipeline;
pub mod protocol;
mod seal;
pub mod sink;
