//! `test`: every test of the project, then lint.
//!
//! Always: goes on after a failure and names every part at the end; what cannot run here is SKIPPED
//! with the reason. Tests below the live ones need neither root nor a network.

use anyhow::Result;

use crate::privilege::Privilege;
use crate::report::{Ending, Report};
use crate::step::{Steps, human, note};
use crate::workspace::Workspace;
use crate::{build, lint, live, process, setup};

/// Runs every test: unit, property and golden ones, the live ones in this kernel, and lint.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only tests whose name contains this; lint is left out.
    #[arg(long)]
    filter: Option<String>,
}

/// The command itself.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let lint_steps = if arguments.filter.is_some() { 0 } else { lint::STEPS };
    let mut steps = Steps::new(setup::STEPS_WITH_TESTS + 3 + lint_steps);
    let mut report = Report::default();
    let filter = arguments.filter.as_deref();
    let ready = set_up(workspace, &mut steps, &mut report);
    report.take(&mut steps, "unit, property and golden tests", || unprivileged(workspace, filter));
    report.take(&mut steps, "live tests", || match ready {
        true => privileged(workspace, filter),
        false => Ok(Ending::Skipped("set-up did not finish".into())),
    });
    if filter.is_none() {
        lint::take(workspace, &mut steps, &mut report);
    }
    note(format!("all in {}", human(steps.elapsed())));
    let result = report.close();
    eprintln!("next: {}", if result.is_ok() { NEXT_WELL } else { NEXT_ILL });
    result
}

/// Set-up and build. Without rights it may end early, and only the live tests need what it brings.
fn set_up(workspace: &Workspace, steps: &mut Steps, report: &mut Report) -> bool {
    let result = setup::take(workspace, steps, true).and_then(|()| build::agent(workspace, steps));
    let powerless = live::why_not(Privilege::here()).is_some();
    let ending = match result {
        Ok(()) => Ok(Ending::Passed),
        Err(error) if powerless => Ok(Ending::Skipped(format!("{error:#}"))),
        Err(error) => Err(error),
    };
    report.add("set-up and build", ending)
}

fn unprivileged(workspace: &Workspace, filter: Option<&str>) -> Result<Ending> {
    let mut command = workspace.cargo();
    command.args(["test", "--workspace", "--exclude", "live-tests"]).args(filter);
    process::run(&mut command)?;
    Ok(Ending::Passed)
}

fn privileged(workspace: &Workspace, filter: Option<&str>) -> Result<Ending> {
    let privilege = Privilege::here();
    if let Some(reason) = live::why_not(privilege) {
        return Ok(Ending::Skipped(reason));
    }
    let mut command = live::cargo(workspace, privilege)?;
    command.args(["test", "--release", "--package", "live-tests"]).args(filter);
    process::run(&mut command)?;
    Ok(Ending::Passed)
}

const NEXT_WELL: &str = "`cargo xtask vm 6.1` runs the live tests in another kernel; \
                         `cargo xtask bench` measures";
const NEXT_ILL: &str = "`cargo xtask test --filter NAME` runs one test; \
                        `cargo xtask lint` only checks the code";
