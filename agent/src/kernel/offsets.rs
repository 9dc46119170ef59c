//! The offsets that the kernel side reads with, looked up in the running kernel.
//!
//! In: `/sys/kernel/btf/vmlinux`. Out: `Offsets` as bytes for the object's read-only data.
//! Always: every missing member is named at once.
//! Not here: the list (`earwitness_common::offsets`).

use earwitness_common::offsets::Offsets;
use zerocopy::{FromBytes, IntoBytes};

use super::btf::{Btf, BtfError};

/// Looks every offset up.
///
/// # Errors
/// All look-ups that failed, so that one message tells everything that is missing.
pub fn look_up(btf: &Btf<'_>) -> Result<Offsets, Vec<BtfError>> {
    let mut words = Vec::with_capacity(Offsets::SOURCES.len());
    let mut missing = Vec::new();
    for (structure, member) in Offsets::SOURCES {
        match btf.offset(structure, member) {
            Ok(offset) => words.push(offset),
            Err(error) => missing.push(error),
        }
    }
    // The sizes agree by the assertion beside the list.
    match Offsets::read_from_bytes(words.as_bytes()) {
        Ok(offsets) if missing.is_empty() => Ok(offsets),
        _ => Err(missing),
    }
}
