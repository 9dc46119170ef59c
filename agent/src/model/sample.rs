//! A ring-buffer sample as safe enums.
//!
//! In: bytes that the kernel side wrote, or a capture file's. Out: `Sample`.
//! Always: unknown kinds, short samples and impossible lengths are errors, never a guess.
//! Not here: the layouts (`earwitness_common::sample`), where samples come from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use earwitness_common::sample as raw;
use earwitness_common::sample::CodeFile;
use zerocopy::FromBytes;

use crate::model::loss::Reason;
use crate::model::origin::Attribution;
use crate::model::tls::TlsLibrary;

/// Identity of one end of a connection; never reused while an agent runs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnId(pub u64);

/// Which way bytes moved, seen from the watched process.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// Received.
    Ingress,
    /// Sent.
    Egress,
}

impl Direction {
    /// The other one.
    pub fn reverse(self) -> Self {
        match self {
            Self::Ingress => Self::Egress,
            Self::Egress => Self::Ingress,
        }
    }
}

/// One sample of the kernel side.
#[derive(Clone, Debug)]
pub enum Sample<'a> {
    /// A connection's addresses and owner.
    Open(Box<Open>),
    /// One piece of one call.
    Data(Data<'a>),
    /// One direction has ended.
    End {
        /// Which.
        direction: Direction,
        /// CLOCK_MONOTONIC.
        time_ns: u64,
        /// Connection.
        conn: ConnId,
        /// Bytes that this direction carried in all.
        total_bytes: u64,
    },
    /// The socket is gone.
    Close {
        /// CLOCK_MONOTONIC.
        time_ns: u64,
        /// Connection.
        conn: ConnId,
        /// Bytes in from the peer in all.
        ingress_bytes: u64,
        /// Bytes out to the peer in all.
        egress_bytes: u64,
    },
    /// Something happened to a process.
    Process(ProcessEvent),
    /// A UDP datagram that may open a QUIC connection.
    Datagram(Datagram<'a>),
}

/// A connection's addresses and owner.
#[derive(Clone, Debug)]
pub struct Open {
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// Connection.
    pub conn: ConnId,
    /// `struct sock *`: an identity only.
    pub sock: u64,
    /// The other end of a unix socket, 0 if unknown.
    pub peer_sock: u64,
    /// Inode number in sockfs.
    pub ino: u64,
    /// Control group id (v2) of the owner.
    pub cgroup: u64,
    /// Addresses.
    pub endpoints: Endpoints,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Who made the connection.
    pub role: Role,
    /// Seen from its first byte on.
    pub fresh: bool,
    /// Owner, 0 if unknown.
    pub tgid: u32,
    /// Owner's real user id.
    pub uid: u32,
    /// What the filters say.
    pub filter: FilterState,
    /// What there is to say if it is the plaintext inside TLS, `None` for a socket.
    pub tls: Option<TlsStream>,
}

/// What the filters of `[capture]` say of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FilterState {
    /// It is watched.
    Watched,
    /// It is not, which became known only now: nothing of it may be told.
    LeftOut,
    /// They cannot be asked before the socket is known.
    Undecided,
}

/// A stream of plaintext, as a TLS library takes and gives it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsStream {
    /// Whose.
    pub library: TlsLibrary,
    /// The socket's connection, or the TLS stream around this one; `None` if not known (yet).
    pub below: Option<ConnId>,
    /// TLS streams between this and the socket, itself included.
    pub layer: u8,
    /// How `below` is known.
    pub attribution: Attribution,
}

/// Both addresses of a connection, the watched end first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Endpoints {
    /// TCP over IPv4 or IPv6; mapped addresses are IPv4.
    Tcp {
        /// Own address and port.
        local: (IpAddr, u16),
        /// Peer's address and port.
        remote: (IpAddr, u16),
    },
    /// Unix stream socket.
    Unix {
        /// Path of the listening end (abstract names begin with `@`), if it has one.
        path: Option<String>,
    },
    /// A TLS stream whose socket is not known (yet).
    Unknown,
}

/// Who made a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Not known.
    Unknown,
    /// The watched process accepted it.
    Accepted,
    /// The watched process made it.
    Connected,
}

/// One piece of one call.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Which way.
    pub direction: Direction,
    /// CLOCK_MONOTONIC at the exit of the call.
    pub time_ns: u64,
    /// Connection.
    pub conn: ConnId,
    /// Offset of this piece in its direction.
    pub pos_bytes: u64,
    /// Bytes moved; `bytes` may be shorter.
    pub len_bytes: u64,
    /// What was captured, from the front.
    pub bytes: &'a [u8],
    /// Why `bytes` is shorter than `len_bytes`.
    pub reason: Option<Reason>,
    /// First piece of its call.
    pub call_start: bool,
    /// First piece after bytes moved the other way.
    pub turn_start: bool,
    /// Process that made the call.
    pub tgid: u32,
    /// Its real user id.
    pub uid: u32,
}

/// A UDP datagram that may open a QUIC connection.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Which way.
    pub direction: Direction,
    /// CLOCK_MONOTONIC at the exit of the call.
    pub time_ns: u64,
    /// Own address, as the socket is bound, and port.
    pub local: (IpAddr, u16),
    /// Peer's address and port; 0 if not known.
    pub remote: (IpAddr, u16),
    /// What was captured, from the front.
    pub bytes: &'a [u8],
    /// Process that made the call.
    pub tgid: u32,
    /// Its real user id.
    pub uid: u32,
}

/// Something happened to a process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessEvent {
    /// What.
    pub kind: ProcessKind,
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// The process.
    pub tgid: u32,
    /// Its real user id.
    pub uid: u32,
    /// Control group id (v2).
    pub cgroup: u64,
}

/// What happened to a process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProcessKind {
    /// `execve` of this path as given.
    Exec {
        /// As given by the caller: may be relative, may be a link.
        path: String,
    },
    /// It ended.
    Exit,
    /// `parent_tgid` created it.
    Fork {
        /// The creator.
        parent_tgid: u32,
    },
    /// It made an io_uring.
    IoUring,
    /// It mapped a file as code that nobody had mapped before, or of which that is wanted each time.
    Mapped(CodeFile),
}

/// A sample that could not be decoded.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// Fewer bytes than its kind has.
    #[error("sample is {len_bytes} bytes, shorter than its head")]
    Short {
        /// What there was.
        len_bytes: usize,
    },
    /// A kind that this version does not know.
    #[error("sample has unknown kind {0}; kernel object and agent differ in version")]
    Kind(u8),
    /// A field that has no meaning.
    #[error("sample field {field} has the impossible value {value}")]
    Field {
        /// Which.
        field: &'static str,
        /// What it held.
        value: u64,
    },
}

impl<'a> Sample<'a> {
    /// Decodes one sample. Errors: see `SampleError`.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, SampleError> {
        match bytes.first() {
            Some(&raw::KIND_DATA) => decode_data(bytes),
            Some(&raw::KIND_OPEN) => decode_open(bytes),
            Some(&(raw::KIND_END | raw::KIND_CLOSE)) => decode_end(bytes),
            Some(&(raw::KIND_EXEC..=raw::KIND_MAPPED)) => decode_process(bytes),
            Some(&raw::KIND_DATAGRAM) => decode_datagram(bytes),
            Some(&kind) => Err(SampleError::Kind(kind)),
            None => Err(SampleError::Short { len_bytes: 0 }),
        }
    }

    /// CLOCK_MONOTONIC of the sample.
    pub fn time_ns(&self) -> u64 {
        match self {
            Self::Open(open) => open.time_ns,
            Self::Data(data) => data.time_ns,
            Self::End { time_ns, .. } | Self::Close { time_ns, .. } => *time_ns,
            Self::Process(event) => event.time_ns,
            Self::Datagram(datagram) => datagram.time_ns,
        }
    }
}

fn head<T: FromBytes>(bytes: &[u8]) -> Result<(T, &[u8]), SampleError> {
    T::read_from_prefix(bytes).map_err(|_| SampleError::Short { len_bytes: bytes.len() })
}

fn direction(value: u8) -> Result<Direction, SampleError> {
    match value {
        raw::INGRESS => Ok(Direction::Ingress),
        raw::EGRESS => Ok(Direction::Egress),
        _ => Err(SampleError::Field { field: "direction", value: u64::from(value) }),
    }
}

fn decode_data(bytes: &[u8]) -> Result<Sample<'_>, SampleError> {
    let (head, rest) = head::<raw::DataHead>(bytes)?;
    let captured = rest
        .get(..head.data_bytes as usize)
        .ok_or(SampleError::Short { len_bytes: bytes.len() })?;
    if u64::from(head.data_bytes) > head.len_bytes {
        return Err(SampleError::Field { field: "data_bytes", value: u64::from(head.data_bytes) });
    }
    Ok(Sample::Data(Data {
        direction: direction(head.direction)?,
        time_ns: head.time_ns,
        conn: ConnId(head.conn),
        pos_bytes: head.pos_bytes,
        len_bytes: head.len_bytes,
        bytes: captured,
        reason: Reason::of_gap(head.reason),
        call_start: head.flags & raw::DATA_CALL_START != 0,
        turn_start: head.flags & raw::DATA_TURN_START != 0,
        tgid: head.tgid,
        uid: head.uid,
    }))
}

fn decode_datagram(bytes: &[u8]) -> Result<Sample<'_>, SampleError> {
    let (head, rest) = head::<raw::DatagramHead>(bytes)?;
    let captured = rest.get(..head.data_bytes as usize);
    let captured = captured.ok_or(SampleError::Short { len_bytes: bytes.len() })?;
    if ![raw::FAMILY_INET, raw::FAMILY_INET6].contains(&head.family) {
        return Err(SampleError::Field { field: "family", value: u64::from(head.family) });
    }
    Ok(Sample::Datagram(Datagram {
        direction: direction(head.direction)?,
        time_ns: head.time_ns,
        local: (address(head.family, head.local), head.local_port),
        remote: (address(head.family, head.remote), head.remote_port),
        bytes: captured,
        tgid: head.tgid,
        uid: head.uid,
    }))
}

fn decode_open(bytes: &[u8]) -> Result<Sample<'_>, SampleError> {
    let (head, _) = head::<raw::OpenHead>(bytes)?;
    let endpoints = match head.family {
        raw::FAMILY_INET | raw::FAMILY_INET6 => Endpoints::Tcp {
            local: (address(head.family, head.local), head.local_port),
            remote: (address(head.family, head.remote), head.remote_port),
        },
        raw::FAMILY_UNIX => Endpoints::Unix { path: unix_path(&head.path, head.path_bytes) },
        raw::FAMILY_UNKNOWN => Endpoints::Unknown,
        other => {
            return Err(SampleError::Field { field: "family", value: u64::from(other) });
        }
    };
    Ok(Sample::Open(Box::new(Open {
        time_ns: head.time_ns,
        conn: ConnId(head.conn),
        sock: head.sock,
        peer_sock: head.peer_sock,
        ino: head.ino,
        cgroup: head.cgroup,
        endpoints,
        netns: head.netns,
        role: match head.role {
            raw::ROLE_ACCEPTED => Role::Accepted,
            raw::ROLE_CONNECTED => Role::Connected,
            _ => Role::Unknown,
        },
        fresh: head.flags & raw::OPEN_FRESH != 0,
        tgid: head.tgid,
        uid: head.uid,
        filter: match head.flags {
            flags if flags & raw::OPEN_FILTERED != 0 => FilterState::LeftOut,
            flags if flags & raw::OPEN_UNDECIDED != 0 => FilterState::Undecided,
            _ => FilterState::Watched,
        },
        tls: tls_stream(&head)?,
    })))
}

fn tls_stream(head: &raw::OpenHead) -> Result<Option<TlsStream>, SampleError> {
    if head.layer == 0 {
        return Ok(None);
    }
    let wrong = |field, value: u8| SampleError::Field { field, value: u64::from(value) };
    Ok(Some(TlsStream {
        library: TlsLibrary::of(head.library).ok_or_else(|| wrong("library", head.library))?,
        below: (head.below != 0).then_some(ConnId(head.below)),
        layer: head.layer,
        attribution: match head.tied {
            raw::TIED_NOT => Attribution::None,
            raw::TIED_CALL => Attribution::Syscall,
            raw::TIED_CIPHERTEXT => Attribution::Ciphertext,
            other => return Err(wrong("tied", other)),
        },
    }))
}

fn address(family: u8, octets: [u8; 16]) -> IpAddr {
    if family == raw::FAMILY_INET {
        let [a, b, c, d, ..] = octets;
        return IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    }
    IpAddr::V6(Ipv6Addr::from(octets)).to_canonical()
}

/// A unix socket's name; abstract ones (leading NUL) are written with `@`, as `ss` does.
fn unix_path(path: &[u8], len_bytes: u32) -> Option<String> {
    let name = path.get(..len_bytes as usize)?;
    match name {
        [] => None,
        [0, rest @ ..] => Some(format!("@{}", String::from_utf8_lossy(rest))),
        _ => {
            let end = name.iter().position(|&byte| byte == 0);
            let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
            Some(String::from_utf8_lossy(name).into_owned())
        }
    }
}

fn decode_end(bytes: &[u8]) -> Result<Sample<'_>, SampleError> {
    let (head, _) = head::<raw::EndHead>(bytes)?;
    if head.kind == raw::KIND_CLOSE {
        return Ok(Sample::Close {
            time_ns: head.time_ns,
            conn: ConnId(head.conn),
            ingress_bytes: head.ingress_bytes,
            egress_bytes: head.egress_bytes,
        });
    }
    let direction = direction(head.direction)?;
    Ok(Sample::End {
        direction,
        time_ns: head.time_ns,
        conn: ConnId(head.conn),
        total_bytes: match direction {
            Direction::Ingress => head.ingress_bytes,
            Direction::Egress => head.egress_bytes,
        },
    })
}

fn decode_process(bytes: &[u8]) -> Result<Sample<'_>, SampleError> {
    let (head, _) = head::<raw::ProcessHead>(bytes)?;
    let kind = match head.kind {
        raw::KIND_EXEC => {
            let path = head.path.get(..head.path_bytes as usize);
            ProcessKind::Exec {
                path: String::from_utf8_lossy(path.unwrap_or_default()).into_owned(),
            }
        }
        raw::KIND_FORK => ProcessKind::Fork { parent_tgid: head.parent_tgid },
        raw::KIND_IO_URING => ProcessKind::IoUring,
        raw::KIND_MAPPED => {
            let (file, _) = self::head::<CodeFile>(&head.path)?;
            ProcessKind::Mapped(file)
        }
        _ => ProcessKind::Exit,
    };
    Ok(Sample::Process(ProcessEvent {
        kind,
        time_ns: head.time_ns,
        tgid: head.tgid,
        uid: head.uid,
        cgroup: head.cgroup,
    }))
}
