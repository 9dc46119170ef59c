//! What user space tells the kernel side: settings, filter rules, verdicts.
//!
//! In: nothing. Out: `repr(C)` values for maps and read-only data.
//! Always: integers only; a rule's condition whose mask is zero means "any".
//! Not here: the configuration file (`earwitness::config`), offsets (`offsets`).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What the kernel side does with a connection's bytes.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// User space has not decided: captured within the budget of each turn.
    Undecided = 0,
    /// Captured within the budget of each turn.
    Capture = 1,
    /// Captured without a budget: the framing has to be followed byte by byte.
    Full = 2,
    /// Counted only.
    Ignore = 3,
    /// Ciphertext: counted only, and waiting for the TLS stream whose bytes these are.
    Tls = 4,
}

/// Low bits of a verdict slot that hold the `Verdict`; the rest is the connection id.
pub const VERDICT_BITS: u32 = 3;
/// Number of verdict slots; a connection uses slot `conn % VERDICT_SLOTS`.
pub const VERDICT_SLOTS: u32 = 65_536;

/// Most ring buffers (shards) that the object carries.
pub const MAX_SHARDS: u32 = 8;

/// How many filter rules of each kind the kernel side walks through.
pub const MAX_RULES: u32 = 32;

/// What a system call does with a socket: one byte a call number in the table `SYSCALLS`. As data
/// rather than code, the verifier walks each shape once and not once for each call.
pub mod syscall {
    /// Of no interest.
    pub const NONE: u8 = 0;

    /// Bits that hold the shape.
    pub const SHAPE: u8 = 0b111;
    /// `(fd, buffer, size)`
    pub const BUFFER: u8 = 1;
    /// `(fd, iovec *, count)`
    pub const VECTOR: u8 = 2;
    /// `(fd, msghdr *)`
    pub const HEADER: u8 = 3;
    /// `(fd, mmsghdr *, count)`
    pub const HEADERS: u8 = 4;
    /// `(fd)`: bytes move inside the kernel.
    pub const UNSEEN: u8 = 5;
    /// `(fd in, offset, fd out, …)`: bytes move inside the kernel.
    pub const SPLICE: u8 = 6;
    /// No bytes move; the bits from `EVENT_SHIFT` on say what happens.
    pub const EVENT: u8 = 7;

    /// The call sends; without it, it receives.
    pub const SENDS: u8 = 1 << 3;
    /// The third argument holds `MSG_*` flags.
    pub const FLAGS_THIRD: u8 = 1 << 4;
    /// The fourth argument holds `MSG_*` flags.
    pub const FLAGS_FOURTH: u8 = 1 << 5;

    /// Where the number of an `EVENT` begins.
    pub const EVENT_SHIFT: u8 = 3;
    /// `accept`, `accept4`: the result is the new socket.
    pub const ACCEPT: u8 = EVENT | 1 << EVENT_SHIFT;
    /// `connect(fd, …)`
    pub const CONNECT: u8 = EVENT | 2 << EVENT_SHIFT;
    /// `socketpair(…, int[2])`
    pub const SOCKETPAIR: u8 = EVENT | 3 << EVENT_SHIFT;
    /// `shutdown(fd, how)`
    pub const SHUTDOWN: u8 = EVENT | 4 << EVENT_SHIFT;
    /// `io_uring_setup(…)`
    pub const IO_URING_SETUP: u8 = EVENT | 5 << EVENT_SHIFT;
    /// `mmap(…, protection, flags, fd, …)`
    pub const MMAP: u8 = EVENT | 6 << EVENT_SHIFT;

    /// How many call numbers the table covers.
    pub const TABLE: usize = 512;
}

/// One `[capture]` rule: every condition that has a mask must hold. Masks and values, so that the
/// kernel side compares without branches.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Rule {
    /// Inode of the executable.
    pub exe_ino: u64,
    /// All ones if it counts.
    pub exe_ino_mask: u64,
    /// Control group id; the process must be in it or below it.
    pub cgroup: u64,
    /// All ones if it counts.
    pub cgroup_mask: u64,
    /// `s_dev` of the executable's file system (kernel encoding), with `exe_ino`.
    pub exe_dev: u32,
    /// All ones if it counts.
    pub exe_dev_mask: u32,
    /// Thread group id.
    pub tgid: u32,
    /// All ones if it counts.
    pub tgid_mask: u32,
    /// Real user id.
    pub uid: u32,
    /// All ones if it counts.
    pub uid_mask: u32,
    /// Local or remote port, host byte order.
    pub port: u16,
    /// All ones if it counts.
    pub port_mask: u16,
    /// Depth of `cgroup` below the root of the hierarchy, which is 0.
    pub cgroup_level: u16,
    /// Not 0: the rule matches nothing (unused, or its executable does not exist).
    pub never: u16,
}
const _: () = assert!(size_of::<Rule>() == 64);

impl Default for Rule {
    /// Matches everything.
    fn default() -> Self {
        Self {
            exe_ino: 0,
            exe_ino_mask: 0,
            cgroup: 0,
            cgroup_mask: 0,
            exe_dev: 0,
            exe_dev_mask: 0,
            tgid: 0,
            tgid_mask: 0,
            uid: 0,
            uid_mask: 0,
            port: 0,
            port_mask: 0,
            cgroup_level: 0,
            never: 0,
        }
    }
}

impl Rule {
    /// Matches nothing.
    pub fn never() -> Self {
        Self { never: 1, ..Self::default() }
    }
}

/// Everything that may change while running; the one element of the map `SETTINGS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct Settings {
    /// Bytes captured of one direction in one turn of the conversation.
    pub turn_budget_bytes: u32,
    /// Thread group id of the agent: never captured.
    pub agent_tgid: u32,
    /// Used entries of `INCLUDE`; 0 = everything is included.
    pub include_rules: u32,
    /// Used entries of `EXCLUDE`.
    pub exclude_rules: u32,
    /// Ring buffers in use, a power of two, at most `MAX_SHARDS`.
    pub shards: u32,
    /// Fill of a ring in bytes, a power of two, at each multiple of which its reader is woken.
    pub wake_bytes: u32,
    /// Fill of a ring in bytes from which on long bodies are left out.
    pub save_bytes: u32,
    /// 0 = stopped: nothing is captured.
    pub enabled: u32,
    /// Changes whenever the rules do, so cached decisions are made again.
    pub rules_epoch: u32,
    /// Not 0: there are probes on TLS libraries.
    pub tls: u32,
}
const _: () = assert!(size_of::<Settings>() == 40);
