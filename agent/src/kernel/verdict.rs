//! Verdicts, written into memory that the kernel side reads.
//!
//! In: decisions of the pipeline. Out: slots of the map `VERDICTS`, by plain atomic stores.
//! Always: a slot names its connection, so a collision can delay a verdict and never misdirect it;
//! `conn` sends a verdict again when it sees that it had no effect.
//! Not here: deciding (`pipeline::tracker`).

use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use earwitness_common::settings::{VERDICT_BITS, VERDICT_SLOTS, Verdict};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use crate::model::sample::ConnId;

/// The shared slots.
pub struct Verdicts {
    slots: NonNull<AtomicU64>,
    bytes: NonZeroUsize,
}

// SAFETY: the memory is shared with the kernel and only touched by atomic operations.
unsafe impl Send for Verdicts {}
// SAFETY: as above.
unsafe impl Sync for Verdicts {}

impl Verdicts {
    /// Maps the slots of the map behind `fd`.
    ///
    /// # Errors
    /// What `mmap` says.
    pub fn map(fd: impl AsFd) -> nix::Result<Self> {
        let bytes =
            NonZeroUsize::MIN.saturating_add(VERDICT_SLOTS as usize * size_of::<AtomicU64>() - 1);
        // SAFETY: a new shared mapping of a map that was made mappable, of exactly its size; the
        // kernel keeps the memory for as long as it is mapped.
        let slots = unsafe {
            mmap(
                None,
                bytes,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
                fd,
                0,
            )?
        };
        Ok(Self { slots: slots.cast(), bytes })
    }

    /// Tells the kernel side what to do with a connection from its next call on.
    pub fn set(&self, conn: ConnId, verdict: Verdict) {
        let slot = (conn.0 % u64::from(VERDICT_SLOTS)) as usize;
        let value = conn.0 << VERDICT_BITS | verdict as u64;
        // SAFETY: `slot` is below the number of slots that are mapped.
        unsafe { self.slots.add(slot).as_ref() }.store(value, Ordering::Release);
    }
}

impl Drop for Verdicts {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `map`, whole, and no reference outlives `self`.
        let _ = unsafe { munmap(self.slots.cast(), self.bytes.get()) };
    }
}
