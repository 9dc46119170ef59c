//! What this host is and what runs on it: processes, executables, users, control groups.
//!
//! In: `/proc`, the host's user database, process events of the kernel side. Out: the `Process`
//! behind a sample, the host's identity, `[capture]` rules as the kernel side compares them.
//! Always: unknown is `None`, never a guess; every table is bounded; a process that looks while it
//! goes away is no error.
//! Not here: who was a peer of whom (`conn`), containers, what a rule means to a person (`config`).
//!
//! ```text
//! process events ──▶ process ──▶ Arc<Process> of a sample's tgid and uid
//!                      ├── procfs (what /proc says now)
//!                      ├── executable (what execve was given, when /proc is too late)
//!                      └── users (names)
//! maps ──▶ binary (where a file has its TLS functions) ──▶ tls
//! [capture] ──▶ rules ──▶ Rule      io_uring, sockets, tls: looks that the daemon and doctor take
//! ```

pub mod binary;
pub(crate) mod cgroup;
pub(crate) mod executable;
pub(crate) mod host;
pub(crate) mod io_uring;
pub mod maps;
mod mounts;
mod process;
mod procfs;
pub(crate) mod rules;
pub(crate) mod sockets;
pub(crate) mod tls;
mod users;

pub use process::Processes;
pub use procfs::ProcFs;
