//! What the kernel side keeps of one end of a connection: the value of the maps `SOCKETS` and, for the
//! plaintext inside TLS, `TLS_STREAMS`.
//!
//! In: nothing. Out: `repr(C)` layouts; user space reads `conn` to learn whether an entry still
//! stands for the connection it knows.
//! Always: integers only; one entry belongs to one life of the `struct sock`.
//! Not here: making and changing entries (the kernel side's `socket::table`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `Connection::flags`: `KIND_OPEN` has been written.
pub const ANNOUNCED: u8 = 1;
/// `Connection::flags`: seen from its first byte.
pub const FRESH: u8 = 2;
/// `Connection::flags`: the filters leave it out.
pub const FILTERED: u8 = 4;
/// `Connection::flags`: a TLS stream lies on it, so its own bytes are counted only.
pub const CARRIES: u8 = 8;
/// `Connection::flags`: a TLS stream through which a whole write has been seen.
pub const WROTE: u8 = 16;
/// `Connection::flags`: it carries a TLS stream, and another one within that is to be tied to it.
pub const SEEKS: u8 = 32;
/// `Connection::flags`: it carries a TLS stream of a library that makes others of the same connection.
pub const RENEWED: u8 = 64;

/// What the kernel side keeps of one end of a connection.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Connection {
    /// Identity, never reused.
    pub conn: u64,
    /// `struct sock *`: the key, as a number that the verifier lets be reckoned with.
    pub sock: u64,
    /// Socket inode number, 0 if not known yet.
    pub ino: u64,
    /// Bytes seen in.
    pub ingress_bytes: u64,
    /// Bytes seen out.
    pub egress_bytes: u64,
    /// Control group of the owner.
    pub cgroup: u64,
    /// Captured in this turn, inwards.
    pub ingress_used: u32,
    /// Captured in this turn, outwards.
    pub egress_used: u32,
    /// Owner.
    pub tgid: u32,
    /// Owner's user.
    pub uid: u32,
    /// `Settings::rules_epoch` at which `FILTERED` was decided.
    pub rules_epoch: u32,
    /// `FAMILY_*`.
    pub family: u8,
    /// `ROLE_*`.
    pub role: u8,
    /// Flags above.
    pub flags: u8,
    /// Cached `Verdict`.
    pub verdict: u8,
    /// Direction that moved last.
    pub last_direction: u8,
    /// Ring to write to.
    pub shard: u8,
    /// Number of the library (`earwitness::model::tls`) of a TLS stream, else 0.
    pub library: u8,
    /// TLS streams between this and the socket, itself included; 0 for a socket.
    pub layer: u8,
    /// `sample::TIED_*` of a TLS stream.
    pub tied: u8,
    /// Zero.
    pub pad: u8,
    /// A TLS stream: place in `TLS_FILES` of the probe that met it first.
    pub file: u16,
    /// A TLS stream: identity of what carries it, 0 if not known.
    pub below: u64,
    /// A TLS stream: identity of the socket's connection, by which `sock` is believed. A socket that
    /// carries one: the process whose stream that is.
    pub socket_conn: u64,
    /// A TLS stream: bytes that its socket had sent when the last write began.
    pub write_start_bytes: u64,
    /// A TLS stream: length of that write if it may be tried again, else 0.
    pub write_bytes: u64,
    /// The inward call that is being told.
    pub ingress_cursor: Cursor,
    /// The outward call that is being told.
    pub egress_cursor: Cursor,
}

/// How far one call's bytes have been told. Lives in the connection's table entry, one for each
/// direction: what is loaded from there is unknown to the verifier, so that all ways through one
/// step end in the same state and the steps do not multiply.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Cursor {
    /// Bytes of the call that no sample has told yet.
    pub left_bytes: u64,
    /// Bytes that may still be captured in this turn.
    pub budget_bytes: u64,
    /// Position in the stream of the next byte to tell.
    pub pos_bytes: u64,
    /// User address of the next byte to capture.
    pub from: u64,
    /// Bytes there.
    pub available_bytes: u64,
    /// User address of the next vector element.
    pub next: u64,
    /// Elements there.
    pub unread: u64,
    /// Bytes of the current message that lie in its vector, of which `available_bytes` are part.
    pub message_bytes: u64,
    /// User address of the next `struct mmsghdr`.
    pub headers: u64,
    /// Headers there.
    pub headers_unread: u64,
    /// `DATA_*` of the next sample.
    pub flags: u64,
    /// Bytes that may be captured in one turn.
    pub turn_bytes: u64,
    /// When the call ended, CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// `INGRESS` or `EGRESS`.
    pub direction: u64,
    /// Identity of the connection.
    pub conn: u64,
    /// Ring to write to.
    pub shard: u64,
    /// Not 0: the reader is woken at once.
    pub urgent: u64,
    /// Process that made the call.
    pub tgid: u32,
    /// Its real user id.
    pub uid: u32,
}

const _: () = assert!(size_of::<Connection>() == 400);
