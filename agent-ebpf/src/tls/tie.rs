//! Which socket carries which TLS stream.
//!
//! In: socket calls (`socket::calls`), TLS calls under way, records in memory buffers.
//! Out: streams tied to sockets (`stream::bind`).
//! Always: tied by fact only: the socket call happened inside the TLS call, on the same stack; or the
//! socket sent the very record that the TLS object had written into a memory buffer. Once tied,
//! neither is looked for again. Not here: reading plaintext.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_probe_read_user};
use earwitness_common::{
    connection::{CARRIES, Connection, RENEWED, SEEKS},
    sample::{TIED_CALL, TIED_CIPHERTEXT},
    settings::Settings,
    tls::{MARK_BYTES, QUEUED},
};

use super::{
    calls::{self, Calls, read},
    go, stream,
};
use crate::maps::TLS_MARKS;

/// Most records at the front of a write that are too short to be told from others.
const SHORT_RECORDS: u32 = 3;
/// Head of a TLS record.
const HEAD_BYTES: u64 = 5;

/// Whether a process may be in a TLS call, so that its socket calls have to be looked at.
#[inline(always)]
pub fn may_tie(settings: &Settings, tgid: u32) -> bool {
    settings.tls != 0 && calls::is_user(tgid)
}

/// Whether it is still open what a socket's bytes are, for this process: a child goes on with a copy
/// of what its parent began.
#[inline(always)]
pub fn is_open(socket: &Connection, tgid: u32) -> bool {
    use earwitness_common::settings::Verdict;
    if socket.flags & CARRIES != 0 {
        return socket.flags & (SEEKS | RENEWED) != 0 || socket.socket_conn != u64::from(tgid);
    }
    socket.verdict == Verdict::Undecided as u8 || socket.verdict == Verdict::Tls as u8
}

/// A socket call: the TLS call that it happens in, if any, is about this socket. `sp` and `goroutine`
/// are registers of the caller.
#[inline(never)]
pub fn by_call(settings: &Settings, socket: &mut Connection, sp: u64, goroutine: u64) {
    let pid_tgid = bpf_get_current_pid_tgid();
    if let Some(calls) = calls::known(pid_tgid, 0)
        && calls.holds(sp)
    {
        tie(settings, calls, socket);
        return;
    }
    if let Some(calls) = calls::known(goroutine, pid_tgid >> 32)
        && calls.holds(go::place(sp, go::stack_end(goroutine)))
    {
        tie(settings, calls, socket);
    }
}

#[inline(always)]
fn tie(settings: &Settings, calls: &Calls, socket: &mut Connection) {
    let Some(outer) = stream::find(&calls.top.object) else {
        return;
    };
    if read(&calls.top.cookie) & QUEUED != 0 {
        stream::leave_other(outer, socket);
    }
    stream::bind(settings, outer, socket, TIED_CALL);
    if socket.flags & SEEKS != 0 {
        socket.flags &= !SEEKS;
        if let Some(inner) = stream::find(&calls.under.object) {
            stream::bind_within(settings, inner, outer, socket, TIED_CALL);
        }
    }
}

/// A TLS library writes a record into a buffer.
#[inline(never)]
pub fn remember(calls: &mut Calls) {
    let sp = read(&calls.next.sp);
    if !calls.holds(sp) {
        return;
    }
    if let Some(stream) = stream::find(&calls.top.object)
        && stream::socket(stream).is_some()
    {
        return;
    }
    let (buffer, size) = (read(&calls.next.buffer), read(&calls.next.size) as u32);
    if mark(&mut calls.mark, buffer, u64::from(size)) {
        let _ = TLS_MARKS.insert(&calls.mark, &calls.top.object, 0);
    }
}

/// A socket has sent something: it may be what a TLS object has written into a buffer.
#[inline(never)]
pub fn by_ciphertext(settings: &Settings, socket: &mut Connection, buffer: u64, size: u64) {
    let mut bytes = [0; MARK_BYTES];
    if !mark(&mut bytes, buffer, size) {
        return;
    }
    let Some(object) = TLS_MARKS.get_ptr(&bytes) else {
        return;
    };
    // SAFETY: a live map element, read only.
    let object = unsafe { &*object };
    if let Some(stream) = stream::find(object) {
        stream::bind(settings, stream, socket, TIED_CIPHERTEXT);
    }
    let _ = TLS_MARKS.remove(&bytes);
}

/// Reads the beginning of the first long record. Returns whether there is one.
#[inline(always)]
fn mark(bytes: &mut [u8; MARK_BYTES], mut from: u64, mut left: u64) -> bool {
    for _ in 0..SHORT_RECORDS {
        if left < MARK_BYTES as u64 {
            return false;
        }
        // SAFETY: the helper checks the address and copies into the array.
        let read = unsafe {
            bpf_probe_read_user(
                (&raw mut *bytes).cast(),
                MARK_BYTES as u32,
                from as *const core::ffi::c_void,
            )
        };
        let [kind, major, minor, high, low, ..] = *bytes;
        if read != 0 || !matches!(kind, 0x14..=0x17) || major != 3 || minor > 4 {
            return false;
        }
        let record = HEAD_BYTES + (u64::from(high) << 8 | u64::from(low));
        if record >= MARK_BYTES as u64 {
            return true;
        }
        from = from.wrapping_add(record);
        left = left.wrapping_sub(record);
    }
    false
}
