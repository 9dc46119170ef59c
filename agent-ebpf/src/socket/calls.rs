//! The one program on the exit of every system call.
//!
//! In: registers (call number and arguments are still there at exit) and the result.
//! Out: transfers (`copy`), new connections (`table`), ends of directions (`emit`).
//! Always: a call that is of no interest costs one table look-up; the agent's own calls none more.
//! `MSG_PEEK` moves nothing and is left out. Exit order is not entry order: two threads of one
//! connection may be seen in either order.
//! Not here: TCP states (`tcp`), how messages lie in memory (`message`).

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use earwitness_common::{
    connection::{ANNOUNCED, Connection, FILTERED, FRESH},
    loss::KernelLoss,
    sample::{
        EGRESS, FAMILY_UNIX, GAP_DISCARDED, GAP_SENDFILE, INGRESS, ROLE_ACCEPTED, ROLE_CONNECTED,
        ROLE_UNKNOWN,
    },
    settings::{Settings, Verdict, syscall},
};

use super::{
    copy::{self, Transfer},
    datagram::{self, Datagram},
    message::{self, MESSAGES},
    quiet, table,
};
use crate::{
    emit::{self, read_user},
    kernel::{self, SocketFile, load},
    loss,
    maps::{SETTINGS, SOCKETS, SYSCALLS, offset},
    process,
    tls::tie,
};

const EAGAIN: i64 = 11;
const PROT_EXEC: u64 = 4;
const MSG_OOB: u64 = 0x1;
const MSG_PEEK: u64 = 0x2;
const MSG_TRUNC: u64 = 0x20;
const MSG_ERRQUEUE: u64 = 0x2000;
const SHUT_RD: u64 = 0;

/// A system call that has ended.
struct Call {
    task: *const u8,
    regs: *const u8,
    tgid: u32,
    args: [u64; 4],
    result: i64,
}

/// `tp_btf/sys_exit`.
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    let regs: *const u8 = ctx.arg(0);
    // SAFETY: the tracepoint's first argument is a typed `struct pt_regs *`.
    let number: u64 = unsafe { load(regs, offset!(regs_nr)) };
    if number >= syscall::TABLE as u64 {
        return 0;
    }
    // SAFETY: the index is below the table's length; volatile because the loader fills the table.
    let kind = unsafe {
        core::ptr::read_volatile((&raw const SYSCALLS).cast::<u8>().add(number as usize & 511))
    };
    if kind == syscall::NONE {
        return 0;
    }
    let result: i64 = ctx.arg(1);
    if result < 0 && result != -EAGAIN {
        return 0;
    }
    let Some(settings) = SETTINGS.get(0) else {
        return 0;
    };
    if result < 0 && settings.tls == 0 {
        return 0;
    }
    let task = kernel::current();
    // SAFETY: the typed current task.
    let tgid: u32 = unsafe { load(task, offset!(task_tgid)) };
    if tgid == settings.agent_tgid {
        // SAFETY: as for the number.
        kernel::learn(task, unsafe { load(regs, offset!(regs_arg0)) });
        return 0;
    }
    if settings.enabled == 0 {
        return 0;
    }
    if kernel::is_compat(task) {
        // The number means another call there; what it did is not known.
        loss::count(KernelLoss::CompatSyscall, 0);
        return 0;
    }
    // SAFETY: as for the number.
    let args = unsafe {
        [
            load(regs, offset!(regs_arg0)),
            load(regs, offset!(regs_arg1)),
            load(regs, offset!(regs_arg2)),
            load(regs, offset!(regs_arg3)),
        ]
    };
    let call = Call { task, regs, tgid, args, result };
    if result < 0 {
        tie_only(settings, kind, &call);
        return 0;
    }
    match kind & syscall::SHAPE {
        syscall::EVENT => event(settings, kind, &call),
        _ => moved(settings, kind, &call),
    }
    0
}

/// Something other than bytes.
#[inline(always)]
fn event(settings: &Settings, kind: u8, call: &Call) {
    match kind {
        syscall::ACCEPT => begun(settings, call.task, call.result as u64, ROLE_ACCEPTED),
        syscall::CONNECT => begun(settings, call.task, call.args[0], ROLE_CONNECTED),
        syscall::SOCKETPAIR => pair(settings, call, call.args[3]),
        syscall::SHUTDOWN => shut_down(settings, call, call.args[1]),
        syscall::IO_URING_SETUP => process::io_uring(),
        syscall::MMAP if call.args[2] & PROT_EXEC != 0 => {
            // SAFETY: the typed registers.
            process::mapped(call.task, unsafe { load(call.regs, offset!(regs_arg4)) });
        }
        _ => {}
    }
}

/// Nothing has moved yet, or nothing of it is wanted: still, it tells which socket a TLS call is about.
#[inline(always)]
fn tie_only(settings: &Settings, kind: u8, call: &Call) {
    let is_other =
        matches!(kind & syscall::SHAPE, syscall::EVENT | syscall::UNSEEN | syscall::SPLICE);
    if is_other || !tie::may_tie(settings, call.tgid) {
        return;
    }
    let Some(socket) = kernel::socket_of(call.task, call.args[0]) else {
        return;
    };
    if quiet::is_quiet(settings, socket.sk) && !is_filtering(settings) {
        return;
    }
    if let Some(entry) = SOCKETS.get_ptr_mut(&socket.sk) {
        // SAFETY: a live map element.
        let connection = unsafe { &mut *entry };
        table::decide_filter(settings, connection, socket.sk);
        tie(settings, connection, call);
        if call.result > 0 && kind & syscall::SENDS != 0 {
            recognise(settings, connection, kind, call);
        }
    }
}

/// Nothing may be told of what a filter leaves out, so its TLS stream has to be tied to it as well.
#[inline(always)]
fn is_filtering(settings: &Settings) -> bool {
    settings.include_rules | settings.exclude_rules != 0
}

/// Asks whether the call happens inside a TLS call, while it is not known what the socket's bytes are.
#[inline(always)]
fn tie(settings: &Settings, entry: &mut Connection, call: &Call) {
    if tie::may_tie(settings, call.tgid) && tie::is_open(entry, call.tgid) {
        // SAFETY: the typed registers.
        let (sp, goroutine) = unsafe {
            (load(call.regs, offset!(regs_sp)), load(call.regs, offset!(regs_goroutine)))
        };
        tie::by_call(settings, entry, sp, goroutine);
    }
}

/// Asks whether what was sent is a record that went through a memory buffer before.
#[inline(always)]
fn recognise(settings: &Settings, entry: &mut Connection, kind: u8, call: &Call) {
    if tie::may_tie(settings, call.tgid) && tie::is_open(entry, call.tgid) {
        let (buffer, size) = message::first_buffer(kind, call.args[1], call.result as u64);
        tie::by_ciphertext(settings, entry, buffer, size);
    }
}

/// Bytes have moved, or a read has found the end.
#[inline(always)]
fn moved(settings: &Settings, kind: u8, call: &Call) {
    let direction = if kind & syscall::SENDS != 0 { EGRESS } else { INGRESS };
    let flags = flags(kind, call);
    let skipped = if direction == INGRESS { MSG_OOB | MSG_PEEK | MSG_ERRQUEUE } else { MSG_OOB };
    if flags & skipped != 0 {
        return;
    }
    let Some((socket, direction)) = socket(kind, call, direction) else {
        return;
    };
    if call.result == 0 {
        // A read into no room tells nothing.
        let room = kind & syscall::SHAPE == syscall::HEADER || call.args[2] != 0;
        if direction == INGRESS && room {
            ended(settings, &socket, INGRESS);
        }
        return;
    }
    if quiet::is_quiet(settings, socket.sk) {
        tie_only(settings, kind, call);
        return;
    }
    let Some(entry) = table::of_socket(settings, &socket) else {
        if datagram::is_udp(&socket) {
            datagrams(&socket, kind, call, direction);
        }
        return;
    };
    // SAFETY: a live map element.
    let connection = unsafe { &mut *entry };
    table::decide_filter(settings, connection, socket.sk);
    tie(settings, connection, call);
    if direction == EGRESS {
        recognise(settings, connection, kind, call);
    }
    let Some(total_bytes) = message::total_bytes(kind, call.args[1], call.result as u64) else {
        return;
    };
    let actor = (call.tgid, kernel::uid(call.task));
    let Some(transfer) = copy::begin(settings, entry, socket.sk, actor, direction, total_bytes)
    else {
        return;
    };
    if matches!(kind & syscall::SHAPE, syscall::UNSEEN | syscall::SPLICE) {
        transfer.rest(GAP_SENDFILE);
    } else if direction == INGRESS && flags & MSG_TRUNC != 0 {
        transfer.rest(GAP_DISCARDED);
    } else {
        aim(&transfer, kind, call);
        transfer.capture();
    }
}

/// Datagrams have moved.
#[inline(always)]
fn datagrams(socket: &SocketFile, kind: u8, call: &Call, direction: u8) {
    let [_, second, ..] = call.args;
    match kind & syscall::SHAPE {
        syscall::HEADERS => {
            let messages = call.result.min(MESSAGES as i64) as u32;
            datagram::look_at_all(socket.sk, second, messages, direction);
        }
        syscall::HEADER => {
            datagram::look(&datagram::of_header(socket.sk, second, call.result as u64, direction));
        }
        syscall::BUFFER | syscall::VECTOR => {
            let (from, size_bytes) = message::first_buffer(kind, call.args[1], call.result as u64);
            let has_name = kind & syscall::FLAGS_FOURTH != 0;
            // SAFETY: the typed registers.
            let name = if has_name { unsafe { load(call.regs, offset!(regs_arg4)) } } else { 0 };
            datagram::look(&Datagram { sk: socket.sk, from, size_bytes, name, direction });
        }
        _ => {}
    }
}

/// Says where the bytes lie. What cannot be read is empty, and everything is told as a gap.
#[inline(always)]
fn aim(transfer: &Transfer<'_>, kind: u8, call: &Call) {
    let [_, second, third, _] = call.args;
    match kind & syscall::SHAPE {
        syscall::BUFFER => transfer.from_buffer(second),
        syscall::VECTOR => transfer.from_vector(second, third),
        syscall::HEADERS => transfer.from_messages(second, call.result as u64),
        _ => match message::header(second) {
            Some(header) => transfer.from_vector(header.vector, header.elements),
            None => transfer.from_vector(0, 0),
        },
    }
}

/// The socket of the call and the direction of its bytes. One end of a `splice` is a pipe.
#[inline(always)]
fn socket(kind: u8, call: &Call, direction: u8) -> Option<(SocketFile, u8)> {
    if let Some(socket) = kernel::socket_of(call.task, call.args[0]) {
        return Some((socket, direction));
    }
    if kind & syscall::SHAPE != syscall::SPLICE {
        return None;
    }
    Some((kernel::socket_of(call.task, call.args[2])?, EGRESS))
}

/// `MSG_*` flags of the call, 0 if it has none.
#[inline(always)]
fn flags(kind: u8, call: &Call) -> u64 {
    if kind & syscall::FLAGS_FOURTH != 0 {
        call.args[3]
    } else if kind & syscall::FLAGS_THIRD != 0 {
        call.args[2]
    } else {
        0
    }
}

/// A direction has ended, on a connection that user space knows.
#[inline(always)]
fn ended(settings: &Settings, socket: &SocketFile, direction: u8) {
    let Some(entry) = SOCKETS.get_ptr(&socket.sk) else {
        return;
    };
    // SAFETY: a live map element, read only.
    let connection = unsafe { &*entry };
    if connection.flags & ANNOUNCED != 0
        && connection.flags & FILTERED == 0
        && connection.verdict != Verdict::Ignore as u8
    {
        emit::end(settings, connection, direction);
    }
}

/// A connection begins: `accept` or `connect` gave this descriptor. TCP socks have their entry from
/// their state changes already.
#[inline(always)]
fn begun(settings: &Settings, task: *const u8, fd: u64, role: u8) {
    let Some(socket) = kernel::socket_of(task, fd) else {
        return;
    };
    if let Some(entry) = SOCKETS.get_ptr_mut(&socket.sk) {
        // SAFETY: a live map element.
        let connection = unsafe { &mut *entry };
        if connection.family != FAMILY_UNIX {
            if connection.tgid == 0 {
                table::own(connection);
            }
            return;
        }
    }
    let Some(entry) = table::create(settings, &socket, role, FRESH) else {
        return;
    };
    // SAFETY: a live map element.
    let connection = unsafe { &mut *entry };
    if connection.family == FAMILY_UNIX {
        // Told at once: its end cannot be seen from here, so user space has to look after it; and a
        // client is known before its server has answered.
        emit::open(settings, connection, socket.sk);
    }
}

/// `socketpair`: both ends are new and neither has made the connection.
#[inline(always)]
fn pair(settings: &Settings, call: &Call, vector: u64) {
    let Some([first, second]) = read_user::<[i32; 2]>(vector as *const u8) else {
        return;
    };
    begun(settings, call.task, first as u64, ROLE_UNKNOWN);
    begun(settings, call.task, second as u64, ROLE_UNKNOWN);
}

/// `shutdown` of a unix socket; TCP tells by its state.
#[inline(always)]
fn shut_down(settings: &Settings, call: &Call, how: u64) {
    if how == SHUT_RD {
        return;
    }
    let Some(socket) = kernel::socket_of(call.task, call.args[0]) else {
        return;
    };
    let Some(entry) = SOCKETS.get_ptr(&socket.sk) else {
        return;
    };
    // SAFETY: a live map element, read only.
    if unsafe { (*entry).family } == FAMILY_UNIX {
        ended(settings, &socket, EGRESS);
    }
}
