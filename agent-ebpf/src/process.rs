//! Processes: begun, replaced by another program, ended, using io_uring, loading code.
//!
//! In: scheduler tracepoints. Out: process samples, in the first ring; a new program wakes the reader,
//! so that a short-lived process can still be looked at.
//! Always: one sample for a process, none for its threads.
//! Not here: executables' paths and users' names (`earwitness::discover`).

use aya_ebpf::{
    bindings::{BPF_NOEXIST, BPF_RB_FORCE_WAKEUP},
    helpers::{
        bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
        bpf_ktime_get_ns, bpf_probe_read_kernel_str_bytes,
    },
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use earwitness_common::{
    loss::KernelLoss,
    sample::{
        CodeFile, KIND_EXEC, KIND_EXIT, KIND_FORK, KIND_IO_URING, KIND_MAPPED, MAPPED_EACH,
        MAPPED_ONCE, ProcessHead,
    },
};

use crate::{
    emit,
    kernel::{self, load},
    loss,
    maps::{MAPPED, SETTINGS, offset},
    tls::calls,
};

/// `tp_btf/sched_process_exec`.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    let bprm: *const u8 = ctx.arg(2);
    // SAFETY: the tracepoint's third argument is a typed `struct linux_binprm *`.
    let path: *const u8 = unsafe { load(bprm, offset!(bprm_filename)) };
    #[cfg(feature = "debug-log")]
    aya_log_ebpf::debug!(&ctx, "exec by process {}", current_tgid());
    write(KIND_EXEC, current_tgid(), 0, path, None);
    0
}

/// `tp_btf/sched_process_exit`, once a thread; the last one ends the process.
#[btf_tracepoint(function = "sched_process_exit")]
pub fn sched_process_exit(_ctx: BtfTracePointContext) -> i32 {
    calls::forget(bpf_get_current_pid_tgid());
    let task = kernel::current();
    // SAFETY: typed pointers from the current task.
    let live = unsafe {
        let signal: *const u8 = load(task, offset!(task_signal));
        load::<i32>(signal, offset!(signal_live))
    };
    if live == 0 {
        write(KIND_EXIT, current_tgid(), 0, core::ptr::null(), None);
    }
    0
}

/// `tp_btf/sched_process_fork`.
#[btf_tracepoint(function = "sched_process_fork")]
pub fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    let child: *const u8 = ctx.arg(1);
    // SAFETY: the tracepoint's second argument is a typed `struct task_struct *`.
    let (pid, tgid) =
        unsafe { (load::<i32>(child, offset!(task_pid)), load::<i32>(child, offset!(task_tgid))) };
    if pid == tgid {
        write(KIND_FORK, tgid as u32, current_tgid(), core::ptr::null(), None);
    }
    0
}

/// The running process has mapped a file as code: it may be a TLS library. Told once for each file,
/// or of every process where user space wants that.
#[inline(never)]
pub fn mapped(task: *const u8, fd: u64) {
    let Some((dev, ino, generation)) = kernel::file_id(task, fd) else {
        return;
    };
    let file = CodeFile { ino, dev, generation };
    // SAFETY: a live map element, read only.
    let told = MAPPED.get_ptr(&file).map(|told| unsafe { *told });
    let is_new =
        told.is_none() && MAPPED.insert(&file, &MAPPED_ONCE, u64::from(BPF_NOEXIST)).is_ok();
    if is_new || told == Some(MAPPED_EACH) {
        write(KIND_MAPPED, current_tgid(), 0, core::ptr::null(), Some(&file));
    }
}

/// The running process has made an io_uring.
#[inline(always)]
pub fn io_uring() {
    write(KIND_IO_URING, current_tgid(), 0, core::ptr::null(), None);
}

#[inline(always)]
fn current_tgid() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

#[inline(never)]
fn write(kind: u8, tgid: u32, parent_tgid: u32, path: *const u8, file: Option<&CodeFile>) {
    let Some(settings) = SETTINGS.get(0) else {
        return;
    };
    if settings.enabled == 0 {
        return;
    }
    let Some(ring) = emit::ring(0) else { return };
    let Some(mut slot) = ring.reserve_untyped::<ProcessHead>(0) else {
        loss::count(KernelLoss::ProcessRingFull, 0);
        return;
    };
    // SAFETY: the reservation is a `ProcessHead`; every field is written before it is submitted.
    let head = unsafe { &mut *slot.as_mut_ptr() };
    head.kind = kind;
    head.pad = [0; 3];
    head.path_bytes = 0;
    // SAFETY: helpers without pointers.
    unsafe {
        head.time_ns = bpf_ktime_get_ns();
        head.cgroup = bpf_get_current_cgroup_id();
    }
    head.tgid = tgid;
    head.parent_tgid = parent_tgid;
    head.uid = bpf_get_current_uid_gid() as u32;
    head.pad2 = 0;
    head.path = [0; 256];
    if !path.is_null() {
        // SAFETY: the helper bounds the copy by the array and cannot fault.
        let read = unsafe { bpf_probe_read_kernel_str_bytes(path, &mut head.path) };
        head.path_bytes = read.map_or(0, |path| path.len() as u32);
    }
    if let Some(file) = file {
        // SAFETY: the path is longer than a `CodeFile`.
        unsafe { head.path.as_mut_ptr().cast::<CodeFile>().write_unaligned(*file) };
    }
    // New code has to be looked at before it may be gone.
    let flags = if matches!(kind, KIND_EXEC | KIND_MAPPED) {
        u64::from(BPF_RB_FORCE_WAKEUP)
    } else {
        emit::wake(ring, settings, size_of::<ProcessHead>() as u64)
    };
    slot.submit(flags);
}
