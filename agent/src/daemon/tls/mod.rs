//! Which TLS libraries have probes: a thread that looks at processes and attaches.
//!
//! In: process events of the shards, `/proc`. Out: probes in files, `lifecycle` records that say so.
//! Always: a file is looked into and attached to once, however many processes map it, and held open by
//! its descriptor, so that names and namespaces do not matter. Probes for memory buffers go to those
//! processes alone that need them. Nothing here makes a shard wait.
//! Not here: finding functions (`discover::binary`), what probes do (the kernel side).

mod buffers;
mod detach;
mod files;
mod places;
mod reach;
mod scope;

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use earwitness_common::sample::CodeFile;

use super::{lifecycle, send};
use crate::audit::observer::Observer;
use crate::audit::record::agent::{Lifecycle, LifecycleAction};
use crate::discover::ProcFs;
use crate::discover::maps::{self, Mapped};
use crate::journal::writer::Batch;
use crate::kernel::uprobes::Uprobes;
use crate::model::sample::{ProcessEvent, ProcessKind};
use buffers::{Buffers, Program};
use detach::Detach;
use files::{Files, TlsFile};
pub use scope::Scope;

/// What the thread is told.
pub enum Look {
    /// A process runs new code.
    At(u32),
    /// It maps this file as code.
    Mapped(u32, CodeFile),
    /// It was made by another.
    Forked(u32),
    /// It has ended.
    Gone(u32),
    /// Its TLS cannot be tied to sockets by calls.
    Buffers(u32),
    /// Its TLS was tied to a socket by a call.
    Nested(u32),
    /// The filters are others now.
    Scope(Scope),
    /// The end.
    Stop,
}

impl Look {
    /// What follows from something that happened to a process.
    fn of(event: &ProcessEvent) -> Option<Self> {
        match event.kind {
            ProcessKind::Exec { .. } => Some(Self::At(event.tgid)),
            ProcessKind::Mapped(file) => Some(Self::Mapped(event.tgid, file)),
            ProcessKind::Fork { .. } => Some(Self::Forked(event.tgid)),
            ProcessKind::Exit => Some(Self::Gone(event.tgid)),
            ProcessKind::IoUring => None,
        }
    }
}

/// The way to the thread. What it cannot take in time it finds by itself, later.
#[derive(Clone)]
pub struct Looks {
    sender: Sender<Look>,
    is_over: Arc<AtomicBool>,
}

/// Its end.
pub struct Waiting {
    receiver: Receiver<Look>,
    is_over: Arc<AtomicBool>,
}

impl Looks {
    /// The way, and its end.
    pub fn new() -> (Self, Waiting) {
        let (sender, receiver) = bounded(MOST_LOOKS);
        let is_over = Arc::new(AtomicBool::new(false));
        (Self { sender, is_over: Arc::clone(&is_over) }, Waiting { receiver, is_over })
    }

    /// Something happened to a process.
    pub fn process(&self, event: &ProcessEvent) {
        if let Some(look) = Look::of(event) {
            self.tell(look);
        }
    }

    /// Never waits.
    pub fn tell(&self, look: Look) {
        if self.sender.try_send(look).is_err() {
            tracing::debug!("too much happens for the thread that looks for TLS");
        }
    }

    /// The filters are others now. Waits if need be.
    pub fn filters(&self, scope: Scope) {
        // Gone already is fine.
        let _ = self.sender.send(Look::Scope(scope));
    }

    /// Ends the thread, whatever else it was told.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::Release);
        // It is awake if there is no room.
        let _ = self.sender.try_send(Look::Stop);
    }
}

/// The probes on TLS libraries.
pub struct TlsWatch {
    proc_fs: ProcFs,
    uprobes: Uprobes,
    files: Files,
    buffers: Buffers,
    scope: Scope,
    detach: Detach,
    observer: Arc<Observer>,
    batches: Sender<Batch>,
}

impl TlsWatch {
    /// Attaches to what is there: what processes run, and what they are likely to run.
    pub fn start(
        uprobes: Uprobes,
        scope: Scope,
        observer: Arc<Observer>,
        batches: Sender<Batch>,
    ) -> Self {
        let mut watch = Self {
            proc_fs: ProcFs::host(),
            uprobes,
            files: Files::default(),
            buffers: Buffers::default(),
            scope,
            detach: Detach::start(),
            observer,
            batches,
        };
        for opened in files::installed() {
            if let Some(mut file) = watch.files.examine(opened) {
                file.installed = true;
                watch.files.keep(file);
            }
        }
        watch.scan();
        watch
    }

    /// Goes on in a thread of its own, until told to stop.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn spawn(self, looks: Waiting) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name(String::from("tls")).spawn(move || self.run(&looks))
    }

    fn run(mut self, looks: &Waiting) {
        let begun = Instant::now();
        let (mut scan, mut review) = (begun + SCAN, begun + REVIEW);
        while !looks.is_over.load(Ordering::Acquire) {
            match looks.receiver.recv_deadline(scan.min(review)) {
                Ok(Look::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(look) => self.take(look),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if now >= review {
                self.review();
                review = now + REVIEW;
            }
            if now >= scan {
                self.scan_anew();
                scan = now + SCAN;
            }
        }
    }

    fn take(&mut self, look: Look) {
        match look {
            Look::At(pid) => {
                self.expect_buffers(pid);
                self.look(pid);
            }
            Look::Mapped(pid, file) => {
                let mapped = self.look(pid);
                self.choose_to_be_told(&mapped, &file);
            }
            Look::Forked(pid) => {
                if self.scope.is_limited() {
                    self.look(pid);
                }
            }
            Look::Gone(pid) => self.forget(pid),
            Look::Buffers(pid) => {
                if !self.buffers.is_known(pid) {
                    self.need_buffers(pid);
                }
            }
            Look::Nested(pid) => self.buffers.are_not_needed(pid, &self.detach),
            Look::Scope(scope) => {
                self.scope = scope;
                self.files.all_mut().for_each(|file| file.reach.forget_users());
                // Which files matter in each process by itself is chosen anew.
                self.uprobes.tell_all_again();
                self.scan();
            }
            Look::Stop => {}
        }
    }

    /// Looks at every process, and attaches when it is known who runs what.
    fn scan(&mut self) {
        for pid in self.proc_fs.pids() {
            self.inspect(pid);
        }
        self.settle();
    }

    /// The same, and lets go of what processes have left behind whose end was not told.
    fn scan_anew(&mut self) {
        self.files.meet_anew();
        self.scan();
        // Before the processes, so that no new one is taken for gone.
        let streams = self.uprobes.streams();
        let running: HashSet<u32> = self.proc_fs.pids().into_iter().collect();
        let is_known = self.proc_fs.is_initial_namespace() == Some(true);
        if is_known && running.contains(&std::process::id()) {
            self.let_go(&running, &streams);
        }
    }

    /// Only these processes are left.
    fn let_go(&mut self, running: &HashSet<u32>, streams: &[[u64; 2]]) {
        self.buffers.retain(running, &self.detach);
        self.files.all_mut().for_each(|file| file.reach.retain(running, &self.detach));
        for stream in streams {
            let [_, tgid] = stream;
            if u32::try_from(*tgid).is_ok_and(|tgid| !running.contains(&tgid)) {
                self.uprobes.forget_stream(stream);
            }
        }
    }

    /// Attaches to what a process runs, as far as it is new. Returns what it runs.
    fn look(&mut self, pid: u32) -> Vec<Mapped> {
        let (mapped, is_new) = self.inspect(pid);
        if is_new {
            self.settle();
        }
        mapped
    }

    /// Looks into what a process runs. Returns that, and whether probes may be wanted elsewhere now.
    fn inspect(&mut self, pid: u32) -> (Vec<Mapped>, bool) {
        if pid == std::process::id() {
            return (Vec::new(), false);
        }
        let mapped = maps::executable(&self.proc_fs, pid);
        let mut new = Vec::new();
        for one in mapped.iter().filter(|one| !self.files.has_met(one)).collect::<Vec<_>>() {
            if let Some(file) = maps::open(&self.proc_fs, pid, one) {
                new.extend(self.files.meet(one, file));
            }
        }
        let mut is_new = !new.is_empty();
        new.into_iter().for_each(|file| self.files.keep(file));
        let spared = self.is_spared(pid);
        if self.scope.is_limited() {
            is_new |= self.note_user(pid, spared, &mapped);
        }
        if !spared && mapped.iter().any(|one| self.files.is_buffering(one)) {
            self.buffers.expect(pid, &mapped, &self.files, &self.uprobes);
        }
        (mapped, is_new)
    }

    /// Notes which files a process runs. Returns whether that is new.
    fn note_user(&mut self, pid: u32, spared: bool, mapped: &[Mapped]) -> bool {
        let mut is_new = false;
        for one in mapped {
            if let Some(file) = self.files.of_mut(one) {
                is_new |= file.reach.is_used_by(pid, spared);
            }
        }
        is_new
    }

    fn is_spared(&self, pid: u32) -> bool {
        self.scope.spares(&self.proc_fs, pid)
    }

    /// Puts all probes where they are wanted now.
    fn settle(&mut self) {
        let mut told = Vec::new();
        for file in self.files.all_mut() {
            if file.settle(&self.scope, &mut self.uprobes, &self.detach) {
                told.push(file.number);
            }
        }
        for file in self.files.numbered(&told) {
            self.tell(file, true);
        }
    }

    /// Of files that matter in each process by itself, every process is told that maps them.
    fn choose_to_be_told(&mut self, mapped: &[Mapped], file: &CodeFile) {
        if mapped.is_empty() {
            // Gone before it could be looked at.
            return self.uprobes.tell_again(file);
        }
        let Some(one) = mapped.iter().find(|one| one.id.inode == file.ino) else { return };
        let is_shared = self.scope.is_limited() && self.files.of(one).is_some();
        if is_shared || self.files.is_buffering(one) {
            self.uprobes.tell_each(file);
        }
    }

    /// The process puts memory buffers between TLS and sockets: what is written into them is looked at,
    /// there alone.
    fn need_buffers(&mut self, pid: u32) {
        let mapped = maps::executable(&self.proc_fs, pid);
        let program = self.program(pid);
        let what = (mapped.as_slice(), program);
        self.buffers.need(pid, what, &self.files, &self.uprobes, &self.detach);
    }

    /// The same for a process whose program has needed it before.
    fn expect_buffers(&mut self, pid: u32) {
        if self.buffers.have_programs()
            && let Some(program) = self.program(pid)
            && !self.is_spared(pid)
        {
            self.buffers.expect_again(pid, program, &self.files, &self.uprobes);
        }
    }

    fn program(&self, pid: u32) -> Option<Program> {
        let metadata = std::fs::metadata(self.proc_fs.path(pid, "exe")).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }

    /// A process is gone.
    fn forget(&mut self, pid: u32) {
        self.buffers.forget(pid, &self.detach);
        self.files.all_mut().for_each(|file| file.reach.forget(pid, &self.detach));
    }

    /// Detaches from files that are deleted and that nobody runs any more, and from those that were
    /// written to, whose functions are looked for again.
    fn review(&mut self) {
        let changed = self.files.take_changed();
        if !changed.is_empty() {
            // Some of these may lie in them.
            self.buffers.clear();
        }
        for mut file in changed {
            self.tell(&file, false);
            // At once: who comes upon them now would stop.
            drop(std::mem::take(&mut file.reach));
            let TlsFile { file, path, installed, .. } = file;
            if let Some(mut file) = self.files.examine(files::Opened { file, path }) {
                file.installed = installed;
                self.files.keep(file);
                self.scan();
            }
        }
        // Which mappings there are is costly to know.
        if self.files.have_nameless() {
            let pids = self.proc_fs.pids();
            let mapped = pids.iter().flat_map(|&pid| maps::executable(&self.proc_fs, pid));
            for mut file in self.files.let_go(mapped) {
                self.tell(&file, false);
                file.reach.end(&self.detach);
            }
        }
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

/// Most that waits to be looked at.
const MOST_LOOKS: usize = 65_536;
/// How often every process is looked at, in case an event was lost.
const SCAN: Duration = Duration::from_secs(30);
/// How often files with probes are looked at: probes where a function was before would stop whoever
/// comes upon them, and a deleted file keeps its room on the disk.
const REVIEW: Duration = Duration::from_secs(3);
