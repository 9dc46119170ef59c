//! From plaintext in user memory to samples of a stream.
//!
//! In: a stream, a direction, where the plaintext lies. Out: data samples.
//! Always: as `socket::copy`: positions advance by what moved, and what is not captured is told with
//! its length or counted. Unlike there, everything lies in the stream's cursor and each
//! function is small: see `tls`.
//! Not here: vectors, of which TLS libraries have none that matter.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::BPF_RB_FORCE_WAKEUP,
    helpers::{
        bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_ktime_get_ns, generated::bpf_loop,
    },
};
use earwitness_common::{
    connection::{ANNOUNCED, Connection, Cursor, FILTERED},
    loss::KernelLoss,
    sample::{
        DATA_CALL_START, DATA_TURN_START, DataHead, GAP_FAULT, GAP_NONE, GAP_OVER_LIMIT, INGRESS,
        KIND_DATA,
    },
    settings::Verdict,
};

use super::{
    calls::{read, write},
    stream,
};
use crate::{
    emit::{self, Slot},
    loss,
    maps::{Ring, SETTINGS},
    socket::copy::{PIECE_BYTES, STEPS},
    verdict::{self, ALL_BYTES},
};

/// What a call may have in any case if its direction has paused: where the answer came before a long
/// body was over, the next head follows in the same turn.
const AFTER_PAUSE_BYTES: u64 = 16_384;
/// A call that moves so much has the reader woken.
const LARGE_BYTES: u64 = 1 << 20;
/// How much more of a turn is wanted than of a socket's: programs encrypt a whole body in one call.
const LARGER: u64 = 2;
/// A pause.
const PAUSE_NS: u64 = 100_000;

const IGNORE: u8 = Verdict::Ignore as u8;
const TLS: u8 = Verdict::Tls as u8;

/// Plaintext has moved: `total_bytes` of it, from or to `from`.
#[inline(always)]
pub fn moved(stream: &mut Connection, direction: u8, from: u64, total_bytes: u64) {
    if let Some(cursor) = prepare(stream, direction, from, total_bytes) {
        tell(cursor);
    }
}

/// Plaintext has moved that cannot be read.
#[inline(always)]
pub fn unseen(stream: &mut Connection, direction: u8, total_bytes: u64, reason: u8) {
    if let Some(cursor) = prepare(stream, direction, 0, total_bytes)
        && !gap(cursor, reason)
    {
        loss::count(KernelLoss::RingFull, total_bytes);
    }
}

/// Advances the stream. `None`: nothing is to be written.
#[inline(never)]
fn prepare(
    stream: &mut Connection,
    direction: u8,
    from: u64,
    total_bytes: u64,
) -> Option<&'static mut Cursor> {
    let turned = stream.last_direction != direction;
    stream.last_direction = direction;
    let cursor: *mut Cursor = if direction == INGRESS {
        if turned {
            stream.ingress_used = 0;
        }
        &raw mut stream.ingress_cursor
    } else {
        if turned {
            stream.egress_used = 0;
        }
        &raw mut stream.egress_cursor
    };
    // SAFETY: inside a live map element; one call of one direction at a time uses it.
    let cursor = unsafe { &mut *cursor };
    write(&mut cursor.from, from);
    write(&mut cursor.left_bytes, total_bytes);
    write(&mut cursor.direction, u64::from(direction));
    write(&mut cursor.conn, stream.conn);
    write(&mut cursor.shard, u64::from(stream.shard));
    // A whole write, and no socket yet: user space has to see to it (`daemon::tls`). Or much at a
    // time: it should know whether all of it is wanted before the budget is used up.
    let is_unplaced = direction != INGRESS && stream.sock == 0;
    write(&mut cursor.urgent, u64::from(is_unplaced || total_bytes > LARGE_BYTES));
    let flags = DATA_CALL_START | if turned { DATA_TURN_START } else { 0 };
    write(&mut cursor.flags, u64::from(flags));
    advance(stream, cursor);
    // How long it has paused, for the moment. SAFETY: a helper without pointers.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    let paused_ns = now_ns.wrapping_sub(read(&cursor.time_ns));
    write(&mut cursor.turn_bytes, paused_ns);
    write(&mut cursor.time_ns, now_ns);
    if !is_wanted(stream, cursor) {
        return None;
    }
    cursor.tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    cursor.uid = bpf_get_current_uid_gid() as u32;
    Some(cursor)
}

#[inline(always)]
fn advance(stream: &mut Connection, cursor: &mut Cursor) {
    let bytes = read(&cursor.left_bytes);
    let (position, used) = if read(&cursor.direction) == u64::from(INGRESS) {
        (&mut stream.ingress_bytes, &mut stream.ingress_used)
    } else {
        (&mut stream.egress_bytes, &mut stream.egress_used)
    };
    write(&mut cursor.pos_bytes, *position);
    *position += bytes;
    // What the turn had before, for the moment.
    write(&mut cursor.budget_bytes, u64::from(*used));
    *used = used.saturating_add(if bytes > u64::from(u32::MAX) { u32::MAX } else { bytes as u32 });
}

/// Whether anything of the stream is wanted, and how much.
#[inline(always)]
fn is_wanted(stream: &mut Connection, cursor: &mut Cursor) -> bool {
    let Some(settings) = SETTINGS.get(0) else {
        return false;
    };
    if !is_watched(stream) {
        return false;
    }
    if stream.flags & ANNOUNCED == 0 && !stream::announce(stream) {
        loss::count(KernelLoss::RingFull, read(&cursor.left_bytes));
        return false;
    }
    let verdict = verdict::of(stream);
    if matches!(verdict, IGNORE | TLS) {
        return false;
    }
    let turn_bytes = verdict::turn_bytes(settings, verdict).saturating_mul(LARGER);
    let mut budget = turn_bytes.saturating_sub(read(&cursor.budget_bytes));
    if budget < AFTER_PAUSE_BYTES && read(&cursor.turn_bytes) > PAUSE_NS {
        budget = AFTER_PAUSE_BYTES;
    }
    write(&mut cursor.budget_bytes, budget);
    true
}

/// The filters have been asked for the socket. While there is none, user space keeps what comes.
#[inline(always)]
fn is_watched(stream: &Connection) -> bool {
    stream::socket(stream).is_none_or(|socket| socket.flags & FILTERED == 0)
}

/// Tells the bytes, piece by piece. Most calls are done in one.
#[inline(never)]
fn tell(cursor: &mut Cursor) {
    if step(cursor) {
        return;
    }
    let mut cursor: *mut Cursor = cursor;
    // SAFETY: the callback has the signature that the helper expects and gets its own type back.
    unsafe {
        bpf_loop(STEPS, again as *mut c_void, (&raw mut cursor).cast(), 0);
    }
}

extern "C" fn again(_index: u64, cursor: *mut c_void) -> u64 {
    // SAFETY: what `tell` gave to the helper.
    u64::from(step(unsafe { &mut **cursor.cast::<*mut Cursor>() }))
}

/// Returns whether everything has been told.
#[inline(always)]
fn step(cursor: &mut Cursor) -> bool {
    let mut take = read(&cursor.left_bytes);
    if take == 0 {
        return true;
    }
    if read(&cursor.budget_bytes) == 0 && verdict::is_full(read(&cursor.conn)) {
        write(&mut cursor.budget_bytes, ALL_BYTES);
    }
    if read(&cursor.budget_bytes) < take {
        take = read(&cursor.budget_bytes);
    }
    if take > PIECE_BYTES {
        take = PIECE_BYTES;
    }
    // What the piece takes lies in the cursor as well.
    write(&mut cursor.available_bytes, take);
    let written = match take {
        0 if gap(cursor, GAP_OVER_LIMIT) => return true,
        0 => false,
        1..=256 => piece::<256>(cursor),
        257..=1024 => piece::<1024>(cursor),
        1025..=4096 => piece::<4096>(cursor),
        4097..=8192 => piece::<8192>(cursor),
        _ => piece::<16_384>(cursor),
    };
    if !written {
        loss::count(KernelLoss::RingFull, read(&cursor.left_bytes));
        return true;
    }
    let take = read(&cursor.available_bytes);
    add(&mut cursor.from, take);
    add(&mut cursor.pos_bytes, take);
    add(&mut cursor.budget_bytes, take.wrapping_neg());
    add(&mut cursor.left_bytes, take.wrapping_neg());
    write(&mut cursor.flags, 0);
    read(&cursor.left_bytes) == 0
}

#[inline(always)]
fn add(word: &mut u64, value: u64) {
    let sum = read(word).wrapping_add(value);
    write(word, sum);
}

/// One sample.
#[inline(never)]
fn piece<const N: usize>(cursor: &Cursor) -> bool {
    let Some(ring) = ring(cursor) else {
        return false;
    };
    let Some(mut slot) = ring.reserve_untyped::<Slot<N>>(0) else {
        return false;
    };
    let slot_ptr = slot.as_mut_ptr();
    // SAFETY: `slot_ptr` is the reservation, as large as `Slot<N>`.
    unsafe {
        let take = read(&cursor.available_bytes);
        fill(&mut (*slot_ptr).head, cursor, take, take as u32, GAP_NONE);
        let into = (&raw mut (*slot_ptr).data).cast();
        if !emit::copy_user::<N>(into, 0, take as u32, read(&cursor.from) as *const u8) {
            (*slot_ptr).head.data_bytes = 0;
            (*slot_ptr).head.reason = GAP_FAULT;
        }
    }
    slot.submit(wake(cursor, ring, size_of::<Slot<N>>() as u64));
    true
}

/// What is left as a gap. Returns whether it could be written.
#[inline(never)]
fn gap(cursor: &Cursor, reason: u8) -> bool {
    let Some(ring) = ring(cursor) else {
        return false;
    };
    let Some(mut slot) = ring.reserve_untyped::<DataHead>(0) else {
        return false;
    };
    // SAFETY: the reservation is a `DataHead`, and every field is filled.
    fill(unsafe { &mut *slot.as_mut_ptr() }, cursor, read(&cursor.left_bytes), 0, reason);
    slot.submit(wake(cursor, ring, size_of::<DataHead>() as u64));
    true
}

#[inline(always)]
fn fill(head: &mut DataHead, cursor: &Cursor, len_bytes: u64, data_bytes: u32, reason: u8) {
    head.kind = KIND_DATA;
    head.direction = read(&cursor.direction) as u8;
    head.reason = reason;
    head.flags = read(&cursor.flags) as u8;
    head.data_bytes = data_bytes;
    head.time_ns = read(&cursor.time_ns);
    head.conn = read(&cursor.conn);
    head.pos_bytes = read(&cursor.pos_bytes);
    head.len_bytes = len_bytes;
    head.tgid = cursor.tgid;
    head.uid = cursor.uid;
}

#[inline(always)]
fn ring(cursor: &Cursor) -> Option<&'static Ring> {
    emit::ring(read(&cursor.shard) as u8)
}

#[inline(always)]
fn wake(cursor: &Cursor, ring: &Ring, sample_bytes: u64) -> u64 {
    if read(&cursor.urgent) != 0 {
        return u64::from(BPF_RB_FORCE_WAKEUP);
    }
    match SETTINGS.get(0) {
        Some(settings) => emit::wake(ring, settings, sample_bytes),
        None => 0,
    }
}
