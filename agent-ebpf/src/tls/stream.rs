//! TLS streams: the plaintext of one TLS object, as a connection of its own.
//!
//! In: TLS objects met by calls, sockets found to carry them. Out: `Connection`s in `TLS_STREAMS`.
//! Always: a stream has its own identity, positions and verdict; `below` names what carries it and
//! is believed only while that socket is alive. A stream whose socket has gone begins anew.
//! Not here: which socket it is (`tie`), bytes (`copy`).

use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    helpers::{bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_ktime_get_ns},
};
use earwitness_common::{
    connection::{ANNOUNCED, CARRIES, Connection, FILTERED, FRESH, RENEWED},
    loss::KernelLoss,
    sample::{
        EndHead, FAMILY_UNKNOWN, KIND_CLOSE, KIND_OPEN, OPEN_UNDECIDED, OpenHead, ROLE_UNKNOWN,
        TIED_NOT,
    },
    settings::Settings,
    tls::{FILE_SHIFT, LIBRARY_RUSTLS, LIBRARY_SHIFT, TLS_FILES, process_file},
};

use super::calls::{Call, Object, read, write};
use crate::{
    emit, loss,
    maps::{BLANK, SETTINGS, SOCKETS, TLS_FILE_SINCE, TLS_PROCESS_SINCE, TLS_STREAMS},
    socket::{quiet, table},
};

/// The stream of an object, if there is one.
#[inline(never)]
pub fn find(object: &Object) -> Option<&'static mut Connection> {
    // SAFETY: a live map element; other CPUs may write it too, field by field.
    TLS_STREAMS.get_ptr_mut(object).map(|stream| unsafe { &mut *stream })
}

/// The stream of a call's object, made if there is none.
#[inline(never)]
pub fn of(call: &Call) -> Option<&'static mut Connection> {
    if let Some(stream) = find(&call.object) {
        return Some(stream);
    }
    if TLS_STREAMS.insert(&call.object, &BLANK, 0).is_err() {
        loss::count(KernelLoss::TlsMapFull, 0);
        return None;
    }
    let stream = find(&call.object)?;
    stream.library = (call.cookie >> LIBRARY_SHIFT) as u8;
    stream.file = (call.cookie >> FILE_SHIFT) as u16;
    begin(stream)?;
    Some(stream)
}

/// Gives a stream a new life.
#[inline(always)]
fn begin(stream: &mut Connection) -> Option<()> {
    stream.conn = table::next_conn()?;
    stream.tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    stream.uid = bpf_get_current_uid_gid() as u32;
    stream.family = FAMILY_UNKNOWN;
    stream.role = ROLE_UNKNOWN;
    stream.flags = 0;
    stream.verdict = 0;
    stream.last_direction = u8::MAX;
    stream.layer = 1;
    stream.tied = TIED_NOT;
    stream.below = 0;
    stream.sock = 0;
    stream.write_bytes = 0;
    stream.ingress_bytes = 0;
    stream.egress_bytes = 0;
    Some(())
}

/// What carries the stream, if that is known and alive.
#[inline(always)]
pub fn socket(stream: &Connection) -> Option<&'static mut Connection> {
    if read(&stream.sock) == 0 {
        return None;
    }
    let socket = SOCKETS.get_ptr_mut(&stream.sock)?;
    // SAFETY: a live map element; other CPUs may write it too, field by field.
    let socket = unsafe { &mut *socket };
    (read(&socket.conn) == read(&stream.socket_conn)).then_some(socket)
}

/// Takes a stream off its socket if that is another one than this.
#[inline(always)]
pub fn leave_other(stream: &mut Connection, socket: &Connection) {
    if stream.socket_conn != socket.conn {
        stream.socket_conn = 0;
    }
}

/// Ties a stream to the socket that carries it. In a program that may use the stack.
#[inline(always)]
pub fn bind(settings: &Settings, stream: &mut Connection, socket: &mut Connection, tied: u8) {
    if self::socket(stream).is_none() && make_ready(settings, stream, socket) {
        stream.below = socket.conn;
        stream.tied = tied;
        put(settings, stream, socket);
    }
}

/// Ties a stream to the stream that carries it: TLS inside TLS.
#[inline(always)]
pub fn bind_within(
    settings: &Settings,
    stream: &mut Connection,
    outer: &Connection,
    socket: &mut Connection,
    tied: u8,
) {
    if outer.sock == socket.sock
        && self::socket(stream).is_none()
        && make_ready(settings, stream, socket)
    {
        stream.below = outer.conn;
        stream.layer = outer.layer + 1;
        stream.tied = tied;
        put(settings, stream, socket);
    }
}

/// Ends the stream's former life, if it had one, and sees that the socket has been told.
#[inline(never)]
fn make_ready(settings: &Settings, stream: &mut Connection, socket: &mut Connection) -> bool {
    let is_announced = stream.flags & ANNOUNCED != 0;
    // Its socket has gone and the object is used again; or it was told in another shard, and order is
    // kept only within one.
    if stream.sock != 0 || is_announced && stream.shard != socket.shard {
        if is_announced {
            emit::close(settings, stream, true);
        }
        if begin(stream).is_none() {
            return false;
        }
    }
    if socket.flags & (ANNOUNCED | FILTERED) == 0 {
        if socket.tgid == 0 {
            table::own(socket);
        }
        return emit::open(settings, socket, socket.sock);
    }
    true
}

/// Puts a stream on a socket.
#[inline(never)]
fn put(settings: &Settings, stream: &mut Connection, socket: &mut Connection) {
    // Every call on it has been seen, then, even those before its socket was known.
    if socket.flags & FRESH != 0 && socket.conn >= attached_since(stream) {
        stream.flags |= FRESH;
    }
    stream.flags = stream.flags & !FILTERED | socket.flags & FILTERED;
    stream.shard = socket.shard;
    stream.family = socket.family;
    stream.role = socket.role;
    stream.ino = socket.ino;
    stream.cgroup = socket.cgroup;
    stream.socket_conn = socket.conn;
    socket.flags |= CARRIES;
    if stream.library == LIBRARY_RUSTLS {
        socket.flags |= RENEWED;
    }
    socket.socket_conn = u64::from(stream.tgid);
    // Its bytes are counted from now on, even if nothing was wanted of it.
    quiet::listen(socket.sock);
    // From here on it is believed.
    write(&mut stream.sock, socket.sock);
    if stream.flags & (FILTERED | ANNOUNCED) != FILTERED {
        emit::open(settings, stream, socket.sock);
    }
}

/// Identities of connections that are younger than the probes in its process begin there.
#[inline(always)]
fn attached_since(stream: &Connection) -> u64 {
    let file = u32::from(stream.file) & (TLS_FILES - 1);
    if let Some(since) = TLS_PROCESS_SINCE.get_ptr(&process_file(stream.tgid, file)) {
        // SAFETY: a live map element, read only.
        return unsafe { *since };
    }
    match TLS_FILE_SINCE.get(file) {
        Some(0) | None => u64::MAX,
        Some(since) => *since,
    }
}

/// Announces a stream without a socket. Returns whether that was written.
#[inline(never)]
pub fn announce(stream: &mut Connection) -> bool {
    let Some(ring) = emit::ring(stream.shard) else {
        return false;
    };
    let Some(mut slot) = ring.reserve_untyped::<OpenHead>(0) else {
        loss::count(KernelLoss::RingFull, 0);
        return false;
    };
    // SAFETY: the reservation is an `OpenHead`; every field is written before it is submitted.
    let head = unsafe { &mut *slot.as_mut_ptr() };
    head.kind = KIND_OPEN;
    head.family = FAMILY_UNKNOWN;
    head.role = ROLE_UNKNOWN;
    head.flags = match SETTINGS.get(0) {
        Some(settings) if settings.include_rules | settings.exclude_rules != 0 => OPEN_UNDECIDED,
        _ => 0,
    };
    head.path_bytes = 0;
    // SAFETY: a helper without pointers.
    head.time_ns = unsafe { bpf_ktime_get_ns() };
    head.conn = stream.conn;
    head.sock = 0;
    head.peer_sock = 0;
    head.ino = 0;
    head.cgroup = 0;
    head.local = [0; 16];
    head.remote = [0; 16];
    head.local_port = 0;
    head.remote_port = 0;
    head.netns = 0;
    head.tgid = stream.tgid;
    head.uid = stream.uid;
    head.below = 0;
    head.library = stream.library;
    head.layer = stream.layer;
    head.tied = TIED_NOT;
    head.pad = [0; 5];
    head.path = [0; 112];
    slot.submit(u64::from(BPF_RB_NO_WAKEUP));
    stream.flags |= ANNOUNCED;
    true
}

/// The object is gone.
#[inline(never)]
pub fn free(object: &Object) {
    if let Some(stream) = find(object)
        && stream.flags & ANNOUNCED != 0
    {
        close(stream);
    }
    let _ = TLS_STREAMS.remove(object);
}

/// As `emit::close`, field by field in the ring: no frame to speak of.
#[inline(always)]
fn close(stream: &Connection) {
    let Some(ring) = emit::ring(stream.shard) else {
        return;
    };
    let Some(mut slot) = ring.reserve_untyped::<EndHead>(0) else {
        loss::count(KernelLoss::RingFull, 0);
        return;
    };
    // SAFETY: the reservation is an `EndHead`; every field is written before it is submitted.
    let head = unsafe { &mut *slot.as_mut_ptr() };
    let told = stream.flags & FILTERED == 0;
    head.kind = KIND_CLOSE;
    head.direction = 0;
    head.pad = [0; 6];
    // SAFETY: a helper without pointers.
    head.time_ns = unsafe { bpf_ktime_get_ns() };
    head.conn = stream.conn;
    head.ingress_bytes = if told { stream.ingress_bytes } else { 0 };
    head.egress_bytes = if told { stream.egress_bytes } else { 0 };
    slot.submit(u64::from(BPF_RB_NO_WAKEUP));
}
