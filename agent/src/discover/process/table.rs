//! The table behind `Processes`: plain data, no look at the host.
//!
//! In: entries, ends with their time. Out: what is known of a process id.
//! Always: at most `MOST` entries and `MOST_ENDED` ended ones; an entry that changed since it was
//! looked at is not overwritten by what came of that look.
//! Not here: where executables and names come from (`super`).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::model::origin::Process;

/// Entries by process id.
#[derive(Default)]
pub(super) struct Table {
    entries: HashMap<u32, Entry>,
    /// Ended processes, longest ago first; some have been replaced by a new one of that id since.
    ended: VecDeque<Ended>,
    last_version: u64,
}

/// What is known of one process.
#[derive(Default)]
pub(super) struct Entry {
    executable: Option<Arc<str>>,
    /// Taken from the parent: `/proc` may know better.
    is_inherited: bool,
    is_ended: bool,
    /// As it was handed out last.
    pub(super) given: Option<Arc<Process>>,
    version: u64,
}

struct Ended {
    time_ns: u64,
    tgid: u32,
    version: u64,
}

/// A look at an entry.
pub(super) struct Seen {
    pub(super) executable: Option<Arc<str>>,
    /// There is nothing better to be had from `/proc`.
    pub(super) is_settled: bool,
    version: u64,
}

impl Entry {
    pub(super) fn settled(executable: Option<Arc<str>>) -> Self {
        Self { executable, ..Self::default() }
    }

    pub(super) fn inherited(executable: Option<Arc<str>>) -> Self {
        Self { executable, is_inherited: true, ..Self::default() }
    }
}

impl Table {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What was handed out for this process and user before.
    pub(super) fn given(&self, tgid: u32, uid: u32) -> Option<Arc<Process>> {
        let given = self.entries.get(&tgid)?.given.as_ref()?;
        (given.user_id == Some(uid)).then(|| Arc::clone(given))
    }

    pub(super) fn seen(&self, tgid: u32) -> Option<Seen> {
        self.entries.get(&tgid).map(|entry| Seen {
            executable: entry.executable.clone(),
            is_settled: !entry.is_inherited || entry.is_ended,
            version: entry.version,
        })
    }

    /// Replaces whatever was known of that process id.
    pub(super) fn insert(&mut self, tgid: u32, entry: Entry) {
        if !self.entries.contains_key(&tgid) {
            self.make_room();
        }
        self.last_version += 1;
        self.entries.insert(tgid, Entry { version: self.last_version, ..entry });
    }

    /// Remembers what was handed out, unless the entry has changed since `seen`.
    pub(super) fn give(&mut self, tgid: u32, seen: Option<&Seen>, process: &Arc<Process>) {
        let known = self.entries.get_mut(&tgid);
        match (known, seen) {
            (Some(entry), Some(seen)) if entry.version == seen.version => {
                entry.executable.clone_from(&process.executable);
                entry.is_inherited = false;
                entry.given = Some(Arc::clone(process));
            }
            (None, None) => {
                let mut entry = Entry::settled(process.executable.clone());
                entry.given = Some(Arc::clone(process));
                self.insert(tgid, entry);
            }
            _ => {}
        }
    }

    /// Keeps an ended process for a while.
    pub(super) fn end(&mut self, tgid: u32, time_ns: u64) {
        let Some(entry) = self.entries.get_mut(&tgid) else { return };
        if !entry.is_ended {
            entry.is_ended = true;
            self.ended.push_back(Ended { time_ns, tgid, version: entry.version });
        }
    }

    /// Drops those that ended too long ago, and the oldest of too many.
    pub(super) fn forget_ended(&mut self, now_ns: u64) {
        while let Some(oldest) = self.ended.front() {
            let is_old = now_ns.saturating_sub(oldest.time_ns) > KEEP_ENDED_NS;
            if !is_old && self.ended.len() <= MOST_ENDED {
                break;
            }
            self.forget_oldest();
        }
    }

    /// What `/proc` says about a process that runs, unless its entry has changed since `seen`. What
    /// was handed out stays if the program is the same.
    pub(super) fn correct(&mut self, tgid: u32, seen: Option<&Seen>, executable: Option<Arc<str>>) {
        match (self.entries.get_mut(&tgid), seen) {
            (Some(entry), Some(seen)) if entry.version == seen.version => {
                if entry.is_ended || entry.executable != executable {
                    self.insert(tgid, Entry::settled(executable));
                } else {
                    entry.is_inherited = false;
                }
            }
            (None, None) => self.insert(tgid, Entry::settled(executable)),
            _ => {}
        }
    }

    /// Ends every process that is not among `running`.
    pub(super) fn end_all_but(&mut self, running: &[u32], now_ns: u64) {
        let running: HashSet<u32> = running.iter().copied().collect();
        let gone: Vec<u32> =
            self.entries.keys().filter(|pid| !running.contains(pid)).copied().collect();
        gone.into_iter().for_each(|pid| self.end(pid, now_ns));
    }

    /// Forgets what was handed out for these users, so that it is made anew.
    pub(super) fn take_back(&mut self, uids: &[u32]) {
        for entry in self.entries.values_mut() {
            let uid = entry.given.as_ref().and_then(|given| given.user_id);
            if uid.is_some_and(|uid| uids.contains(&uid)) {
                entry.given = None;
            }
        }
    }

    fn make_room(&mut self) {
        while self.entries.len() >= MOST && !self.ended.is_empty() {
            self.forget_oldest();
        }
        if self.entries.len() >= MOST {
            // Any will do: if it still runs, `/proc` tells it again.
            let any = self.entries.keys().next().copied();
            any.map(|tgid| self.entries.remove(&tgid));
        }
    }

    fn forget_oldest(&mut self) {
        let Some(Ended { tgid, version, .. }) = self.ended.pop_front() else { return };
        if self.entries.get(&tgid).is_some_and(|entry| entry.version == version) {
            self.entries.remove(&tgid);
        }
    }
}

/// Most processes remembered.
pub(super) const MOST: usize = 65_536;

/// Most ended ones among them.
pub(super) const MOST_ENDED: usize = 4_096;

/// How long an ended process can still be asked for, in event time.
pub(super) const KEEP_ENDED_NS: u64 = 60 * 1_000_000_000;
