//! Everything that can go unseen, one name each.
//!
//! In: the kernel side's counters, gaps found by the parsers. Out: `Reason`, `Loss`.
//! Always: the text of a reason is part of the record's contract and never changes meaning.
//! Not here: counting over time (`daemon`), the record (`audit::record`).

use earwitness_common::{loss::KernelLoss, sample};
use serde::{Deserialize, Serialize};

/// Why something was not seen, or not seen whole.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The capture budget of a turn was used up.
    OverLimit,
    /// The ring buffer was full.
    RingFull,
    /// User memory could not be read without a page fault.
    Fault,
    /// Moved inside the kernel (sendfile, splice): a length and no bytes.
    Sendfile,
    /// More vectors in one call than the kernel side walks through.
    IovLimit,
    /// The receiver discarded the bytes unread (`MSG_TRUNC`).
    Discarded,
    /// Moved before the agent watched this connection.
    BeforeAttach,
    /// Still under way when the agent stopped.
    AgentStop,
    /// The socket table was full.
    MapFull,
    /// A 32-bit system call.
    CompatSyscall,
    /// A probe did not run because it was already running on that CPU.
    ProbeMissed,
    /// A process event was lost; names of processes may be missing.
    ProcessEvents,
    /// The agent's memory limit was reached; connections were given up.
    MemoryLimit,
    /// A sample could not be decoded.
    BadSample,
    /// The parser could not follow the stream.
    Unparsed,
    /// A process moves socket data through io_uring, which is not watched.
    IoUring,
    /// TLS that is not read.
    OpaqueTls,
    /// QUIC, and with it HTTP/3, which is not read.
    OpaqueQuic,
    /// TLS was read, but not which socket carried it; and only some connections are to be recorded.
    UnplacedTls,
    /// A TLS call returned in a way that could not be matched with its beginning.
    TlsCall,
    /// A hand-over to another protocol than HTTP/2 and WebSocket, whose content is not read.
    Upgraded,
    /// The journal's file system was full.
    DiskFull,
    /// The journal could not be written for another reason.
    JournalWrite,
    /// The agent ended without a shutdown; what it held then is unknown.
    Crash,
}

impl Reason {
    /// The text in records, as serde writes it.
    #[cfg(test)]
    pub fn name(self) -> &'static str {
        match self {
            Self::OverLimit => "over_limit",
            Self::RingFull => "ring_full",
            Self::Fault => "fault",
            Self::Sendfile => "sendfile",
            Self::IovLimit => "iov_limit",
            Self::Discarded => "discarded",
            Self::BeforeAttach => "before_attach",
            Self::AgentStop => "agent_stop",
            Self::MapFull => "map_full",
            Self::CompatSyscall => "compat_syscall",
            Self::ProbeMissed => "probe_missed",
            Self::ProcessEvents => "process_events",
            Self::MemoryLimit => "memory_limit",
            Self::BadSample => "bad_sample",
            Self::Unparsed => "unparsed",
            Self::IoUring => "io_uring",
            Self::OpaqueTls => "opaque_tls",
            Self::OpaqueQuic => "opaque_quic",
            Self::UnplacedTls => "unplaced_tls",
            Self::TlsCall => "tls_call",
            Self::Upgraded => "upgraded",
            Self::DiskFull => "disk_full",
            Self::JournalWrite => "journal_write",
            Self::Crash => "crash",
        }
    }

    /// Whether it is a connection that shows its handshake and nothing else.
    pub fn is_opaque(self) -> bool {
        matches!(self, Self::OpaqueTls | Self::OpaqueQuic)
    }

    /// The reason in a `DataHead`, `None` for "nothing missing" and for unknown numbers.
    pub fn of_gap(reason: u8) -> Option<Self> {
        match reason {
            sample::GAP_OVER_LIMIT => Some(Self::OverLimit),
            sample::GAP_FAULT => Some(Self::Fault),
            sample::GAP_SENDFILE => Some(Self::Sendfile),
            sample::GAP_IOV_LIMIT => Some(Self::IovLimit),
            sample::GAP_DISCARDED => Some(Self::Discarded),
            _ => None,
        }
    }

    /// The reason behind a kernel counter.
    pub fn of_kernel(loss: KernelLoss) -> Self {
        match loss {
            KernelLoss::RingFull => Self::RingFull,
            KernelLoss::Fault => Self::Fault,
            KernelLoss::MapFull => Self::MapFull,
            KernelLoss::CompatSyscall => Self::CompatSyscall,
            KernelLoss::IovLimit => Self::IovLimit,
            KernelLoss::ProcessRingFull => Self::ProcessEvents,
            KernelLoss::TlsMapFull => Self::MapFull,
            KernelLoss::TlsReturn => Self::TlsCall,
        }
    }
}

/// Something that was lost and could not be put into the record of one exchange.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loss {
    /// Why.
    pub reason: Reason,
    /// Samples, calls or holes.
    pub events: u64,
    /// Bytes concerned, 0 where unknown.
    pub bytes: u64,
    /// Exchanges known to be missing, `None` where it cannot be told.
    pub exchanges: Option<u64>,
    /// Connections concerned, `None` where it cannot be told.
    pub connections: Option<u64>,
}

impl Loss {
    /// One hole of `bytes` in one stream, holding an unknown number of exchanges.
    pub fn hole(reason: Reason, bytes: u64) -> Self {
        Self { reason, events: 1, bytes, exchanges: None, connections: None }
    }

    /// One connection, of which it is not known what it held.
    pub fn connection(reason: Reason) -> Self {
        Self { connections: Some(1), ..Self::hole(reason, 0) }
    }

    /// One exchange, of so many bytes.
    pub fn exchange(reason: Reason, bytes: u64) -> Self {
        Self { exchanges: Some(1), ..Self::hole(reason, bytes) }
    }
}
