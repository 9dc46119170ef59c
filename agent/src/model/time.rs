//! The kernel's monotonic clock mapped to wall time.
//!
//! In: CLOCK_MONOTONIC nanoseconds from samples, an offset measured by the daemon or a capture
//! file's header. Out: RFC 3339 text in UTC with nanoseconds.
//! Always: the same input gives the same text; no clock is read here.
//! Not here: measuring the offset (`daemon`, `capture`).

use jiff::Timestamp;

/// Wall-clock time minus monotonic time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ClockOffset {
    /// Nanoseconds to add to a monotonic time.
    pub offset_ns: i64,
}

impl ClockOffset {
    /// Nanoseconds since the Unix epoch.
    pub fn wall_ns(self, monotonic_ns: u64) -> i64 {
        i64::try_from(monotonic_ns).unwrap_or(i64::MAX).saturating_add(self.offset_ns)
    }
}

/// RFC 3339, UTC, nine digits, of nanoseconds since the Unix epoch: `2026-11-22T07:00:00.123456789Z`.
pub fn format_rfc3339(wall_ns: i64) -> String {
    match Timestamp::from_nanosecond(i128::from(wall_ns)) {
        Ok(timestamp) => format!("{timestamp:.9}"),
        // Outside the years that RFC 3339 can write; i64 nanoseconds never are.
        Err(_) => String::from("1970-01-01T00:00:00.000000000Z"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_digits_and_utc() {
        let clock = ClockOffset { offset_ns: 1_000 };
        assert_eq!(format_rfc3339(clock.wall_ns(0)), "1970-01-01T00:00:00.000001000Z");
        assert_eq!(format_rfc3339(1_795_330_800_123_456_789), "2026-11-22T07:00:00.123456789Z");
    }
}
