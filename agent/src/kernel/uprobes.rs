//! Programs on functions of files: loaded beside the others, attached while running.
//!
//! In: the object, the maps of the loaded kernel side, files with offsets. Out: attachments that end
//! when dropped.
//! Always: from Linux 6.13 on, a session: one attachment for all functions of a file, of which an entry
//! says whether its return is trapped. Before, one perf event for each entry and each return. A
//! file is given by its descriptor, so names, namespaces and deletion do not matter.
//! Not here: which files and functions (`discover`), system calls (`bpf`).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData, MapError};
use aya_obj::btf::BtfFeatures;
use aya_obj::{Function, Object};
use earwitness_common::connection::Connection;
use earwitness_common::sample::{CodeFile, MAPPED_EACH};
use earwitness_common::tls::{OP, OP_READ, OP_WRITE, TLS_FILES, process_file};
use zerocopy::IntoBytes as _;

use super::load::{Pod, take_array};
use super::{bpf, cast};

/// One place in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// File offset of the function's first instruction.
    pub offset: u64,
    /// What the program is told about it (`earwitness_common::tls`).
    pub cookie: u64,
    /// Its return is of interest.
    pub returns: bool,
    /// File offsets of its return instructions: Go only, where returns are not trapped otherwise.
    pub go_returns: Vec<u64>,
    /// A Go function.
    pub go: bool,
}

impl Place {
    /// Without a probe here, half of what is said would be missing, and nothing would tell.
    fn moves_plaintext(&self) -> bool {
        matches!(self.cookie & OP, OP_READ | OP_WRITE)
    }
}

/// Programs for TLS libraries.
pub struct Uprobes {
    programs: Programs,
    go_enter: OwnedFd,
    go_return: OwnedFd,
    /// When each file's probes were attached, in identities of connections.
    since: Array<MapData, u64>,
    /// The same in single processes.
    process_since: HashMap<MapData, u64, u64>,
    counters: Array<MapData, u64>,
    /// Files that were told as code.
    mapped: HashMap<MapData, [u8; 16], u8>,
    /// Streams by object and process.
    streams: HashMap<MapData, [u64; 2], Pod<Connection>>,
}

enum Programs {
    Session(OwnedFd),
    Perf { enter: OwnedFd, leave: OwnedFd, kind: bpf::UprobePmu },
}

/// Probes in one file. Dropping it detaches them.
#[derive(Debug, Default)]
pub struct Attached {
    links: Vec<OwnedFd>,
    refused: Vec<UprobeError>,
}

impl Attached {
    /// What the kernel did not let us probe, beside what it did.
    pub fn refused(&self) -> &[UprobeError] {
        &self.refused
    }
}

/// Why programs could not be loaded or attached.
#[derive(Debug, thiserror::Error)]
pub enum UprobeError {
    /// The object is not as it should be.
    #[error("cannot link the probes on TLS libraries: {0}")]
    Object(String),
    /// The kernel refused a program.
    #[error("cannot load {name}: {error}")]
    Load {
        /// Its name.
        name: &'static str,
        /// Why, with the end of the verifier's log.
        error: bpf::LoadError,
    },
    /// The kernel cannot do it at all.
    #[error("this kernel has no uprobes: {0}")]
    Absent(io::Error),
    /// The kernel refused an attachment.
    #[error("cannot attach at offset {offset:#x}: {error}")]
    Attach {
        /// Where.
        offset: u64,
        /// Why.
        error: io::Error,
    },
}

impl Uprobes {
    /// Loads the programs with the maps of `ebpf`. `object` has been through `cast::link`.
    pub(super) fn load(ebpf: &mut Ebpf, object: &[u8]) -> Result<Self, UprobeError> {
        let linked = Linked::new(ebpf, object)?;
        let (programs, go_enter, go_return) = linked.programs(object)?;
        Ok(Self {
            programs,
            go_enter,
            go_return,
            since: words(ebpf, "TLS_FILE_SINCE")?,
            process_since: hash(ebpf, "TLS_PROCESS_SINCE")?,
            counters: words(ebpf, "COUNTERS")?,
            mapped: hash(ebpf, "MAPPED")?,
            streams: hash(ebpf, "TLS_STREAMS")?,
        })
    }

    /// From now on, connections are seen from their first TLS call at this file, everywhere or in one
    /// process.
    pub fn note_attached(&mut self, file: u64, pid: Option<u32>) {
        let place = (file % u64::from(TLS_FILES)) as u32;
        let written = self.counters.get(&NEXT_CONN, 0).and_then(|next| {
            // The next identity, and never 0, which means "not yet".
            match pid {
                None => self.since.set(place, next + 1, 0),
                Some(pid) => self.process_since.insert(process_file(pid, place), next + 1, 0),
            }
        });
        if let Err(error) = written {
            tracing::warn!(%error, "connections will be taken for older than their probes");
        }
    }

    /// Whether returns can be left alone.
    pub fn has_sessions(&self) -> bool {
        matches!(self.programs, Programs::Session(_))
    }

    /// From now on, every process is told that maps this file.
    pub fn tell_each(&mut self, file: &CodeFile) {
        let written = key(file).map(|key| self.mapped.insert(key, MAPPED_EACH, 0));
        if let Some(Err(error)) = written {
            tracing::debug!(%error, ?file, "not told of each process");
        }
    }

    /// The next process is told that maps this file.
    pub fn tell_again(&mut self, file: &CodeFile) {
        // Gone already is fine.
        let _ = key(file).map(|key| self.mapped.remove(&key));
    }

    /// Every file is told once more.
    pub fn tell_all_again(&mut self) {
        let keys: Vec<[u8; 16]> = self.mapped.keys().filter_map(Result::ok).collect();
        // Gone already is fine.
        keys.iter().for_each(|key| drop(self.mapped.remove(key)));
    }

    /// Objects and processes of all streams.
    pub fn streams(&self) -> Vec<[u64; 2]> {
        self.streams.keys().filter_map(Result::ok).collect()
    }

    /// Forgets a stream whose process ended without freeing its object.
    pub fn forget_stream(&mut self, key: &[u64; 2]) {
        // Gone already is fine.
        let _ = self.streams.remove(key);
    }

    /// Attaches at all places of a file, in every process or in one. What the kernel refuses is left
    /// out, unless plaintext goes that way.
    ///
    /// # Errors
    /// `UprobeError::Attach`: nothing is attached.
    pub fn attach(
        &self,
        file: &File,
        places: &[Place],
        pid: Option<u32>,
    ) -> Result<Attached, UprobeError> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mut attached = Attached::default();
        match self.attach_all(&path, places, pid, &mut attached.links) {
            Ok(()) => return Ok(attached),
            Err(error) if places.len() < 2 => return Err(error),
            Err(_) => attached.links.clear(),
        }
        // Each by itself, to lose no more than what is refused.
        for place in places {
            let one = std::slice::from_ref(place);
            let before = attached.links.len();
            match self.attach_all(&path, one, pid, &mut attached.links) {
                Err(error) if place.moves_plaintext() => return Err(error),
                Err(error) => {
                    attached.links.truncate(before);
                    attached.refused.push(error);
                }
                Ok(()) => {}
            }
        }
        Ok(attached)
    }

    fn attach_all(
        &self,
        path: &str,
        places: &[Place],
        pid: Option<u32>,
        links: &mut Vec<OwnedFd>,
    ) -> Result<(), UprobeError> {
        let (go, c): (Vec<&Place>, Vec<&Place>) = places.iter().partition(|place| place.go);
        let mut links = Links { path, pid, links };
        let enter: Vec<(u64, u64)> = go.iter().map(|place| (place.offset, place.cookie)).collect();
        let leave: Vec<(u64, u64)> = go
            .iter()
            .flat_map(|place| place.go_returns.iter().map(|&offset| (offset, place.cookie)))
            .collect();
        let all: Vec<(u64, u64)> = c.iter().map(|place| (place.offset, place.cookie)).collect();
        match &self.programs {
            Programs::Session(session) => {
                links.multi(session, bpf::TRACE_UPROBE_SESSION, &all)?;
                links.multi(&self.go_enter, bpf::TRACE_UPROBE_MULTI, &enter)?;
                links.multi(&self.go_return, bpf::TRACE_UPROBE_MULTI, &leave)?;
            }
            Programs::Perf { enter: c_enter, leave: c_leave, kind } => {
                for place in c {
                    links.perf(c_enter, kind, (place.offset, place.cookie), false)?;
                    if place.returns {
                        links.perf(c_leave, kind, (place.offset, place.cookie), true)?;
                    }
                }
                for &point in &enter {
                    links.perf(&self.go_enter, kind, point, false)?;
                }
                for &point in &leave {
                    links.perf(&self.go_return, kind, point, false)?;
                }
            }
        }
        Ok(())
    }
}

fn key(file: &CodeFile) -> Option<[u8; 16]> {
    file.as_bytes().try_into().ok()
}

/// Attachments to one file under way.
struct Links<'a> {
    path: &'a str,
    pid: Option<u32>,
    links: &'a mut Vec<OwnedFd>,
}

impl Links<'_> {
    fn multi(
        &mut self,
        program: &OwnedFd,
        kind: u32,
        points: &[(u64, u64)],
    ) -> Result<(), UprobeError> {
        let Some(&(offset, _)) = points.first() else {
            return Ok(());
        };
        let link = bpf::attach_multi(program.as_fd(), kind, self.path, points, self.pid)
            .map_err(|error| UprobeError::Attach { offset, error })?;
        self.links.push(link);
        Ok(())
    }

    fn perf(
        &mut self,
        program: &OwnedFd,
        pmu: &bpf::UprobePmu,
        (offset, cookie): (u64, u64),
        on_return: bool,
    ) -> Result<(), UprobeError> {
        let event = pmu
            .open(self.path, offset, on_return, self.pid)
            .map_err(|error| UprobeError::Attach { offset, error })?;
        let link = bpf::attach_perf(program.as_fd(), event.as_fd(), cookie)
            .map_err(|error| UprobeError::Attach { offset, error })?;
        // The link holds the event.
        self.links.push(link);
        Ok(())
    }
}

/// The object with every reference to a map or function filled in.
struct Linked {
    object: Object,
    btf: OwnedFd,
}

impl Linked {
    fn new(ebpf: &Ebpf, bytes: &[u8]) -> Result<Self, UprobeError> {
        let wrong = |error: &dyn std::fmt::Display| UprobeError::Object(error.to_string());
        let mut object = Object::parse(bytes).map_err(|error| wrong(&error))?;
        let features = BtfFeatures::new(true, true, true, true, true, true, true, true);
        let btf = object
            .fixup_and_sanitize_btf(&features)
            .map_err(|error| wrong(&error))?
            .ok_or_else(|| UprobeError::Object(String::from("it has no BTF")))?;
        let btf = bpf::load_btf(&btf.to_bytes()).map_err(|error| wrong(&error))?;
        let code = object.functions.keys().map(|(section, _)| *section).collect();
        let maps: Vec<_> = object.maps.drain().collect();
        let fds = maps
            .iter()
            .filter_map(|(name, map)| Some((name.as_str(), map_fd(ebpf.map(name)?)?, map)));
        let fds: Vec<(&str, RawFd, &aya_obj::Map)> = fds.collect();
        object.relocate_maps(fds.into_iter(), &code).map_err(|error| wrong(&error))?;
        object.relocate_calls(&code).map_err(|error| wrong(&error))?;
        Ok(Self { object, btf })
    }

    fn programs(&self, object: &[u8]) -> Result<(Programs, OwnedFd, OwnedFd), UprobeError> {
        if cast::has_sessions(object) {
            match self.sessions() {
                Ok(programs) => return Ok(programs),
                // Linux 6.12 has the function for kprobes only.
                Err(error) => tracing::info!(%error, "no uprobe sessions"),
            }
        }
        let kind = bpf::UprobePmu::read().map_err(UprobeError::Absent)?;
        let (enter, leave) = (self.load("tls_enter", 0)?, self.load("tls_return", 0)?);
        let programs = Programs::Perf { enter, leave, kind };
        Ok((programs, self.load("go_enter", 0)?, self.load("go_return", 0)?))
    }

    fn sessions(&self) -> Result<(Programs, OwnedFd, OwnedFd), UprobeError> {
        let session = self.load("tls_session", bpf::TRACE_UPROBE_SESSION)?;
        let multi = |name| self.load(name, bpf::TRACE_UPROBE_MULTI);
        Ok((Programs::Session(session), multi("go_enter")?, multi("go_return")?))
    }

    fn load(&self, name: &'static str, attach_type: u32) -> Result<OwnedFd, UprobeError> {
        let function = self
            .function(name)
            .ok_or_else(|| UprobeError::Object(format!("it has no program {name}")))?;
        bpf::load_program(name, function, self.btf.as_fd(), attach_type)
            .map_err(|error| UprobeError::Load { name, error })
    }

    fn function(&self, name: &str) -> Option<&Function> {
        let program = self.object.programs.get(name)?;
        self.object.functions.get(&program.function_key())
    }
}

fn words(ebpf: &mut Ebpf, name: &'static str) -> Result<Array<MapData, u64>, UprobeError> {
    take_array(ebpf, name).map_err(|error| UprobeError::Object(error.to_string()))
}

fn hash<K: aya::Pod, V: aya::Pod>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<HashMap<MapData, K, V>, UprobeError> {
    let wrong = |error: &dyn std::fmt::Display| UprobeError::Object(format!("{name}: {error}"));
    let map = ebpf.take_map(name).ok_or_else(|| wrong(&"it has no such map"))?;
    map.try_into().map_err(|error: MapError| wrong(&error))
}

fn map_fd(map: &Map) -> Option<RawFd> {
    let fd: BorrowedFd<'_> = match map {
        Map::Array(map)
        | Map::ArrayOfMaps(map)
        | Map::HashMap(map)
        | Map::LruHashMap(map)
        | Map::PerCpuArray(map)
        | Map::PerfEventArray(map)
        | Map::RingBuf(map) => map.fd().as_fd(),
        _ => return None,
    };
    Some(fd.as_raw_fd())
}

/// Place in `COUNTERS` of the next connection's identity.
const NEXT_CONN: u32 = 0;
