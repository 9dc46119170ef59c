//! Losses added up over time, so that a thousand holes a second make one record.
//!
//! In: losses with what they concern. Out: `loss` records: each second for what was missed, each
//! minute for what cannot be read at all (TLS, HTTP/2), everything at a stop.
//! Always: sums only, nothing is dropped: when too many processes are concerned, the sum goes on
//! without naming them.
//! Not here: finding losses.

use std::collections::HashMap;

use crate::audit::encode::EncodedRecord;
use crate::audit::observer::{Concerns, Observer};
use crate::model::loss::{Loss, Reason};
use crate::model::origin::Origin;
use crate::model::time::ClockOffset;

/// How often sums of what was missed are told.
const MISSED_NS: u64 = 1_000_000_000;
/// How often sums of what cannot be read are told.
const UNREADABLE_NS: u64 = 60_000_000_000;
/// Most sums kept at once.
const SUMS: usize = 1_024;

/// Sums by reason and process.
#[derive(Debug, Default)]
pub struct Losses {
    sums: HashMap<(Reason, u32), Sum>,
}

#[derive(Debug)]
struct Sum {
    loss: Loss,
    origin: Option<Origin>,
    since_ns: u64,
    until_ns: u64,
}

impl Losses {
    /// Adds one. `at_ns`: CLOCK_MONOTONIC, 0 if unknown.
    pub fn add(&mut self, loss: &Loss, origin: Option<&Origin>, at_ns: u64) {
        let process = origin.and_then(|origin| origin.server.process.as_ref());
        let mut key = (loss.reason, process.map_or(0, |process| process.pid));
        let mut origin = origin;
        if self.sums.len() >= SUMS && !self.sums.contains_key(&key) {
            key.1 = 0;
            origin = None;
        }
        match self.sums.get_mut(&key) {
            Some(sum) => sum.add(loss, at_ns),
            None => {
                let origin = origin.cloned();
                let sum = Sum { loss: loss.clone(), origin, since_ns: at_ns, until_ns: at_ns };
                self.sums.insert(key, sum);
            }
        }
    }

    /// Tells the sums that are due.
    pub fn flush(
        &mut self,
        now_ns: u64,
        clock: ClockOffset,
        observer: &Observer,
        records: &mut Vec<EncodedRecord>,
    ) {
        self.sums.retain(|(reason, _), sum| {
            if now_ns < sum.since_ns.saturating_add(period_ns(*reason)) {
                return true;
            }
            records.push(sum.record(now_ns, clock, observer));
            false
        });
    }

    /// Tells every sum.
    pub fn flush_all(
        &mut self,
        now_ns: u64,
        clock: ClockOffset,
        observer: &Observer,
        records: &mut Vec<EncodedRecord>,
    ) {
        records.extend(self.sums.drain().map(|(_, sum)| sum.record(now_ns, clock, observer)));
    }
}

impl Sum {
    fn add(&mut self, loss: &Loss, at_ns: u64) {
        self.loss.events += loss.events;
        self.loss.bytes += loss.bytes;
        self.loss.exchanges = both(self.loss.exchanges, loss.exchanges);
        self.loss.connections = both(self.loss.connections, loss.connections);
        self.until_ns = self.until_ns.max(at_ns);
    }

    fn record(&self, now_ns: u64, clock: ClockOffset, observer: &Observer) -> EncodedRecord {
        let at = |time_ns: u64| clock.wall_ns(if time_ns == 0 { now_ns } else { time_ns });
        let concerns = Concerns {
            process: self.origin.as_ref().and_then(|origin| origin.server.process.as_deref()),
            server: self.origin.as_ref().map(|origin| &origin.server),
        };
        observer.loss(&self.loss, at(self.since_ns), at(self.until_ns), concerns)
    }
}

/// A sum is known only while every part is.
fn both(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    Some(one?.saturating_add(other?))
}

fn period_ns(reason: Reason) -> u64 {
    match reason {
        Reason::OpaqueTls | Reason::Http2 | Reason::Upgraded => UNREADABLE_NS,
        _ => MISSED_NS,
    }
}
