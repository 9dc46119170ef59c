//! The process behind a sample.
//!
//! In: a sample's process and user ids, process events, `/proc`. Out: `Arc<Process>`.
//! Always: the kernel's user id wins over `/proc`; an ended process can be asked for a while longer,
//! since its samples may come later; memory is bounded; safe to share between reader threads, which
//! only take a read lock for a process they have asked for before.
//! Not here: reading `/proc` (`procfs`), names of users (`users`), capture files (`capture`).
//!
//! What is known of a process, and where it goes:
//! ```text
//!            scan, first look                 exec (again from /proc)
//!  unknown ──────────────────▶ settled ◀──────────────────────┐
//!     │ fork                      │ exit                      │
//!     └──▶ inherited ── look ──▶ settled ── exit ──▶ ended ── 60 s ──▶ unknown
//! ```

mod table;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::executable;
use super::procfs::ProcFs;
use super::users::Users;
use crate::model::origin::Process;
use crate::model::sample::{ProcessEvent, ProcessKind};
use table::{Entry, Seen, Table};

/// Every process that is known.
pub struct Processes {
    /// `None`: only what is told counts (a replay, or a pid namespace that is not the host's).
    proc_fs: Option<ProcFs>,
    users: Users,
    table: RwLock<Table>,
}

impl Processes {
    /// The host's, with those that run now. Made after the probes are attached, none is missed.
    pub fn scan() -> Self {
        Self::on(ProcFs::host())
    }

    /// Those of a proc file system. In a pid namespace of its own `/proc` would name others than
    /// the kernel means; then only events count.
    pub fn on(proc_fs: ProcFs) -> Self {
        let trusted = proc_fs.is_initial_namespace() != Some(false);
        let processes = Self::new(trusted.then_some(proc_fs), Users::host());
        processes.rescan(0);
        processes
    }

    /// Only those that `insert` and `on_event` tell: for a replay.
    pub fn told() -> Self {
        Self::new(None, Users::told())
    }

    fn new(proc_fs: Option<ProcFs>, users: Users) -> Self {
        Self { proc_fs, users, table: RwLock::default() }
    }

    /// Takes a process as given.
    pub fn insert(&self, process: Process) {
        if let Some(uid) = process.user_id {
            self.users.learn(uid, process.user_name.clone());
        }
        let mut entry = Entry::settled(process.executable.clone());
        let pid = process.pid;
        entry.given = Some(Arc::new(process));
        self.write().insert(pid, entry);
    }

    /// The process `tgid`, run by `uid` as the kernel said with the sample.
    pub fn of(&self, tgid: u32, uid: u32) -> Arc<Process> {
        let seen = {
            let table = self.read();
            match table.given(tgid, uid) {
                Some(process) => return process,
                None => table.seen(tgid),
            }
        };
        let process = Arc::new(Process {
            pid: tgid,
            executable: self.settled_executable(tgid, seen.as_ref()),
            user_id: Some(uid),
            user_name: self.users.name(uid),
        });
        self.write().give(tgid, seen.as_ref(), &process);
        process
    }

    /// Takes in that something happened to a process.
    pub fn on_event(&self, event: &ProcessEvent) {
        match &event.kind {
            ProcessKind::Exec { path } => self.on_exec(event.tgid, path),
            ProcessKind::Fork { parent_tgid } => self.on_fork(event.tgid, *parent_tgid),
            ProcessKind::Exit => self.write().end(event.tgid, event.time_ns),
            ProcessKind::IoUring | ProcessKind::Mapped(_) => {}
        }
        self.write().forget_ended(event.time_ns);
    }

    /// Looks users' names up again, at most every few minutes. May ask a directory service, so it
    /// belongs on a thread that may wait. `now_ns`: any monotonic time.
    pub fn refresh(&self, now_ns: u64) {
        let changed = self.users.refresh(now_ns);
        if !changed.is_empty() {
            self.write().take_back(&changed);
        }
    }

    /// Compares everything with `/proc`. `now_ns`: CLOCK_MONOTONIC.
    fn rescan(&self, now_ns: u64) {
        let Some(proc_fs) = &self.proc_fs else { return };
        let pids = proc_fs.pids();
        for &pid in &pids {
            let seen = self.read().seen(pid);
            let executable = proc_fs.executable(pid).map(Arc::from);
            self.write().correct(pid, seen.as_ref(), executable);
        }
        self.write().end_all_but(&pids, now_ns);
    }

    fn on_exec(&self, tgid: u32, path: &str) {
        let executable = self.running(tgid).or_else(|| {
            let given = executable::of_exec(path, self.proc_fs.is_some())?;
            Some(Arc::from(given))
        });
        self.write().insert(tgid, Entry::settled(executable));
    }

    /// A child runs its parent's program until it says otherwise. The parent is looked at now, not
    /// when somebody asks: by then it may run another program itself.
    fn on_fork(&self, tgid: u32, parent: u32) {
        let seen = self.read().seen(parent);
        let executable = match seen {
            Some(seen) => seen.executable,
            None => self.first_look(parent),
        };
        self.write().insert(tgid, Entry::inherited(executable));
    }

    fn first_look(&self, tgid: u32) -> Option<Arc<str>> {
        let executable = self.running(tgid)?;
        self.write().insert(tgid, Entry::settled(Some(Arc::clone(&executable))));
        Some(executable)
    }

    fn settled_executable(&self, tgid: u32, seen: Option<&Seen>) -> Option<Arc<str>> {
        match seen {
            Some(seen) if seen.is_settled => seen.executable.clone(),
            Some(seen) => self.running(tgid).or_else(|| seen.executable.clone()),
            None => self.running(tgid),
        }
    }

    /// What `/proc` says now.
    fn running(&self, tgid: u32) -> Option<Arc<str>> {
        Some(Arc::from(self.proc_fs.as_ref()?.executable(tgid)?))
    }

    // A poisoned lock guards a cache; the worst in it is a name that is missing.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}
