//! The kernel side of the agent.
//!
//! In: system call exits, TCP state changes, process events, calls of TLS libraries. Out: samples in the
//! ring buffers, loss counters. Always: changes nothing about what it watches; knows no HTTP; every slot
//! that is reserved is submitted or discarded; the panic handler is an endless loop, so the verifier
//! refuses a program that could panic.
//! Not here: decisions about protocols (user space writes verdicts back), layouts
//! (`earwitness_common`).
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod emit;
mod filter;
mod kernel;
mod loss;
mod maps;
mod process;
mod socket;
mod tls;
mod verdict;

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

// Helpers that read kernel memory are for GPL-compatible programs; the licence string is the
// kernel's term for it, the source is under the terms of the LICENSE files.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
