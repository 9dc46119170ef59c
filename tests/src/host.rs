//! What this machine can run, and how fast.
//!
//! In: `/proc`, `/sys`, the user. Out: what keeps the live tests from running, limits and amounts
//! that fit. Always: set-up brings programs, so a missing program is never an obstacle here.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Result;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Why no agent can watch this machine, if so. Nothing that set-up could have brought.
pub fn obstacle() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("loading programs into the kernel needs root's rights".into());
    }
    let types = Path::new("/sys/kernel/btf/vmlinux");
    let absent = || format!("{} is absent: this kernel has no BTF", types.display());
    (!types.exists()).then(absent)
}

/// A limit of time, longer on an emulated machine.
pub fn patient(seconds: u64) -> Duration {
    Duration::from_secs(seconds) * if *EMULATED { SLOWNESS } else { 1 }
}

/// An amount of work, less on an emulated machine.
pub fn amount(count: usize) -> usize {
    if *EMULATED { (count / SLOWNESS as usize).max(1) } else { count }
}

/// Lets this process and its children have many files open at a time.
pub fn allow_many_files() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // As many as the kernel gives anyone by default; more than any test needs.
    let wanted = most.min(FILES);
    Ok(setrlimit(Resource::RLIMIT_NOFILE, wanted, most)?)
}

/// Whether another processor plays this one: QEMU without hardware support says so.
static EMULATED: LazyLock<bool> = LazyLock::new(|| {
    fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains("QEMU TCG"))
});

const FILES: u64 = 65_536;
/// How many times slower emulation is, measured on the agent's start.
const SLOWNESS: u32 = 20;
