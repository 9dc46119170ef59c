//! Loading and attaching the kernel side.
//!
//! In: the embedded object, the kernel's BTF, sizes. Out: `Probes`, which holds programs and maps
//! and detaches when dropped.
//! Always: nothing is attached before everything is loaded; the first missing thing is named with
//! what to do about it.
//! Not here: reading samples (`ring`), deciding (`pipeline`).

use std::error::Error;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;

use aya::maps::{Array, ArrayOfMaps, HashMap, Map, MapData, MapError, PerCpuArray, RingBuf};
use aya::programs::{BtfTracePoint, ProgramError};
use aya::{Ebpf, EbpfError, EbpfLoader};
use earwitness_common::connection::Connection;
use earwitness_common::settings::{MAX_RULES, MAX_SHARDS, Rule, Settings};
use zerocopy::{Immutable, IntoBytes};

use super::btf::{Btf, BtfError};
use super::uprobes::{UprobeError, Uprobes};
use super::{cast, offsets, syscalls, verdict::Verdicts};
use crate::model::sample::ConnId;

/// Where the running kernel describes its types.
pub const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";

/// Programs in the order of attaching, each named as its tracepoint.
pub const PROGRAMS: &[&str] = &[
    "sched_process_fork",
    "sched_process_exec",
    "sched_process_exit",
    "inet_sock_set_state",
    "tcp_destroy_sock",
    "sys_exit",
];

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/earwitness-ebpf"));

/// Why the kernel side could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Built without the tool chain for it.
    #[error("this binary was built without its kernel side")]
    NoObject,
    /// The kernel has no BTF.
    #[error("cannot read {BTF_PATH}: {0}")]
    NoBtf(io::Error),
    /// Its BTF could not be understood by the loader.
    #[error("cannot use {BTF_PATH}: {0}")]
    BadBtf(String),
    /// Members that this kernel does not have.
    #[error("this kernel lacks what the probes read: {}", join(.0))]
    Offsets(Vec<BtfError>),
    /// The object was refused.
    #[error("cannot load the kernel side: {0}")]
    Object(#[from] EbpfError),
    /// A map could not be made or written.
    #[error("cannot set up map {name}: {error}")]
    Map {
        /// Its name.
        name: &'static str,
        /// Why.
        error: MapError,
    },
    /// Shared memory could not be mapped.
    #[error("cannot map shared memory: {0}")]
    Mmap(nix::Error),
    /// A program was refused.
    #[error("cannot {action} {name}: {}", with_causes(&**.error))]
    Program {
        /// Its name.
        name: &'static str,
        /// `load` or `attach`.
        action: &'static str,
        /// Why.
        error: Box<ProgramError>,
    },
}

fn join(errors: &[BtfError]) -> String {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// An error with what is behind it, down to the kernel's own words.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    shortened(&text)
}

/// The verifier's log may have thousands of lines; the last ones say what it did not like.
fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let Some((first, rest)) = lines.split_first().filter(|_| lines.len() > LOG_LINES) else {
        return lines.join("\n");
    };
    let last = rest.get(rest.len() - LOG_LINES..).unwrap_or_default();
    format!("{first}\n…\n{}", last.join("\n"))
}

/// Most lines of a verifier's log that are told.
const LOG_LINES: usize = 8;

impl LoadError {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoObject => "build with `cargo xtask build`, which installs what is missing",
            Self::NoBtf(_) | Self::BadBtf(_) => {
                "the kernel must be built with CONFIG_DEBUG_INFO_BTF=y (Linux 5.17 or newer)"
            }
            Self::Offsets(_) => "this kernel is older or newer than those that were tried",
            Self::Object(_) | Self::Map { .. } | Self::Mmap(_) | Self::Program { .. } => {
                "run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE; see `earwitness doctor`"
            }
        }
    }
}

/// Sizes of the kernel side.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Ring buffers, a power of two up to `MAX_SHARDS`.
    pub shards: u32,
    /// Bytes of each ring, rounded up to a power of two of pages.
    pub ring_bytes: u32,
    /// Most connections followed at once.
    pub sockets: u32,
}

/// The loaded kernel side. Dropping it detaches every program.
pub struct Probes {
    ebpf: Ebpf,
    settings: Array<MapData, Pod<Settings>>,
    /// What the kernel side says of itself; only the object of a debug build says anything.
    log: Option<aya_log::EbpfLogger<&'static dyn log::Log>>,
}

/// What loading gives.
pub struct Loaded {
    /// Programs and maps.
    pub probes: Probes,
    /// The rings, one a shard.
    pub rings: Vec<RingBuf<MapData>>,
    /// Where the pipeline's decisions go.
    pub verdicts: Verdicts,
    /// Programs for TLS libraries; without them everything else works.
    pub uprobes: Result<Uprobes, UprobeError>,
}

/// A plain value that may be written into a map byte by byte.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Pod<T>(pub T);

// SAFETY: `IntoBytes` says that the type has no padding, `Copy + 'static` that it owns nothing.
unsafe impl<T: IntoBytes + Immutable + Copy + 'static> aya::Pod for Pod<T> {}

impl Probes {
    /// Loads everything; nothing runs yet.
    ///
    /// # Errors
    /// See `LoadError`.
    pub fn load(sizes: Sizes) -> Result<Loaded, LoadError> {
        if OBJECT.is_empty() {
            return Err(LoadError::NoObject);
        }
        let raw = std::fs::read(BTF_PATH).map_err(LoadError::NoBtf)?;
        let described = Btf::parse(&raw).map_err(|error| LoadError::BadBtf(error.to_string()))?;
        let offsets = offsets::look_up(&described).map_err(LoadError::Offsets)?;
        let mut object = OBJECT.to_vec();
        let word_type = cast::link(&mut object, &described);
        drop(described);
        drop(raw);
        let mut ebpf = EbpfLoader::new()
            .override_global("WORD_TYPE", &word_type, true)
            .override_global("OFFSETS", offsets.as_bytes(), true)
            .override_global("SYSCALLS", &syscalls::table()[..], true)
            .map_max_entries("SOCKETS", sizes.sockets)
            .load(&object)?;
        let rings = rings(&mut ebpf, sizes)?;
        let verdicts = verdicts(&ebpf)?;
        let uprobes = Uprobes::load(&mut ebpf, &object);
        let settings = take_array(&mut ebpf, "SETTINGS")?;
        // Before the programs: it takes the map that they write to.
        let log = aya_log::EbpfLogger::init(&mut ebpf).ok();
        load_programs(&mut ebpf)?;
        let probes = Self { ebpf, settings, log };
        Ok(Loaded { probes, rings, verdicts, uprobes })
    }

    /// Passes on what the kernel side has said of itself.
    pub fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }

    /// Attaches every program.
    ///
    /// # Errors
    /// `LoadError::Program`.
    pub fn attach(&mut self) -> Result<(), LoadError> {
        for &name in PROGRAMS {
            program(&mut self.ebpf, name)?.attach().map_err(failed(name, "attach"))?;
        }
        show_a_socket();
        Ok(())
    }

    /// Writes the settings; effective from the next event on.
    ///
    /// # Errors
    /// `LoadError::Map`.
    pub fn configure(&mut self, settings: Settings) -> Result<(), LoadError> {
        self.settings.set(0, Pod(settings), 0).map_err(map_error("SETTINGS"))
    }

    /// Writes the filter rules. They count once `configure` has told how many there are.
    ///
    /// # Errors
    /// `LoadError::Map`.
    pub fn rules(&mut self, include: &[Rule], exclude: &[Rule]) -> Result<(), LoadError> {
        for (name, rules) in [("INCLUDE", include), ("EXCLUDE", exclude)] {
            let map = self.ebpf.map_mut(name).ok_or(LoadError::NoObject)?;
            let mut map: Array<_, Pod<Rule>> = map.try_into().map_err(map_error(name))?;
            for (index, rule) in (0..MAX_RULES).zip(rules) {
                map.set(index, Pod(*rule), 0).map_err(map_error(name))?;
            }
        }
        Ok(())
    }

    /// The loss counters, for `counters::read`.
    pub(super) fn losses(&self) -> Option<PerCpuArray<&MapData, [u64; 2]>> {
        PerCpuArray::try_from(self.ebpf.map("LOSSES")?).ok()
    }

    /// Descriptors of the loaded programs, for `counters::read`.
    pub(super) fn program_fds(&self) -> impl Iterator<Item = RawFd> {
        PROGRAMS
            .iter()
            .filter_map(|name| Some(self.ebpf.program(name)?.fd().ok()?.as_fd().as_raw_fd()))
    }

    /// Whether the kernel side still follows that connection behind that `struct sock *`.
    pub fn follows(&self, sock: u64, conn: ConnId) -> bool {
        let map = self.ebpf.map("SOCKETS");
        let map = map.and_then(|map| HashMap::<_, u64, Pod<Connection>>::try_from(map).ok());
        map.and_then(|map| map.get(&sock, 0).ok()).is_some_and(|entry| entry.0.conn == conn.0)
    }

    /// Removes a connection from the kernel side's table (unix sockets whose process is gone). An
    /// entry that has been replaced meanwhile is made again by its next call.
    pub fn forget(&mut self, sock: u64, conn: ConnId) {
        if self.follows(sock, conn)
            && let Some(map) = self.ebpf.map_mut("SOCKETS")
            && let Ok(mut map) = HashMap::<_, u64, Pod<Connection>>::try_from(map)
        {
            // Gone already is fine.
            let _ = map.remove(&sock);
        }
    }
}

/// The kernel side learns from it what sockets look like; until then it looks at each file's inode,
/// which costs every read and write on this host.
fn show_a_socket() {
    let shown = UnixStream::pair().and_then(|(mut one, _other)| one.write_all(b"."));
    if let Err(error) = shown {
        tracing::debug!(%error, "no socket to show");
    }
}

fn rings(ebpf: &mut Ebpf, sizes: Sizes) -> Result<Vec<RingBuf<MapData>>, LoadError> {
    let map = ebpf.map_mut("RINGS").ok_or(LoadError::NoObject)?;
    let mut outer: ArrayOfMaps<_, RingBuf<MapData>> = map.try_into().map_err(map_error("RINGS"))?;
    let mut rings = Vec::new();
    for shard in 0..sizes.shards.clamp(1, MAX_SHARDS) {
        let ring = ring(sizes.ring_bytes).map_err(map_error("RINGS"))?;
        outer.set(shard, &ring, 0).map_err(map_error("RINGS"))?;
        rings.push(ring);
    }
    Ok(rings)
}

/// A ring of its own; the object only carries a template.
fn ring(bytes: u32) -> Result<RingBuf<MapData>, MapError> {
    let kind = aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_RINGBUF as u32;
    let bytes = bytes.max(4096).next_power_of_two();
    let parameters = aya_obj::Map::new_from_params(kind, 0, 0, bytes, 0);
    RingBuf::try_from(Map::RingBuf(MapData::create(parameters, "samples", None)?))
}

fn verdicts(ebpf: &Ebpf) -> Result<Verdicts, LoadError> {
    let Some(Map::Array(map)) = ebpf.map("VERDICTS") else {
        return Err(LoadError::NoObject);
    };
    Verdicts::map(map.fd()).map_err(LoadError::Mmap)
}

pub(super) fn take_array<V: aya::Pod>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<Array<MapData, V>, LoadError> {
    let map = ebpf.take_map(name).ok_or(LoadError::NoObject)?;
    map.try_into().map_err(map_error(name))
}

fn load_programs(ebpf: &mut Ebpf) -> Result<(), LoadError> {
    let btf = aya::Btf::from_sys_fs().map_err(|error| LoadError::BadBtf(error.to_string()))?;
    for &name in PROGRAMS {
        program(ebpf, name)?.load(name, &btf).map_err(failed(name, "load"))?;
    }
    Ok(())
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut BtfTracePoint, LoadError> {
    let program = ebpf.program_mut(name).ok_or(LoadError::NoObject)?;
    program.try_into().map_err(failed(name, "find"))
}

fn failed(name: &'static str, action: &'static str) -> impl FnOnce(ProgramError) -> LoadError {
    move |error| LoadError::Program { name, action, error: Box::new(error) }
}

fn map_error(name: &'static str) -> impl Fn(MapError) -> LoadError {
    move |error| LoadError::Map { name, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_shortened() {
        let log: String = (0..1000).map(|line| format!("line {line}\n")).collect();
        let short = shortened(&log);
        assert!(short.starts_with("line 0\n…\nline 992\n") && short.ends_with("line 999"));
        assert_eq!(shortened("a\n\nb\n"), "a\nb");
    }
}
