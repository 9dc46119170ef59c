//! Sockets: which there are (`table`), of which nothing is wanted (`quiet`), what system calls move
//! (`calls`), how it lies in user memory (`message`), how it becomes samples (`copy`), when TCP begins
//! and ends (`tcp`), UDP datagrams that open QUIC connections (`datagram`).
//!
//! In: programs' contexts. Out: samples (`emit`). Always: see each file.
//! Not here: processes (`process`), reading kernel memory (`kernel`).

pub mod calls;
pub mod copy;
pub mod datagram;
pub mod message;
pub mod quiet;
pub mod table;
pub mod tcp;

/// Spreads keys that are alike over all 64 bits; the high ones are the best (Fibonacci hashing).
#[inline(always)]
fn mix(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
