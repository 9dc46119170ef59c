//! What was last told of limits and holds, so that each change is told once.
//!
//! In: the time, what is there now. Out: what is new.
//! Always: nothing is read or written here.
//! Not here: removal (`retain`), the files of holds (`hold`).

use std::time::{Duration, Instant};

use super::hold::Hold;

#[derive(Debug)]
pub(super) struct Keeping {
    due: Instant,
    holds: Vec<Hold>,
    /// Per cent of the limit that was told, 0 for none.
    told: u64,
}

impl Keeping {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now, holds: Vec::new(), told: 0 }
    }

    /// When to look next.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// True if it is time; then the next time is set.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.due;
        if is_due {
            self.due = now + PAUSE;
        }
        is_due
    }

    /// Holds that are new or other than before, and names of those that are gone.
    pub(super) fn changes(&mut self, holds: Vec<Hold>) -> (Vec<Hold>, Vec<String>) {
        let placed = holds.iter().filter(|hold| !self.holds.contains(hold)).cloned().collect();
        let is_there = |old: &&Hold| holds.iter().any(|hold| hold.name == old.name);
        let gone = self.holds.iter().filter(|old| !is_there(old));
        let released = gone.map(|old| old.name.clone()).collect();
        self.holds = holds;
        (placed, released)
    }

    /// The mark that was crossed upwards since it was last told.
    pub(super) fn crossed(&mut self, bytes: u64, limit_bytes: Option<u64>) -> Option<u64> {
        let limit = limit_bytes.filter(|limit| *limit > 0)?;
        let percent = bytes.saturating_mul(100) / limit;
        let mark = MARKS.into_iter().rev().find(|mark| percent >= *mark).unwrap_or(0);
        let is_higher = mark > self.told;
        // Some way below a mark it may be told again.
        if is_higher || percent + 5 < self.told {
            self.told = mark;
        }
        is_higher.then_some(mark)
    }
}

/// Pause between looks.
const PAUSE: Duration = Duration::from_secs(5);
/// Per cent of the limit that are told.
const MARKS: [u64; 2] = [75, 90];

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(name: &str, reason: &str) -> Hold {
        Hold { name: name.into(), since: None, until: None, reason: reason.into() }
    }

    #[test]
    fn changes_are_told_once() {
        let mut keeping = Keeping::new(Instant::now());
        let (one, two, other) = (hold("one", ""), hold("two", ""), hold("one", "other"));
        let now = [one.clone(), two.clone()];
        assert_eq!(keeping.changes(now.to_vec()), (now.to_vec(), vec![]));
        assert_eq!(keeping.changes(now.to_vec()), (vec![], vec![]));
        assert_eq!(keeping.changes(vec![other.clone()]), (vec![other], vec!["two".into()]));
    }

    #[test]
    fn marks_are_told_once_until_it_is_emptier() {
        let mut keeping = Keeping::new(Instant::now());
        let told: Vec<_> = [10, 75, 80, 91, 95, 89, 90, 60, 76]
            .into_iter()
            .map(|bytes| keeping.crossed(bytes, Some(100)))
            .collect();
        let expected = [None, Some(75), None, Some(90), None, None, None, None, Some(75)];
        assert_eq!(told, expected);
        assert_eq!(keeping.crossed(1 << 60, None), None);
    }
}
