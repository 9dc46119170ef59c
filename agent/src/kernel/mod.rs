//! The border to the kernel: loading, attaching, rings, verdicts, counters.
//!
//! In: the embedded object, the running kernel's BTF. Out: `Sample` bytes, loss counters.
//! Always: all `unsafe` of the agent lives here, each block with its reason; a kernel that lacks
//! something gives an error that names it, never a wrong read.
//! Not here: what samples mean (`pipeline`, `protocol`).
#![expect(
    unsafe_code,
    reason = "shared memory with the kernel; each block says who guarantees what"
)]

pub mod bpf;
pub(crate) mod btf;
mod cast;
pub(crate) mod counters;
pub(crate) mod load;
pub(crate) mod offsets;
pub(crate) mod ring;
pub(crate) mod sched;
mod syscalls;
pub(crate) mod uprobes;
pub(crate) mod verdict;
