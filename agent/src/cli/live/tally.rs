//! Counts and rates for the status line.
//!
//! In: what each record is; the time since the view began. Out: totals, and rates over the last
//! whole seconds.
//! Always: no clock is read.
//! Not here: how it looks (`live`).

use std::time::Duration;

/// What the view has seen.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Exchanges in all.
    pub exchanges: u64,
    /// Events in `loss` records.
    pub lost: u64,
    /// Time since the view began, as of the last `tick`.
    pub elapsed: Duration,
    /// The second that runs, then the whole ones before it, newest first.
    current: Second,
    past: [Second; WINDOW_S],
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    exchanges: u64,
    failures: u64,
}

impl Tally {
    /// Counts one exchange.
    pub fn exchange(&mut self, failure: bool) {
        self.exchanges += 1;
        self.current.exchanges += 1;
        self.current.failures += u64::from(failure);
    }

    /// Counts what one `loss` record tells.
    pub fn loss(&mut self, events: u64) {
        self.lost = self.lost.saturating_add(events);
    }

    /// Time goes on.
    pub fn tick(&mut self, elapsed: Duration) {
        let seconds = elapsed.as_secs().saturating_sub(self.elapsed.as_secs());
        for _ in 0..seconds.min(WINDOW_S as u64 + 1) {
            self.past.rotate_right(1);
            if let Some(newest) = self.past.first_mut() {
                *newest = std::mem::take(&mut self.current);
            }
        }
        self.elapsed = elapsed;
    }

    /// Exchanges a second, over the last whole seconds.
    pub fn rate(&self) -> f64 {
        let (exchanges, _) = self.recent();
        let seconds = self.elapsed.as_secs().clamp(1, WINDOW_S as u64);
        exchanges as f64 / seconds as f64
    }

    /// Part of those that failed, 0 to 1.
    pub fn failure_rate(&self) -> f64 {
        let (exchanges, failures) = self.recent();
        failures as f64 / exchanges.max(1) as f64
    }

    fn recent(&self) -> (u64, u64) {
        let first = self.elapsed.as_secs() == 0;
        let seconds = if first { std::slice::from_ref(&self.current) } else { &self.past[..] };
        seconds.iter().fold((0, 0), |(exchanges, failures), second| {
            (exchanges + second.exchanges, failures + second.failures)
        })
    }
}

/// Whole seconds that rates are taken over.
const WINDOW_S: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_over_the_last_whole_seconds() {
        let mut tally = Tally::default();
        let mut rates = Vec::new();
        for second in 1..=8 {
            for n in 0..10 {
                tally.exchange(second == 8 && n < 5);
            }
            tally.tick(Duration::from_secs(second));
            rates.push(tally.rate());
        }
        assert_eq!(rates, [10.0; 8]);
        assert_eq!((tally.exchanges, tally.failure_rate()), (80, 0.1));
        tally.tick(Duration::from_secs(10));
        assert_eq!(tally.rate(), 6.0);
        tally.tick(Duration::from_secs(1_000_000));
        assert_eq!(tally.rate(), 0.0);
    }

    #[test]
    fn the_first_second_counts_as_one() {
        let mut tally = Tally::default();
        tally.exchange(true);
        assert_eq!((tally.rate(), tally.failure_rate()), (1.0, 1.0));
    }
}
