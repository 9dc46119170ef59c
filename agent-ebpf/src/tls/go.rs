//! Probes on Go's `crypto/tls`.
//!
//! In: entries of `(*Conn).Read`, `Write` and `Close`, and every return instruction of `Read`.
//! Out: plaintext of streams (`copy`), calls under way (`calls`), streams that end.
//! Always: by goroutine, since threads change under it; never a return probe, since stacks move; a
//! buffer on a stack that has moved is found by its distance from the stack's end.
//! Not here: which socket it is (`tie`). Registers are those of Go's ABIInternal on x86-64, since
//! Go 1.17.

use aya_ebpf::{
    helpers::{bpf_get_attach_cookie, bpf_get_current_pid_tgid},
    macros::uprobe,
    programs::ProbeContext,
};
use earwitness_common::{
    sample::{EGRESS, INGRESS},
    tls::{OP, OP_FREE, OP_WRITE},
};

use super::{
    calls::{self, Calls, read, write},
    copy, library, stream,
};
use crate::{emit::read_user, maps::SETTINGS};

/// `g.stack.hi`: the structure begins with the stack's bounds.
const STACK_HI_AT: u64 = 8;
/// Where every goroutine's stack is taken to end.
const STACK_END: u64 = 1 << 62;

/// A function of a connection is entered.
#[uprobe]
pub fn go_enter(ctx: ProbeContext) -> u32 {
    let tgid = bpf_get_current_pid_tgid() >> 32;
    match SETTINGS.get(0) {
        Some(settings) if settings.enabled != 0 && settings.agent_tgid != tgid as u32 => {}
        _ => return 0,
    }
    // SAFETY: the context is the registers.
    let Some(calls) = calls::of(unsafe { &*ctx.regs }.r14, tgid) else {
        return 0;
    };
    // SAFETY: as above; a helper that takes the context.
    unsafe {
        let regs = &*ctx.regs;
        write(&mut calls.next.object.address, regs.rax);
        write(&mut calls.next.buffer, regs.rbx);
        write(&mut calls.next.size, regs.rcx);
        write(&mut calls.next.sp, regs.rsp);
        // For the moment.
        write(&mut calls.next.size_at, regs.r14);
        write(&mut calls.next.cookie, bpf_get_attach_cookie(ctx.regs.cast()));
    }
    write(&mut calls.next.object.tgid, tgid);
    begun(calls);
    0
}

/// `(*Conn).Read` is about to return.
#[uprobe]
pub fn go_return(ctx: ProbeContext) -> u32 {
    let tgid = bpf_get_current_pid_tgid() >> 32;
    // SAFETY: the context is the registers.
    let Some(calls) = calls::known(unsafe { &*ctx.regs }.r14, tgid) else {
        return 0;
    };
    // SAFETY: as above.
    let regs = unsafe { &*ctx.regs };
    ended(calls, regs.rax, regs.rsp, stack_end(regs.r14));
    0
}

/// Stacks move when they grow, so a place on one is told by its distance from the end.
#[inline(always)]
pub fn place(address: u64, stack_end: u64) -> u64 {
    STACK_END.wrapping_sub(stack_end.wrapping_sub(address))
}

/// Where the goroutine's stack ends now.
#[inline(always)]
pub fn stack_end(goroutine: u64) -> u64 {
    read_user(goroutine.wrapping_add(STACK_HI_AT) as *const u8).unwrap_or(0)
}

#[inline(never)]
fn begun(calls: &mut Calls) {
    let op = read(&calls.next.cookie) & OP;
    if op == OP_FREE {
        stream::free(&calls.next.object);
        return;
    }
    let Some(stream) = stream::of(&calls.next) else {
        return;
    };
    if op == OP_WRITE {
        // Everything is written, or the connection is over. A function that finds its stack too small
        // begins once more on a larger one: by then nothing has been sent.
        if let Some(socket) = stream::socket(stream) {
            library::written(calls, stream, read(&socket.egress_bytes));
        } else if read(&calls.next.size) != 0 {
            copy::moved(stream, EGRESS, read(&calls.next.buffer), read(&calls.next.size));
        }
        return;
    }
    anchor(calls);
    calls.push();
}

/// Notes where the call's frame and buffer lie on the goroutine's stack.
#[inline(always)]
fn anchor(calls: &mut Calls) {
    let goroutine = read(&calls.next.size_at);
    let end = stack_end(goroutine);
    let start = read_user::<u64>(goroutine as *const u8).unwrap_or(end);
    let (buffer, sp) = (read(&calls.next.buffer), read(&calls.next.sp));
    write(&mut calls.next.sp, place(sp, end));
    write(&mut calls.next.size_at, if start <= buffer && buffer < end { end - buffer } else { 0 });
}

#[inline(never)]
fn ended(calls: &mut Calls, result: u64, sp: u64, stack_end: u64) {
    let place = place(sp, stack_end);
    // What was left by a panic lies deeper.
    if read(&calls.top.sp) < place {
        calls.pop();
    }
    if read(&calls.top.sp) != place {
        return;
    }
    if result as i64 > 0 && result <= read(&calls.top.size) {
        if let Some(stream) = stream::find(&calls.top.object) {
            let below_end = read(&calls.top.size_at);
            let moved = stack_end.wrapping_sub(below_end);
            let buffer = if below_end == 0 { read(&calls.top.buffer) } else { moved };
            copy::moved(stream, INGRESS, buffer, result);
        }
    }
    calls.pop();
}
