//! The maps and read-only data, one place for all.
//!
//! In: settings, rules, verdicts and offsets from user space. Out: rings and counters.
//! Always: names are what `earwitness::kernel::load` looks for.
//! Not here: what is done with them.

use aya_ebpf::{
    btf_maps::{Array, ArrayOfMaps, HashMap, LruHashMap, PerCpuArray, RingBuf},
    macros::btf_map,
};
use earwitness_common::{
    connection::Connection,
    loss::{KernelLoss, LossCount},
    offsets::Offsets,
    sample::CodeFile,
    settings::{MAX_RULES, MAX_SHARDS, Rule, Settings, VERDICT_SLOTS, syscall},
    tls::{MARK_BYTES, TLS_FILES},
};

use crate::tls::calls::{Calls, Object, Runner};

/// `BPF_F_MMAPABLE`: user space writes verdicts by plain stores, without a system call.
const MMAPABLE: usize = 1 << 10;

/// Ring of one shard; the loader puts larger ones into `RINGS`.
pub type Ring = RingBuf<(), 4096>;

/// Ring buffers, one a shard.
#[btf_map]
pub static RINGS: ArrayOfMaps<Ring, { MAX_SHARDS as usize }> = ArrayOfMaps::new();

/// Connections by `struct sock *`.
#[btf_map]
pub static SOCKETS: HashMap<u64, Connection, 131_072> = HashMap::new();

/// TLS streams by object and process: `Connection`s whose bytes are plaintext.
#[btf_map]
pub static TLS_STREAMS: HashMap<Object, Connection, 65_536> = HashMap::new();

/// TLS calls under way, by thread.
#[btf_map]
pub static TLS_CALLS: HashMap<Runner, Calls, 16_384> = HashMap::new();

/// TLS calls under way, by goroutine, whose end is not seen.
#[btf_map]
pub static TLS_GO_CALLS: LruHashMap<Runner, Calls, 32_768> = LruHashMap::new();

/// Beginnings of TLS records that went into memory buffers, and the object that wrote them.
#[btf_map]
pub static TLS_MARKS: LruHashMap<[u8; MARK_BYTES], Object, 16_384> = LruHashMap::new();

/// From this identity on, connections began after the probes of this file were attached; 0 = not yet.
#[btf_map]
pub static TLS_FILE_SINCE: Array<u64, { TLS_FILES as usize }> = Array::new();

/// The same for processes that were attached to by themselves; see `tls::process_file`.
#[btf_map]
pub static TLS_PROCESS_SINCE: LruHashMap<u64, u64, 16_384> = LruHashMap::new();

/// Files mapped as code that were told already.
#[btf_map]
pub static MAPPED: LruHashMap<CodeFile, u8, 16_384> = LruHashMap::new();

/// What user space decided: `conn << VERDICT_BITS | verdict`, at `conn % VERDICT_SLOTS`.
#[btf_map]
pub static VERDICTS: Array<u64, { VERDICT_SLOTS as usize }, MMAPABLE> = Array::new();

/// TCP socks whose connection is ignored or filtered out, by a hash: spares every call on them the
/// look-up in `SOCKETS`. See `socket::quiet`.
#[btf_map]
pub static QUIET: Array<u64, { QUIET_SLOTS as usize }> = Array::new();

/// A power of two.
pub const QUIET_SLOTS: u32 = 16_384;

/// Whether processes have ever called a TLS library, by the low bits of their ids: spares all others the
/// look-ups that tie sockets to TLS calls. Two that share a slot only cost time.
#[btf_map]
pub static TLS_USERS: Array<u8, { TLS_USER_SLOTS as usize }> = Array::new();

/// A power of two.
pub const TLS_USER_SLOTS: u32 = 16_384;

/// The one `Settings`.
#[btf_map]
pub static SETTINGS: Array<Settings, 1> = Array::new();

/// Rules of `[capture] include`.
#[btf_map]
pub static INCLUDE: Array<Rule, { MAX_RULES as usize }> = Array::new();

/// Rules of `[capture] exclude`.
#[btf_map]
pub static EXCLUDE: Array<Rule, { MAX_RULES as usize }> = Array::new();

/// Losses by `KernelLoss`.
#[btf_map]
pub static LOSSES: PerCpuArray<LossCount, { KernelLoss::COUNT as usize }> = PerCpuArray::new();

/// Element 0: the next connection id. Element 1: the address of `socket_file_ops`, learnt when the
/// agent uses a socket of its own.
#[btf_map]
pub static COUNTERS: Array<u64, 2> = Array::new();

/// Index in `COUNTERS`.
pub const NEXT_CONN: u32 = 0;
/// Index in `COUNTERS`.
pub const SOCKET_FILE_OPS: u32 = 1;

/// Offsets in the running kernel, set by the loader.
#[unsafe(no_mangle)]
pub static OFFSETS: Offsets = Offsets { ..zeroed_offsets() };

/// BTF id of a structure that begins with a 64-bit integer; 0 where the kernel cannot cast. Set by
/// the loader.
#[unsafe(no_mangle)]
pub static WORD_TYPE: u32 = 0;

/// What each system call does, by number, set by the loader.
#[unsafe(no_mangle)]
pub static SYSCALLS: [u8; syscall::TABLE] = [0; syscall::TABLE];

/// What a new entry of `SOCKETS` begins as.
pub static BLANK: Connection = blank();

const fn blank() -> Connection {
    // SAFETY: `Connection` is integers only; all zeroes is a value (it derives `FromBytes`).
    unsafe { core::mem::zeroed() }
}

const fn zeroed_offsets() -> Offsets {
    // SAFETY: `Offsets` is integers only; all zeroes is a value (it derives `FromBytes`).
    unsafe { core::mem::zeroed() }
}

/// Reads one offset in a way that the compiler may not fold: the loader sets it later.
macro_rules! offset {
    ($field:ident) => {
        $crate::maps::read_offset(&$crate::maps::OFFSETS.$field)
    };
}
pub(crate) use offset;

/// See `offset!`.
#[inline(always)]
pub fn read_offset(offset: &'static u32) -> usize {
    // SAFETY: a valid, aligned static; volatile because the loader patches the data section.
    unsafe { core::ptr::read_volatile(offset) as usize }
}
