//! `run`: set-up, build, and the agent with its live view in this terminal.
//!
//! Always: the agent takes this process's place, so signals and its exit code are its own. Its
//! journal lies in the target folder, away from an installed agent's.

use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result, bail};

use crate::build;
use crate::host::Host;
use crate::privilege::Privilege;
use crate::setup;
use crate::step::{Steps, note};
use crate::workspace::Workspace;

/// Builds the agent and watches this machine: every HTTP exchange is a line on the screen.
#[derive(clap::Args)]
pub struct Arguments {
    /// Passed on to `earwitness run`, after `--`.
    #[arg(last = true)]
    agent_arguments: Vec<String>,
}

/// The command itself; it returns only if the agent cannot be started.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut steps = Steps::new(setup::STEPS + 2);
    setup::take(workspace, &mut steps, false)?;
    let privilege = Privilege::here();
    steps.take("what the agent may do here", || possible(privilege))?;
    build::agent(workspace, &mut steps)?;
    let data = workspace.target.join("earwitness-data");
    note(format!("records are kept in {}", data.display()));
    eprintln!("next: in another terminal, `curl` any HTTP or HTTPS server; Ctrl-C ends the agent");
    let mut agent = privilege.command(workspace.agent())?;
    agent.arg("run").arg("--data-dir").arg(data).arg("--watch").args(&arguments.agent_arguments);
    Err(agent.exec()).context("starting the agent")
}

/// Whether the agent can watch this machine at all, said before it tries.
fn possible(privilege: Privilege) -> Result<()> {
    if let Some(reason) = privilege.why_no_tracing() {
        bail!("the agent cannot load its programs: {reason}\nhint: run the same command as root");
    }
    match Host::here().obstacles().first() {
        Some(obstacle) => bail!("the agent cannot watch this machine: {obstacle}"),
        None => Ok(()),
    }
}
