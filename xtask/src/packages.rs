//! Programs that are needed, and the Debian packages that bring them.
//!
//! In: lists of [`Need`]s. Out: the programs are there, or an error names the packages. Always: what
//! is there already is not touched, no package list is fetched unless something must be installed,
//! and no installed server is started or enabled.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};

use crate::host::Host;
use crate::privilege::Privilege;
use crate::process;
use crate::step::note;

/// Something that must be on this machine.
pub struct Need {
    /// A program's name, or the full path of a file.
    pub program: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
}

impl Need {
    fn is_met(&self) -> bool {
        let is_path = self.program.starts_with('/');
        if is_path {
            Path::new(self.program).exists()
        } else {
            process::find(self.program).is_some()
        }
    }
}

/// Brings every program of `needs`.
pub fn ensure(needs: &[Need], host: &Host, privilege: Privilege) -> Result<()> {
    let absent: Vec<&Need> = needs.iter().filter(|need| !need.is_met()).collect();
    if absent.is_empty() {
        let names: Vec<_> = needs.iter().map(|need| need.program).collect();
        note(format!("all there: {}", names.join(", ")));
        return Ok(());
    }
    let names: Vec<_> = absent.iter().map(|need| need.program).collect();
    note(format!("absent: {}", names.join(", ")));
    let packages: Vec<_> = absent.iter().map(|need| need.package).collect();
    install(&packages, host, privilege)
}

/// Installs Debian packages, those that are not installed yet.
pub fn install(packages: &[&str], host: &Host, privilege: Privilege) -> Result<()> {
    let absent: Vec<&str> =
        packages.iter().copied().filter(|package| !installed(package)).collect();
    if absent.is_empty() {
        return Ok(());
    }
    let list = absent.join(" ");
    if !host.apt {
        bail!(
            "{} has no apt, so nothing can be installed for you\n\
             hint: install by hand what Debian calls {list}, then run this again",
            host.distribution
        );
    }
    if privilege == Privilege::Absent {
        bail!(
            "installing packages needs root's rights, and there is no sudo to ask\n\
             hint: as root, run: apt-get install --no-install-recommends {list}"
        );
    }
    refresh_lists(privilege)?;
    note(format!("installing {list}"));
    note("servers among them are neither started nor enabled");
    let mut command = privilege.command("sh")?;
    process::run(command.args(["-c", INSTALL, "install"]).args(&absent))
}

/// Whether dpkg has this package installed.
pub fn installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    let state = process::output(query.args(["-W", "-f", "${db:Status-Status}", package]));
    state.is_ok_and(|state| state == "installed")
}

/// Whether apt can install this package, going by lists that are fetched once in each run.
pub fn available(package: &str, host: &Host, privilege: Privilege) -> bool {
    if !host.apt {
        return false;
    }
    if installed(package) {
        return true;
    }
    if let Err(error) = refresh_lists(privilege) {
        note(format!("package lists stay as they are: {error:#}"));
    }
    let policy = process::output(Command::new("apt-cache").args(["policy", package]));
    policy.is_ok_and(|text| text.contains("Candidate: ") && !text.contains("Candidate: (none)"))
}

/// Fetches apt's package lists, once in each run.
fn refresh_lists(privilege: Privilege) -> Result<()> {
    static FRESH: AtomicBool = AtomicBool::new(false);
    if FRESH.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let mut command = privilege.command("apt-get")?;
    // One broken source must not keep the others' packages away: the installation itself decides.
    if let Err(error) = process::run(command.args(["update", "-qq"])) {
        note(format!("going on with the lists at hand: {error:#}"));
    }
    Ok(())
}

const INSTALL: &str = include_str!("install.sh");

#[cfg(test)]
mod tests {
    use super::Need;

    #[test]
    fn programs_and_files_are_both_needs() {
        assert!(Need { program: "sh", package: "dash" }.is_met());
        assert!(Need { program: "/bin/sh", package: "dash" }.is_met());
        assert!(!Need { program: "/bin/no-such-file", package: "none" }.is_met());
    }
}
