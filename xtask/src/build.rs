//! `build`: the whole workspace, the kernel side embedded in the agent.

use anyhow::Result;

use crate::process;
use crate::setup;
use crate::step::Steps;
use crate::workspace::Workspace;

/// Builds everything; the agent is one self-contained program.
#[derive(clap::Args)]
pub struct Arguments {
    /// Optimise, as `run`, the live tests and the benchmarks do.
    #[arg(long)]
    release: bool,
}

/// The command itself.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut steps = Steps::new(setup::STEPS + 1);
    setup::take(workspace, &mut steps, false)?;
    steps.take("building the workspace", || {
        let mut command = workspace.cargo();
        command.args(["build", "--workspace"]).args(arguments.release.then_some("--release"));
        process::run(&mut command)
    })?;
    let profile = if arguments.release { "release" } else { "debug" };
    let agent = workspace.target.join(profile).join("earwitness");
    steps.finish(&format!("`{} doctor` tells what this machine lets it see", agent.display()));
    Ok(())
}

/// Builds the optimised agent alone, as a step of another command.
pub fn agent(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.take("building the agent", || {
        let mut command = workspace.cargo();
        process::run(command.args(["build", "--release", "--package", "earwitness"]))
    })
}
