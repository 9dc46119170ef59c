//! How a program hands messages to a system call: their layout in user memory.
//!
//! In: addresses in user memory, a call's shape (`settings::syscall`). Out: where bytes lie, and how many.
//! Always: what cannot be read is `None`, or empty.
//! Not here: taking the bytes (`copy`, `datagram`).

use earwitness_common::{loss::KernelLoss, settings::syscall};

use crate::{emit::read_user, loss};

/// `struct iovec`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Iovec {
    /// Where the buffer lies.
    pub base: u64,
    /// Its size in bytes.
    pub len: u64,
}

/// The head of `struct user_msghdr`: name, its length, vector, its length.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Msghdr {
    /// `struct sockaddr *` of the peer, if the socket is not connected.
    pub name: u64,
    name_bytes: u64,
    /// `struct iovec *`
    pub vector: u64,
    /// Elements there.
    pub elements: u64,
}

/// `sizeof(struct mmsghdr)`.
pub const MMSGHDR_BYTES: u64 = 64;
/// Most messages of one `recvmmsg` or `sendmmsg` walked through.
pub const MESSAGES: u64 = 16;

/// The header at that address.
#[inline(always)]
pub fn header(at: u64) -> Option<Msghdr> {
    read_user(at as *const u8)
}

/// The element of a vector at that address.
#[inline(always)]
pub fn element(at: u64) -> Option<Iovec> {
    read_user(at as *const u8)
}

/// How many bytes of the message with that `struct mmsghdr` have moved.
#[inline(always)]
pub fn moved_bytes(header: u64) -> Option<u32> {
    read_user(header.wrapping_add(MSG_LEN_AT) as *const u8)
}

/// Where the first bytes of a call lie, and how many, by its second argument and its result.
#[inline(always)]
pub fn first_buffer(kind: u8, second: u64, result: u64) -> (u64, u64) {
    let vector = match kind & syscall::SHAPE {
        syscall::BUFFER => return (second, result),
        syscall::VECTOR => second,
        syscall::HEADER => match header(second) {
            Some(header) => header.vector,
            None => 0,
        },
        _ => 0,
    };
    match element(vector) {
        Some(Iovec { base, len }) => (base, len),
        None => (0, 0),
    }
}

/// What a call moved. `recvmmsg` and `sendmmsg` return how many messages; each tells its length.
#[inline(always)]
pub fn total_bytes(kind: u8, second: u64, result: u64) -> Option<u64> {
    if kind & syscall::SHAPE != syscall::HEADERS {
        return Some(result);
    }
    let mut total = 0;
    for index in 0..MESSAGES {
        if index >= result {
            break;
        }
        match moved_bytes(second.wrapping_add(index * MMSGHDR_BYTES)) {
            Some(bytes) => total += u64::from(bytes),
            None => loss::count(KernelLoss::Fault, 0),
        }
    }
    if result > MESSAGES {
        loss::count(KernelLoss::IovLimit, 0);
    }
    (total != 0).then_some(total)
}

/// `offsetof(struct mmsghdr, msg_len)`.
const MSG_LEN_AT: u64 = 56;
