//! Calls of rustls: which stream they are about, and where their plaintext lies.
//!
//! In: calls of which the registers were noted. Out: the same with an object, a buffer and a size, as
//! calls of C libraries have them; plaintext in several pieces (`copy`).
//! Always: its objects are moved while they live. What stays where it is, and belongs to one connection
//! alone, is the memory of the queue of records that are to be sent (`VecDeque`): a stream is known by
//! its address, and known anew when the queue has got more memory while something was written.
//! Not here: which socket it is (`tie`): records are written by a function of the queue, inside of
//! which the socket is called. Source: `common_state.rs` and `vecbuf.rs` of rustls 0.21 to 0.23.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_loop;
use earwitness_common::{
    sample::{EGRESS, GAP_FAULT},
    tls::{IN_CHUNKS, IN_MESSAGE, OP, OP_TAKEN, QUEUE_SHIFT},
};

use super::{
    calls::{Calls, read, write},
    copy, stream,
};
use crate::{emit::read_user, maps::TLS_STREAMS};

/// `ChunkVecBuffer` begins with its limit, an `Option<usize>`. Words of the `VecDeque` come next: two
/// sizes, an index and an address, in an order that the compiler chooses.
const DEQUE_AT: u64 = 16;
/// What is less is no address: sizes and indices are. A queue without memory has none.
const LEAST_ADDRESS: u64 = 1 << 16;
/// User addresses end here.
const END_ADDRESS: u64 = 1 << 47;
/// The kinds of a `Message` that has application data, by the word it begins with.
const APPLICATION_DATA: core::ops::RangeInclusive<u64> =
    0x8000_0000_0000_0003..=0x8000_0000_0000_0005;
/// The buffer is an array of slices, of which the first `size_at` bytes are left out.
const IN_SLICES: u64 = 1 << 50;
/// Most slices of one call.
const MOST_SLICES: u32 = 128;

/// Makes out what the call in `calls.next` is about. Returns whether that could be done.
#[inline(never)]
pub fn note(calls: &mut Calls) -> bool {
    let cookie = read(&calls.next.cookie);
    if cookie & IN_MESSAGE != 0 {
        if !message(calls) {
            return false;
        }
    } else if cookie & OP == OP_TAKEN {
        payload(calls);
    } else if cookie & IN_CHUNKS != 0 {
        chunks(calls);
    }
    let queue = cookie >> QUEUE_SHIFT & 0xffff;
    let queue = read(&calls.next.object.address).wrapping_add(queue);
    write(&mut calls.next.queue, queue);
    let memory = memory(queue);
    write(&mut calls.next.object.address, memory);
    memory != 0
}

/// `handle(.., context, message, ..)`: what was decrypted, if it is application data.
#[inline(never)]
fn message(calls: &mut Calls) -> bool {
    let context = word(read(&calls.next.size));
    write(&mut calls.next.object.address, context);
    let message = read(&calls.next.size_at);
    let kind = word(message);
    write(&mut calls.next.buffer, word(message.wrapping_add(16)));
    write(&mut calls.next.size, word(message.wrapping_add(24)));
    APPLICATION_DATA.contains(&kind)
}

/// `take_received_plaintext(self, payload)`: a slice behind a tag.
#[inline(never)]
fn payload(calls: &mut Calls) {
    let payload = read(&calls.next.buffer);
    write(&mut calls.next.buffer, word(payload.wrapping_add(8)));
    write(&mut calls.next.size, word(payload.wrapping_add(16)));
}

/// `send_appdata_encrypt(self, chunks, ..)`: 0 and one slice, or slices and which bytes of them all.
#[inline(never)]
fn chunks(calls: &mut Calls) {
    let chunks = read(&calls.next.buffer);
    let slices = word(chunks);
    if slices == 0 {
        write(&mut calls.next.buffer, word(chunks.wrapping_add(8)));
        write(&mut calls.next.size, word(chunks.wrapping_add(16)));
        return;
    }
    write(&mut calls.next.buffer, slices);
    let start = word(chunks.wrapping_add(16));
    write(&mut calls.next.size_at, start);
    write(&mut calls.next.size, word(chunks.wrapping_add(24)).wrapping_sub(start));
    let cookie = read(&calls.next.cookie);
    write(&mut calls.next.cookie, cookie | IN_SLICES);
}

/// The call in `calls.top` has taken this much.
#[inline(never)]
pub fn written(calls: &mut Calls, bytes: u64) {
    write(&mut calls.top.size, bytes);
    if read(&calls.top.cookie) & IN_SLICES == 0 {
        write(&mut calls.next.buffer, read(&calls.top.buffer));
        write(&mut calls.next.size, bytes);
        tell(calls);
    } else {
        slices(calls);
        unread(calls);
    }
    follow(calls);
}

/// The queue may have got more memory.
#[inline(never)]
fn follow(calls: &mut Calls) {
    let memory = memory(read(&calls.top.queue));
    if memory == 0 || memory == read(&calls.top.object.address) {
        return;
    }
    let Some(stream) = stream::find(&calls.top.object) else {
        return;
    };
    write(&mut calls.next.object.address, memory);
    let tgid = read(&calls.top.object.tgid);
    write(&mut calls.next.object.tgid, tgid);
    if TLS_STREAMS.insert(&calls.next.object, stream, 0).is_ok() {
        let _ = TLS_STREAMS.remove(&calls.top.object);
    }
}

/// Tells slice by slice. Frames are few: the verifier allows eight.
#[inline(always)]
fn slices(calls: &mut Calls) {
    let mut context: *mut Calls = calls;
    // SAFETY: the callback has the signature that the helper expects and gets its own type back.
    unsafe {
        bpf_loop(MOST_SLICES, again as *mut c_void, (&raw mut context).cast(), 0);
    }
}

extern "C" fn again(_index: u64, context: *mut c_void) -> u64 {
    // SAFETY: what `slices` gave to the helper.
    let calls = unsafe { &mut **context.cast::<*mut Calls>() };
    cut(calls);
    tell(calls);
    u64::from(read(&calls.top.size) == 0)
}

/// What the next slice adds to what was taken goes to `calls.next`.
#[inline(never)]
fn cut(calls: &mut Calls) {
    let slice = read(&calls.top.buffer);
    write(&mut calls.top.buffer, slice.wrapping_add(16));
    let size = word(slice.wrapping_add(8));
    let skip = read(&calls.top.size_at);
    let skipped = if skip < size { skip } else { size };
    write(&mut calls.top.size_at, skip - skipped);
    let left = read(&calls.top.size);
    let take = if size - skipped < left { size - skipped } else { left };
    write(&mut calls.top.size, left - take);
    write(&mut calls.next.size, take);
    write(&mut calls.next.buffer, word(slice).wrapping_add(skipped));
}

/// Tells what lies in the buffer of `calls.next`, for the stream of `calls.top`.
#[inline(always)]
fn tell(calls: &Calls) {
    let (buffer, size) = (read(&calls.next.buffer), read(&calls.next.size));
    if size != 0
        && let Some(stream) = stream::find(&calls.top.object)
    {
        copy::moved(stream, EGRESS, buffer, size);
    }
}

/// What is left could not be read, or lies in too many slices.
#[inline(never)]
fn unread(calls: &Calls) {
    let left = read(&calls.top.size);
    if left != 0
        && let Some(stream) = stream::find(&calls.top.object)
    {
        copy::unseen(stream, EGRESS, left, GAP_FAULT);
    }
}

/// Address of what a queue holds, 0 if it holds nothing yet.
#[inline(never)]
fn memory(queue: u64) -> u64 {
    let mut largest = 0;
    for index in 0..4 {
        let word = word(queue.wrapping_add(DEQUE_AT + 8 * index));
        if word > largest {
            largest = word;
        }
    }
    if (LEAST_ADDRESS..END_ADDRESS).contains(&largest) { largest } else { 0 }
}

/// A word of user memory, 0 if it cannot be read.
#[inline(never)]
fn word(address: u64) -> u64 {
    read_user(address as *const u8).unwrap_or(0)
}
