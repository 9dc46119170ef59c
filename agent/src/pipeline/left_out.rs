//! What the policy leaves out: counted, not recorded.
//!
//! In: decisions whose level is `none`. Out: `lifecycle` records `left_out`, one a rule, each minute and at
//! a stop.
//! Always: each exchange counts once, by the rule and the policy that has left it out, so that exchanges
//! which took place are those recorded, left out and lost together.
//! Not here: deciding (`audit::policy`), losses (`losses`).

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::audit::encode::EncodedRecord;
use crate::audit::observer::{LeftOut, Observer};
use crate::audit::policy::Decision;
use crate::audit::rule::Level;
use crate::model::time::ClockOffset;

/// What was left out, and not told yet.
#[derive(Debug, Default)]
pub(super) struct LeftOuts {
    sums: FxHashMap<Key, Sum>,
}

/// The rule, and the digest of its policy.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Key {
    digest: Arc<str>,
    rule: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Sum {
    exchanges: u64,
    messages: u64,
    since_ns: u64,
    until_ns: u64,
}

impl LeftOuts {
    /// An exchange, if that was decided of it. `at_ns`: CLOCK_MONOTONIC.
    pub(super) fn exchange(&mut self, decision: Decision<'_>, at_ns: u64) {
        self.add(decision, at_ns, |sum| sum.exchanges += 1);
    }

    /// A message within such an exchange.
    pub(super) fn message(&mut self, decision: Decision<'_>, at_ns: u64) {
        self.add(decision, at_ns, |sum| sum.messages += 1);
    }

    fn add(&mut self, decision: Decision<'_>, at_ns: u64, count: impl Fn(&mut Sum)) {
        if decision.level() != Level::None {
            return;
        }
        let key = Key { digest: Arc::clone(decision.digest()), rule: decision.rule() };
        let new = Sum { exchanges: 0, messages: 0, since_ns: at_ns, until_ns: at_ns };
        let sum = self.sums.entry(key).or_insert(new);
        sum.until_ns = sum.until_ns.max(at_ns);
        count(sum);
    }

    /// Tells the sums that are due.
    pub(super) fn flush(
        &mut self,
        now_ns: u64,
        clock: ClockOffset,
        observer: &Observer,
        records: &mut Vec<EncodedRecord>,
    ) {
        let is_due = |sum: &Sum| now_ns >= sum.since_ns.saturating_add(PERIOD_NS);
        if self.sums.values().any(is_due) {
            self.flush_all(clock, observer, records);
        }
    }

    /// Tells every sum.
    pub(super) fn flush_all(
        &mut self,
        clock: ClockOffset,
        observer: &Observer,
        records: &mut Vec<EncodedRecord>,
    ) {
        let mut sums: Vec<_> = self.sums.drain().collect();
        sums.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        records.extend(sums.iter().map(|(key, sum)| {
            let left_out = LeftOut {
                exchanges: sum.exchanges,
                messages: sum.messages,
                rule: key.rule,
                digest: &key.digest,
                since_ns: clock.wall_ns(sum.since_ns),
            };
            observer.left_out(left_out, clock.wall_ns(sum.until_ns))
        }));
    }
}

/// How often sums are told.
const PERIOD_NS: u64 = 60_000_000_000;
