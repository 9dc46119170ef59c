//! Datagrams that may open a QUIC connection.
//!
//! In: what was sent or received over UDP. Out: `DatagramHead` samples of client's Initial packets, by the
//! looks of their first bytes.
//! Always: any other datagram costs one look at its first bytes; nothing is remembered of a UDP socket.
//! Not here: whether it really is one, and what it says (`earwitness::protocol::quic`).
//! Source: RFC 9000 sections 14.1 and 17.2, RFC 9369 section 3.

use core::{ffi::c_void, mem::offset_of};

use aya_ebpf::helpers::{
    bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_ktime_get_ns, generated::bpf_loop,
};
use earwitness_common::{
    loss::KernelLoss,
    sample::{DatagramHead, FAMILY_INET, FAMILY_INET6, KIND_DATAGRAM},
    settings::Settings,
};

use super::{
    message::{self, Iovec, MMSGHDR_BYTES},
    table,
};
use crate::{
    emit::{self, read_user},
    filter,
    kernel::{self, SocketFile},
    loss,
    maps::{SETTINGS, offset},
};

const SOCK_DGRAM: u16 = 2;
const IPPROTO_UDP: u16 = 17;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// A client's first datagrams are as long, at least.
const LEAST_BYTES: u64 = 1_200;
/// More than a datagram that goes over Ethernet.
const MOST_BYTES: usize = 2_048;
/// Long header. The bit that follows may be anything (RFC 9287).
const LONG: u8 = 0x80;
const TYPE: u8 = 0x30;
const VERSION_1: [u8; 4] = [0, 0, 0, 1];
const VERSION_2: [u8; 4] = [0x6b, 0x33, 0x43, 0xcf];
/// `TYPE` of an Initial packet in each.
const INITIAL_1: u8 = 0;
const INITIAL_2: u8 = 0x10;

/// One datagram of a call, or several of one size.
pub struct Datagram {
    /// `struct sock *`.
    pub sk: u64,
    /// User address of its first bytes.
    pub from: u64,
    /// How many are there, or may be.
    pub size_bytes: u64,
    /// User address of the peer's `struct sockaddr`, 0 if the call has none.
    pub name: u64,
    /// `INGRESS` or `EGRESS`.
    pub direction: u8,
}

/// `FAMILY_*` and both ports, in host byte order.
#[derive(Clone, Copy)]
struct Ends {
    family: u8,
    local_port: u16,
    remote_port: u16,
}

/// The messages of one call.
struct Messages {
    sk: u64,
    /// User address of the first `struct mmsghdr`.
    headers: u64,
    direction: u8,
}

/// The sample.
#[repr(C)]
struct Slot {
    head: DatagramHead,
    data: [u8; MOST_BYTES],
}

/// The peer's address, of which only the places of its fields are used.
#[repr(C)]
struct Name {
    family: u16,
    /// Network byte order.
    port: [u8; 2],
    /// IPv4: the address. IPv6: the flow.
    four: [u8; 4],
    sixteen: [u8; 16],
}

/// Whether the socket is one of UDP.
#[inline(always)]
pub fn is_udp(socket: &SocketFile) -> bool {
    let kind: u16 = kernel::read(socket.socket, offset!(socket_type)).unwrap_or(0);
    kind == SOCK_DGRAM
        && kernel::read(socket.sk as *const u8, offset!(sock_protocol)) == Some(IPPROTO_UDP)
}

/// The same for each message of a call.
#[inline(always)]
pub fn look_at_all(sk: u64, headers: u64, count: u32, direction: u8) {
    let mut messages = Messages { sk, headers, direction };
    // SAFETY: the callback has the signature that the helper expects and gets its own type back.
    unsafe {
        bpf_loop(count, one as *mut c_void, (&raw mut messages).cast(), 0);
    }
}

extern "C" fn one(index: u64, messages: *mut c_void) -> u64 {
    // SAFETY: what `look_at_all` gave to the helper.
    let messages = unsafe { &*messages.cast::<Messages>() };
    let header = messages.headers.wrapping_add(index * MMSGHDR_BYTES);
    let moved_bytes = message::moved_bytes(header).unwrap_or(0);
    look(&of_header(messages.sk, header, u64::from(moved_bytes), messages.direction));
    0
}

/// What the first buffer of a message holds, of which so many bytes have moved.
#[inline(always)]
pub fn of_header(sk: u64, header: u64, moved_bytes: u64, direction: u8) -> Datagram {
    let mut datagram = Datagram { sk, from: 0, size_bytes: 0, name: 0, direction };
    if let Some(header) = message::header(header) {
        datagram.name = header.name;
        if let Some(Iovec { base, len }) = message::element(header.vector) {
            (datagram.from, datagram.size_bytes) = (base, len.min(moved_bytes));
        }
    }
    datagram
}

/// Tells a datagram if it looks like a client's first. What it needs memory for lies in functions that
/// are called in turn: older kernels give all frames of a chain of calls together 512 bytes.
#[inline(never)]
pub fn look(datagram: &Datagram) {
    if datagram.size_bytes < LEAST_BYTES || !is_initial(datagram.from) {
        return;
    }
    if let Some(settings) = SETTINGS.get(0)
        && let Some(ends) = ends(datagram)
        && filter::is_watched(settings, ends.local_port, ends.remote_port)
    {
        tell(settings, datagram, ends);
    }
}

/// Who sends to whom.
#[inline(always)]
fn ends(datagram: &Datagram) -> Option<Ends> {
    let sk = datagram.sk as *const u8;
    let family = match kernel::read::<u16>(sk, offset!(skc_family))? {
        AF_INET => FAMILY_INET,
        AF_INET6 => FAMILY_INET6,
        _ => return None,
    };
    let (local_port, mut remote_port) = table::ports(sk, family);
    if remote_port == 0 && datagram.name != 0 {
        let port = datagram.name.wrapping_add(offset_of!(Name, port) as u64);
        remote_port = u16::from_be_bytes(read_user(port as *const u8).unwrap_or_default());
    }
    Some(Ends { family, local_port, remote_port })
}

#[inline(never)]
fn tell(settings: &Settings, datagram: &Datagram, ends: Ends) {
    let sk = datagram.sk as *const u8;
    let Ends { family, local_port, remote_port } = ends;
    let Some(ring) = emit::ring(table::spread(settings, u64::from(local_port ^ remote_port)))
    else {
        return;
    };
    let Some(mut slot) = ring.reserve_untyped::<Slot>(0) else {
        loss::count(KernelLoss::RingFull, datagram.size_bytes);
        return;
    };
    let slot_ptr = slot.as_mut_ptr();
    // SAFETY: the reservation is a `Slot`; every field of its head is written before it is submitted.
    let head = unsafe { &mut (*slot_ptr).head };
    head.kind = KIND_DATAGRAM;
    head.direction = datagram.direction;
    head.family = family;
    head.pad = 0;
    // SAFETY: a helper without pointers.
    head.time_ns = unsafe { bpf_ktime_get_ns() };
    (head.local_port, head.remote_port) = (local_port, remote_port);
    head.tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    head.uid = bpf_get_current_uid_gid() as u32;
    head.pad2 = 0;
    (head.local, head.remote) = ([0; 16], [0; 16]);
    emit::addresses(&mut head.local, &mut head.remote, sk, family);
    // The peer, if the socket is not connected.
    if datagram.name != 0 && table::ports(sk, family).1 == 0 {
        let (at, bytes) = match family {
            FAMILY_INET => (offset_of!(Name, four), 4),
            _ => (offset_of!(Name, sixteen), 16),
        };
        let from = datagram.name.wrapping_add(at as u64) as *const u8;
        emit::copy_user::<16>((&raw mut head.remote).cast(), 0, bytes, from);
    }
    let bytes = datagram.size_bytes.min(MOST_BYTES as u64) as u32;
    // SAFETY: the reservation has room for as many.
    let data = unsafe { (&raw mut (*slot_ptr).data).cast() };
    let is_copied = emit::copy_user::<MOST_BYTES>(data, 0, bytes, datagram.from as *const u8);
    head.data_bytes = if is_copied { bytes } else { 0 };
    slot.submit(emit::wake(ring, settings, size_of::<Slot>() as u64));
}

/// Whether it begins as an Initial packet of a version that is known.
#[inline(always)]
fn is_initial(from: u64) -> bool {
    let Some([first, version @ ..]) = read_user::<[u8; 5]>(from as *const u8) else {
        return false;
    };
    first & LONG == LONG
        && (version == VERSION_1 && first & TYPE == INITIAL_1
            || version == VERSION_2 && first & TYPE == INITIAL_2)
}
