//! Mistakes and warnings, each with its place.
//!
//! In: what the other files here find. Out: text for a person, one finding a line.
//! Always: lower case, no full stop; advice on its own `hint:` line.
//! Not here: finding them.

use std::fmt;

/// One mistake in the configuration, or something worth a warning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A finding that does not keep the configuration from being used.
pub type Warning = Finding;

/// Where a finding is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// In a file; line and column count from 1, columns in characters.
    File {
        /// Name of the file.
        name: String,
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// The file as a whole.
    WholeFile(String),
    /// In an environment variable.
    Env(String),
}

/// Every mistake in a configuration; never none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigErrors {
    findings: Vec<Finding>,
}

impl ConfigErrors {
    /// In order of their places.
    pub(super) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| match &finding.place {
            Place::WholeFile(_) => (0, 0, 0, String::new()),
            Place::File { line, column, .. } => (1, *line, *column, String::new()),
            Place::Env(name) => (2, 0, 0, name.clone()),
        });
        findings.dedup();
        Self { findings }
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(out, "{end}{finding}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.message)?;
        match &self.hint {
            Some(hint) => write!(out, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(out, "{name}:{line}:{column}"),
            Self::WholeFile(name) => out.write_str(name),
            Self::Env(name) => write!(out, "environment variable {name}"),
        }
    }
}
