//! The bpf(2) and perf_event_open(2) calls that aya does not make.
//!
//! In: linked programs, paths and offsets. Out: descriptors.
//! Always: one function a call; every descriptor is owned, so nothing outlives its holder.
//! Not here: what is attached where (`uprobes`). Source: bpf(2), perf_event_open(2),
//! `include/uapi/linux/bpf.h`.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use aya_obj::Function;
use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_prog_type, perf_event_attr};
use nix::libc;

/// `BPF_TRACE_UPROBE_MULTI` (Linux 6.6).
pub const TRACE_UPROBE_MULTI: u32 = 48;
/// `BPF_TRACE_UPROBE_SESSION` (Linux 6.13).
pub const TRACE_UPROBE_SESSION: u32 = 57;
/// `BPF_PERF_EVENT` (Linux 5.15).
const PERF_EVENT: u32 = 41;

/// `PERF_FLAG_FD_CLOEXEC`
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 1 << 3;

/// Longest log of the verifier that is asked for.
const LOG_BYTES: usize = 1 << 20;
/// Lines at its end that are told.
const LOG_LINES: usize = 6;

/// The kernel refused a program.
#[derive(Debug, thiserror::Error)]
#[error("{error}{}{log}", if log.is_empty() { "" } else { ": " })]
pub struct LoadError {
    error: io::Error,
    log: String,
}

/// Loads a program of the kind that uprobes take.
pub fn load_program(
    name: &str,
    function: &Function,
    btf: BorrowedFd<'_>,
    attach_type: u32,
) -> Result<OwnedFd, LoadError> {
    try_load(name, function, btf, attach_type, &mut []).or_else(|error| {
        // Once more, to hear why.
        let mut log = vec![0; LOG_BYTES];
        try_load(name, function, btf, attach_type, &mut log)
            .map_err(|_| LoadError { error, log: last_lines(&log) })
    })
}

fn try_load(
    name: &str,
    function: &Function,
    btf: BorrowedFd<'_>,
    attach_type: u32,
    log: &mut [u8],
) -> io::Result<OwnedFd> {
    let mut attr = zeroed_attr();
    let functions = function.func_info.func_info_bytes();
    // SAFETY: the member that `BPF_PROG_LOAD` reads, of a zeroed union.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    for (to, from) in load.prog_name.iter_mut().zip(name.bytes().take(15)) {
        *to = from.cast_signed();
    }
    load.prog_type = bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32;
    load.expected_attach_type = attach_type;
    load.insns = function.instructions.as_ptr() as u64;
    load.insn_cnt = u32::try_from(function.instructions.len()).unwrap_or(u32::MAX);
    load.license = c"Dual MIT/GPL".as_ptr() as u64;
    load.prog_btf_fd = fd_number(btf);
    load.func_info = functions.as_ptr() as u64;
    load.func_info_cnt = u32::try_from(function.func_info.len()).unwrap_or(0);
    load.func_info_rec_size = u32::try_from(function.func_info_rec_size).unwrap_or(0);
    if !log.is_empty() {
        load.log_level = 1;
        load.log_buf = log.as_mut_ptr() as u64;
        load.log_size = u32::try_from(log.len()).unwrap_or(0);
    }
    bpf(bpf_cmd::BPF_PROG_LOAD, &mut attr)
}

/// Loads type information.
pub fn load_btf(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut attr = zeroed_attr();
    // SAFETY: the member that `BPF_BTF_LOAD` reads, of a zeroed union.
    let load = unsafe { &mut attr.__bindgen_anon_7 };
    load.btf = bytes.as_ptr() as u64;
    load.btf_size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bpf(bpf_cmd::BPF_BTF_LOAD, &mut attr)
}

/// Attaches at many `(offset, cookie)` of a file at once.
pub fn attach_multi(
    program: BorrowedFd<'_>,
    attach_type: u32,
    path: &str,
    points: &[(u64, u64)],
    pid: Option<u32>,
) -> io::Result<OwnedFd> {
    let path = CString::new(path)?;
    let (offsets, cookies): (Vec<u64>, Vec<u64>) = points.iter().copied().unzip();
    let mut attr = zeroed_attr();
    // SAFETY: the member that `BPF_LINK_CREATE` reads, of a zeroed union.
    let link = unsafe { &mut attr.link_create };
    link.__bindgen_anon_1.prog_fd = fd_number(program);
    link.attach_type = attach_type;
    // SAFETY: the member that this attach type reads.
    let multi = unsafe { &mut link.__bindgen_anon_3.uprobe_multi };
    multi.path = path.as_ptr() as u64;
    multi.offsets = offsets.as_ptr() as u64;
    multi.cookies = cookies.as_ptr() as u64;
    multi.cnt = u32::try_from(points.len()).unwrap_or(u32::MAX);
    multi.pid = pid.unwrap_or(0);
    bpf(bpf_cmd::BPF_LINK_CREATE, &mut attr)
}

/// Attaches to a perf event.
pub fn attach_perf(
    program: BorrowedFd<'_>,
    event: BorrowedFd<'_>,
    cookie: u64,
) -> io::Result<OwnedFd> {
    let mut attr = zeroed_attr();
    // SAFETY: the member that `BPF_LINK_CREATE` reads, of a zeroed union.
    let link = unsafe { &mut attr.link_create };
    link.__bindgen_anon_1.prog_fd = fd_number(program);
    link.__bindgen_anon_2.target_fd = fd_number(event);
    link.attach_type = PERF_EVENT;
    link.__bindgen_anon_3.perf_event.bpf_cookie = cookie;
    bpf(bpf_cmd::BPF_LINK_CREATE, &mut attr)
}

/// The kernel's source of uprobe events.
#[derive(Debug)]
pub struct UprobePmu {
    kind: u32,
    return_bit: u32,
}

impl UprobePmu {
    /// Asks the kernel for its numbers.
    pub fn read() -> io::Result<Self> {
        let read = |name: &str| fs::read_to_string(format!("{PMU}/{name}"));
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        let bit = read("format/retprobe")?;
        let bit = bit.trim().strip_prefix("config:").ok_or_else(bad)?;
        Ok(Self {
            kind: read("type")?.trim().parse().map_err(|_| bad())?,
            return_bit: bit.parse().map_err(|_| bad())?,
        })
    }

    /// An event at an offset of a file, in every process or in one.
    pub fn open(
        &self,
        path: &str,
        offset: u64,
        on_return: bool,
        pid: Option<u32>,
    ) -> io::Result<OwnedFd> {
        let path = CString::new(path)?;
        // SAFETY: integers only; all zeroes is a value.
        let mut attr: perf_event_attr = unsafe { std::mem::zeroed() };
        attr.size = u32::try_from(size_of::<perf_event_attr>()).unwrap_or(0);
        attr.type_ = self.kind;
        attr.config = u64::from(on_return) << self.return_bit;
        attr.__bindgen_anon_3.config1 = path.as_ptr() as u64;
        attr.__bindgen_anon_4.config2 = offset;
        let process = pid.map_or(-1, u32::cast_signed);
        let processor = if pid.is_some() { -1 } else { 0 };
        // SAFETY: the attributes and the path live until the call returns; the result is a new
        // descriptor or -1.
        unsafe {
            owned(libc::syscall(
                libc::SYS_perf_event_open,
                &raw const attr,
                process,
                processor,
                -1,
                PERF_FLAG_FD_CLOEXEC,
            ))
        }
    }
}

const PMU: &str = "/sys/bus/event_source/devices/uprobe";

fn zeroed_attr() -> bpf_attr {
    // SAFETY: integers only; all zeroes is a value, and what the kernel expects of unused members.
    unsafe { std::mem::zeroed() }
}

/// Only for commands that give a descriptor.
fn bpf(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: what the attributes point to lives until the call returns.
    unsafe {
        owned(libc::syscall(
            libc::SYS_bpf,
            command as libc::c_long,
            std::ptr::from_mut(attr),
            size_of::<bpf_attr>(),
        ))
    }
}

/// # Safety
/// `result` is a new descriptor, or negative with `errno` set.
unsafe fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(result) {
        // SAFETY: nobody else owns a new descriptor.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn fd_number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn last_lines(log: &[u8]) -> String {
    let end = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(log.get(..end).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
}
