//! Probes on memory buffers, in those processes alone that put them between TLS and sockets.
//!
//! In: processes that are likely to need them, do need them, or turn out not to. Out: probes in one
//! process each.
//! Always: what is only likely is taken back as soon as a stream is tied to its socket by a call; what
//! was seen to be needed stays. Detaching, which waits for the kernel, is done by another thread.
//! Not here: files (`files`), who tells what (`tls`).

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::detach::Detach;
use super::files::Files;
use super::places;
use crate::discover::binary::function::When;
use crate::discover::maps::Mapped;
use crate::kernel::uprobes::{Attached, Uprobes};

/// The probes of all processes.
#[derive(Default)]
pub struct Buffers {
    by_pid: HashMap<u32, Probed>,
    /// Processes whose calls name their sockets.
    nesting: HashSet<u32>,
    /// Programs that have needed probes, and in which files: the next process has them from its start.
    programs: HashMap<Program, Vec<u64>>,
}

/// Device and inode of an executable.
pub type Program = (u64, u64);

struct Probed {
    /// Numbers of the files that were looked at for it.
    files: Vec<u64>,
    /// Nothing has shown yet that it needs them.
    expected: bool,
    looked: Instant,
    attached: Vec<Attached>,
}

impl Buffers {
    /// The process is likely to need them, in the files that it has mapped.
    pub fn expect(&mut self, pid: u32, mapped: &[Mapped], files: &Files, uprobes: &Uprobes) {
        if !self.nesting.contains(&pid) && !self.by_pid.contains_key(&pid) {
            // What it has not loaded yet is probed when it does.
            let mut numbers = files.installed();
            numbers.extend(numbers_of(mapped, files));
            numbers.sort_unstable();
            numbers.dedup();
            self.attach(pid, numbers, true, files, uprobes);
        }
    }

    /// The same, for a process of a program that has needed them before.
    pub fn expect_again(&mut self, pid: u32, program: Program, files: &Files, uprobes: &Uprobes) {
        if let Some(numbers) = self.programs.get(&program)
            && !self.nesting.contains(&pid)
            && !self.by_pid.contains_key(&pid)
        {
            self.attach(pid, numbers.clone(), true, files, uprobes);
        }
    }

    /// Whether any program has needed them.
    pub fn have_programs(&self) -> bool {
        !self.programs.is_empty()
    }

    /// Whether it is too early to ask once more what the process has mapped.
    pub fn is_known(&mut self, pid: u32) -> bool {
        let Some(probed) = self.by_pid.get_mut(&pid) else { return false };
        let is_recent = probed.looked.elapsed() < ASK_AGAIN;
        if !is_recent {
            probed.looked = Instant::now();
        }
        !probed.expected && is_recent
    }

    /// The process needs them.
    pub fn need(
        &mut self,
        pid: u32,
        (mapped, program): (&[Mapped], Option<Program>),
        files: &Files,
        uprobes: &Uprobes,
        detach: &Detach,
    ) {
        let mut numbers = numbers_of(mapped, files);
        let before = self.by_pid.remove(&pid);
        let is_had = |number: &u64| before.as_ref().is_some_and(|had| had.files.contains(number));
        // Its program may have been known with a library that was replaced since.
        if numbers.iter().all(is_had)
            && let Some(probed) = before
        {
            self.by_pid.insert(pid, Probed { expected: false, ..probed });
        } else {
            numbers.sort_unstable();
            numbers.dedup();
            self.attach(pid, numbers.clone(), false, files, uprobes);
            detach.all(before.map(|probed| probed.attached).unwrap_or_default());
        }
        self.remember(program, numbers);
    }

    fn remember(&mut self, program: Option<Program>, numbers: Vec<u64>) {
        if self.programs.len() >= MOST_PROGRAMS {
            self.programs.clear();
        }
        self.programs.extend(program.map(|program| (program, numbers)));
    }

    /// A stream of the process was tied to its socket by a call.
    pub fn are_not_needed(&mut self, pid: u32, detach: &Detach) {
        if self.by_pid.get(&pid).is_none_or(|probed| probed.expected) {
            self.nesting.insert(pid);
            detach.all(self.by_pid.remove(&pid).map(|probed| probed.attached).unwrap_or_default());
        }
    }

    /// The process is gone.
    pub fn forget(&mut self, pid: u32, detach: &Detach) {
        self.nesting.remove(&pid);
        detach.all(self.by_pid.remove(&pid).map(|probed| probed.attached).unwrap_or_default());
    }

    /// Only these processes are left.
    pub fn retain(&mut self, running: &HashSet<u32>, detach: &Detach) {
        let gone: Vec<u32> =
            self.by_pid.keys().filter(|pid| !running.contains(pid)).copied().collect();
        gone.into_iter().for_each(|pid| self.forget(pid, detach));
        self.nesting.retain(|pid| running.contains(pid));
    }

    /// Files have changed: who needs them asks again. At once, since who comes upon a probe where a
    /// function was before would stop.
    pub fn clear(&mut self) {
        self.programs.clear();
        self.by_pid.clear();
    }

    fn attach(
        &mut self,
        pid: u32,
        numbers: Vec<u64>,
        expected: bool,
        files: &Files,
        uprobes: &Uprobes,
    ) {
        let mut attached = Vec::new();
        for file in files.numbered(&numbers) {
            let places = places::of(&file.found, file.number, When::Buffers);
            if places.is_empty() {
                continue;
            }
            match uprobes.attach(&file.file, &places, Some(pid)) {
                Ok(probes) => attached.push(probes),
                Err(error) => {
                    tracing::debug!(path = file.path, pid, %error, "cannot probe memory buffers");
                }
            }
        }
        let probed = Probed { files: numbers, expected, looked: Instant::now(), attached };
        self.by_pid.insert(pid, probed);
    }
}

fn numbers_of(mapped: &[Mapped], files: &Files) -> Vec<u64> {
    mapped.iter().filter_map(|mapped| Some(files.of(mapped)?.number)).collect()
}

/// Most programs that are remembered.
const MOST_PROGRAMS: usize = 1_024;
/// Each new connection of a process asks until it is tied.
const ASK_AGAIN: Duration = Duration::from_secs(1);
