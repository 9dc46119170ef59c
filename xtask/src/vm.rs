//! `vm`: the live tests in another kernel, in a virtual machine on this one.
//!
//! In: a kernel series such as 6.1. Out: the exit code of what ran in the guest. Always: the guest
//! sees this machine's files read-only, under a layer of its own, and has no network; all is built
//! here, since a guest without hardware support is some twenty times slower.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::host::Host;
use crate::packages::{self, Need};
use crate::privilege::Privilege;
use crate::step::{Steps, note};
use crate::workspace::Workspace;
use crate::{build, process, setup};

/// Runs the live tests under another kernel, which is fetched and booted in a virtual machine.
#[derive(clap::Args)]
pub struct Arguments {
    /// A series of Debian's kernels, as in 5.10, 6.1 or 6.12, or one whole version.
    kernel: String,
    /// Only live tests whose name contains this.
    #[arg(long)]
    filter: Option<String>,
    /// When to give up, in seconds.
    #[arg(long, default_value_t = 1800)]
    limit_seconds: u32,
    /// The guest's memory, in MiB.
    #[arg(long, default_value_t = 4096)]
    memory_mib: u32,
    /// The guest's processors. With more than one, emulation sometimes lets one run into code that
    /// another is patching (`Oops: int3` in the guest while probes are attached).
    #[arg(long, default_value_t = 1)]
    processors: u32,
    /// Run this in the guest instead of the live tests, after `--`.
    #[arg(last = true)]
    command: Vec<String>,
}

/// The command itself.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if std::env::consts::ARCH != "x86_64" {
        bail!(
            "virtual machines are only set up for x86-64, and this is {}",
            std::env::consts::ARCH
        );
    }
    let own_command = !arguments.command.is_empty();
    let mut steps = Steps::new(setup::STEPS_WITH_TESTS + if own_command { 4 } else { 5 });
    setup::take(workspace, &mut steps, true)?;
    steps.take("programs that the virtual machine uses", programs)?;
    let kernel = steps.take("kernel", || fetched(workspace, &arguments.kernel))?;
    build::agent(workspace, &mut steps)?;
    let words = if own_command {
        arguments.command.clone()
    } else {
        let tests = steps.take("building the live tests", || live_tests(workspace))?;
        each_test(&tests, arguments.filter.as_deref())
    };
    steps.take(&format!("running in kernel {kernel}"), || {
        guest(workspace, arguments, &kernel, &words)
    })?;
    steps.finish("try the other kernels: `cargo xtask vm 6.1`, `cargo xtask vm 6.12`");
    Ok(())
}

fn programs() -> Result<()> {
    let (host, privilege) = (Host::here(), Privilege::here());
    packages::ensure(&needs(), &host, privilege)?;
    // Debian 12 brings it with QEMU, later releases in a package of its own.
    if FILE_DAEMONS.iter().any(|daemon| Path::new(daemon).exists()) {
        return Ok(());
    }
    packages::install(&["virtiofsd"], &host, privilege)
}

/// Fetches the kernel unless it is here already, and gives its full version.
fn fetched(workspace: &Workspace, series: &str) -> Result<String> {
    let mut command = Command::new(workspace.root.join("tests/kernel/get-kernel.sh"));
    command.arg(series).env("VM_DIR", folder(workspace)).stderr(std::process::Stdio::inherit());
    let version = process::output(&mut command).context("fetching the kernel")?;
    note(format!("kernel {}", version.trim()));
    Ok(version.trim().to_owned())
}

/// Builds the live tests and gives the paths of their programs.
fn live_tests(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let arguments = ["test", "--release", "--package", "live-tests", "--no-run"];
    process::run(workspace.cargo().args(arguments))?;
    let mut listing = workspace.cargo();
    let text = process::output(listing.args(arguments).args(["--quiet", "--message-format=json"]))?;
    let programs: Vec<_> = text.lines().filter_map(test_program).collect();
    if programs.is_empty() {
        bail!("cargo names no test program of the package live-tests");
    }
    Ok(programs)
}

/// The program that one of cargo's messages tells of, if it is a test.
fn test_program(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_test = message.pointer("/profile/test")?.as_bool()?;
    let program = message.get("executable")?.as_str()?;
    is_test.then(|| program.into())
}

/// Runs every test program, though one fail, and fails if any did.
fn each_test(tests: &[PathBuf], filter: Option<&str>) -> Vec<String> {
    let script = r#"code=0; for test in "$@"; do "$test" ${0:+"$0"} || code=$?; done; exit $code"#;
    let mut words = vec!["sh".into(), "-c".into(), script.into()];
    words.push(filter.unwrap_or_default().into());
    words.extend(tests.iter().map(|test| test.display().to_string()));
    words
}

fn guest(
    workspace: &Workspace,
    arguments: &Arguments,
    kernel: &str,
    words: &[String],
) -> Result<()> {
    let mut command =
        Privilege::here().command(workspace.root.join("tests/kernel/run-in-vm.sh"))?;
    command
        .current_dir(&workspace.root)
        .args(["-t", &arguments.limit_seconds.to_string()])
        .args(["-m", &arguments.memory_mib.to_string()])
        .args(["-c", &arguments.processors.to_string()])
        .args(["-d".as_ref(), folder(workspace).as_os_str()])
        .args(["-e", &format!("EARWITNESS_BIN={}", workspace.agent().display())])
        .arg(kernel)
        .args(words);
    match process::code(&mut command)? {
        0 => Ok(()),
        code => Err(GuestFailed { code }.into()),
    }
}

/// What ran in the guest did not end well; its exit code becomes this program's own.
#[derive(Debug)]
pub struct GuestFailed {
    /// As the guest gave it, or 124 when the time was up and 125 when it gave none.
    pub code: u8,
}

impl std::error::Error for GuestFailed {}

impl fmt::Display for GuestFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what ran in the guest ended with exit code {}", self.code)
    }
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("vm")
}

fn needs() -> Vec<Need> {
    let need = |program, package| Need { program, package };
    vec![
        need("qemu-system-x86_64", "qemu-system-x86"),
        need("busybox", "busybox-static"),
        need("cpio", "cpio"),
        need("depmod", "kmod"),
        need("xz", "xz-utils"),
        need("zstd", "zstd"),
    ]
}

/// Where the daemon that shares files with the guest may lie; run-in-vm.sh looks there as well.
const FILE_DAEMONS: [&str; 2] = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"];

#[cfg(test)]
mod tests {
    use super::test_program;
    use std::path::PathBuf;

    #[test]
    fn only_tests_are_run_in_the_guest() {
        let message = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        assert_eq!(test_program(&message(true, r#""/t/live""#)), Some(PathBuf::from("/t/live")));
        assert_eq!(test_program(&message(false, r#""/t/agent""#)), None);
        assert_eq!(test_program(&message(true, "null")), None);
        assert_eq!(test_program(r#"{"reason":"build-finished"}"#), None);
        assert_eq!(test_program("not a message"), None);
    }
}
