//! How soon a thread runs once it has been woken.
//!
//! In: the calling thread. Out: its scheduling attributes. Always: the policy stays what it was, so the
//! thread cannot shut others out.
//! Not here: which threads ask for it (`daemon`).

use std::io;

use nix::libc;

/// Time slice asked for, in nanoseconds. A reader that waits for a default slice of some
/// milliseconds to end finds its ring full.
const SLICE_NS: u64 = 300_000;

/// A reader competes with those whose bytes it reads. When they have all processors, it has to run
/// within a millisecond of being woken, which takes more than an equal share; it uses little of it.
const NICE: i32 = -10;

/// The thread that the kernel takes 0 for.
const OWN_THREAD: i32 = 0;

/// Work that nobody waits for takes what the others leave.
const NICE_LATE: i32 = 19;

/// Asks for short slices (Linux 6.12; older kernels ignore them) and a larger share, so that the
/// calling thread soon runs when it is woken.
///
/// # Errors
/// What `sched_setattr(2)` says; the share stays as it was then.
pub fn run_soon() -> io::Result<()> {
    let mut attributes = own()?;
    attributes.sched_runtime = SLICE_NS;
    set(&attributes)?;
    // Needs CAP_SYS_NICE.
    attributes.sched_nice = attributes.sched_nice.min(NICE);
    set(&attributes)
}

/// Asks for the smallest share, so that the calling thread slows nobody.
///
/// # Errors
/// What `sched_setattr(2)` says; the share stays as it was then.
pub fn run_late() -> io::Result<()> {
    let mut attributes = own()?;
    attributes.sched_nice = NICE_LATE;
    set(&attributes)
}

/// The calling thread's attributes.
fn own() -> io::Result<libc::sched_attr> {
    // SAFETY: `sched_attr` is integers only; all zeroes is a value.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sched_attr>();
    // SAFETY: the pointer is to a live structure of the size that is given.
    let result =
        unsafe { libc::syscall(libc::SYS_sched_getattr, OWN_THREAD, &raw mut attributes, size, 0) };
    checked(result)?;
    Ok(attributes)
}

fn set(attributes: &libc::sched_attr) -> io::Result<()> {
    // SAFETY: the pointer is to a live structure, which names its size.
    checked(unsafe {
        libc::syscall(libc::SYS_sched_setattr, OWN_THREAD, core::ptr::from_ref(attributes), 0)
    })
}

fn checked(result: libc::c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
