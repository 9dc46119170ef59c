//! What each system call number does with a socket, on this architecture.
//!
//! In: the C library's numbers. Out: the table for the object's read-only data.
//! Always: a number that is not in the list is of no interest.
//! Not here: what the kernel side does with it (`agent-ebpf`, `socket::calls`).

use earwitness_common::settings::syscall as kind;
use nix::libc;

const KINDS: &[(libc::c_long, u8)] = &[
    (libc::SYS_read, kind::BUFFER),
    (libc::SYS_write, kind::BUFFER | kind::SENDS),
    (libc::SYS_readv, kind::VECTOR),
    (libc::SYS_writev, kind::VECTOR | kind::SENDS),
    // With offset -1 these two work on sockets as readv and writev do.
    (libc::SYS_preadv2, kind::VECTOR),
    (libc::SYS_pwritev2, kind::VECTOR | kind::SENDS),
    (libc::SYS_recvfrom, kind::BUFFER | kind::FLAGS_FOURTH),
    (libc::SYS_sendto, kind::BUFFER | kind::SENDS | kind::FLAGS_FOURTH),
    (libc::SYS_recvmsg, kind::HEADER | kind::FLAGS_THIRD),
    (libc::SYS_sendmsg, kind::HEADER | kind::SENDS | kind::FLAGS_THIRD),
    (libc::SYS_recvmmsg, kind::HEADERS | kind::FLAGS_FOURTH),
    (libc::SYS_sendmmsg, kind::HEADERS | kind::SENDS | kind::FLAGS_FOURTH),
    (libc::SYS_sendfile, kind::UNSEEN | kind::SENDS),
    (libc::SYS_splice, kind::SPLICE),
    (libc::SYS_accept, kind::ACCEPT),
    (libc::SYS_accept4, kind::ACCEPT),
    (libc::SYS_connect, kind::CONNECT),
    (libc::SYS_socketpair, kind::SOCKETPAIR),
    (libc::SYS_shutdown, kind::SHUTDOWN),
    (libc::SYS_io_uring_setup, kind::IO_URING_SETUP),
    (libc::SYS_mmap, kind::MMAP),
];

/// The table, indexed by call number.
pub fn table() -> [u8; kind::TABLE] {
    let mut table = [kind::NONE; kind::TABLE];
    for &(number, what) in KINDS {
        if let Some(entry) = usize::try_from(number).ok().and_then(|number| table.get_mut(number)) {
            *entry = what;
        }
    }
    table
}
