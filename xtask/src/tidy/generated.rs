//! Files under `deploy/` that the agent itself prints.
//!
//! In: the agent's output. Out: what differs, or the files written anew. Always: the agent is built
//! from the source at hand first, so that an old program never judges a new file.

use std::fs;

use anyhow::{Context as _, Result};

use super::{Finding, Mode};
use crate::process;
use crate::step::note;
use crate::workspace::Workspace;

/// Compares every generated file with what the agent prints, or writes it.
pub fn check(workspace: &Workspace, mode: Mode) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (path, arguments) in FILES {
        let finding = |text| Finding { place: (*path).to_owned(), text };
        let fresh = match printed(workspace, arguments) {
            Ok(fresh) => fresh,
            Err(error) => {
                // It would not print the others either.
                findings.push(finding(format!("the agent does not print it: {error:#}")));
                break;
            }
        };
        let file = workspace.root.join(path);
        if fs::read_to_string(&file).is_ok_and(|present| present == fresh) {
            continue;
        }
        if mode == Mode::Check {
            findings.push(finding(differs(arguments)));
            continue;
        }
        fs::write(&file, fresh).with_context(|| format!("writing {path}"))?;
        note(format!("{path} is written anew"));
    }
    Ok(findings)
}

fn printed(workspace: &Workspace, arguments: &[&str]) -> Result<String> {
    let mut command = workspace.cargo();
    command.args(["run", "--quiet", "--package", "earwitness", "--"]).args(arguments);
    process::output(command.env_remove("RUST_BACKTRACE"))
}

fn differs(arguments: &[&str]) -> String {
    let command = arguments.join(" ");
    format!("differs from what `earwitness {command}` prints: run `cargo xtask tidy --fix`")
}

/// Each file with the arguments that make the agent print it.
const FILES: &[(&str, &[&str])] = &[
    ("deploy/earwitness.toml", &["config", "default"]),
    ("deploy/config.schema.json", &["config", "schema"]),
    ("deploy/record.schema.json", &["config", "schema", "--record"]),
];
