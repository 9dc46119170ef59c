//! Names of everything the kernel side can lose, one counter pair each.
//!
//! In: nothing. Out: indices into the per-CPU counter map `LOSSES`.
//! Always: a name is never reused for another meaning; user space adds its own names on top.
//! Not here: the text of a `loss` record (`earwitness::model::loss`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Why the kernel side did not deliver something. Index into the counter map.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KernelLoss {
    /// The ring buffer had no room for the sample.
    RingFull = 0,
    /// User memory could not be read without a page fault.
    Fault = 1,
    /// The socket table had no room for another connection.
    MapFull = 2,
    /// A 32-bit system call; its arguments are not decoded.
    CompatSyscall = 3,
    /// More vectors or messages in one call than the program walks through.
    IovLimit = 4,
    /// A process event (exec, exit, fork, code mapped, io_uring) found no room in the ring buffer.
    ProcessRingFull = 5,
    /// The table of TLS streams, or of calls under way, had no room.
    TlsMapFull = 6,
    /// The return of a TLS call could not be matched with its beginning.
    TlsReturn = 7,
}

impl KernelLoss {
    /// All of them, each at its index.
    pub const ALL: [Self; 8] = [
        Self::RingFull,
        Self::Fault,
        Self::MapFull,
        Self::CompatSyscall,
        Self::IovLimit,
        Self::ProcessRingFull,
        Self::TlsMapFull,
        Self::TlsReturn,
    ];

    /// How many counters the map holds.
    pub const COUNT: u32 = Self::ALL.len() as u32;
}

/// One per-CPU counter: how often, and how many bytes were concerned.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct LossCount {
    /// Samples or calls lost.
    pub events: u64,
    /// Bytes those would have carried, 0 where unknown.
    pub bytes: u64,
}
const _: () = assert!(size_of::<LossCount>() == 16);
