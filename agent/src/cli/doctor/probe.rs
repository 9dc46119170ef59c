//! The probes: loaded, attached for a moment, let go.
//!
//! In: the embedded object, the kernel. Out: one check of the group `probe` for each program.
//! Always: capturing stays disabled; the kernel's own reason is told for the first program that it
//! refuses, and those after it are said to be untried.
//! Not here: loading and attaching (`kernel::load`).

use super::check::Report;
use crate::kernel::load::{LoadError, Loaded, PROGRAMS, Probes, Sizes, with_causes};
use crate::kernel::uprobes::{UprobeError, Uprobes};

/// Tries every program.
pub(super) fn check(report: &mut Report) {
    match try_all() {
        Ok(uprobes) => {
            PROGRAMS.iter().for_each(|program| report.ok(&name(program), "loads, attaches"));
            tls(report, &uprobes);
        }
        Err(error) => failed(report, &error),
    }
}

fn try_all() -> Result<Result<Uprobes, UprobeError>, LoadError> {
    let Loaded { mut probes, uprobes, .. } = Probes::load(SIZES)?;
    probes.attach()?;
    Ok(uprobes)
}

fn tls(report: &mut Report, uprobes: &Result<Uprobes, UprobeError>) {
    match uprobes {
        Ok(uprobes) if uprobes.has_sessions() => {
            report.ok(TLS, "loads; returns of writes are not trapped")
        }
        Ok(_) => report.ok(TLS, "loads; every return is trapped (sessions need Linux 6.13)"),
        Err(error) => report.missing(TLS, error.to_string(), TLS_HINT),
    }
}

fn failed(report: &mut Report, error: &LoadError) {
    let LoadError::Program { name: refused, action, .. } = error else {
        return report.missing("probe.object", with_causes(error), hint(error));
    };
    let before = if *action == "attach" { "attaches" } else { "loads" };
    let after = if *action == "attach" { "loads, attaching not tried" } else { "not tried" };
    let mut is_after = false;
    for program in PROGRAMS {
        if program == refused {
            is_after = true;
            report.missing(&name(program), error.to_string(), hint(error));
        } else if is_after {
            report.info(&name(program), after);
        } else {
            report.ok(&name(program), before);
        }
    }
}

fn name(program: &str) -> String {
    format!("probe.{program}")
}

/// Without its pointer to this very command.
fn hint(error: &LoadError) -> &'static str {
    error.hint().split("; see ").next().unwrap_or_default()
}

/// As small as can be: nothing is captured.
const SIZES: Sizes = Sizes { shards: 1, ring_bytes: 4096, sockets: 1024 };

/// Name of the check of the programs for TLS libraries.
const TLS: &str = "probe.tls";
const TLS_HINT: &str =
    "uprobes need CONFIG_UPROBES=y and CAP_PERFMON (or root); without them TLS is not read";

#[cfg(test)]
mod tests {
    use aya::programs::ProgramError;

    use super::super::check::Status;
    use super::*;

    fn found(action: &'static str) -> Vec<(Status, String)> {
        let error = Box::new(ProgramError::NotLoaded);
        let mut report = Report::default();
        failed(&mut report, &LoadError::Program { name: "sched_process_exit", action, error });
        report.checks.into_iter().map(|check| (check.status, check.detail)).collect()
    }

    #[test]
    fn the_program_that_is_refused_is_told_from_the_others() {
        let load = found("load");
        assert_eq!(load.len(), PROGRAMS.len());
        assert_eq!(load[0], (Status::Ok, "loads".into()));
        assert_eq!(load[2].0, Status::Missing);
        assert!(load[2].1.starts_with("cannot load sched_process_exit: "), "{}", load[2].1);
        assert_eq!(load[3], (Status::Info, "not tried".into()));
        assert_eq!(found("attach")[3].1, "loads, attaching not tried");
    }

    #[test]
    fn another_failure_is_told_once() {
        let mut report = Report::default();
        failed(&mut report, &LoadError::NoObject);
        assert_eq!(report.checks.len(), 1);
        assert!(!report.is_ok());
    }
}
