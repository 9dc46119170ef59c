//! Writing samples into the ring of a connection's shard.
//!
//! In: a connection and what happened to it. Out: samples.
//! Always: all that can fail comes before the reservation; every reserved slot is submitted or discarded;
//! a slot that cannot be had is counted. Readers are woken at a fill mark, not for each sample.
//! Not here: which bytes to take (`socket::copy`, `tls::copy`), processes' samples (`process`).

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::{bpf_ktime_get_ns, bpf_probe_read_kernel_buf, bpf_probe_read_user, generated},
};
use earwitness_common::{
    connection::{ANNOUNCED, Connection, FILTERED, FRESH},
    loss::KernelLoss,
    sample::{
        DataHead, EndHead, FAMILY_INET, FAMILY_UNIX, GAP_FAULT, KIND_CLOSE, KIND_END, KIND_OPEN,
        OPEN_FILTERED, OPEN_FRESH, OpenHead,
    },
    settings::Settings,
};

use crate::{
    kernel, loss,
    maps::{RINGS, Ring, offset},
    socket::table,
};

/// Longest path of a unix socket.
const PATH_BYTES: u32 = 108;

/// A sample with room for `N` captured bytes.
#[repr(C)]
pub struct Slot<const N: usize> {
    /// Head.
    pub head: DataHead,
    /// Captured bytes.
    pub data: [u8; N],
}

/// The ring of a shard.
#[inline(always)]
pub fn ring(shard: u8) -> Option<&'static Ring> {
    RINGS.get(u32::from(shard))
}

/// Bytes that the reader has not taken yet.
#[inline(always)]
pub fn filled_bytes(ring: &Ring) -> u64 {
    // SAFETY: a map pointer and a flag; reads two counters.
    unsafe {
        generated::bpf_ringbuf_query(
            core::ptr::from_ref(ring).cast_mut().cast(),
            u64::from(BPF_RB_AVAIL_DATA),
        )
    }
}

/// Wake-up flags: only a sample that crosses a multiple of the fill mark wakes the reader.
#[inline(always)]
pub fn wake(ring: &Ring, settings: &Settings, sample_bytes: u64) -> u64 {
    let filled = filled_bytes(ring);
    let mark = u64::from(settings.wake_bytes);
    let beyond = filled & mark.wrapping_sub(1);
    if filled >= mark && beyond < 2 * sample_bytes + 64 {
        u64::from(BPF_RB_FORCE_WAKEUP)
    } else {
        u64::from(BPF_RB_NO_WAKEUP)
    }
}

/// One piece with at most `N` bytes copied from user memory at `source`. `N` is a power of two.
///
/// Returns whether it was written.
#[inline(always)]
pub fn piece<const N: usize>(
    ring: &Ring,
    settings: &Settings,
    bytes: u32,
    source: *const u8,
    fill: impl FnOnce(&mut DataHead),
) -> bool {
    let Some(mut slot) = ring.reserve_untyped::<Slot<N>>(0) else {
        return false;
    };
    let slot_ptr = slot.as_mut_ptr();
    // SAFETY: `slot_ptr` is the reservation, as large as `Slot<N>`.
    unsafe {
        fill(&mut (*slot_ptr).head);
        if !copy_user::<N>((&raw mut (*slot_ptr).data).cast(), 0, bytes, source) {
            (*slot_ptr).head.data_bytes = 0;
            (*slot_ptr).head.reason = GAP_FAULT;
        }
    }
    slot.submit(wake(ring, settings, size_of::<Slot<N>>() as u64));
    true
}

/// Copies `bytes` (1..=`N`) from user memory to `into + at` (0..`N`): at most `2 * N` bytes there are
/// touched, only `N` if `at` is the constant 0. Returns whether it could.
#[inline(always)]
pub fn copy_user<const N: usize>(into: *mut u8, at: u32, bytes: u32, source: *const u8) -> bool {
    let len = masked::<N>(bytes.wrapping_sub(1)).wrapping_add(1);
    let at = if at == 0 { 0 } else { masked::<N>(at) };
    // SAFETY: the verifier holds the caller to the room that the two bounds need; the helper checks
    // the source.
    unsafe { generated::bpf_probe_read_user(into.add(at as usize).cast(), len, source.cast()) == 0 }
}

/// `value` as one that the verifier knows to be below `N`, right before it matters.
#[inline(always)]
fn masked<const N: usize>(mut value: u32) -> u32 {
    // SAFETY: one arithmetic instruction on a register; the compiler, which knows the bound, must
    // not drop it, since the verifier may have lost the bound in a spill.
    unsafe {
        core::arch::asm!("{0} &= {1}", inout(reg) value, const { N as i32 - 1 }, options(pure, nomem, nostack));
    }
    value
}

/// A piece without bytes: something moved that is not captured.
#[inline(always)]
pub fn gap(ring: &Ring, settings: &Settings, fill: impl FnOnce(&mut DataHead)) -> bool {
    let Some(mut slot) = ring.reserve_untyped::<DataHead>(0) else {
        return false;
    };
    // SAFETY: the reservation is a `DataHead`, and every field is filled.
    fill(unsafe { &mut *slot.as_mut_ptr() });
    slot.submit(wake(ring, settings, size_of::<DataHead>() as u64));
    true
}

/// Announces a connection. Returns whether that was written (once is enough).
#[inline(never)]
pub fn open(settings: &Settings, connection: &mut Connection, sk: u64) -> bool {
    let Some(ring) = ring(connection.shard) else {
        return false;
    };
    let Some(mut slot) = ring.reserve_untyped::<OpenHead>(0) else {
        loss::count(KernelLoss::RingFull, 0);
        return false;
    };
    let head = slot.as_mut_ptr();
    // SAFETY: the reservation is an `OpenHead`; every field is written before it is submitted.
    unsafe { fill_open(&mut *head, connection, sk) };
    // Of a stream that gets its socket only now, user space holds what has come so far.
    let flags = match connection.flags & ANNOUNCED {
        0 => wake(ring, settings, size_of::<OpenHead>() as u64),
        _ => u64::from(BPF_RB_FORCE_WAKEUP),
    };
    slot.submit(flags);
    connection.flags |= ANNOUNCED;
    true
}

#[inline(always)]
fn fill_open(head: &mut OpenHead, connection: &Connection, sk: u64) {
    let base = sk as *const u8;
    head.kind = KIND_OPEN;
    head.family = connection.family;
    head.role = connection.role;
    let fresh = if connection.flags & FRESH != 0 { OPEN_FRESH } else { 0 };
    let filtered = if connection.flags & FILTERED != 0 { OPEN_FILTERED } else { 0 };
    head.flags = fresh | filtered;
    head.path_bytes = 0;
    // SAFETY: a helper without pointers.
    head.time_ns = unsafe { bpf_ktime_get_ns() };
    head.conn = connection.conn;
    head.sock = sk;
    head.peer_sock = 0;
    head.ino = connection.ino;
    head.cgroup = connection.cgroup;
    head.local = [0; 16];
    head.remote = [0; 16];
    head.local_port = 0;
    head.remote_port = 0;
    head.tgid = connection.tgid;
    head.uid = connection.uid;
    head.below = connection.below;
    head.library = connection.library;
    head.layer = connection.layer;
    head.tied = connection.tied;
    head.pad = [0; 5];
    head.path = [0; 112];
    let net: *const u8 = kernel::read(base, offset!(skc_net)).unwrap_or(core::ptr::null());
    head.netns = kernel::read(net, offset!(net_inum)).unwrap_or(0);
    if connection.family == FAMILY_UNIX {
        fill_unix(head, base);
    } else {
        fill_inet(head, base, connection.family);
    }
}

#[inline(always)]
fn fill_inet(head: &mut OpenHead, base: *const u8, family: u8) {
    (head.local_port, head.remote_port) = table::ports(base, family);
    addresses(&mut head.local, &mut head.remote, base, family);
}

/// Own and peer's address of an IP socket into what is zero. IPv4 takes the first four bytes.
#[inline(always)]
pub fn addresses(own: &mut [u8; 16], peer: &mut [u8; 16], base: *const u8, family: u8) {
    if family == FAMILY_INET {
        let local: u32 = kernel::read(base, offset!(skc_rcv_saddr)).unwrap_or(0);
        let remote: u32 = kernel::read(base, offset!(skc_daddr)).unwrap_or(0);
        [own[0], own[1], own[2], own[3]] = local.to_ne_bytes();
        [peer[0], peer[1], peer[2], peer[3]] = remote.to_ne_bytes();
    } else {
        *own = kernel::read(base, offset!(skc_v6_rcv_saddr)).unwrap_or([0; 16]);
        *peer = kernel::read(base, offset!(skc_v6_daddr)).unwrap_or([0; 16]);
    }
}

#[inline(always)]
fn fill_unix(head: &mut OpenHead, base: *const u8) {
    let peer: u64 = kernel::read(base, offset!(unix_peer)).unwrap_or(0);
    head.peer_sock = peer;
    if !fill_path(head, base) && peer != 0 {
        fill_path(head, peer as *const u8);
    }
}

/// Copies the name that a unix sock is bound to.
#[inline(always)]
fn fill_path(head: &mut OpenHead, base: *const u8) -> bool {
    let Some(address) = kernel::read::<*const u8>(base, offset!(unix_addr)) else {
        return false;
    };
    let Some(len) = kernel::read::<u32>(address, offset!(unix_address_len)) else {
        return false;
    };
    // The length counts the two bytes of the family.
    if address.is_null() || len <= 2 || len - 2 > PATH_BYTES {
        return false;
    }
    let path = address.wrapping_add(offset!(unix_address_name) + 2);
    let Some(into) = head.path.get_mut(..(len as usize - 2) & 127) else {
        return false;
    };
    // SAFETY: the helper bounds the copy by the slice and cannot fault.
    let done = unsafe { bpf_probe_read_kernel_buf(path, into) }.is_ok();
    if done {
        head.path_bytes = len - 2;
    }
    done
}

/// Tells that one direction has ended.
#[inline(always)]
pub fn end(settings: &Settings, connection: &Connection, direction: u8) {
    edge(settings, connection, KIND_END, direction, true);
}

/// Tells that the socket is gone.
#[inline(always)]
pub fn close(settings: &Settings, connection: &Connection, with_totals: bool) {
    edge(settings, connection, KIND_CLOSE, 0, with_totals);
}

#[inline(always)]
fn edge(settings: &Settings, connection: &Connection, kind: u8, direction: u8, with_totals: bool) {
    let Some(ring) = ring(connection.shard) else {
        return;
    };
    let Some(mut slot) = ring.reserve_untyped::<EndHead>(0) else {
        loss::count(KernelLoss::RingFull, 0);
        return;
    };
    slot.write(EndHead {
        kind,
        direction,
        pad: [0; 6],
        // SAFETY: a helper without pointers.
        time_ns: unsafe { bpf_ktime_get_ns() },
        conn: connection.conn,
        ingress_bytes: if with_totals { connection.ingress_bytes } else { 0 },
        egress_bytes: if with_totals { connection.egress_bytes } else { 0 },
    });
    slot.submit(wake(ring, settings, size_of::<EndHead>() as u64));
}

/// Reads a `T` from user memory.
#[inline(always)]
pub fn read_user<T>(source: *const u8) -> Option<T> {
    // SAFETY: the helper checks the address and copies without faulting.
    unsafe { bpf_probe_read_user(source.cast::<T>()) }.ok()
}
