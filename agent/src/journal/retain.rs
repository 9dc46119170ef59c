//! Retention: which segments are old enough, or too many, and their removal.
//!
//! In: the segments, the limits, the holds. Out: a `Plan`, which is recorded and sealed before it is carried out.
//! Always: whole segments, the oldest first, never the one that is written to, never one that a hold protects, nor
//! one behind it; what cannot be looked at is kept.
//! Not here: when (`writer`), telling of it (the daemon), holds themselves (`hold`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::hold::Hold;
use super::segment::{self, Found};

/// How much is kept. `None`: without limit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// Longest time since a segment was last written.
    pub age: Option<Duration>,
    /// Most bytes of all segments.
    pub bytes: Option<u64>,
}

/// Segments that are to be removed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The oldest record there is.
    pub first_seq: u64,
    /// The oldest record that stays.
    pub next_seq: u64,
    /// Bytes that become free.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
    /// First `seq` of each segment that goes.
    pub gone: Vec<u64>,
    /// First `seq` of each segment that stays.
    pub kept: Vec<u64>,
    segments: PathBuf,
}

/// Why segments are removed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// They are older than the limit.
    Age,
    /// The journal is larger than the limit.
    Size,
}

/// What there is, and what is to be done.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Look {
    /// Bytes of all segments.
    pub bytes: u64,
    /// What has to go, if anything.
    pub plan: Option<Plan>,
    /// The hold that keeps what would have to go.
    pub held_by: Option<String>,
}

struct Seen {
    found: Found,
    bytes: u64,
    /// When its first record can have come, at the earliest.
    begun: SystemTime,
    /// When its last record came.
    ended: SystemTime,
}

/// Looks at the segments. Errors: the directory cannot be read.
pub fn look(segments: &Path, limits: Limits, holds: &[Hold], now: SystemTime) -> io::Result<Look> {
    let seen = all(segments)?;
    let bytes: u64 = seen.iter().map(|seen| seen.bytes).sum();
    let mut look = Look { bytes, ..Look::default() };
    let mut rest_bytes = bytes;
    let mut reason = None;
    let mut going = 0;
    // The last one is written to.
    for seen in seen.split_last().map_or(&[][..], |(_, finished)| finished) {
        let Some(why) = limits.breach(seen, rest_bytes, now) else { break };
        if let Some(hold) = holds.iter().find(|hold| hold.covers(seen.begun, seen.ended)) {
            look.held_by = Some(hold.name.clone());
            break;
        }
        reason = Some(why);
        rest_bytes -= seen.bytes;
        going += 1;
    }
    let (gone, kept) = seen.split_at_checked(going).unwrap_or((&seen, &[]));
    let numbers = |seen: &[Seen]| seen.iter().map(|seen| seen.found.first_seq).collect();
    if let (Some(reason), Some(first), Some(next)) = (reason, gone.first(), kept.first()) {
        look.plan = Some(Plan {
            first_seq: first.found.first_seq,
            next_seq: next.found.first_seq,
            bytes: bytes - rest_bytes,
            reason,
            gone: numbers(gone),
            kept: numbers(kept),
            segments: segments.to_owned(),
        });
    }
    Ok(look)
}

fn all(segments: &Path) -> io::Result<Vec<Seen>> {
    let mut seen = Vec::<Seen>::new();
    for found in segment::list(segments)? {
        let metadata = match fs::metadata(&found.path) {
            Ok(metadata) => metadata,
            // Sealed meanwhile: the next look will do.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let begun = seen.last().map_or(SystemTime::UNIX_EPOCH, |before| before.ended);
        seen.push(Seen { found, bytes: metadata.len(), begun, ended: metadata.modified()? });
    }
    Ok(seen)
}

impl Limits {
    fn breach(&self, seen: &Seen, bytes: u64, now: SystemTime) -> Option<Reason> {
        // A segment from the future is not old.
        let age = now.duration_since(seen.ended).unwrap_or_default();
        if self.age.is_some_and(|limit| age > limit) {
            return Some(Reason::Age);
        }
        self.bytes.is_some_and(|limit| bytes > limit).then_some(Reason::Size)
    }
}

impl Plan {
    /// Removes them, the oldest first. Errors: the first that could not be removed; those behind it stay.
    pub fn carry_out(&self) -> Result<(), (PathBuf, io::Error)> {
        for first_seq in &self.gone {
            // One that is being sealed has both names. The plain one first: sealing then gives up.
            for name in [segment::file_name(*first_seq), segment::sealed_name(*first_seq)] {
                let path = self.segments.join(name);
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err((path, error));
                    }
                    _ => {}
                }
            }
        }
        segment::sync_directory(&self.segments).map_err(|error| (self.segments.clone(), error))
    }

    /// Records that go.
    pub fn records(&self) -> u64 {
        self.next_seq - self.first_seq
    }
}

impl Reason {
    /// Its word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Size => "size",
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Segments of 100 bytes, written on day 1, 2, 3…
    fn segments(count: u64) -> (TempDir, SystemTime) {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..count {
            let path = directory.path().join(segment::file_name(number * 10));
            fs::write(&path, [b'x'; 100]).unwrap();
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(day(number + 1)).unwrap();
        }
        let now = day(count);
        (directory, now)
    }

    fn day(number: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * u32::try_from(number).unwrap()
    }

    fn hold(from: u64, until: u64) -> Hold {
        let moment = |number| jiff::Timestamp::try_from(day(number)).unwrap();
        Hold {
            name: String::from("case-7"),
            since: Some(moment(from)),
            until: Some(moment(until)),
            reason: String::new(),
        }
    }

    fn plan(count: u64, limits: Limits, holds: &[Hold]) -> Option<(u64, u64, Reason)> {
        let (directory, now) = segments(count);
        let plan = look(directory.path(), limits, holds, now).unwrap().plan;
        plan.map(|plan| (plan.first_seq, plan.next_seq, plan.reason))
    }

    #[test]
    fn the_oldest_go_by_age_and_by_size_and_the_last_stays() {
        let age = |days| Limits { age: Some(DAY * days), bytes: None };
        let bytes = |bytes| Limits { age: None, bytes: Some(bytes) };
        assert_eq!(plan(5, Limits::default(), &[]), None);
        assert_eq!(plan(5, age(4), &[]), None);
        assert_eq!(plan(5, age(2), &[]), Some((0, 20, Reason::Age)));
        assert_eq!(plan(5, age(0), &[]), Some((0, 40, Reason::Age)));
        assert_eq!(plan(5, bytes(500), &[]), None);
        assert_eq!(plan(5, bytes(499), &[]), Some((0, 10, Reason::Size)));
        assert_eq!(plan(5, bytes(1), &[]), Some((0, 40, Reason::Size)));
        assert_eq!(plan(1, bytes(1), &[]), None);
        assert_eq!(plan(0, bytes(1), &[]), None);
    }

    #[test]
    fn a_hold_keeps_its_time_and_what_comes_after() {
        let limits = Limits { age: None, bytes: Some(1) };
        assert_eq!(plan(6, limits, &[hold(4, 4)]), Some((0, 30, Reason::Size)));
        assert_eq!(plan(6, limits, &[hold(1, 2)]), None);
        assert_eq!(plan(6, limits, &[hold(70, 80)]), Some((0, 50, Reason::Size)));
        let (directory, now) = segments(6);
        let held = look(directory.path(), limits, &[hold(0, 2)], now).unwrap();
        assert_eq!((held.held_by.as_deref(), held.bytes), (Some("case-7"), 600));
    }

    #[test]
    fn what_is_planned_goes() {
        let (directory, now) = segments(4);
        let limits = Limits { age: None, bytes: Some(250) };
        let plan = look(directory.path(), limits, &[], now).unwrap().plan.unwrap();
        // Sealed meanwhile, and being sealed.
        let name = |name: String| directory.path().join(name);
        fs::rename(name(segment::file_name(0)), name(segment::sealed_name(0))).unwrap();
        fs::write(name(segment::sealed_name(10)), "").unwrap();
        assert_eq!((plan.records(), plan.bytes), (20, 200));
        assert_eq!((&plan.gone[..], &plan.kept[..]), (&[0, 10][..], &[20, 30][..]));
        plan.carry_out().unwrap();
        plan.carry_out().unwrap();
        let left = segment::list(directory.path()).unwrap();
        assert_eq!(left.iter().map(|found| found.first_seq).collect::<Vec<_>>(), [20, 30]);
    }
}
