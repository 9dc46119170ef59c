//! In which processes a file's probes are: in all, or, once one that is spared has run the file, in
//! each of the others by itself.
//!
//! In: who runs the file, and whether it is spared. Out: probes attached and detached.
//! Always: on the way from one to the other the new probes come first, except for Go, whose writes two
//! probes would tell twice; a call that is under way then is not seen, so there is no way back until the
//! filters change. A kernel that refuses is asked again later, and said once.
//! Not here: who is spared (`scope`).

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::detach::Detach;
use super::files::TlsFile;
use super::places;
use super::scope::Scope;
use crate::discover::ProcFs;
use crate::discover::binary::function::When;
use crate::kernel::uprobes::{Attached, Place, UprobeError, Uprobes};

/// The probes of one file.
#[derive(Default)]
pub struct Reach {
    everywhere: Option<Attached>,
    each: HashMap<u32, Attached>,
    /// Who runs it, if anybody can be spared, and whether that one is.
    users: HashMap<u32, bool>,
    /// One that is spared has run it under these filters.
    split: bool,
    refused: Option<Instant>,
}

impl Reach {
    /// A process runs the file. Returns whether that, or whether it is spared, is new.
    pub fn is_used_by(&mut self, pid: u32, spared: bool) -> bool {
        self.split |= spared;
        self.users.insert(pid, spared) != Some(spared)
    }

    /// Only these processes are left.
    pub fn retain(&mut self, running: &HashSet<u32>, detach: &Detach) {
        self.users.retain(|pid, _| running.contains(pid));
        let gone = self.each.extract_if(|pid, _| !running.contains(pid));
        detach.all(gone.map(|(_, attached)| attached).collect());
    }

    /// A process is gone.
    pub fn forget(&mut self, pid: u32, detach: &Detach) {
        self.users.remove(&pid);
        detach.all(self.each.remove(&pid).into_iter().collect());
    }

    /// The filters have changed: who runs the file has to be found out again.
    pub fn forget_users(&mut self) {
        self.users.clear();
        self.split = false;
    }

    /// Whether it has probes.
    pub fn is_attached(&self) -> bool {
        self.everywhere.is_some() || !self.each.is_empty()
    }

    /// Gives up all probes.
    pub fn end(&mut self, detach: &Detach) {
        detach.all(self.everywhere.take().into_iter().collect());
        detach.all(self.each.drain().map(|(_, attached)| attached).collect());
    }
}

impl TlsFile {
    /// Puts the probes where they are wanted now. Returns whether the first were attached.
    pub fn settle(&mut self, scope: &Scope, uprobes: &mut Uprobes, detach: &Detach) -> bool {
        let before = self.reach.is_attached();
        // Nobody runs it: whoever comes next will show.
        let is_open = scope.is_limited() && self.reach.users.is_empty() && before;
        let is_done = self.reach.everywhere.is_some() || is_open;
        let is_refused = self.reach.refused.is_some_and(|since| since.elapsed() < ASK_AGAIN);
        if is_refused || is_done && !self.reach.split {
            return false;
        }
        let places = places::of(&self.found, self.number, When::Always);
        if places.is_empty() {
            return false;
        }
        if self.reach.split {
            self.each(&places, scope.named(), uprobes, detach);
        } else {
            self.everywhere(&places, uprobes, detach);
        }
        !before && self.reach.is_attached()
    }

    fn everywhere(&mut self, places: &[Place], uprobes: &mut Uprobes, detach: &Detach) {
        if places.iter().any(|place| place.go) {
            self.reach.each.clear();
        }
        self.reach.everywhere = self.attach(places, None, uprobes);
        if self.reach.everywhere.is_none() {
            return;
        }
        uprobes.note_attached(self.number, None);
        detach.all(self.reach.each.drain().map(|(_, attached)| attached).collect());
    }

    fn each(&mut self, places: &[Place], named: &[u32], uprobes: &mut Uprobes, detach: &Detach) {
        if places.iter().any(|place| place.go) {
            drop(self.reach.everywhere.take());
        }
        let users = &self.reach.users;
        let spared = self.reach.each.extract_if(|pid, _| users.get(pid) == Some(&true));
        detach.all(spared.map(|(_, attached)| attached).collect());
        let watched = self.reach.users.iter().filter(|(_, spared)| !**spared).map(|(pid, _)| *pid);
        let mut wanted: Vec<u32> = watched.chain(named.iter().copied()).collect();
        wanted.retain(|pid| !self.reach.each.contains_key(pid));
        wanted.sort_unstable();
        wanted.dedup();
        let mut is_whole = true;
        for pid in wanted {
            if let Some(attached) = self.attach(places, Some(pid), uprobes) {
                self.reach.each.insert(pid, attached);
                if self.reach.everywhere.is_none() {
                    uprobes.note_attached(self.number, Some(pid));
                }
            } else {
                is_whole &= !ProcFs::host().exists(pid);
            }
        }
        // Better a breakpoint too many than a process that nobody sees.
        if is_whole {
            detach.all(self.reach.everywhere.take().into_iter().collect());
        }
    }

    fn attach(
        &mut self,
        places: &[Place],
        pid: Option<u32>,
        uprobes: &Uprobes,
    ) -> Option<Attached> {
        match uprobes.attach(&self.file, places, pid) {
            Ok(attached) => {
                for error in attached.refused() {
                    tracing::warn!(path = self.path, %error, "a part of a TLS library is not probed");
                }
                Some(attached)
            }
            // A process that has gone meanwhile is no matter.
            Err(error) => {
                self.refuse(pid, &error);
                None
            }
        }
    }

    fn refuse(&mut self, pid: Option<u32>, error: &UprobeError) {
        if pid.is_some_and(|pid| !ProcFs::host().exists(pid)) {
            tracing::debug!(path = self.path, pid, %error, "cannot probe a TLS library");
        } else if self.reach.refused.replace(Instant::now()).is_none() {
            tracing::warn!(path = self.path, %error, "cannot probe a TLS library");
        }
    }
}

/// How long a refusal is believed.
const ASK_AGAIN: Duration = Duration::from_secs(20);
