//! What is there and cannot be seen, and what is gone without a word.
//!
//! In: process events, connections that have been silent. Out: `loss` records that name the
//! processes; whether a silent connection still exists.
//! Always: a process is named once for each program it runs; looking is bounded.
//! Not here: connections' tables (`pipeline::tracker`, the kernel side).

use std::collections::HashSet;

use super::time;
use crate::audit::encode::EncodedRecord;
use crate::audit::observer::{Concerns, Observer};
use crate::discover::io_uring::RingWatch;
use crate::discover::{ProcFs, Processes, sockets};
use crate::kernel::load::Probes;
use crate::model::loss::{Loss, Reason};
use crate::model::sample::ProcessEvent;
use crate::pipeline::tracker::Silent;

/// Looks at processes and sockets from outside.
pub struct Coverage {
    proc_fs: ProcFs,
    rings: RingWatch,
}

impl Coverage {
    /// Begins with the processes there are.
    pub fn scan() -> Self {
        Self { proc_fs: ProcFs::host(), rings: RingWatch::new(ProcFs::host()) }
    }

    /// Something happened to a process.
    pub fn on_event(&mut self, event: &ProcessEvent) {
        self.rings.on_event(event);
    }

    /// Names the processes that hold a ring and sockets.
    pub fn unseen(&mut self, observer: &Observer, processes: &Processes) -> Vec<EncodedRecord> {
        let now_ns = time::wall_ns();
        let record = |pid| {
            let uid = self.proc_fs.real_uid(pid)?;
            let process = processes.of(pid, uid);
            let concerns = Concerns { process: Some(&process), ..Concerns::default() };
            let loss = Loss::hole(Reason::IoUring, 0);
            Some(observer.loss(&loss, now_ns, now_ns, concerns))
        };
        self.rings.tick().into_iter().filter_map(record).collect()
    }

    /// Those of the silent connections that are gone.
    pub fn gone(&self, probes: &Probes, silent: &[Silent]) -> HashSet<u64> {
        let own = std::process::id();
        let here = sockets::netns(&self.proc_fs, own);
        let listed_here = sockets::listed_unix(&self.proc_fs, own);
        let is_there = |connection: &Silent| {
            if !probes.follows(connection.sock, connection.conn) {
                return false;
            }
            if !connection.unix {
                return true;
            }
            if here == Some(connection.netns)
                && let Some(listed) = &listed_here
            {
                return listed.contains(&connection.ino);
            }
            let listed = sockets::listed_unix(&self.proc_fs, connection.tgid);
            listed.is_some_and(|listed| listed.contains(&connection.ino))
        };
        silent.iter().filter(|one| !is_there(one)).map(|one| one.conn.0).collect()
    }
}
