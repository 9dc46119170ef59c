//! The kernel: its release, its description of its types, what it offers besides.
//!
//! In: `/proc`, `/sys`. Out: checks of the groups `kernel` and `optional`.
//! Always: what the probes do not use is told and never missing.
//! Not here: loading the probes (`probe`).

use std::fs;
use std::path::Path;

use earwitness_common::offsets::Offsets;
use memchr::memmem;

use super::check::Report;
use crate::discover::cgroup::Hierarchy;
use crate::discover::host::{Host, line};
use crate::kernel::btf::Btf;
use crate::kernel::load::BTF_PATH;
use crate::kernel::offsets;

/// What is needed of the kernel.
pub(super) fn check(report: &mut Report) {
    release(report, &Host::read().kernel.unwrap_or_default());
    architecture(report, std::env::consts::ARCH);
    match fs::read(BTF_PATH) {
        Ok(bytes) => btf(report, &bytes),
        Err(error) => report.missing("kernel.btf", format!("{BTF_PATH}: {error}"), BTF_HINT),
    }
}

fn release(report: &mut Report, release: &str) {
    if version(release).is_some_and(|version| version < OLDEST) {
        let (major, minor) = OLDEST;
        let hint = format!("the probes need Linux {major}.{minor} or newer");
        report.missing("kernel.release", release, hint);
    } else {
        report.ok("kernel.release", release);
    }
}

/// The first two numbers of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn architecture(report: &mut Report, architecture: &str) {
    if architecture == "x86_64" {
        return report.ok("kernel.architecture", architecture);
    }
    let hint = "the probes read the registers of x86_64 only";
    report.missing("kernel.architecture", architecture, hint);
}

fn btf(report: &mut Report, bytes: &[u8]) {
    let described = match Btf::parse(bytes) {
        Ok(described) => described,
        Err(error) => return report.missing("kernel.btf", error.to_string(), BTF_HINT),
    };
    report.ok("kernel.btf", format!("{BTF_PATH}, {} KiB", bytes.len() >> 10));
    let wanted = Offsets::SOURCES.len();
    match offsets::look_up(&described) {
        Ok(_) => report.ok("kernel.offsets", format!("all {wanted} members that are read")),
        Err(missing) => {
            let lines: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let detail =
                format!("{} of {wanted} members\n{}", wanted - missing.len(), lines.join("\n"));
            report.missing(
                "kernel.offsets",
                detail,
                "use a kernel like those that were tried: Linux 6.1, 6.12, 6.18",
            );
        }
    }
}

/// What the kernel offers that is not needed.
pub(super) fn check_optional(report: &mut Report) {
    let present = |there: bool| if there { "present, not used" } else { "absent, not needed" };
    let kprobe = Path::new("/sys/bus/event_source/devices/kprobe").exists();
    report.info("optional.kprobe", present(kprobe));
    let uprobe = Path::new("/sys/bus/event_source/devices/uprobe").exists();
    report.info("optional.uprobe", present(uprobe));
    let symbols = fs::read("/proc/kallsyms").unwrap_or_default();
    let fentry = memmem::find(&symbols, b" register_ftrace_direct\n").is_some();
    let built_in = "built in; not used, so not tried whether it may attach";
    report.info("optional.fentry", if fentry { built_in } else { present(false) });
    let cgroup = Hierarchy::host().map_or_else(
        || "not mounted: rules with `cgroup` match nothing".to_owned(),
        |hierarchy| format!("mounted at {}", hierarchy.point().display()),
    );
    report.info("optional.cgroup2", cgroup);
    for name in ["bpf_stats_enabled", "perf_event_paranoid", "unprivileged_bpf_disabled"] {
        let value = line(&format!("/proc/sys/kernel/{name}"));
        report.info(&format!("optional.{name}"), value.unwrap_or_else(|| "absent".to_owned()));
    }
}

/// The first kernel whose verifier takes what the probes do.
const OLDEST: (u32, u32) = (5, 17);

const BTF_HINT: &str = "use a kernel that is built with CONFIG_DEBUG_INFO_BTF=y";

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(version("6.18.44-fc-v669"), Some((6, 18)));
        assert_eq!(version("5.4-rc1"), Some((5, 4)));
        let status = |text| {
            let mut report = Report::default();
            release(&mut report, text);
            report.checks.first().map(|check| check.status)
        };
        assert_eq!(status("5.10.0-30-amd64"), Some(Status::Missing));
        assert_eq!(status("5.17.1"), Some(Status::Ok));
        assert_eq!(status("10.0"), Some(Status::Ok));
    }

    #[test]
    fn types_that_make_no_sense_are_told() {
        let mut report = Report::default();
        btf(&mut report, b"nonsense");
        assert_eq!(report.checks.first().map(|check| check.status), Some(Status::Missing));
    }
}
