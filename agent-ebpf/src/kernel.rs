//! Reading kernel structures through offsets that the loader looked up.
//!
//! In: the current task, register state, `struct sock *`. Out: plain integers and pointers.
//! Always: a pointer that comes from a typed kernel pointer is read by a plain load (the verifier
//! knows its type); any other goes through `bpf_probe_read_kernel`, which cannot fault, or through
//! `bpf_rdonly_cast`, which costs nothing.
//! Not here: what the values mean for a connection (`socket`).

use aya_ebpf::helpers::{bpf_get_current_task_btf, bpf_probe_read_kernel};
use earwitness_common::offsets::RDONLY_CAST;

use crate::maps::{COUNTERS, SOCKET_FILE_OPS, WORD_TYPE, offset};

/// `S_IFMT` and `S_IFSOCK` of `include/uapi/linux/stat.h`.
const S_IFMT: u16 = 0o170_000;
const S_IFSOCK: u16 = 0o140_000;
/// `TS_COMPAT` of `arch/x86/include/asm/thread_info.h`.
const TS_COMPAT: u32 = 2;

/// Reads a `T` at `base + offset` by a helper that cannot fault.
#[inline(always)]
pub fn read<T>(base: *const u8, offset: usize) -> Option<T> {
    // SAFETY: the helper checks the address and copies; the pointer is never followed here.
    unsafe { bpf_probe_read_kernel(base.wrapping_add(offset).cast::<T>()) }.ok()
}

/// Reads 8 bytes at `base + offset`, 0 where there is nothing. On the path of every call: where the
/// kernel has `bpf_rdonly_cast` (Linux 6.2) this is a plain load and calls no helper.
#[inline(always)]
pub fn word(base: *const u8, offset: usize) -> u64 {
    // SAFETY: a valid, aligned static; volatile because the loader patches the data section.
    let word_type = unsafe { core::ptr::read_volatile(&raw const WORD_TYPE) };
    if word_type == 0 {
        return read(base, offset).unwrap_or(0);
    }
    let typed: *const u64;
    // SAFETY: the loader makes this a call of `bpf_rdonly_cast`, which takes any address and gives
    // it the type that the verifier is told; a fault in loads from it is handled by the kernel.
    unsafe {
        core::arch::asm!(
            "call {cast}",
            cast = const RDONLY_CAST,
            inlateout("r1") base.wrapping_add(offset) => _,
            inlateout("r2") u64::from(word_type) => _,
            lateout("r0") typed,
            lateout("r3") _,
            lateout("r4") _,
            lateout("r5") _,
        );
        core::ptr::read_volatile(typed)
    }
}

/// Plain load from a typed kernel pointer.
///
/// # Safety
/// `base` must come from the verifier's typed pointers (tracepoint argument, current task, or a
/// pointer member loaded from one), so that the kernel handles a fault by itself.
#[inline(always)]
pub unsafe fn load<T: Copy>(base: *const u8, offset: usize) -> T {
    // SAFETY: as the function demands.
    unsafe { core::ptr::read_volatile(base.wrapping_add(offset).cast::<T>()) }
}

/// The running task, typed.
#[inline(always)]
pub fn current() -> *const u8 {
    // SAFETY: always valid in a program.
    unsafe { bpf_get_current_task_btf() }.cast::<u8>().cast_const()
}

/// User id of the task, as the host counts users.
#[inline(always)]
pub fn uid(task: *const u8) -> u32 {
    // SAFETY: typed pointers from the current task.
    unsafe {
        let cred: *const u8 = load(task, offset!(task_cred));
        load(cred, offset!(cred_uid))
    }
}

/// Whether the running call came in by the 32-bit entry.
#[inline(always)]
pub fn is_compat(task: *const u8) -> bool {
    // SAFETY: `task` is the typed current task.
    unsafe { load::<u32>(task, offset!(task_status)) & TS_COMPAT != 0 }
}

/// A file that is a socket.
#[derive(Clone, Copy)]
pub struct SocketFile {
    /// `struct file *`
    pub file: *const u8,
    /// `struct socket *`
    pub socket: *const u8,
    /// `struct sock *`
    pub sk: u64,
}

/// The socket behind a file descriptor of the running task, if it is one.
#[inline(always)]
pub fn socket_of(task: *const u8, fd: u64) -> Option<SocketFile> {
    let file = file_of(task, fd)?;
    if !is_socket(file) {
        return None;
    }
    let socket = word(file, offset!(file_private_data)) as *const u8;
    let sk = word(socket, offset!(socket_sk));
    (sk != 0).then_some(SocketFile { file, socket, sk })
}

#[inline(always)]
fn file_of(task: *const u8, fd: u64) -> Option<*const u8> {
    // SAFETY: typed pointers from the current task, member by member.
    let (fds, max) = unsafe {
        let files: *const u8 = load(task, offset!(task_files));
        if files.is_null() {
            return None;
        }
        let table: *const u8 = load(files, offset!(files_fdt));
        let fds: *const u8 = load(table, offset!(fdt_fd));
        (fds, load::<u32>(table, offset!(fdt_max_fds)))
    };
    if fd >= u64::from(max) {
        return None;
    }
    let file = word(fds, fd as usize * 8) as *const u8;
    (!file.is_null()).then_some(file)
}

/// Every socket's file has the same operations, by whose address sockets are told from other files.
/// The first socket that the agent itself uses tells it.
#[inline(always)]
pub fn learn(task: *const u8, fd: u64) {
    let Some((known, 0)) = socket_operations() else {
        return;
    };
    let Some(file) = file_of(task, fd) else {
        return;
    };
    if is_socket_by_mode(file) {
        // SAFETY: an element of an array map; every writer writes the same value.
        unsafe { core::ptr::write_volatile(known, word(file, offset!(file_f_op))) };
    }
}

#[inline(always)]
fn is_socket(file: *const u8) -> bool {
    match socket_operations() {
        None => false,
        Some((_, 0)) => is_socket_by_mode(file),
        Some((_, operations)) => word(file, offset!(file_f_op)) == operations,
    }
}

/// Where the address of the sockets' operations is kept, and what is there: 0 if not known yet.
#[inline(always)]
fn socket_operations() -> Option<(*mut u64, u64)> {
    let known = COUNTERS.get_ptr_mut(SOCKET_FILE_OPS)?;
    // SAFETY: an element of an array map; a torn access is impossible for an aligned u64.
    Some((known, unsafe { core::ptr::read_volatile(known) }))
}

#[inline(always)]
fn is_socket_by_mode(file: *const u8) -> bool {
    let inode = word(file, offset!(file_f_inode)) as *const u8;
    word(inode, offset!(inode_mode)) as u16 & S_IFMT == S_IFSOCK
}

/// Inode number of a file.
#[inline(always)]
pub fn ino_of(file: *const u8) -> Option<u64> {
    let inode: *const u8 = read(file, offset!(file_f_inode))?;
    read(inode, offset!(inode_ino))
}

/// Device and inode of the running task's executable, zeroes if it has none.
#[inline(always)]
pub fn executable() -> (u32, u64) {
    try_executable().unwrap_or((0, 0))
}

#[inline(always)]
fn try_executable() -> Option<(u32, u64)> {
    // SAFETY: typed pointers from the current task.
    let mm: *const u8 = unsafe { load(current(), offset!(task_mm)) };
    id_of(read(mm, offset!(mm_exe_file))?)
}

/// Device, inode and generation of the file behind a descriptor of the running task.
#[inline(always)]
pub fn file_id(task: *const u8, fd: u64) -> Option<(u32, u64, u32)> {
    let file = file_of(task, fd)?;
    let (dev, ino) = id_of(file)?;
    let inode: *const u8 = read(file, offset!(file_f_inode))?;
    Some((dev, ino, read(inode, offset!(inode_generation))?))
}

#[inline(always)]
fn id_of(file: *const u8) -> Option<(u32, u64)> {
    let inode: *const u8 = read(file, offset!(file_f_inode))?;
    let sb: *const u8 = read(inode, offset!(inode_sb))?;
    Some((read(sb, offset!(sb_dev))?, read(inode, offset!(inode_ino))?))
}
