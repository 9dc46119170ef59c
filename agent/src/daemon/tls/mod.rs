//! Which TLS libraries have probes: a thread that looks at processes and attaches.
//!
//! In: process events of the shards, `/proc`. Out: probes in files, `lifecycle` records that say so.
//! Always: a file is looked into and attached to once, however many processes map it, and held open by
//! its descriptor, so that names and namespaces do not matter. Probes for memory buffers go to those
//! processes alone that need them. Nothing here makes a shard wait.
//! Not here: finding functions (`discover::binary`), what probes do (the kernel side).

mod files;
mod places;

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{lifecycle, send};
use crate::audit::observer::Observer;
use crate::audit::record::agent::{Lifecycle, LifecycleAction};
use crate::discover::ProcFs;
use crate::discover::maps;
use crate::journal::writer::Batch;
use crate::kernel::uprobes::{Attached, Uprobes};
use crate::model::sample::{ProcessEvent, ProcessKind};
use files::{Files, TlsFile};
use places::When;

/// What the shards tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// A process runs new code.
    At(u32),
    /// It has ended.
    Gone(u32),
    /// Its TLS cannot be tied to sockets by calls.
    Buffers(u32),
    /// The end.
    Stop,
}

impl Look {
    /// What follows from something that happened to a process.
    pub fn of(event: &ProcessEvent) -> Option<Self> {
        match event.kind {
            ProcessKind::Exec { .. } | ProcessKind::Mapped => Some(Self::At(event.tgid)),
            ProcessKind::Exit => Some(Self::Gone(event.tgid)),
            ProcessKind::Fork { .. } | ProcessKind::IoUring => None,
        }
    }
}

/// The probes on TLS libraries.
pub struct TlsWatch {
    proc_fs: ProcFs,
    uprobes: Uprobes,
    files: Files,
    /// Probes for memory buffers, by process.
    buffers: HashMap<u32, Buffers>,
    /// Programs that have needed them, and in which files: the next process has them from its start.
    buffer_programs: HashMap<Program, Vec<u64>>,
    observer: Arc<Observer>,
    batches: Sender<Batch>,
}

impl TlsWatch {
    /// Attaches to what is there: what processes run, and what they are likely to run.
    pub fn start(uprobes: Uprobes, observer: Arc<Observer>, batches: Sender<Batch>) -> Self {
        let mut watch = Self {
            proc_fs: ProcFs::host(),
            uprobes,
            files: Files::default(),
            buffers: HashMap::new(),
            buffer_programs: HashMap::new(),
            observer,
            batches,
        };
        watch.scan();
        for file in files::installed() {
            watch.attach_file(file);
        }
        watch
    }

    /// Goes on in a thread of its own, until told to stop.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn spawn(self, looks: Receiver<Look>) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name(String::from("tls")).spawn(move || self.run(&looks))
    }

    fn run(mut self, looks: &Receiver<Look>) {
        let begun = Instant::now();
        let (mut scan, mut review) = (begun + SCAN, begun + REVIEW);
        loop {
            match looks.recv_deadline(scan.min(review)) {
                Ok(Look::At(pid)) => {
                    self.follow_known_buffers(pid);
                    self.look(pid);
                }
                Ok(Look::Gone(pid)) => drop(self.buffers.remove(&pid)),
                Ok(Look::Buffers(pid)) => self.follow_buffers(pid),
                Ok(Look::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if now >= review {
                self.review();
                review = now + REVIEW;
            }
            if now >= scan {
                self.files.meet_anew();
                self.scan();
                self.forget_buffers();
                scan = now + SCAN;
            }
        }
    }

    /// Looks at every process.
    fn scan(&mut self) {
        for pid in self.proc_fs.pids() {
            self.look(pid);
        }
    }

    /// Attaches to what a process runs, as far as it is new.
    fn look(&mut self, pid: u32) {
        if pid == std::process::id() {
            return;
        }
        for mapped in maps::executable(&self.proc_fs, pid) {
            if self.files.has_met(&mapped) {
                continue;
            }
            if let Some(file) = maps::open(&self.proc_fs, pid, &mapped) {
                self.files.meet(&mapped);
                self.attach_file(files::Opened { file, path: mapped.path.clone() });
            }
        }
    }

    fn attach_file(&mut self, opened: files::Opened) {
        let Some(mut file) = self.files.examine(opened) else {
            return;
        };
        let places = places::of(&file.found, file.number, When::Always);
        if !places.is_empty() {
            match self.uprobes.attach(&file.file, &places, None) {
                Ok(attached) => {
                    file.attached = attached;
                    self.uprobes.note_attached(file.number);
                    self.tell(&file, true);
                }
                Err(error) => {
                    tracing::warn!(path = file.path, %error, "cannot probe a TLS library");
                }
            }
        }
        self.files.keep(file);
    }

    /// The process puts memory buffers between TLS and sockets: what is written into them is looked at,
    /// there alone.
    fn follow_buffers(&mut self, pid: u32) {
        let mapped = maps::executable(&self.proc_fs, pid);
        let files: Vec<u64> =
            mapped.iter().filter_map(|mapped| Some(self.files.of(mapped)?.number)).collect();
        // Its program may have been known with a library that was replaced since.
        if self.buffers.get(&pid).is_some_and(|buffers| buffers.files == files) {
            return;
        }
        self.attach_buffers(pid, &files);
        if let Some(program) = self.program(pid) {
            if self.buffer_programs.len() >= MOST_PROGRAMS {
                self.buffer_programs.clear();
            }
            self.buffer_programs.insert(program, files);
        }
    }

    /// The same for a process whose program has needed it before.
    fn follow_known_buffers(&mut self, pid: u32) {
        if self.buffer_programs.is_empty() || self.buffers.contains_key(&pid) {
            return;
        }
        let program = self.program(pid);
        if let Some(files) = program.and_then(|program| self.buffer_programs.get(&program)) {
            self.attach_buffers(pid, &files.clone());
        }
    }

    fn attach_buffers(&mut self, pid: u32, files: &[u64]) {
        let mut attached = Vec::new();
        for file in self.files.numbered(files) {
            let places = places::of(&file.found, file.number, When::Buffers);
            if places.is_empty() {
                continue;
            }
            match self.uprobes.attach(&file.file, &places, Some(pid)) {
                Ok(probes) => attached.push(probes),
                Err(error) => {
                    tracing::warn!(path = file.path, pid, %error, "cannot probe memory buffers");
                }
            }
        }
        self.buffers.insert(pid, Buffers { files: files.to_vec(), _attached: attached });
    }

    fn program(&self, pid: u32) -> Option<Program> {
        let metadata = std::fs::metadata(self.proc_fs.path(pid, "exe")).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }

    /// Detaches from files that are deleted and that nobody runs any more, and from those that were
    /// written to, whose functions are looked for again.
    fn review(&mut self) {
        let changed = self.files.take_changed();
        if !changed.is_empty() {
            // Some of these may lie in them; who needs them asks again.
            self.buffers.clear();
            self.buffer_programs.clear();
        }
        for file in changed {
            self.tell(&file, false);
            let TlsFile { file, path, attached, .. } = file;
            drop(attached);
            self.attach_file(files::Opened { file, path });
        }
        // Which mappings there are is costly to know.
        if self.files.have_nameless() {
            let pids = self.proc_fs.pids();
            let mapped = pids.iter().flat_map(|&pid| maps::executable(&self.proc_fs, pid));
            for file in self.files.let_go(mapped) {
                self.tell(&file, false);
            }
        }
    }

    /// Detaches from processes whose end was not told.
    fn forget_buffers(&mut self) {
        let running: HashSet<u32> = self.proc_fs.pids().into_iter().collect();
        self.buffers.retain(|pid, _| running.contains(pid));
    }

    fn tell(&self, file: &TlsFile, attached: bool) {
        tracing::info!(path = file.path, library = %file.found.library, attached, "TLS probes");
        let record = Lifecycle::new(LifecycleAction::Probe)
            .with("attached", attached)
            .with("path", file.path.as_str())
            .with("library", file.found.library.to_string())
            .with("how", file.found.how.to_string());
        send(&self.batches, lifecycle(&self.observer, record));
    }
}

/// Probes for memory buffers in one process.
struct Buffers {
    /// Numbers of the files that were looked at for it.
    files: Vec<u64>,
    _attached: Vec<Attached>,
}

/// Device and inode of an executable.
type Program = (u64, u64);
/// Most of them that are remembered.
const MOST_PROGRAMS: usize = 1_024;
/// How often every process is looked at, in case an event was lost.
const SCAN: Duration = Duration::from_secs(30);
/// How often files with probes are looked at: probes where a function was before would stop whoever
/// comes upon them, and a deleted file keeps its room on the disk.
const REVIEW: Duration = Duration::from_secs(3);
