//! Sockets: which there are (`table`), what system calls move (`calls`), when TCP begins and ends
//! (`tcp`).
//!
//! In: programs' contexts. Out: samples (`emit`). Always: see each file.
//! Not here: processes (`process`), reading kernel memory (`kernel`).

pub mod calls;
pub mod copy;
mod quiet;
pub mod table;
pub mod tcp;
