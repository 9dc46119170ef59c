//! A shortcut for connections of which nothing is wanted.
//!
//! In: TCP socks whose connection is ignored for good, or filtered out under the rules in force.
//! Out: whether a call on a sock can be passed over. Always: a sock is forgotten when a new connection
//! begins on it, and all of them when the rules change; two that share a slot only cost time.
//! Not here: unix socks, whose end is not seen (`table` tells them from their successors).

use earwitness_common::settings::Settings;

use super::mix;
use crate::maps::{QUIET, QUIET_SLOTS};

/// Whether nothing is wanted of this sock.
#[inline(always)]
pub fn is_quiet(settings: &Settings, sk: u64) -> bool {
    // SAFETY: an aligned element of an array map.
    slot(sk).is_some_and(|slot| unsafe { core::ptr::read_volatile(slot) } == mark(settings, sk))
}

/// Nothing is wanted of this sock until the rules change or a new connection begins on it.
#[inline(always)]
pub fn hush(settings: &Settings, sk: u64) {
    write(sk, mark(settings, sk));
}

/// A new connection begins on this sock.
#[inline(always)]
pub fn listen(sk: u64) {
    write(sk, 0);
}

fn mark(settings: &Settings, sk: u64) -> u64 {
    sk.wrapping_add(u64::from(settings.rules_epoch))
}

#[inline(always)]
fn write(sk: u64, value: u64) {
    if let Some(slot) = slot(sk) {
        // SAFETY: as above.
        unsafe { core::ptr::write_volatile(slot, value) };
    }
}

#[inline(always)]
fn slot(sk: u64) -> Option<*mut u64> {
    // The low bits of slab addresses are alike.
    let hash = mix(sk >> 6) >> 32;
    QUIET.get_ptr_mut(hash as u32 & (QUIET_SLOTS - 1))
}
