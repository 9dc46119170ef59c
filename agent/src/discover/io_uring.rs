//! Processes that may move socket data through io_uring, where no system call shows it.
//!
//! In: descriptors in `/proc`, events that a ring was made. Out: process ids to name in a `loss`.
//! Always: each process is named once for each program it runs; one `tick` looks at a bounded number
//! of processes and descriptors.
//! Not here: the `loss` record (`daemon`). A ring without a descriptor (kernel >= 6.5,
//! `IORING_SETUP_REGISTERED_FD_ONLY`) is not to be seen here.

use std::collections::{HashSet, VecDeque};
use std::path::Path;

use super::procfs::ProcFs;
use crate::model::sample::{ProcessEvent, ProcessKind};

/// What a look at a process's descriptors found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Held {
    ring: bool,
    socket: bool,
}

/// Whether the process has both a ring and a socket open. False if it cannot be looked at.
pub fn uses_sockets_and_ring(proc_fs: &ProcFs, pid: u32) -> bool {
    let held = held(proc_fs, pid);
    held.ring && held.socket
}

/// Every process that has both open now.
pub fn scan_rings(proc_fs: &ProcFs) -> Vec<u32> {
    let mut pids = proc_fs.pids();
    pids.retain(|&pid| uses_sockets_and_ring(proc_fs, pid));
    pids
}

fn held(proc_fs: &ProcFs, pid: u32) -> Held {
    let mut held = Held::default();
    let Ok(descriptors) = proc_fs.descriptors(pid) else { return held };
    for target in descriptors.take(MOST_DESCRIPTORS) {
        held.ring |= target == Path::new("anon_inode:[io_uring]");
        held.socket |= target.as_os_str().as_encoded_bytes().starts_with(b"socket:[");
        if held.ring && held.socket {
            break;
        }
    }
    held
}

/// Finds such processes a few at a time.
pub struct RingWatch {
    proc_fs: ProcFs,
    /// To be looked at, next first.
    candidates: VecDeque<u32>,
    /// Named already.
    named: HashSet<u32>,
}

impl RingWatch {
    /// Begins with every process that runs now.
    pub fn new(proc_fs: ProcFs) -> Self {
        let own = std::process::id();
        let pids = proc_fs.pids().into_iter().filter(|&pid| pid != own);
        Self { candidates: pids.collect(), named: HashSet::new(), proc_fs }
    }

    /// Takes in that a ring was made, or that a process ended or runs another program (rings are
    /// closed by `execve`).
    pub fn on_event(&mut self, event: &ProcessEvent) {
        match event.kind {
            ProcessKind::IoUring => self.add(event.tgid),
            ProcessKind::Exec { .. } | ProcessKind::Exit => self.remove(event.tgid),
            ProcessKind::Fork { .. } | ProcessKind::Mapped(_) => {}
        }
    }

    fn add(&mut self, pid: u32) {
        let known = self.named.contains(&pid) || self.candidates.contains(&pid);
        if !known && self.candidates.len() < MOST_CANDIDATES {
            self.candidates.push_front(pid);
        }
    }

    fn remove(&mut self, pid: u32) {
        self.named.remove(&pid);
        // A candidate that has ended drops out when its turn comes.
    }

    /// Looks at some candidates. Returns those that have both a ring and a socket open.
    pub fn tick(&mut self) -> Vec<u32> {
        let mut found = Vec::new();
        for _ in 0..self.candidates.len().min(LOOKS) {
            let Some(pid) = self.candidates.pop_front() else { break };
            match held(&self.proc_fs, pid) {
                Held { ring: true, socket: true } => {
                    if self.named.insert(pid) {
                        found.push(pid);
                    }
                }
                // It may open a socket later.
                Held { ring: true, .. } => self.candidates.push_back(pid),
                // A ring that is made later comes with an event.
                Held { ring: false, .. } => {}
            }
        }
        found
    }
}

/// Most processes looked at in one tick.
const LOOKS: usize = 32;

/// Most descriptors looked at of one process.
const MOST_DESCRIPTORS: usize = 4_096;

/// Most candidates that events may add.
const MOST_CANDIDATES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::super::procfs::tests::Fake;
    use super::*;

    const RING: &str = "anon_inode:[io_uring]";

    fn event(kind: ProcessKind, tgid: u32) -> ProcessEvent {
        ProcessEvent { kind, time_ns: 0, tgid, uid: 0, cgroup: 0 }
    }

    #[test]
    fn both_must_be_open() {
        let fake = Fake::new();
        for (pid, what) in [(1, vec![RING]), (2, vec!["socket:[5]"]), (3, vec!["socket:[6]", RING])]
        {
            fake.add(pid, "/bin/x", 0);
            what.iter().zip(0..).for_each(|(what, number)| fake.open(pid, number, what));
        }
        assert_eq!(scan_rings(&fake.proc_fs()), [3]);
        assert!(!uses_sockets_and_ring(&fake.proc_fs(), 99));
    }

    #[test]
    fn each_is_named_once_for_a_program() {
        let fake = Fake::new();
        fake.add(1, "/bin/x", 0);
        fake.open(1, 0, RING);
        fake.add(2, "/bin/y", 0);
        let mut watch = RingWatch::new(fake.proc_fs());
        assert!(watch.tick().is_empty());
        fake.open(1, 1, "socket:[5]");
        assert_eq!(watch.tick(), [1]);
        fake.open(2, 0, RING);
        fake.open(2, 1, "socket:[6]");
        assert!(watch.tick().is_empty(), "no event told of a ring");
        for pid in [1, 2] {
            watch.on_event(&event(ProcessKind::IoUring, pid));
        }
        assert_eq!(watch.tick(), [2]);
        watch.on_event(&event(ProcessKind::Exec { path: "/bin/z".into() }, 2));
        watch.on_event(&event(ProcessKind::IoUring, 2));
        assert_eq!(watch.tick(), [2]);
    }

    #[test]
    fn a_tick_is_bounded() {
        let fake = Fake::new();
        for pid in 1..=100 {
            fake.add(pid, "/bin/x", 0);
        }
        let mut watch = RingWatch::new(fake.proc_fs());
        watch.tick();
        assert_eq!(watch.candidates.len(), 100 - LOOKS);
    }
}
