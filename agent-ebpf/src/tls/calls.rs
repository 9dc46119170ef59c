//! TLS calls under way: what their arguments were, by thread or goroutine.
//!
//! In: entries and returns of probed functions. Out: the call that a return, or a socket call in
//! between, belongs to. Always: a call is known by its stack pointer, so a return never takes another
//! call's arguments, and a socket call is tied only to a TLS call whose frame lies right above it.
//! Not here: what the calls mean (`library`, `go`).

use earwitness_common::{
    loss::KernelLoss,
    tls::{OP, OP_INNER},
};

use crate::{
    loss,
    maps::{TLS_CALLS, TLS_GO_CALLS, TLS_USER_SLOTS, TLS_USERS},
};

/// How far below the frame of a TLS call its socket call may be. Other stacks (of coroutines) begin
/// further away.
const REACH_BYTES: u64 = 24_576;

/// Who runs: for a thread its `pid_tgid` and 0, for a goroutine its `g` and process.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Runner {
    /// `pid_tgid`, or the address of `g`.
    pub id: u64,
    /// 0, or the process.
    pub tgid: u64,
}

/// A TLS object of a process: the key of `TLS_STREAMS`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Object {
    /// Its address, 0 for no call.
    pub address: u64,
    /// The process.
    pub tgid: u64,
}

/// One call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Call {
    /// What it is about.
    pub object: Object,
    /// Where the plaintext lies or goes.
    pub buffer: u64,
    /// How much of it is asked for.
    pub size: u64,
    /// Where the size that was moved may be stored. Of a Go call: how far below the end of the
    /// goroutine's stack the buffer lies, 0 if it lies elsewhere.
    pub size_at: u64,
    /// `earwitness_common::tls`, and above `REPEATED_SHIFT` how often it was repeated.
    pub cookie: u64,
    /// The stack pointer at its entry; of a Go call, see `go::place`.
    pub sp: u64,
    /// Of a call of rustls: its queue.
    pub queue: u64,
}

/// What one runner is in: at most a call within a call (TLS inside TLS).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Calls {
    /// The innermost.
    pub top: Call,
    /// The one around it.
    pub under: Call,
    /// Being entered.
    pub next: Call,
    /// The beginning of a TLS record, while it is looked up.
    pub mark: [u8; 32],
}

/// Nothing is under way.
pub static NO_CALLS: Calls = {
    const NONE: Call = Call {
        object: Object { address: 0, tgid: 0 },
        buffer: 0,
        size: 0,
        size_at: 0,
        cookie: 0,
        sp: 0,
        queue: 0,
    };
    Calls { top: NONE, under: NONE, next: NONE, mark: [0; 32] }
};

/// Whether a process has ever called a TLS library. Biased towards yes.
#[inline(always)]
pub fn is_user(tgid: u32) -> bool {
    // SAFETY: an element of an array map.
    user(tgid).is_some_and(|slot| unsafe { core::ptr::read_volatile(slot) } != 0)
}

#[inline(always)]
fn user(tgid: u32) -> Option<*mut u8> {
    TLS_USERS.get_ptr_mut(tgid & (TLS_USER_SLOTS - 1))
}

/// A runner is met for the first time.
#[inline(always)]
fn begin(id: u64, tgid: u64) {
    let tgid = if tgid == 0 { id >> 32 } else { tgid };
    if let Some(slot) = user(tgid as u32) {
        // SAFETY: as above.
        unsafe { core::ptr::write_volatile(slot, 1) };
    }
}

/// What a runner is in, with a new entry for one that was not met before.
#[inline(never)]
pub fn of(id: u64, tgid: u64) -> Option<&'static mut Calls> {
    let runner = Runner { id, tgid };
    // SAFETY: live map elements; only their own thread or goroutine uses them.
    unsafe {
        if tgid == 0 {
            if let Some(calls) = TLS_CALLS.get_ptr_mut(&runner) {
                return Some(&mut *calls);
            }
            begin(id, tgid);
            let _ = TLS_CALLS.insert(&runner, &NO_CALLS, 0);
            let calls = TLS_CALLS.get_ptr_mut(&runner);
            if calls.is_none() {
                loss::count(KernelLoss::TlsMapFull, 0);
            }
            return calls.map(|calls| &mut *calls);
        }
        if let Some(calls) = TLS_GO_CALLS.get_ptr_mut(&runner) {
            return Some(&mut *calls);
        }
        begin(id, tgid);
        let _ = TLS_GO_CALLS.insert(&runner, &NO_CALLS, 0);
        TLS_GO_CALLS.get_ptr_mut(&runner).map(|calls| &mut *calls)
    }
}

/// What a runner is in, if it was met before.
#[inline(never)]
pub fn known(id: u64, tgid: u64) -> Option<&'static mut Calls> {
    let runner = Runner { id, tgid };
    let calls =
        if tgid == 0 { TLS_CALLS.get_ptr_mut(&runner) } else { TLS_GO_CALLS.get_ptr_mut(&runner) };
    // SAFETY: a live map element; only its own thread or goroutine uses it.
    calls.map(|calls| unsafe { &mut *calls })
}

/// The thread is gone.
#[inline(always)]
pub fn forget(pid_tgid: u64) {
    let _ = TLS_CALLS.remove(&Runner { id: pid_tgid, tgid: 0 });
}

impl Calls {
    /// The call in `next` is under way: its return will be seen.
    #[inline(always)]
    pub fn push(&mut self) {
        // A frame at or below the new one has been left without a return (`longjmp`).
        if self.top.sp > self.next.sp {
            copy(&mut self.under, &self.top);
        }
        copy(&mut self.top, &self.next);
    }

    /// The innermost call has returned.
    #[inline(always)]
    pub fn pop(&mut self) {
        copy(&mut self.top, &self.under);
        write(&mut self.under.object.address, 0);
        write(&mut self.under.sp, 0);
    }

    /// Whether the call in `next` is about the object of the one under way.
    #[inline(always)]
    pub fn is_same(&self) -> bool {
        read(&self.top.object.address) == read(&self.next.object.address)
    }

    /// Whether the call in `next` is one that the library makes in the one under way, which tells
    /// for both.
    ///
    /// Believed a few times: after that, the return of the one under way was not seen.
    #[inline(never)]
    pub fn repeats(&mut self) -> bool {
        let cookie = read(&self.top.cookie);
        if !self.is_same() || cookie & OP == OP_INNER {
            return false;
        }
        if read(&self.next.cookie) & OP == OP_INNER {
            return true;
        }
        if cookie >> REPEATED_SHIFT >= MOST_REPEATED {
            return false;
        }
        write(&mut self.top.cookie, cookie + (1 << REPEATED_SHIFT));
        true
    }

    /// Whether a TLS call is under way that a socket call, or another TLS call, at this stack pointer
    /// happens in.
    #[inline(always)]
    pub fn holds(&self, sp: u64) -> bool {
        read(&self.top.object.address) != 0
            && read(&self.top.sp).wrapping_sub(sp).wrapping_sub(1) < REACH_BYTES
    }
}

/// Of a call's cookie: how many other functions have been called in it for the same object.
const REPEATED_SHIFT: u32 = 62;
/// Most of them that one function of a library calls.
const MOST_REPEATED: u64 = 3;

/// Word by word, through map memory: nothing of it is kept on the stack.
#[inline(always)]
fn copy(into: &mut Call, from: &Call) {
    write(&mut into.object.address, read(&from.object.address));
    write(&mut into.object.tgid, read(&from.object.tgid));
    write(&mut into.buffer, read(&from.buffer));
    write(&mut into.size, read(&from.size));
    write(&mut into.size_at, read(&from.size_at));
    write(&mut into.cookie, read(&from.cookie));
    write(&mut into.sp, read(&from.sp));
    write(&mut into.queue, read(&from.queue));
}

/// Reads a word of map memory anew: kept in a register across calls it would go to the stack.
#[inline(always)]
pub fn read(word: &u64) -> u64 {
    // SAFETY: a reference.
    unsafe { core::ptr::read_volatile(word) }
}

/// Writes a word of map memory.
#[inline(always)]
pub fn write(word: &mut u64, value: u64) {
    // SAFETY: a reference.
    unsafe { core::ptr::write_volatile(word, value) };
}
