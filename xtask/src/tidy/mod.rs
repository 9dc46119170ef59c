//! `tidy`: the rules of this code base that no compiler knows.
//!
//! In: the files of the checkout. Out: faults, which fail, and questions, which do not. Always: each
//! rule is one file, works on files in memory and has tests of its own; here they are only gathered.
//! Only `generated` runs a program.

mod generated;
mod header;
mod layers;
mod machine;
mod marker;
mod rust;
mod size;
mod source;
mod unsafety;

use anyhow::{Result, bail};

use crate::step::{Steps, note};
use crate::workspace::Workspace;
use source::File;

/// Checks headers, layers, `unsafe`, open ends, generated files and machine-bound text.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write the generated files anew instead of comparing them.
    #[arg(long)]
    fix: bool,
    /// Leave the generated files out; comparing them takes a build of its tests.
    #[arg(long, conflicts_with = "fix")]
    quick: bool,
}

/// What to do about generated files that differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Say so.
    Check,
    /// Write them anew.
    Fix,
    /// Do not look.
    Leave,
}

/// Something found in a file.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// Path from the checkout's root, with a line where there is one.
    place: String,
    /// What is wrong with it.
    text: String,
}

impl Finding {
    fn at(file: &File, line: usize, text: impl Into<String>) -> Self {
        Self { place: format!("{}:{line}", file.path), text: text.into() }
    }
}

/// The command itself.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut steps = Steps::new(1);
    let mode = match arguments {
        Arguments { fix: true, .. } => Mode::Fix,
        Arguments { quick: true, .. } => Mode::Leave,
        _ => Mode::Check,
    };
    steps.take("tidy", || check(workspace, mode))?;
    steps.finish("`cargo xtask lint` makes all the other checks");
    Ok(())
}

/// Applies every rule; an error if there is a fault.
pub fn check(workspace: &Workspace, mode: Mode) -> Result<()> {
    let files = source::files(&workspace.root)?;
    for question in size::questions(&files) {
        note(format!("question: {}: {}", question.place, question.text));
    }
    let faults = faults(&files);
    for fault in &faults {
        note(format!("fault: {}: {}", fault.place, fault.text));
    }
    if !faults.is_empty() {
        bail!("tidy found {} faults in {} files", faults.len(), files.len());
    }
    if mode != Mode::Leave {
        generated::check(workspace, mode)?;
    }
    note(format!("{} files are tidy", files.len()));
    Ok(())
}

fn faults(files: &[File]) -> Vec<Finding> {
    let rules = [header::check, layers::check, unsafety::check, marker::check, machine::check];
    rules.iter().flat_map(|rule| rule(files)).collect()
}
