//! Counting what is lost.
//!
//! In: a `KernelLoss` and how many bytes it concerned. Out: per-CPU counters.
//! Always: never fails.
//! Not here: what the counters mean (`earwitness_common::loss`).

use earwitness_common::loss::KernelLoss;

use crate::maps::LOSSES;

/// Counts one event of that kind.
#[inline(always)]
pub fn count(loss: KernelLoss, bytes: u64) {
    if let Some(counter) = LOSSES.get_ptr_mut(loss as u32) {
        // SAFETY: this CPU's own element; an interrupt in between can lose one count of its own
        // kind at most, which is why user space also reads the programs' miss counters.
        unsafe {
            (*counter).events += 1;
            (*counter).bytes += bytes;
        }
    }
}
