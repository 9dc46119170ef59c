//! Reading the clocks, in one place.
//!
//! In: the kernel's clocks. Out: nanoseconds.
//! Always: layers below get time as an argument.
//! Not here: formatting (`model::time`).

use nix::time::{ClockId, clock_gettime};

use crate::model::time::ClockOffset;

/// CLOCK_MONOTONIC, as samples carry it.
pub fn monotonic_ns() -> u64 {
    u64::try_from(read(ClockId::CLOCK_MONOTONIC)).unwrap_or(0)
}

/// Nanoseconds since the Unix epoch.
pub fn wall_ns() -> i64 {
    read(ClockId::CLOCK_REALTIME)
}

/// What to add to a monotonic time. The best of three: an interruption between the two readings
/// shows as a larger distance.
pub fn clock_offset() -> ClockOffset {
    let reading = || {
        let before = monotonic_ns();
        let wall = wall_ns();
        let after = monotonic_ns();
        let middle = before + (after - before) / 2;
        (after - before, wall - i64::try_from(middle).unwrap_or(0))
    };
    let best = [reading(), reading(), reading()].into_iter().min_by_key(|(width, _)| *width);
    ClockOffset { offset_ns: best.map_or(0, |(_, offset)| offset) }
}

/// Nanoseconds since the Unix epoch of an RFC 3339 text.
pub fn parse_wall_ns(text: &str) -> Option<i64> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(timestamp.as_nanosecond()).ok()
}

fn read(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}
