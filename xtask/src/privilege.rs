//! Root's rights: held, to be had through sudo, or out of reach.
//!
//! Always: only what needs them runs with them. The build never does, so the target folder stays
//! its owner's.

use std::ffi::OsStr;
use std::fs;
use std::io::IsTerminal as _;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// How this process comes by root's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// It has them.
    Root,
    /// It can have them by sudo, which may ask for a password.
    Sudo,
    /// It cannot have them.
    Absent,
}

impl Privilege {
    /// What holds for this process.
    pub fn here() -> Self {
        if field(&status(), "Uid:").next() == Some("0") {
            return Self::Root;
        }
        let unasked = || process::succeeds(Command::new("sudo").args(["-n", "true"]));
        let can_ask = || process::find("sudo").is_some() && std::io::stdin().is_terminal();
        if unasked() || can_ask() { Self::Sudo } else { Self::Absent }
    }

    /// The words to put before a command so that it runs with root's rights and our environment.
    pub fn prefix(self) -> Result<Vec<String>> {
        match self {
            Self::Root => Ok(Vec::new()),
            Self::Sudo => {
                let path = std::env::join_paths(process::search_path()).unwrap_or_default();
                let path = format!("PATH={}", path.to_string_lossy());
                Ok(["sudo".into(), "-E".into(), "env".into(), path].into())
            }
            Self::Absent => bail!(
                "this needs root's rights, and there is no sudo to ask\n\
                 hint: run the same command as root, or install sudo"
            ),
        }
    }

    /// A command with root's rights.
    pub fn command(self, program: impl AsRef<OsStr>) -> Result<Command> {
        let prefix = self.prefix()?;
        let Some((first, rest)) = prefix.split_first() else {
            return Ok(Command::new(program));
        };
        let mut command = Command::new(first);
        command.args(rest).arg(program);
        Ok(command)
    }

    /// Why no program can be loaded into the kernel from here, if so.
    pub fn why_no_tracing(self) -> Option<&'static str> {
        match self {
            Self::Absent => Some("not root, and no sudo to ask"),
            Self::Root if !may_trace(&status()) => {
                Some("root without CAP_BPF and CAP_PERFMON: a container keeps them back")
            }
            Self::Root | Self::Sudo => None,
        }
    }
}

fn status() -> String {
    fs::read_to_string("/proc/self/status").unwrap_or_default()
}

fn field<'a>(status: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value.unwrap_or_default().split_whitespace().skip(usize::from(name == "Uid:"))
}

/// Whether the effective capabilities allow tracing programs.
fn may_trace(status: &str) -> bool {
    let text = field(status, "CapEff:").next().unwrap_or_default();
    let held = u64::from_str_radix(text, 16).unwrap_or(u64::MAX);
    let has = |capability: u32| held & (1 << capability) != 0;
    has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON))
}

// Numbers of linux/capability.h.
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

#[cfg(test)]
mod tests {
    use super::{field, may_trace};

    #[test]
    fn effective_user_is_the_second_number() {
        assert_eq!(field("Name:\tx\nUid:\t1000\t0\t0\t0\n", "Uid:").next(), Some("0"));
    }

    #[test]
    fn tracing_takes_two_capabilities_or_the_old_one() {
        assert!(may_trace("CapEff:\t000001ffffffffff\n"));
        assert!(may_trace("CapEff:\t000000c000000000\n"));
        assert!(may_trace("CapEff:\t0000000000200000\n"));
        assert!(!may_trace("CapEff:\t0000008000000000\n"));
        assert!(!may_trace("CapEff:\t00000000a80425fb\n"));
    }
}
