//! What the kernel side counted: losses, and how often its programs did not run.
//!
//! In: the per-CPU map `LOSSES`, the programs' fdinfo. Out: totals since loading.
//! Always: totals only grow; the reader takes differences.
//! Not here: turning differences into `loss` records (`daemon`).

use std::os::fd::RawFd;

use earwitness_common::loss::KernelLoss;

use super::load::Probes;
use crate::model::loss::Reason;

/// Totals of one reason since loading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Total {
    /// Why.
    pub reason: Reason,
    /// Events.
    pub events: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Reads every counter, summed over CPUs, and the programs' misses: one total a reason.
pub fn read(probes: &Probes) -> Vec<Total> {
    let mut totals = Vec::new();
    for total in KernelLoss::ALL.into_iter().filter_map(|loss| total(probes, loss)) {
        add(&mut totals, total);
    }
    let misses = probes.program_fds().map(misses).sum();
    add(&mut totals, Total { reason: Reason::ProbeMissed, events: misses, bytes: 0 });
    totals
}

/// Two counters may have one reason.
fn add(totals: &mut Vec<Total>, total: Total) {
    match totals.iter_mut().find(|other| other.reason == total.reason) {
        Some(other) => {
            other.events += total.events;
            other.bytes += total.bytes;
        }
        None => totals.push(total),
    }
}

fn total(probes: &Probes, loss: KernelLoss) -> Option<Total> {
    let values = probes.losses()?.get(&(loss as u32), 0).ok()?;
    let (mut events, mut bytes) = (0, 0);
    for [cpu_events, cpu_bytes] in values.iter() {
        events += cpu_events;
        bytes += cpu_bytes;
    }
    Some(Total { reason: Reason::of_kernel(loss), events, bytes })
}

/// How often a program did not run, because it was already running on that CPU. Programs on uprobes
/// are not asked: the kernel runs those even inside themselves.
fn misses(program: RawFd) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{program}")).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("recursion_misses:")?.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_read_once_and_has_a_reason() {
        let mut totals = Vec::new();
        for (index, loss) in KernelLoss::ALL.into_iter().enumerate() {
            assert_eq!(loss as usize, index);
            add(&mut totals, Total { reason: Reason::of_kernel(loss), events: 1, bytes: 10 });
        }
        let events: u64 = totals.iter().map(|total| total.events).sum();
        assert_eq!(events, u64::from(KernelLoss::COUNT));
        let of = |reason| totals.iter().filter(move |total| total.reason == reason).count();
        assert!(totals.iter().all(|total| of(total.reason) == 1), "{totals:?}");
        // Two tables have one reason.
        assert!(totals.contains(&Total { reason: Reason::MapFull, events: 2, bytes: 20 }));
        assert_eq!(of(Reason::TlsCall), 1);
    }
}
