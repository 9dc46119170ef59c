//! How much processor time processes have used.
//!
//! In: process ids. Out: nanoseconds since their start, in user space and in the kernel, threads
//! that have ended included.
//! Always: the scheduler's own account, not ticks; the time of BPF programs belongs to the process
//! whose system call ran them.

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// What one process has used.
pub fn of_process(pid: u32) -> Result<u64> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid.cast_signed()));
    read(clock.with_context(|| format!("finding the CPU clock of process {pid}"))?)
}

/// What a process and its children have used that still run.
pub fn of_family(pid: u32) -> Result<u64> {
    let children = children(pid)?;
    children.into_iter().try_fold(of_process(pid)?, |sum, child| Ok(sum + of_process(child)?))
}

/// What this process has used.
pub fn own() -> Result<u64> {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// What children of this process have used that have ended.
pub fn of_ended_children() -> Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let ns = |time: TimeVal| u64::try_from(time.tv_sec() * 1_000_000_000 + time.tv_usec() * 1_000);
    Ok(ns(usage.user_time())? + ns(usage.system_time())?)
}

/// What everything on this machine has used, in nanoseconds.
pub fn of_machine() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let ticks = line.split_whitespace().skip(1).map(|word| word.parse::<u64>().unwrap_or(0));
    // user nice system idle iowait irq softirq steal; guests' time is in user already.
    let busy = ticks.take(8).enumerate().filter(|(column, _)| !matches!(column, 3 | 4));
    Ok(busy.map(|(_, ticks)| ticks * TICK_NS).sum())
}

/// The children of a process's first thread.
pub fn children(pid: u32) -> Result<Vec<u32>> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    Ok(text.split_whitespace().filter_map(|word| word.parse().ok()).collect())
}

fn read(clock: ClockId) -> Result<u64> {
    let time = clock_gettime(clock).context("reading a CPU clock")?;
    Ok(u64::try_from(time.tv_sec() * 1_000_000_000 + time.tv_nsec())?)
}

/// The kernel tells user space hundredths of a second, whatever its own tick is.
const TICK_NS: u64 = 10_000_000;
