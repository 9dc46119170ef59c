//! The samples that the kernel side writes into the ring buffers.
//!
//! In: nothing. Out: `repr(C)` heads; each sample begins with one, told apart by `kind`.
//! Always: integers only, no hidden padding (zerocopy refuses it), sizes asserted below.
//! Not here: safe enums and checks (`earwitness::model::sample`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `OpenHead`: a connection's addresses and owner, before its first data.
pub const KIND_OPEN: u8 = 1;
/// `DataHead` and the captured bytes: one piece of one call.
pub const KIND_DATA: u8 = 2;
/// `EndHead`: one direction has ended (FIN sent, or a read returned 0).
pub const KIND_END: u8 = 3;
/// `EndHead`: the socket is gone; both directions are over.
pub const KIND_CLOSE: u8 = 4;
/// `ProcessHead`: `execve` succeeded.
pub const KIND_EXEC: u8 = 5;
/// `ProcessHead`: a process (not a mere thread) ended.
pub const KIND_EXIT: u8 = 6;
/// `ProcessHead`: a process (not a mere thread) was created by another.
pub const KIND_FORK: u8 = 7;
/// `ProcessHead`: a process made an io_uring.
pub const KIND_IO_URING: u8 = 8;
/// `ProcessHead`: a process mapped a file as code that no process had mapped before, or of which it
/// is wanted each time.
pub const KIND_MAPPED: u8 = 9;
/// `DatagramHead` and the captured bytes: a UDP datagram that may open a QUIC connection.
pub const KIND_DATAGRAM: u8 = 10;

/// Bytes that the watched process received.
pub const INGRESS: u8 = 0;
/// Bytes that the watched process sent.
pub const EGRESS: u8 = 1;

/// `DataHead::flags`: the first piece of its system call.
pub const DATA_CALL_START: u8 = 1;
/// `DataHead::flags`: the first piece after bytes moved the other way (or the first at all).
pub const DATA_TURN_START: u8 = 2;

/// `DataHead::reason`: everything moved was copied.
pub const GAP_NONE: u8 = 0;
/// `DataHead::reason`: the capture budget of this turn is used up.
pub const GAP_OVER_LIMIT: u8 = 1;
/// `DataHead::reason`: user memory could not be read.
pub const GAP_FAULT: u8 = 2;
/// `DataHead::reason`: the call moves bytes inside the kernel (sendfile, splice).
pub const GAP_SENDFILE: u8 = 3;
/// `DataHead::reason`: more vectors than the program walks through.
pub const GAP_IOV_LIMIT: u8 = 4;
/// `DataHead::reason`: the receiver discarded the bytes unread (`MSG_TRUNC`).
pub const GAP_DISCARDED: u8 = 5;

/// `OpenHead::family`: IPv4 (mapped addresses included, unmapped).
pub const FAMILY_INET: u8 = 2;
/// `OpenHead::family`: IPv6.
pub const FAMILY_INET6: u8 = 10;
/// `OpenHead::family`: unix stream socket.
pub const FAMILY_UNIX: u8 = 1;
/// `OpenHead::family`: a TLS stream whose socket is not known.
pub const FAMILY_UNKNOWN: u8 = 0;

/// `OpenHead::role`: not known (older than the agent, or a socket pair).
pub const ROLE_UNKNOWN: u8 = 0;
/// `OpenHead::role`: the watched process accepted the connection.
pub const ROLE_ACCEPTED: u8 = 1;
/// `OpenHead::role`: the watched process made the connection.
pub const ROLE_CONNECTED: u8 = 2;

/// `OpenHead::tied`: not known which socket carries the TLS stream (or it is a socket itself).
pub const TIED_NOT: u8 = 0;
/// `OpenHead::tied`: the socket call happened inside the TLS call.
pub const TIED_CALL: u8 = 1;
/// `OpenHead::tied`: the same ciphertext went through a memory buffer and the socket.
pub const TIED_CIPHERTEXT: u8 = 2;

/// `OpenHead::flags`: seen from its beginning, so position 0 is the first byte of the stream.
pub const OPEN_FRESH: u8 = 1;
/// `OpenHead::flags`: the filters leave it out after all: nothing of it may be told.
pub const OPEN_FILTERED: u8 = 2;
/// `OpenHead::flags`: there are filters, and they cannot be asked before the socket is known.
pub const OPEN_UNDECIDED: u8 = 4;

/// Head of `KIND_OPEN`: one a connection, written before its first other sample; a second one when
/// the socket of a TLS stream becomes known later.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct OpenHead {
    /// `KIND_OPEN`.
    pub kind: u8,
    /// `FAMILY_*`.
    pub family: u8,
    /// `ROLE_*`.
    pub role: u8,
    /// `OPEN_*`.
    pub flags: u8,
    /// Length of `path` in bytes, 0 if none.
    pub path_bytes: u32,
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// Identity of the connection; never reused while the agent runs.
    pub conn: u64,
    /// `struct sock *`: an identity only, never followed in user space.
    pub sock: u64,
    /// The other end's `struct sock *` of a unix socket, else 0.
    pub peer_sock: u64,
    /// Inode number of the socket in sockfs.
    pub ino: u64,
    /// Control group id (v2) of the owner.
    pub cgroup: u64,
    /// Own address in network byte order; IPv4 uses the first four bytes.
    pub local: [u8; 16],
    /// Peer's address in network byte order.
    pub remote: [u8; 16],
    /// Own port, host byte order.
    pub local_port: u16,
    /// Peer's port, host byte order.
    pub remote_port: u16,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Process that owns the end (thread group id in the initial pid namespace).
    pub tgid: u32,
    /// Its real user id.
    pub uid: u32,
    /// Of a TLS stream: the connection that carries it, 0 if that is not known.
    pub below: u64,
    /// Number of the library (`earwitness::model::tls`) of a TLS stream, 0 for a socket.
    pub library: u8,
    /// TLS streams between this and the socket, itself included; 0 for a socket.
    pub layer: u8,
    /// `TIED_*`.
    pub tied: u8,
    /// Zero.
    pub pad: [u8; 5],
    /// Path of a unix socket (own or the peer's), possibly abstract (leading NUL).
    pub path: [u8; 112],
}
const _: () = assert!(size_of::<OpenHead>() == 232);

/// Head of `KIND_DATA`; `data_bytes` captured bytes follow it.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct DataHead {
    /// `KIND_DATA`.
    pub kind: u8,
    /// `INGRESS` or `EGRESS`.
    pub direction: u8,
    /// Why fewer than `len_bytes` were captured, `GAP_*`.
    pub reason: u8,
    /// `DATA_*`.
    pub flags: u8,
    /// Captured bytes after this head.
    pub data_bytes: u32,
    /// CLOCK_MONOTONIC at the exit of the call.
    pub time_ns: u64,
    /// Identity of the connection.
    pub conn: u64,
    /// Offset of this piece in its direction of the stream.
    pub pos_bytes: u64,
    /// Bytes that this piece moved; may exceed `data_bytes`.
    pub len_bytes: u64,
    /// Process that made the call.
    pub tgid: u32,
    /// Its real user id.
    pub uid: u32,
}
const _: () = assert!(size_of::<DataHead>() == 48);

/// Head of `KIND_END` and `KIND_CLOSE`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct EndHead {
    /// `KIND_END` or `KIND_CLOSE`.
    pub kind: u8,
    /// `INGRESS` or `EGRESS` for `KIND_END`.
    pub direction: u8,
    /// Zero.
    pub pad: [u8; 6],
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// Identity of the connection.
    pub conn: u64,
    /// Bytes seen in from the peer.
    pub ingress_bytes: u64,
    /// Bytes seen out to the peer.
    pub egress_bytes: u64,
}
const _: () = assert!(size_of::<EndHead>() == 40);

/// Head of `KIND_DATAGRAM`; `data_bytes` captured bytes follow it.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct DatagramHead {
    /// `KIND_DATAGRAM`.
    pub kind: u8,
    /// `INGRESS` or `EGRESS`.
    pub direction: u8,
    /// `FAMILY_INET` or `FAMILY_INET6`.
    pub family: u8,
    /// Zero.
    pub pad: u8,
    /// Captured bytes after this head.
    pub data_bytes: u32,
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// Own address in network byte order, as the socket is bound; IPv4 uses the first four bytes.
    pub local: [u8; 16],
    /// Peer's address in network byte order.
    pub remote: [u8; 16],
    /// Own port, host byte order.
    pub local_port: u16,
    /// Peer's port, host byte order; 0 if not known.
    pub remote_port: u16,
    /// Process that made the call.
    pub tgid: u32,
    /// Its real user id.
    pub uid: u32,
    /// Zero.
    pub pad2: u32,
}
const _: () = assert!(size_of::<DatagramHead>() == 64);

/// Head of `KIND_EXEC`, `KIND_EXIT`, `KIND_FORK`, `KIND_IO_URING` and `KIND_MAPPED`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct ProcessHead {
    /// Which of these.
    pub kind: u8,
    /// Zero.
    pub pad: [u8; 3],
    /// Length of `path` in bytes.
    pub path_bytes: u32,
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// The process.
    pub tgid: u32,
    /// The process that created it (`KIND_FORK`), else 0.
    pub parent_tgid: u32,
    /// Real user id.
    pub uid: u32,
    /// Zero.
    pub pad2: u32,
    /// Control group id (v2).
    pub cgroup: u64,
    /// Path as given to `execve` (`KIND_EXEC`), cut at 255 bytes; a `CodeFile` (`KIND_MAPPED`).
    pub path: [u8; 256],
}
const _: () = assert!(size_of::<ProcessHead>() == 296);

/// A file that is mapped as code: the key of the map `MAPPED`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, FromBytes, Hash, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct CodeFile {
    /// Inode number.
    pub ino: u64,
    /// Device, kernel encoding.
    pub dev: u32,
    /// Tells a file from its successor with the same number.
    pub generation: u32,
}

/// Value in `MAPPED`: told once.
pub const MAPPED_ONCE: u8 = 0;
/// Value in `MAPPED`: told of every process that maps it. Set by user space.
pub const MAPPED_EACH: u8 = 1;
