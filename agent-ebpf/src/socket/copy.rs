//! From the bytes that a call moved to samples.
//!
//! In: a connection, a direction, and where the bytes lie in user memory. Out: data samples.
//! Always: positions advance by what the call moved, whatever is captured of it; what is not
//! captured is told with its length and reason, or counted when not even that could be written.
//! Not here: which call it was (`calls`), how messages lie in memory (`message`), what is wanted (`verdict`).

use core::ffi::c_void;

use aya_ebpf::bindings::BPF_RB_NO_WAKEUP;
use aya_ebpf::helpers::{bpf_ktime_get_ns, generated::bpf_loop};
use earwitness_common::{
    connection::{ANNOUNCED, CARRIES, Connection, Cursor, FILTERED, FRESH},
    loss::KernelLoss,
    sample::{
        DATA_CALL_START, DATA_TURN_START, DataHead, FAMILY_UNIX, GAP_FAULT, GAP_IOV_LIMIT,
        GAP_NONE, GAP_OVER_LIMIT, INGRESS, KIND_DATA,
    },
    settings::{Settings, Verdict},
};

use super::{
    message::{self, Iovec, MMSGHDR_BYTES},
    quiet,
};
use crate::{
    emit::{self, Slot},
    loss,
    verdict::{self, ALL_BYTES},
};

/// Largest sample, in captured bytes.
pub const PIECE_BYTES: u64 = 16_384;

/// What a turn has captured of it even when the ring fills: the longest head.
const THRIFTY_BYTES: u64 = 65_536;
/// Most buffers gathered in one sample.
const GATHERED: u64 = 8;
/// Pieces up to this size are not worth saving.
const SHORT_BYTES: u64 = 1_024;
/// Most steps through the bytes of one call: each reads one header, or writes one sample. A vector
/// has at most 1,024 elements (`UIO_MAXIOV`).
pub const STEPS: u32 = 4_096;

/// One call's bytes on their way into samples. Small: everything else lies in the cursor, and heads
/// are made in the ring itself, since older kernels give all frames together 512 bytes of stack.
pub struct Transfer<'a> {
    settings: &'a Settings,
    connection: *mut Connection,
    cursor: *mut Cursor,
}

macro_rules! cursor {
    ($transfer:ident . $field:ident) => {
        // SAFETY: points into a live map element; one call of one direction at a time uses it.
        unsafe { core::ptr::read_volatile(&raw const (*$transfer.cursor).$field) }
    };
    ($transfer:ident . $field:ident = $value:expr) => {{
        let value = $value;
        // SAFETY: as above.
        unsafe { core::ptr::write_volatile(&raw mut (*$transfer.cursor).$field, value) }
    }};
}

/// Advances the connection by `total_bytes`. `None`: nothing is to be written.
#[inline(always)]
pub fn begin<'a>(
    settings: &'a Settings,
    entry: *mut Connection,
    sk: u64,
    (tgid, uid): (u32, u32),
    direction: u8,
    total_bytes: u64,
) -> Option<Transfer<'a>> {
    // SAFETY: a live map element; fields are integers, written by one call of one direction at a
    // time (the applications' own locking orders calls of the same direction).
    let connection = unsafe { &mut *entry };
    let turned = connection.last_direction != direction;
    connection.last_direction = direction;
    let (pos_bytes, used) = advance(connection, direction, total_bytes, turned);
    let verdict = verdict::of(connection);
    // Of what carries TLS nothing is wanted but the handshake, and only user space knows its end.
    if verdict == Verdict::Tls as u8
        || connection.flags & CARRIES != 0 && verdict != Verdict::Undecided as u8
    {
        return None;
    }
    if connection.flags & FILTERED != 0 || verdict == Verdict::Ignore as u8 {
        // Should the rules change, it is joined late.
        connection.flags &= !FRESH;
        if connection.family != FAMILY_UNIX {
            quiet::hush(settings, sk);
        }
        return None;
    }
    if connection.flags & ANNOUNCED == 0 {
        if connection.tgid == 0 {
            super::table::own(connection);
        }
        if !emit::open(settings, connection, sk) {
            loss::count(KernelLoss::RingFull, total_bytes);
            return None;
        }
    }
    let turn_bytes = verdict::turn_bytes(settings, verdict);
    let cursor = if direction == INGRESS {
        &raw mut connection.ingress_cursor
    } else {
        &raw mut connection.egress_cursor
    };
    let transfer = Transfer { settings, connection: entry, cursor };
    cursor!(transfer.turn_bytes = turn_bytes);
    // SAFETY: a helper without pointers.
    cursor!(transfer.time_ns = unsafe { bpf_ktime_get_ns() });
    let budget_bytes = turn_bytes.saturating_sub(u64::from(used));
    cursor!(transfer.tgid = tgid);
    cursor!(transfer.uid = uid);
    cursor!(transfer.direction = u64::from(direction));
    cursor!(transfer.left_bytes = total_bytes);
    cursor!(transfer.budget_bytes = budget_bytes);
    cursor!(transfer.pos_bytes = pos_bytes);
    let flags = DATA_CALL_START | if turned { DATA_TURN_START } else { 0 };
    cursor!(transfer.flags = u64::from(flags));
    Some(transfer)
}

/// Moves the position on. Returns the old one and what this turn had captured before.
#[inline(always)]
fn advance(connection: &mut Connection, direction: u8, bytes: u64, turned: bool) -> (u64, u32) {
    let (position, used) = if direction == INGRESS {
        (&mut connection.ingress_bytes, &mut connection.ingress_used)
    } else {
        (&mut connection.egress_bytes, &mut connection.egress_used)
    };
    if turned {
        *used = 0;
    }
    let before = (*position, *used);
    *position += bytes;
    *used = used.saturating_add(if bytes > u64::from(u32::MAX) { u32::MAX } else { bytes as u32 });
    before
}

/// `bpf_loop`'s callback. Returns 1 to end the loop.
extern "C" fn step(_index: u64, transfer: *mut c_void) -> u64 {
    // SAFETY: what `capture` gave to the helper.
    u64::from(unsafe { &*transfer.cast::<Transfer<'_>>() }.step())
}

impl Transfer<'_> {
    /// The bytes lie in one buffer.
    #[inline(always)]
    pub fn from_buffer(&self, buffer: u64) {
        let left = cursor!(self.left_bytes);
        cursor!(self.from = buffer);
        cursor!(self.available_bytes = left);
        cursor!(self.message_bytes = left);
        cursor!(self.unread = 0);
        cursor!(self.headers_unread = 0);
    }

    /// The bytes lie in a vector of buffers, filled in order.
    #[inline(always)]
    pub fn from_vector(&self, vector: u64, elements: u64) {
        cursor!(self.available_bytes = 0);
        cursor!(self.message_bytes = cursor!(self.left_bytes));
        cursor!(self.next = vector);
        cursor!(self.unread = elements);
        cursor!(self.headers_unread = 0);
    }

    /// The bytes lie in several messages with a vector each.
    #[inline(always)]
    pub fn from_messages(&self, headers: u64, messages: u64) {
        cursor!(self.available_bytes = 0);
        cursor!(self.message_bytes = 0);
        cursor!(self.unread = 0);
        cursor!(self.headers = headers);
        cursor!(self.headers_unread = messages);
    }

    /// Captures from where the bytes lie. Most calls are done in one step.
    #[inline(never)]
    pub fn capture(&self) {
        if matches!(cursor!(self.unread), 2..=GATHERED) {
            match cursor!(self.left_bytes) {
                0..=256 => self.gather::<256, 512>(),
                257..=1024 => self.gather::<1024, 2048>(),
                1025..=4096 => self.gather::<4096, 8192>(),
                _ => {}
            }
        }
        if self.step() {
            return;
        }
        // SAFETY: the callback has the signature that the helper expects and gets its own type back.
        unsafe {
            bpf_loop(STEPS, step as *mut c_void, core::ptr::from_ref(self).cast_mut().cast(), 0);
        }
        self.rest(GAP_IOV_LIMIT);
    }

    /// Captures a short call from several buffers, usually a head and a body, in one sample. `ROOM`
    /// is twice `N`, so that the verifier sees each piece fit wherever it begins. What it cannot
    /// take is left to the steps.
    #[inline(always)]
    fn gather<const N: usize, const ROOM: usize>(&self) {
        let left = cursor!(self.left_bytes);
        if cursor!(self.budget_bytes) < left {
            return;
        }
        let Some(ring) = emit::ring(self.shard()) else {
            return;
        };
        let Some(mut slot) = ring.reserve_untyped::<Slot<ROOM>>(0) else {
            return;
        };
        let slot_ptr = slot.as_mut_ptr();
        // SAFETY: `slot_ptr` is the reservation.
        let data = unsafe { (&raw mut (*slot_ptr).data).cast::<u8>() };
        let mut filled = 0;
        for _ in 0..GATHERED {
            if filled == left || !self.next_element() {
                break;
            }
            let available = cursor!(self.available_bytes);
            let take = if available < left - filled { available } else { left - filled };
            if take == 0 {
                continue;
            }
            let from = cursor!(self.from) as *const u8;
            if !emit::copy_user::<N>(data, filled as u32, take as u32, from) {
                break;
            }
            cursor!(self.available_bytes = 0);
            filled += take;
        }
        if filled == 0 {
            slot.discard(u64::from(BPF_RB_NO_WAKEUP));
            return;
        }
        // SAFETY: as above; the head is filled before it is submitted.
        self.head(unsafe { &mut (*slot_ptr).head }, filled as u32, filled, GAP_NONE);
        slot.submit(emit::wake(ring, self.settings, size_of::<Slot<ROOM>>() as u64));
        self.told(filled);
        cursor!(self.message_bytes = left - filled);
    }

    /// That many bytes have been captured.
    #[inline(always)]
    fn told(&self, bytes: u64) {
        cursor!(self.left_bytes = cursor!(self.left_bytes) - bytes);
        cursor!(self.budget_bytes = cursor!(self.budget_bytes) - bytes);
        cursor!(self.pos_bytes = cursor!(self.pos_bytes) + bytes);
        cursor!(self.flags = 0);
    }

    /// Returns whether everything has been told.
    #[inline(always)]
    fn step(&self) -> bool {
        let left = cursor!(self.left_bytes);
        if left == 0 {
            return true;
        }
        let budget = cursor!(self.budget_bytes);
        if budget == 0 {
            return self.over_limit();
        }
        let message = cursor!(self.message_bytes);
        if message == 0 {
            return self.next_message();
        }
        if cursor!(self.available_bytes) == 0 && !self.next_element() {
            self.rest(GAP_FAULT);
            return true;
        }
        let available = cursor!(self.available_bytes);
        if available == 0 {
            return false;
        }
        let mut take = if available < message { available } else { message };
        if take > left {
            take = left;
        }
        if take > budget {
            take = budget;
        }
        // Full pieces first, so that little of a slot stays empty.
        if take > PIECE_BYTES {
            take = PIECE_BYTES;
        } else if take > PIECE_BYTES / 2 && take < PIECE_BYTES {
            take = PIECE_BYTES / 2;
        } else if take > PIECE_BYTES / 4 && take < PIECE_BYTES / 2 {
            take = PIECE_BYTES / 4;
        }
        if take > SHORT_BYTES && self.must_save(budget) {
            return self.over_limit();
        }
        let from = cursor!(self.from);
        if !self.write(from, take) {
            loss::count(KernelLoss::RingFull, left);
            cursor!(self.left_bytes = 0);
            return true;
        }
        cursor!(self.from = from.wrapping_add(take));
        cursor!(self.available_bytes = available - take);
        cursor!(self.message_bytes = message - take);
        self.told(take);
        take == left
    }

    /// Whether the ring fills and this turn has had enough of it. Long bodies are the first thing to
    /// leave out: where their length is known from the head, nothing is missed.
    #[inline(always)]
    fn must_save(&self, budget_bytes: u64) -> bool {
        budget_bytes < cursor!(self.turn_bytes).saturating_sub(THRIFTY_BYTES)
            && cursor!(self.turn_bytes) != ALL_BYTES
            && emit::ring(self.shard())
                .is_some_and(|ring| emit::filled_bytes(ring) > u64::from(self.settings.save_bytes))
    }

    /// Leaves out the rest, unless user space has asked for everything meanwhile. Returns whether
    /// everything has been told.
    #[inline(always)]
    fn over_limit(&self) -> bool {
        // SAFETY: a live map element.
        if verdict::is_full(unsafe { (*self.connection).conn }) {
            cursor!(self.budget_bytes = ALL_BYTES);
            return false;
        }
        self.rest(GAP_OVER_LIMIT);
        true
    }

    /// Reads the next message's header. Returns whether there is nothing more to do.
    #[inline(always)]
    fn next_message(&self) -> bool {
        let unread = cursor!(self.headers_unread);
        let header = cursor!(self.headers);
        let (Some(parts), Some(bytes)) = (message::header(header), message::moved_bytes(header))
        else {
            self.rest(GAP_FAULT);
            return true;
        };
        if unread == 0 {
            self.rest(GAP_FAULT);
            return true;
        }
        cursor!(self.next = parts.vector);
        cursor!(self.unread = parts.elements);
        cursor!(self.available_bytes = 0);
        cursor!(self.message_bytes = u64::from(bytes));
        cursor!(self.headers = header.wrapping_add(MMSGHDR_BYTES));
        cursor!(self.headers_unread = unread - 1);
        false
    }

    /// Reads the next vector element, if there is one and it can be read.
    #[inline(always)]
    fn next_element(&self) -> bool {
        let unread = cursor!(self.unread);
        if unread == 0 {
            return false;
        }
        let next = cursor!(self.next);
        let Some(element) = message::element(next) else {
            return false;
        };
        cursor!(self.from = element.base);
        cursor!(self.available_bytes = element.len);
        cursor!(self.next = next.wrapping_add(size_of::<Iovec>() as u64));
        cursor!(self.unread = unread - 1);
        true
    }

    /// Tells what is left as a gap.
    #[inline(never)]
    pub fn rest(&self, reason: u8) {
        let left = cursor!(self.left_bytes);
        if left == 0 {
            return;
        }
        if reason == GAP_FAULT {
            loss::count(KernelLoss::Fault, left);
        }
        if reason == GAP_IOV_LIMIT {
            loss::count(KernelLoss::IovLimit, left);
        }
        let written = match emit::ring(self.shard()) {
            Some(ring) => emit::gap(ring, self.settings, |head| self.head(head, 0, left, reason)),
            None => false,
        };
        if !written {
            loss::count(KernelLoss::RingFull, left);
        }
        cursor!(self.left_bytes = 0);
    }

    /// Writes the sample in the smallest size class that holds it.
    #[inline(always)]
    fn write(&self, from: u64, take: u64) -> bool {
        let Some(ring) = emit::ring(self.shard()) else {
            return false;
        };
        let take = take as u32;
        let fill = |head: &mut DataHead| self.head(head, take, u64::from(take), GAP_NONE);
        let from = from as *const u8;
        match take {
            0..=256 => emit::piece::<256>(ring, self.settings, take, from, fill),
            257..=1024 => emit::piece::<1024>(ring, self.settings, take, from, fill),
            1025..=4096 => emit::piece::<4096>(ring, self.settings, take, from, fill),
            4097..=8192 => emit::piece::<8192>(ring, self.settings, take, from, fill),
            _ => emit::piece::<16_384>(ring, self.settings, take, from, fill),
        }
    }

    #[inline(always)]
    fn shard(&self) -> u8 {
        // SAFETY: a live map element.
        unsafe { (*self.connection).shard }
    }

    /// Fills a head where it lies.
    #[inline(always)]
    fn head(&self, head: &mut DataHead, data_bytes: u32, len_bytes: u64, reason: u8) {
        head.kind = KIND_DATA;
        head.direction = cursor!(self.direction) as u8;
        head.reason = reason;
        head.flags = cursor!(self.flags) as u8;
        head.data_bytes = data_bytes;
        head.time_ns = cursor!(self.time_ns);
        // SAFETY: a live map element.
        head.conn = unsafe { (*self.connection).conn };
        head.pos_bytes = cursor!(self.pos_bytes);
        head.len_bytes = len_bytes;
        head.tgid = cursor!(self.tgid);
        head.uid = cursor!(self.uid);
    }
}
