//! Probes on libraries that are called as C is: OpenSSL and its relatives, GnuTLS, NSS, rustls.
//!
//! In: entries and returns of `SSL_read`, `gnutls_record_send` and their like, described by cookies.
//! Out: plaintext of streams (`copy`), calls under way (`calls`), streams that end.
//! Always: what was read is told when the call returns. What is written is told when it returns too,
//! except where the return need not be seen: a write of one TLS record at most, on a stream
//! whose socket is known, is told at once, and if it could not be sent the next attempt is not told
//! again. Where one function of a library calls another for the same object, the outer one tells.
//! Not here: which socket it is (`tie`), where rustls has its arguments (`rustls`).

use core::ffi::c_void;

use aya_ebpf::{
    bindings::pt_regs,
    helpers::{bpf_get_attach_cookie, bpf_get_current_pid_tgid},
    macros::{uprobe, uretprobe},
    programs::{ProbeContext, RetProbeContext},
};
use earwitness_common::{
    connection::{Connection, SEEKS, WROTE},
    loss::KernelLoss,
    offsets::SESSION_IS_RETURN,
    sample::{EGRESS, GAP_SENDFILE, INGRESS, TIED_CALL},
    tls::{
        LAYERED_ONLY, OP, OP_BUFFER, OP_FREE, OP_INNER, OP_READ, OP_SENDFILE, OP_TAKEN, OP_WRITE,
        QUEUED, RECORD_BYTES, SIZE_32, SIZE_BY_FIFTH, SIZE_BY_POINTER,
    },
};

use super::{
    calls::{self, Calls, read, write},
    copy, rustls, stream, tie,
};
use crate::{emit::read_user, loss, maps::SETTINGS};

/// `PR_DESC_LAYERED` of NSPR's `prio.h`.
const PR_DESC_LAYERED: u32 = 4;

/// The return is of interest.
const FOLLOW: u32 = 0;
/// The return is of no interest: it is not trapped.
const LEAVE: u32 = 1;

/// Entry and return in one program, where the kernel lets an entry say whether its return matters
/// (Linux 6.13).
///
/// Written out, since the macro for uprobes drops the answer.
#[unsafe(no_mangle)]
#[unsafe(link_section = "uprobe")]
pub extern "C" fn tls_session(ctx: *mut c_void) -> u32 {
    let ctx = ProbeContext::new(ctx);
    if is_return() {
        // SAFETY: the context is the registers.
        returned(unsafe { &*ctx.regs }.rax, unsafe { &*ctx.regs }.rsp);
        return FOLLOW;
    }
    entered(&ctx, true)
}

/// Entry, where every return is trapped.
#[uprobe]
pub fn tls_enter(ctx: ProbeContext) -> u32 {
    entered(&ctx, false);
    0
}

/// Return, where it is a program of its own.
#[uretprobe]
pub fn tls_return(ctx: RetProbeContext) -> u32 {
    // SAFETY: the context is the registers.
    returned(unsafe { &*ctx.regs }.rax, unsafe { &*ctx.regs }.rsp);
    0
}

/// The kernel function `bpf_session_is_return`.
#[inline(always)]
fn is_return() -> bool {
    let answer: u64;
    // SAFETY: the loader makes this a call of a kernel function without arguments.
    unsafe {
        core::arch::asm!(
            "call {is_return}",
            is_return = const SESSION_IS_RETURN,
            lateout("r0") answer,
            lateout("r1") _,
            lateout("r2") _,
            lateout("r3") _,
            lateout("r4") _,
            lateout("r5") _,
        );
    }
    answer & 0xff != 0
}

/// Notes a call. `session`: whether the return can be left alone.
#[inline(always)]
fn entered(ctx: &ProbeContext, session: bool) -> u32 {
    let pid_tgid = bpf_get_current_pid_tgid();
    match SETTINGS.get(0) {
        Some(settings)
            if settings.enabled != 0 && settings.agent_tgid != (pid_tgid >> 32) as u32 => {}
        _ => return LEAVE,
    }
    let Some(calls) = calls::of(pid_tgid, 0) else {
        return LEAVE;
    };
    // SAFETY: the context is the registers; a helper that takes the context.
    unsafe {
        note(calls, &*ctx.regs);
        write(&mut calls.next.cookie, bpf_get_attach_cookie(ctx.regs.cast()));
        if read(&calls.next.cookie) & SIZE_BY_FIFTH != 0 {
            write(&mut calls.next.size_at, (*ctx.regs).r8);
        }
    }
    write(&mut calls.next.object.tgid, pid_tgid >> 32);
    begun(calls, session)
}

/// Where arguments lie by the C calling convention.
#[inline(always)]
fn note(calls: &mut Calls, regs: &pt_regs) {
    write(&mut calls.next.object.address, regs.rdi);
    write(&mut calls.next.buffer, regs.rsi);
    write(&mut calls.next.size, regs.rdx);
    write(&mut calls.next.size_at, regs.rcx);
    write(&mut calls.next.sp, regs.rsp);
}

/// The call in `calls.next` begins.
#[inline(never)]
fn begun(calls: &mut Calls, session: bool) -> u32 {
    let cookie = read(&calls.next.cookie);
    if cookie & QUEUED != 0 && !rustls::note(calls) {
        return LEAVE;
    }
    match cookie & OP {
        OP_FREE => {
            stream::free(&calls.next.object);
            return LEAVE;
        }
        OP_BUFFER => {
            tie::remember(calls);
            return LEAVE;
        }
        _ => {}
    }
    if cookie & LAYERED_ONLY != 0 && !is_layer(read(&calls.next.object.address)) {
        return LEAVE;
    }
    if cookie & SIZE_32 != 0 {
        let size = read(&calls.next.size) as u32;
        // Negative is refused by the library.
        write(&mut calls.next.size, if size >> 31 != 0 { 0 } else { u64::from(size) });
    }
    let Some(stream) = stream::of(&calls.next) else {
        return LEAVE;
    };
    if cookie & OP == OP_TAKEN {
        copy::moved(stream, INGRESS, read(&calls.next.buffer), read(&calls.next.size));
        return LEAVE;
    }
    let socket = stream::socket(stream);
    let is_within = calls.holds(read(&calls.next.sp));
    if is_within && calls.repeats() {
        return LEAVE;
    }
    if is_within && !calls.is_same() {
        // A TLS stream within this one.
        if let Some(socket) = socket {
            socket.flags |= SEEKS;
        }
    } else if session
        && cookie & (OP | QUEUED) == OP_WRITE
        && stream.flags & WROTE != 0
        && stream.tied == TIED_CALL
        && read(&calls.next.size) <= RECORD_BYTES
        && let Some(socket) = socket
    {
        written(calls, stream, read(&socket.egress_bytes));
        return LEAVE;
    }
    calls.push();
    FOLLOW
}

/// A write of one record, told before it is done, by whoever sends it within the same call. `sent_bytes`:
/// what the socket has sent so far.
/// Ciphertext is longer than plaintext: as long as less has been sent since the last write began, that
/// one is not done, and this is another attempt at it.
#[inline(always)]
pub fn written(calls: &Calls, stream: &mut Connection, sent_bytes: u64) {
    let since = sent_bytes.wrapping_sub(read(&stream.write_start_bytes));
    if since < read(&stream.write_bytes) {
        return;
    }
    write(&mut stream.write_start_bytes, sent_bytes);
    write(&mut stream.write_bytes, read(&calls.next.size));
    if read(&calls.next.size) != 0 {
        copy::moved(stream, EGRESS, read(&calls.next.buffer), read(&calls.next.size));
    }
}

/// Whether an NSPR descriptor is a layer on another.
#[inline(always)]
fn is_layer(descriptor: u64) -> bool {
    // `struct PRFileDesc` begins with its methods, and those with the type.
    let kind = read_user::<u64>(descriptor as *const u8)
        .and_then(|methods| read_user::<u32>(methods as *const u8));
    kind == Some(PR_DESC_LAYERED)
}

/// A call returns. The return address has been popped by now.
#[inline(always)]
fn returned(result: u64, sp: u64) {
    let Some(calls) = calls::known(bpf_get_current_pid_tgid(), 0) else {
        return;
    };
    // What was left without a return lies deeper.
    if read(&calls.top.sp).wrapping_add(8) < sp {
        calls.pop();
    }
    if read(&calls.top.sp).wrapping_add(8) != sp {
        // A function that is not followed, or a return whose entry was not seen.
        return;
    }
    ended(calls, result);
    calls.pop();
}

#[inline(never)]
fn ended(calls: &mut Calls, result: u64) {
    let op = read(&calls.top.cookie) & OP;
    let Some(stream) = stream::find(&calls.top.object) else {
        return;
    };
    if op == OP_INNER {
        return;
    }
    let bytes = size(calls, result);
    if bytes == 0 {
        return;
    }
    if bytes > read(&calls.top.size) {
        loss::count(KernelLoss::TlsReturn, bytes);
        return;
    }
    match op {
        OP_READ => copy::moved(stream, INGRESS, read(&calls.top.buffer), bytes),
        OP_WRITE => {
            stream.flags |= WROTE;
            // Nothing is left to be tried again.
            write(&mut stream.write_bytes, 0);
            if read(&calls.top.cookie) & QUEUED != 0 {
                rustls::written(calls, bytes);
            } else {
                copy::moved(stream, EGRESS, read(&calls.top.buffer), bytes);
            }
        }
        OP_SENDFILE => copy::unseen(stream, EGRESS, bytes, GAP_SENDFILE),
        _ => {}
    }
}

/// What the call moved; 0 if it failed.
#[inline(always)]
fn size(calls: &Calls, result: u64) -> u64 {
    let cookie = read(&calls.top.cookie);
    if cookie & (SIZE_BY_POINTER | SIZE_BY_FIFTH) != 0 {
        if result as i32 <= 0 {
            return 0;
        }
        return read_user::<u64>(read(&calls.top.size_at) as *const u8).unwrap_or(0);
    }
    let result = if cookie & SIZE_32 != 0 { i64::from(result as i32) } else { result as i64 };
    if result > 0 { result as u64 } else { 0 }
}
