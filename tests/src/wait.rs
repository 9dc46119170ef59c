//! Waiting for a condition instead of for a time.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::host;

/// Looks again and again until `look` gives something. Errors: its own, and that the limit, in
/// seconds of an ordinary machine, is over; `what` says what never came.
pub fn until<T>(
    what: &str,
    limit_seconds: u64,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let limit = host::patient(limit_seconds);
    let begun = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if begun.elapsed() > limit {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        thread::sleep(PAUSE);
    }
}

/// `until` for a condition that gives nothing.
pub fn until_true(
    what: &str,
    limit_seconds: u64,
    mut look: impl FnMut() -> Result<bool>,
) -> Result<()> {
    until(what, limit_seconds, || Ok(look()?.then_some(())))
}

const PAUSE: Duration = Duration::from_millis(5);
