//! What user space tells a probe on a TLS library about the function it sits on: the cookie.
//!
//! In: nothing. Out: bits of the 64-bit cookie that each attachment carries.
//! Always: a function is described by data, so one program serves every library and version.
//! Not here: which function of which library has which description (`earwitness::discover::binary::function`).

/// Bits that hold the operation.
pub const OP: u64 = 0b111;
/// `(object, buffer, size)`: gives plaintext.
pub const OP_READ: u64 = 1;
/// `(object, buffer, size)`: takes plaintext.
pub const OP_WRITE: u64 = 2;
/// `(object)`: the object is gone.
pub const OP_FREE: u64 = 3;
/// `(object)`: moves no plaintext, but calls the socket or the buffer (handshakes).
pub const OP_INNER: u64 = 4;
/// `(object, file, offset, size)`: plaintext goes out that is not in memory.
pub const OP_SENDFILE: u64 = 5;
/// `(buffer object, bytes, size)`: finished TLS records on their way into a memory buffer.
pub const OP_BUFFER: u64 = 6;

/// `(object, plaintext)`: plaintext has been decrypted.
pub const OP_TAKEN: u64 = 7;

/// The result says only whether it worked; the size is stored where the fourth argument points.
pub const SIZE_BY_POINTER: u64 = 1 << 3;
/// Only an object that is a layer (`PR_DESC_LAYERED`) speaks TLS.
pub const LAYERED_ONLY: u64 = 1 << 4;
/// The size is a 32-bit signed integer.
pub const SIZE_32: u64 = 1 << 5;
/// As `SIZE_BY_POINTER`, where the fifth argument points.
pub const SIZE_BY_FIFTH: u64 = 1 << 6;

/// rustls: the object is moved while it lives, and known by the memory of its queue of records. The
/// first argument is the queue, or has it as many bytes inside as `QUEUE_SHIFT` says.
pub const QUEUED: u64 = 1 << 7;
/// Of `QUEUED`, written: the second argument points to an `OutboundChunks`.
pub const IN_CHUNKS: u64 = 1 << 48;
/// Of `QUEUED`, taken: the third argument points to a context that begins with the object's address,
/// the fourth to a `Message`.
pub const IN_MESSAGE: u64 = 1 << 49;

/// Where the place of a queue in its object begins, in bytes; 16 bits.
pub const QUEUE_SHIFT: u32 = 32;
/// Where the library's number (`earwitness::model::tls`) begins.
pub const LIBRARY_SHIFT: u32 = 8;
/// Where the place of the attachment in the map `TLS_FILES` begins.
pub const FILE_SHIFT: u32 = 16;
/// Places in `TLS_FILES`; file `n` uses place `n % TLS_FILES`.
pub const TLS_FILES: u32 = 4_096;

/// Key in `TLS_PROCESS_SINCE` of a process and a file by its place in `TLS_FILES`.
#[inline(always)]
pub const fn process_file(tgid: u32, file: u32) -> u64 {
    (tgid as u64) << 32 | (file % TLS_FILES) as u64
}

/// rustls, the one library of which the kernel side itself knows something. All numbers are in
/// `earwitness::model::tls`.
pub const LIBRARY_RUSTLS: u8 = 7;

/// Bytes of a TLS record by which a memory buffer and a socket recognise each other.
pub const MARK_BYTES: usize = 32;
/// Longest plaintext of one TLS record (RFC 8446 section 5.1).
pub const RECORD_BYTES: u64 = 16_384;
