//! Files under `deploy/` that are made from the agent's doc comments.
//!
//! In: the agent's source. Out: whether they are what its unit tests expect, or the files written anew.
//! Always: one mechanism: the tests of `config::tests::generated`, which `cargo test` runs too. Not
//! here: what the files say.

use anyhow::{Context as _, Result};

use super::Mode;
use crate::process;
use crate::workspace::Workspace;

/// Compares every generated file with what the doc comments say, or writes it.
pub fn check(workspace: &Workspace, mode: Mode) -> Result<()> {
    let mut command = workspace.cargo();
    command.args(["test", "--quiet", "--package", "earwitness", "--lib", TESTS]);
    if mode == Mode::Fix {
        command.env(WRITE, "1");
    }
    process::run(&mut command).context("files in deploy/ are generated: `cargo xtask tidy --fix`")
}

/// The tests that compare them.
const TESTS: &str = "config::tests::generated";
/// With this variable those tests write instead.
const WRITE: &str = "EARWITNESS_GENERATE";
