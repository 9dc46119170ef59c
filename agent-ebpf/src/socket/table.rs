//! The table of connections: one entry for each `struct sock` that carries a stream.
//!
//! In: sockets met by system calls and TCP state changes. Out: `Connection`s in `SOCKETS`.
//! Always: an entry belongs to one life of the `struct sock`: TCP entries are replaced when a new
//! connection is established and removed when the sock is destroyed; unix entries carry the
//! socket's inode number and are replaced when it differs.
//! Not here: moving bytes (`copy`), removing unix entries whose process is gone (user space does).

use core::ptr::NonNull;

use aya_ebpf::helpers::{
    bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
};
use earwitness_common::{
    connection::{Connection, FILTERED, FRESH},
    loss::KernelLoss,
    sample::{FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, ROLE_UNKNOWN},
    settings::Settings,
};

use super::{mix, quiet};
use crate::{
    filter,
    kernel::{self, SocketFile},
    loss,
    maps::{BLANK, COUNTERS, NEXT_CONN, SOCKETS, offset},
};

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const SOCK_STREAM: u16 = 1;
const IPPROTO_TCP: u16 = 6;
const IPPROTO_MPTCP: u16 = 262;

/// Finds the connection of a socket that a system call has used, making an entry for one that is
/// older than the agent. `None`: not a stream that we watch.
#[inline(always)]
pub fn of_socket(settings: &Settings, socket: &SocketFile) -> Option<*mut Connection> {
    if let Some(entry) = SOCKETS.get_ptr_mut(&socket.sk) {
        // SAFETY: a live map element; other CPUs may write it too, field by field.
        if is_same_life(unsafe { &*entry }, socket) {
            return Some(entry);
        }
    }
    create(settings, socket, ROLE_UNKNOWN, 0)
}

/// A TCP sock's life is followed by `tcp`; a unix sock is told from its successor by the inode.
#[inline(always)]
fn is_same_life(connection: &Connection, socket: &SocketFile) -> bool {
    if connection.family != FAMILY_UNIX {
        return true;
    }
    kernel::ino_of(socket.file) == Some(connection.ino)
}

/// Makes an entry for a socket in the hands of the running task.
#[inline(never)]
pub fn create(
    settings: &Settings,
    socket: &SocketFile,
    role: u8,
    flags: u8,
) -> Option<*mut Connection> {
    let family = stream_family(socket)?;
    let entry = insert(settings, socket.sk, family, role, flags)?.as_ptr();
    // SAFETY: a live map element that nobody else knows of yet.
    let connection = unsafe { &mut *entry };
    connection.ino = kernel::ino_of(socket.file).unwrap_or(0);
    own(connection);
    Some(entry)
}

/// Makes an entry for a TCP sock met in `tcp`, whose owner may not be the running task.
#[inline(always)]
pub fn create_tcp(settings: &Settings, sk: *const u8, role: u8, owned: bool) {
    let Some(family) = tcp_family(sk) else { return };
    let Some(entry) = insert(settings, sk as u64, family, role, FRESH) else {
        return;
    };
    if owned {
        // SAFETY: a live map element that nobody else knows of yet.
        own(unsafe { &mut *entry.as_ptr() });
    }
}

/// Puts a blank entry into the table and fills it there: it is too large for the stack.
#[inline(never)]
fn insert(
    settings: &Settings,
    sk: u64,
    family: u8,
    role: u8,
    flags: u8,
) -> Option<NonNull<Connection>> {
    let conn = next_conn()?;
    if SOCKETS.insert(&sk, &BLANK, 0).is_err() {
        loss::count(KernelLoss::MapFull, 0);
        return None;
    }
    let entry = SOCKETS.get_ptr_mut(&sk)?;
    // SAFETY: a live map element that nobody else knows of yet.
    let connection = unsafe { &mut *entry };
    connection.conn = conn;
    connection.sock = sk;
    // SAFETY: as above. Read back, since `sk` may be a typed pointer.
    quiet::listen(unsafe { core::ptr::read_volatile(&raw const connection.sock) });
    connection.family = family;
    connection.role = role;
    connection.flags = flags;
    connection.last_direction = u8::MAX;
    connection.shard = shard(settings, sk as *const u8, family);
    // The filters are asked when a task first moves bytes.
    connection.rules_epoch = settings.rules_epoch.wrapping_sub(1);
    NonNull::new(entry)
}

/// A new identity.
#[inline(always)]
pub fn next_conn() -> Option<u64> {
    let next = COUNTERS.get_ptr_mut(NEXT_CONN)?;
    let mut conn = 1_u64;
    // SAFETY: an aligned element of an array map; one instruction, atomic over all CPUs (since
    // Linux 5.12). The compiler offers no atomics for this target.
    unsafe {
        core::arch::asm!(
            "{0} = atomic_fetch_add((u64 *)({1} + 0), {0})",
            inout(reg) conn,
            in(reg) next,
            options(nostack)
        );
    }
    // 0 stands for "none" in verdict slots.
    Some(conn + 1)
}

/// Notes the running task as the owner.
#[inline(always)]
pub fn own(connection: &mut Connection) {
    connection.tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    connection.uid = bpf_get_current_uid_gid() as u32;
    // SAFETY: a helper without pointers.
    connection.cgroup = unsafe { bpf_get_current_cgroup_id() };
}

/// Asks the filters, if they have not been asked or have changed since.
#[inline(always)]
pub fn decide_filter(settings: &Settings, connection: &mut Connection, sk: u64) {
    if connection.rules_epoch == settings.rules_epoch {
        return;
    }
    connection.rules_epoch = settings.rules_epoch;
    let (local, remote) = ports(sk as *const u8, connection.family);
    if filter::is_watched(settings, local, remote) {
        connection.flags &= !FILTERED;
    } else {
        connection.flags |= FILTERED;
    }
}

/// Local and remote port, host byte order; zeroes for unix sockets.
#[inline(always)]
pub fn ports(sk: *const u8, family: u8) -> (u16, u16) {
    if family == FAMILY_UNIX {
        return (0, 0);
    }
    let local: u16 = kernel::read(sk, offset!(skc_num)).unwrap_or(0);
    let remote: u16 = kernel::read(sk, offset!(skc_dport)).unwrap_or(0);
    (local, u16::from_be(remote))
}

/// `FAMILY_*` of a stream socket that we watch: TCP over IPv4 or IPv6, unix.
#[inline(always)]
fn stream_family(socket: &SocketFile) -> Option<u8> {
    let kind: u16 = kernel::read(socket.socket, offset!(socket_type))?;
    if kind != SOCK_STREAM {
        return None;
    }
    let sk = socket.sk as *const u8;
    let family: u16 = kernel::read(sk, offset!(skc_family))?;
    if family == AF_UNIX {
        return Some(FAMILY_UNIX);
    }
    tcp_family(sk)
}

#[inline(always)]
fn tcp_family(sk: *const u8) -> Option<u8> {
    let protocol: u16 = kernel::read(sk, offset!(sock_protocol))?;
    if protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP {
        return None;
    }
    match kernel::read::<u16>(sk, offset!(skc_family))? {
        AF_INET => Some(FAMILY_INET),
        AF_INET6 => Some(FAMILY_INET6),
        _ => None,
    }
}

/// Both ends of a connection on this host meet in one shard: the hash is symmetric.
#[inline(always)]
fn shard(settings: &Settings, sk: *const u8, family: u8) -> u8 {
    if family != FAMILY_UNIX {
        return tcp_shard(settings, sk, family);
    }
    let peer: u64 = kernel::read(sk, offset!(unix_peer)).unwrap_or(0);
    // The low bits of slab addresses are alike.
    spread(settings, ((sk as u64) ^ peer) >> 6)
}

/// The same for TCP, whose ports must be known by now.
#[inline(always)]
pub fn tcp_shard(settings: &Settings, sk: *const u8, family: u8) -> u8 {
    let (local, remote) = ports(sk, family);
    spread(settings, u64::from(local ^ remote))
}

/// One of the shards, by a number.
#[inline(always)]
pub fn spread(settings: &Settings, key: u64) -> u8 {
    let hash = mix(key) >> 56;
    (hash as u32 & settings.shards.wrapping_sub(1)) as u8 & 7
}
