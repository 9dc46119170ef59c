//! Clocks and the data directory.
//!
//! In: `/sys`, the clock, the file system. Out: checks of the group `host`.
//! Always: nothing is created or written.
//! Not here: the journal's own checks when it opens (`journal::directory`).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::check::Report;
use crate::discover::host::line;
use crate::journal::directory::Directory;
use crate::journal::lock;

/// Clocks, place for the journal, another agent.
pub(super) fn check(report: &mut Report, data_dir: &Path) {
    clock_source(report);
    wall_clock(report, SystemTime::now());
    data_directory(report, data_dir);
    disk_space(report, existing(data_dir));
    running(report, data_dir);
}

fn clock_source(report: &mut Report) {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let Some(source) = line(path) else {
        return report.info("host.clock_source", "unknown");
    };
    if SLOW_CLOCKS.contains(&source.as_str()) {
        let text = format!("{source}: slow to read, and every sample reads it");
        return report.info("host.clock_source", text);
    }
    report.ok("host.clock_source", source);
}

fn wall_clock(report: &mut Report, now: SystemTime) {
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if since_epoch < EARLIEST {
        let hint = "set the clock: records would carry the wrong time";
        return report.missing("host.wall_clock", "before this program was written", hint);
    }
    report.ok("host.wall_clock", "plausible");
}

fn data_directory(report: &mut Report, path: &Path) {
    let shown = path.display();
    let hint = "give another directory with --data-dir, or put its permissions right";
    let Ok(metadata) = fs::metadata(path) else {
        let parent = existing(path);
        return match access(parent, AccessFlags::W_OK | AccessFlags::X_OK) {
            Ok(()) => report.ok("host.data_directory", format!("{shown} will be created")),
            Err(errno) => {
                let text = format!("{shown} cannot be created in {}: {errno}", parent.display());
                report.missing("host.data_directory", text, hint);
            }
        };
    };
    let mode = metadata.permissions().mode() & 0o7777;
    let wrong = if !metadata.is_dir() {
        Some("is not a directory".to_owned())
    } else if mode & 0o022 != 0 {
        Some(format!("can be written by others than its owner (mode {mode:04o})"))
    } else {
        let writable = access(path, AccessFlags::W_OK | AccessFlags::X_OK);
        writable.err().map(|errno| format!("cannot be written: {errno}"))
    };
    match wrong {
        Some(wrong) => report.missing("host.data_directory", format!("{shown} {wrong}"), hint),
        None => report.ok("host.data_directory", format!("{shown} is writable")),
    }
}

/// The path itself, or the nearest directory above it that exists.
fn existing(path: &Path) -> &Path {
    let found = path.ancestors().find(|path| path.exists());
    // A relative path ends with the empty one, which stands for the working directory.
    found.unwrap_or(Path::new("."))
}

fn disk_space(report: &mut Report, path: &Path) {
    let Ok(found) = statvfs(path) else {
        return report.info("host.disk_space", format!("unknown for {}", path.display()));
    };
    let free_bytes = found.blocks_available() * found.fragment_size();
    let text = format!("{} MiB free at {}", free_bytes >> 20, path.display());
    if free_bytes < LEAST_BYTES {
        return report.missing(
            "host.disk_space",
            text,
            "make room for at least one journal segment",
        );
    }
    report.ok("host.disk_space", text);
}

fn running(report: &mut Report, data_dir: &Path) {
    match lock::holder(&Directory::new(data_dir)) {
        Ok(None) => report.info("host.agent", "none writes this data directory"),
        Ok(Some(holder)) => {
            let pid = holder.pid.map(|pid| format!(" as process {pid}")).unwrap_or_default();
            report.info("host.agent", format!("one is running{pid}"));
        }
        Err(error) => report.info("host.agent", format!("unknown: {error}")),
    }
}

/// Each read leaves the processor.
const SLOW_CLOCKS: &[&str] = &["hpet", "acpi_pm", "jiffies", "refined-jiffies"];

/// 2025-01-01T00:00:00Z
const EARLIEST: Duration = Duration::from_secs(1_735_689_600);

/// A journal segment.
const LEAST_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    fn directory(path: &Path) -> (Status, String) {
        let mut report = Report::default();
        data_directory(&mut report, path);
        let check = report.checks.remove(0);
        (check.status, check.detail)
    }

    #[test]
    fn a_data_directory_is_looked_at_and_not_made() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        assert_eq!(directory(path).0, Status::Ok);
        let inner = path.join("a/b");
        assert_eq!(directory(&inner), (Status::Ok, format!("{} will be created", inner.display())));
        assert!(!inner.exists());
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(directory(path).0, Status::Missing);
        let file = path.join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(directory(&file).0, Status::Missing);
        assert_eq!(existing(Path::new("no-such/directory")), Path::new("."));
    }

    #[test]
    fn a_clock_that_was_never_set_is_told() {
        let mut report = Report::default();
        wall_clock(&mut report, SystemTime::UNIX_EPOCH + Duration::from_secs(100));
        assert!(!report.is_ok());
    }
}
