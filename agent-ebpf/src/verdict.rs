//! What user space has decided of a connection, and how much of a turn that lets through.
//!
//! In: `VERDICTS`, which user space writes. Out: verdicts, budgets.
//! Always: `Ignore` is for good; a slot that another connection has taken says nothing.
//! Not here: what is done with the bytes (`socket::copy`, `tls::copy`), deciding (`earwitness::pipeline`).

use earwitness_common::{
    connection::Connection,
    settings::{Settings, VERDICT_BITS, VERDICT_SLOTS, Verdict},
};

use crate::maps::VERDICTS;

/// Without limit. A verdict that comes in the middle of a call lifts the budget above any other.
pub const ALL_BYTES: u64 = u64::MAX;

/// What user space has decided, as far as it has.
#[inline(always)]
pub fn of(connection: &mut Connection) -> u8 {
    if connection.verdict == Verdict::Ignore as u8 {
        // For good.
        return connection.verdict;
    }
    if let Some(verdict) = decided(connection.conn) {
        connection.verdict = verdict;
    }
    connection.verdict
}

/// Whether user space wants every byte of a connection by now.
#[inline(always)]
pub fn is_full(conn: u64) -> bool {
    decided(conn) == Some(FULL)
}

/// How much of a turn is wanted. While nothing is decided, as much as the ring has room for.
#[inline(always)]
pub fn turn_bytes(settings: &Settings, verdict: u8) -> u64 {
    match verdict {
        FULL => ALL_BYTES,
        UNDECIDED => UNDECIDED_BYTES,
        _ => u64::from(settings.turn_budget_bytes),
    }
}

#[inline(always)]
fn decided(conn: u64) -> Option<u8> {
    let value = VERDICTS.get_ptr(conn as u32 & (VERDICT_SLOTS - 1))?;
    // SAFETY: an aligned element that user space writes by atomic stores.
    let value = unsafe { core::ptr::read_volatile(value) };
    (value >> VERDICT_BITS == conn).then_some((value & ((1 << VERDICT_BITS) - 1)) as u8)
}

/// Budget of a turn while nothing is decided: the ring limits a burst, this a stream that never turns.
const UNDECIDED_BYTES: u64 = 64 << 20;
const FULL: u8 = Verdict::Full as u8;
const UNDECIDED: u8 = Verdict::Undecided as u8;
