//! How soon a thread runs once it has been woken.
//!
//! In: the calling thread. Out: its scheduling attributes. Always: its share of the processor stays
//! what it was (no priority, no other policy); a kernel that knows no slices changes nothing.
//! Not here: which threads ask for it (`daemon`).

use std::io;

use nix::libc;

/// Time slice asked for, in nanoseconds. A reader that waits for a default slice of some
/// milliseconds to end finds its ring full.
const SLICE_NS: u64 = 300_000;

/// Asks for short slices, so that the calling thread soon runs when it is woken (Linux 6.12; older
/// kernels take the call and do nothing).
///
/// # Errors
/// What `sched_setattr(2)` says; nothing has changed then.
pub fn prefer_short_slices() -> io::Result<()> {
    // SAFETY: `sched_attr` is integers only; all zeroes is a value.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sched_attr>();
    let own_thread = 0;
    // SAFETY: the pointer is to a live structure of the size that is given.
    let result =
        unsafe { libc::syscall(libc::SYS_sched_getattr, own_thread, &raw mut attributes, size, 0) };
    checked(result)?;
    attributes.sched_runtime = SLICE_NS;
    // SAFETY: the pointer is to a live structure, which names its size.
    let result =
        unsafe { libc::syscall(libc::SYS_sched_setattr, own_thread, &raw const attributes, 0) };
    checked(result)
}

fn checked(result: libc::c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
