//! What this process may do.
//!
//! In: `/proc/self`, the lockdown state. Out: checks of the group `privilege`.
//! Always: what the kernel does not tell is said to be unknown.
//! Not here: whether the probes load in the end (`probe`).

use std::fs;

use super::check::Report;
use crate::discover::ProcFs;
use crate::discover::host::{Host, line};

/// Capabilities, lockdown, limits, the pid namespace.
pub(super) fn check(report: &mut Report, proc_fs: &ProcFs) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    capabilities(report, effective(&status).unwrap_or(0));
    lockdown(report, lockdown_state().as_deref());
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    report.info("privilege.locked_memory", locked_memory(&limits));
    pid_namespace(report, proc_fs.is_initial_namespace());
}

/// The line `CapEff:` of `/proc/PID/status`.
fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn capabilities(report: &mut Report, effective: u64) {
    let has = |(_, bit): &(&str, u32)| effective & (1 << bit) != 0;
    let mut present = Vec::new();
    let mut absent = Vec::new();
    for capability in NEEDED {
        // Since 5.8 a part of CAP_SYS_ADMIN, which still implies it.
        let implied = IMPLIED.contains(&capability.0) && has(&SYS_ADMIN);
        if has(capability) || implied { &mut present } else { &mut absent }.push(capability.0);
    }
    let others = OPTIONAL.iter().filter(|capability| has(capability)).map(|(name, _)| *name);
    present.extend(others);
    if absent.is_empty() {
        return report.ok("privilege.capabilities", present.join(" "));
    }
    let hint = "run as root, or give the binary or its service these capabilities";
    report.missing("privilege.capabilities", format!("without {}", absent.join(" ")), hint);
}

fn lockdown(report: &mut Report, state: Option<&str>) {
    match state {
        Some("confidentiality") => report.missing(
            "privilege.lockdown",
            "confidentiality: probes may not read kernel memory",
            "boot with lockdown=integrity or without lockdown",
        ),
        Some("integrity") => {
            report.ok("privilege.lockdown", "integrity: no hindrance to the probes")
        }
        Some(other) => report.ok("privilege.lockdown", other),
        None => report.info("privilege.lockdown", "unknown: securityfs is not mounted"),
    }
}

/// What securityfs says, or else what the kernel was booted or built with.
fn lockdown_state() -> Option<String> {
    if let Some(states) = line("/sys/kernel/security/lockdown") {
        return chosen(&states);
    }
    let arguments = line("/proc/cmdline").unwrap_or_default();
    let argument = arguments.split(' ').find_map(|word| word.strip_prefix("lockdown="));
    if let Some(state) = argument {
        return Some(state.to_owned());
    }
    let kernel = Host::read().kernel?;
    forced(&fs::read_to_string(format!("/boot/config-{kernel}")).ok()?)
}

/// The one in brackets of `none [integrity] confidentiality`.
fn chosen(states: &str) -> Option<String> {
    let (_, rest) = states.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

fn forced(config: &str) -> Option<String> {
    let option =
        config.lines().find_map(|line| line.strip_prefix("CONFIG_LOCK_DOWN_KERNEL_FORCE_"))?;
    Some(option.strip_suffix("=y")?.to_ascii_lowercase())
}

/// The soft limit, which counts for maps before Linux 5.11 only.
fn locked_memory(limits: &str) -> String {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    match line.and_then(|line| line.split_whitespace().next()) {
        Some("unlimited") => "unlimited".to_owned(),
        Some(bytes) => format!("{bytes} bytes; not counted against since Linux 5.11"),
        None => "unknown".to_owned(),
    }
}

fn pid_namespace(report: &mut Report, is_initial: Option<bool>) {
    match is_initial {
        Some(true) => report.ok("privilege.pid_namespace", "the host's"),
        Some(false) => report.missing(
            "privilege.pid_namespace",
            "one of its own: executables of processes cannot be looked up",
            "run in the host's pid namespace (hostPID, --pid=host)",
        ),
        None => report.info("privilege.pid_namespace", "unknown"),
    }
}

/// Names and numbers of `include/uapi/linux/capability.h`. The last one is for other users'
/// `/proc/PID/exe`.
const NEEDED: &[(&str, u32)] = &[("CAP_BPF", 39), ("CAP_PERFMON", 38), ("CAP_SYS_PTRACE", 19)];
const IMPLIED: &[&str] = &["CAP_BPF", "CAP_PERFMON"];
const SYS_ADMIN: (&str, u32) = ("CAP_SYS_ADMIN", 21);
const OPTIONAL: &[(&str, u32)] = &[SYS_ADMIN, ("CAP_SYS_RESOURCE", 24)];

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    fn with(effective: u64) -> (Status, String) {
        let mut report = Report::default();
        capabilities(&mut report, effective);
        let check = report.checks.remove(0);
        (check.status, check.detail)
    }

    #[test]
    fn an_administrator_may_load_probes() {
        let (ptrace, admin, bpf, perfmon) = (1 << 19, 1 << 21, 1 << 39, 1 << 38);
        let all = "CAP_BPF CAP_PERFMON CAP_SYS_PTRACE";
        assert_eq!(with(ptrace | bpf | perfmon), (Status::Ok, all.into()));
        assert_eq!(with(ptrace | admin), (Status::Ok, format!("{all} CAP_SYS_ADMIN")));
        let missing = "without CAP_PERFMON CAP_SYS_PTRACE";
        assert_eq!(with(bpf), (Status::Missing, missing.into()));
        assert_eq!(effective("Name:\tx\nCapEff:\t000001fffeffffff\n"), Some(0x1ff_feff_ffff));
    }

    #[test]
    fn lockdown_is_read_where_it_can_be() {
        assert_eq!(chosen("none [integrity] confidentiality").as_deref(), Some("integrity"));
        let config = "CONFIG_X=y\nCONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y\n";
        assert_eq!(forced(config).as_deref(), Some("confidentiality"));
        assert_eq!(forced("# CONFIG_LOCK_DOWN_KERNEL_FORCE_NONE is not set"), None);
        let mut report = Report::default();
        for state in [Some("confidentiality"), Some("integrity"), Some("none"), None] {
            lockdown(&mut report, state);
        }
        let found: Vec<Status> = report.checks.iter().map(|check| check.status).collect();
        assert_eq!(found, [Status::Missing, Status::Ok, Status::Ok, Status::Info]);
    }

    #[test]
    fn a_limit_is_read() {
        let text = "Limit  Soft Limit\nMax locked memory         8388608   8388608   bytes\n";
        assert!(locked_memory(text).starts_with("8388608 bytes"));
        assert_eq!(locked_memory(""), "unknown");
    }
}
