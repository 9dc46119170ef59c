//! Where TCP connections begin and end.
//!
//! In: `inet_sock_set_state` and `tcp_destroy_sock`. Out: entries in the table, opens, ends, closes.
//! Always: an entry is made before any byte can move, so positions count from the stream's start,
//! and lives until the sock is destroyed: a sock in state CLOSE may still hold unread bytes.
//! A client's end is announced when it is established: its owner is known before the server sees
//! the first byte. These run in soft interrupts too, where the running task means nothing.
//! Not here: unix sockets (`calls`).

use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use earwitness_common::{
    connection::{ANNOUNCED, Connection, FILTERED},
    sample::{EGRESS, ROLE_ACCEPTED, ROLE_CONNECTED},
    settings::{Settings, Verdict},
};

use super::table;
use crate::{
    emit,
    maps::{SETTINGS, SOCKETS},
};

const TCP_ESTABLISHED: i32 = 1;
const TCP_SYN_SENT: i32 = 2;
const TCP_SYN_RECV: i32 = 3;
const TCP_FIN_WAIT1: i32 = 4;
const TCP_LAST_ACK: i32 = 9;

/// `tp_btf/inet_sock_set_state`.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    let sk: *const u8 = ctx.arg(0);
    let old: i32 = ctx.arg(1);
    let new: i32 = ctx.arg(2);
    let Some(settings) = SETTINGS.get(0) else {
        return 0;
    };
    if settings.enabled == 0 {
        return 0;
    }
    #[cfg(feature = "debug-log")]
    aya_log_ebpf::debug!(&ctx, "tcp state {} to {}", old, new);
    match (old, new) {
        (_, TCP_SYN_SENT) => connecting(settings, sk),
        (TCP_SYN_SENT, TCP_ESTABLISHED) => connected(settings, sk),
        (TCP_SYN_RECV, TCP_ESTABLISHED) => table::create_tcp(settings, sk, ROLE_ACCEPTED, false),
        (_, TCP_FIN_WAIT1 | TCP_LAST_ACK) => finished(settings, sk),
        _ => {}
    }
    0
}

/// `tp_btf/tcp_destroy_sock`.
#[btf_tracepoint(function = "tcp_destroy_sock")]
pub fn tcp_destroy_sock(ctx: BtfTracePointContext) -> i32 {
    let sk: *const u8 = ctx.arg(0);
    let key = sk as u64;
    let Some(entry) = SOCKETS.get_ptr(&key) else {
        return 0;
    };
    // SAFETY: a live map element, read only.
    let connection = unsafe { &*entry };
    if let Some(settings) = SETTINGS.get(0)
        && settings.enabled != 0
        && connection.flags & ANNOUNCED != 0
    {
        // What a filter leaves out is told as if nothing had moved: nothing is missing.
        emit::close(settings, connection, connection.flags & FILTERED == 0);
    }
    let _ = SOCKETS.remove(&key);
    0
}

/// In the client's own `connect`, so the running task is the owner.
#[inline(always)]
fn connecting(settings: &Settings, sk: *const u8) {
    if (bpf_get_current_pid_tgid() >> 32) as u32 != settings.agent_tgid {
        table::create_tcp(settings, sk, ROLE_CONNECTED, true);
    }
}

/// The addresses are complete now.
#[inline(always)]
fn connected(settings: &Settings, sk: *const u8) {
    if let Some(connection) = of(sk) {
        // The kernel has chosen the local port by now.
        connection.shard = table::tcp_shard(settings, sk, connection.family);
        emit::open(settings, connection, sk as u64);
    }
}

/// FIN is on its way: nothing more leaves.
#[inline(always)]
fn finished(settings: &Settings, sk: *const u8) {
    if let Some(connection) = of(sk)
        && connection.flags & ANNOUNCED != 0
        && connection.flags & FILTERED == 0
        && connection.verdict != Verdict::Ignore as u8
    {
        emit::end(settings, connection, EGRESS);
    }
}

#[inline(always)]
fn of(sk: *const u8) -> Option<&'static mut Connection> {
    let entry = SOCKETS.get_ptr_mut(&(sk as u64))?;
    // SAFETY: a live map element.
    Some(unsafe { &mut *entry })
}
