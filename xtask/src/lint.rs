//! `lint`: everything that is checked about the code without running it.
//!
//! Always: the very checks that decide about a change; a check that cannot run here is SKIPPED with
//! the reason, and is a failure where `CI` is set, since nobody would read the reason there.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process;
use crate::report::{Ending, Report};
use crate::step::Steps;
use crate::tidy;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// Checks formatting, lints, layout, documentation, licences and spelling.
#[derive(clap::Args)]
pub struct Arguments {}

/// The command itself.
pub fn run(workspace: &Workspace, _: &Arguments) -> Result<()> {
    let mut steps = Steps::new(STEPS);
    let mut report = Report::default();
    take(workspace, &mut steps, &mut report);
    report.close()?;
    steps.finish("`cargo xtask test` runs the tests");
    Ok(())
}

/// Lint as the last steps of another command.
pub fn take(workspace: &Workspace, steps: &mut Steps, report: &mut Report) {
    for (what, check) in CHECKS {
        report.take(steps, what, || check(workspace));
    }
}

/// How many steps [`take`] takes.
pub const STEPS: usize = CHECKS.len();

type Check = fn(&Workspace) -> Result<Ending>;

const CHECKS: [(&str, Check); 7] = [
    ("format", format),
    ("clippy", clippy),
    ("tidy", |workspace| tidy::check(workspace, tidy::Mode::Check).map(|()| Ending::Passed)),
    ("documentation", documentation),
    ("bans, licences, sources", bans),
    ("advisories", advisories),
    ("spelling", spelling),
];

fn format(workspace: &Workspace) -> Result<Ending> {
    process::run(workspace.cargo().args(["fmt", "--all", "--check"]))?;
    // These stand outside the workspace.
    for manifest in [KERNEL_SIDE, FUZZ_TARGETS, TEST_PROGRAMS] {
        if workspace.root.join(manifest).exists() {
            let manifest = ["--manifest-path", manifest];
            process::run(workspace.cargo().arg("fmt").args(manifest).arg("--check"))?;
        }
    }
    Ok(Ending::Passed)
}

fn clippy(workspace: &Workspace) -> Result<Ending> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    process::run(workspace.cargo().args(arguments))?;
    Ok(Ending::Passed)
}

fn documentation(workspace: &Workspace) -> Result<Ending> {
    let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items"];
    process::run(workspace.cargo().args(arguments).env("RUSTDOCFLAGS", "--deny warnings"))?;
    Ok(Ending::Passed)
}

fn bans(workspace: &Workspace) -> Result<Ending> {
    let what = ["check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
    for manifest in ["Cargo.toml", KERNEL_SIDE] {
        if !workspace.root.join(manifest).exists() {
            continue;
        }
        let ending = with_tool(workspace, &tools::DENY, |deny| {
            let files = ["--config", "deny.toml", "--manifest-path", manifest];
            process::run(deny.args(files).args(what))
        })?;
        if let Ending::Skipped(_) = ending {
            return Ok(ending);
        }
    }
    Ok(Ending::Passed)
}

/// Known vulnerabilities. Their database is fetched from elsewhere, which not every place allows.
fn advisories(workspace: &Workspace) -> Result<Ending> {
    let deny = match tools::ensure(workspace, &tools::DENY) {
        Ok(deny) => deny,
        Err(error) => return skipped(format!("{error:#}")),
    };
    let mut fetch = Command::new(&deny);
    fetch.current_dir(&workspace.root).args(["fetch", "db"]);
    if !process::succeeds(&mut fetch) {
        return Ok(Ending::Skipped(
            "the database of advisories cannot be fetched from here".into(),
        ));
    }
    let mut check = Command::new(deny);
    check.current_dir(&workspace.root).args(["check", "--disable-fetch", "advisories"]);
    process::run(&mut check)?;
    Ok(Ending::Passed)
}

fn spelling(workspace: &Workspace) -> Result<Ending> {
    with_tool(workspace, &tools::TYPOS, process::run)
}

/// Runs a check by a tool that may have to be built first.
fn with_tool(
    workspace: &Workspace,
    tool: &Tool,
    check: impl FnOnce(&mut Command) -> Result<()>,
) -> Result<Ending> {
    let program = match tools::ensure(workspace, tool) {
        Ok(program) => program,
        Err(error) => return skipped(format!("{error:#}")),
    };
    check(Command::new(program).current_dir(&workspace.root))?;
    Ok(Ending::Passed)
}

fn skipped(reason: String) -> Result<Ending> {
    if std::env::var_os("CI").is_some() {
        bail!("{reason}");
    }
    Ok(Ending::Skipped(reason))
}

const KERNEL_SIDE: &str = "agent-ebpf/Cargo.toml";
const FUZZ_TARGETS: &str = "fuzz/Cargo.toml";
const TEST_PROGRAMS: &str = "tests/rustls/Cargo.toml";
