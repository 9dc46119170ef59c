//! In which processes a file's probes are: in all, or, while one that is spared runs the file, in
//! each of the others by itself.
//!
//! In: who runs the file, and whether it is spared. Out: probes attached and detached.
//! Always: on the way from one to the other the new probes come first, except for Go, whose writes two
//! probes would tell twice. A kernel that refuses is asked again later, and said once.
//! Not here: who is spared (`scope`).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::detach::Detach;
use super::files::TlsFile;
use super::places::{self, When};
use super::scope::Scope;
use crate::kernel::uprobes::{Attached, Place, UprobeError, Uprobes};

/// The probes of one file.
#[derive(Default)]
pub struct Reach {
    everywhere: Option<Attached>,
    each: HashMap<u32, Attached>,
    /// Who runs it, if anybody can be spared, and whether that one is.
    users: HashMap<u32, bool>,
    refused: Option<Instant>,
}

impl Reach {
    /// A process runs the file.
    pub fn is_used_by(&mut self, pid: u32, spared: bool) {
        self.users.insert(pid, spared);
    }

    /// Whether the process is known to run the file.
    pub fn knows(&self, pid: u32) -> bool {
        self.users.contains_key(&pid)
    }

    /// A process is gone.
    pub fn forget(&mut self, pid: u32, detach: &Detach) {
        self.users.remove(&pid);
        detach.all(self.each.remove(&pid).into_iter().collect());
    }

    /// Who runs the file has to be found out again.
    pub fn forget_users(&mut self) {
        self.users.clear();
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
        let places = places::of(&self.found, self.number, When::Always);
        let is_refused = self.reach.refused.is_some_and(|since| since.elapsed() < ASK_AGAIN);
        if places.is_empty() || is_refused {
            return false;
        }
        let before = self.reach.is_attached();
        let spares = self.reach.users.values().any(|&spared| spared);
        // Nobody runs it: whoever comes next will show.
        let is_open = scope.is_limited() && self.reach.users.is_empty() && before;
        match (spares, is_open) {
            (false, false) if self.reach.everywhere.is_none() => {
                self.everywhere(&places, uprobes, detach);
            }
            (true, _) => self.each(&places, scope.named(), uprobes, detach),
            _ => {}
        }
        !before && self.reach.is_attached()
    }

    fn everywhere(&mut self, places: &[Place], uprobes: &mut Uprobes, detach: &Detach) {
        if places.iter().any(|place| place.go) {
            self.reach.end(detach);
        }
        // Whoever runs it already had probes of its own.
        let is_first = self.reach.each.is_empty();
        self.reach.everywhere = self.attach(places, None, uprobes);
        if is_first && self.reach.everywhere.is_some() {
            uprobes.note_attached(self.number);
        }
        detach.all(self.reach.each.drain().map(|(_, attached)| attached).collect());
    }

    fn each(&mut self, places: &[Place], named: &[u32], uprobes: &mut Uprobes, detach: &Detach) {
        if places.iter().any(|place| place.go) {
            detach.all(self.reach.everywhere.take().into_iter().collect());
        }
        let watched = self.reach.users.iter().filter(|(_, spared)| !**spared).map(|(pid, _)| *pid);
        let mut wanted: Vec<u32> = watched.chain(named.iter().copied()).collect();
        wanted.retain(|pid| !self.reach.each.contains_key(pid));
        wanted.sort_unstable();
        wanted.dedup();
        for pid in wanted {
            if let Some(attached) = self.attach(places, Some(pid), uprobes) {
                self.reach.each.insert(pid, attached);
                if self.reach.everywhere.is_none() {
                    uprobes.note_attached(self.number);
                }
            }
        }
        detach.all(self.reach.everywhere.take().into_iter().collect());
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
        if pid.is_some() {
            tracing::debug!(path = self.path, pid, %error, "cannot probe a TLS library");
        } else if self.reach.refused.replace(Instant::now()).is_none() {
            tracing::warn!(path = self.path, %error, "cannot probe a TLS library");
        }
    }
}

/// How long a refusal is believed.
const ASK_AGAIN: Duration = Duration::from_secs(20);
