//! What a look at one thing found.
//!
//! In: names, details, hints. Out: `Report`.
//! Always: what is missing comes with a hint; names are stable, scripts may look for them.
//! Not here: looking (the other files), printing (`print`).

use serde::Serialize;

/// How a thing is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Needed and there.
    Ok,
    /// Needed and not there.
    Missing,
    /// Worth knowing; works either way.
    Info,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Check {
    /// Group and thing, with a dot between them.
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) checks: Vec<Check>,
}

impl Report {
    /// Nothing that is needed is missing.
    pub(super) fn is_ok(&self) -> bool {
        self.checks.iter().all(|check| check.status != Status::Missing)
    }

    pub(super) fn ok(&mut self, name: &str, detail: impl Into<String>) {
        self.add(name, Status::Ok, detail.into(), None);
    }

    pub(super) fn info(&mut self, name: &str, detail: impl Into<String>) {
        self.add(name, Status::Info, detail.into(), None);
    }

    pub(super) fn missing(
        &mut self,
        name: &str,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(name, Status::Missing, detail.into(), Some(hint.into()));
    }

    fn add(&mut self, name: &str, status: Status, detail: String, hint: Option<String>) {
        self.checks.push(Check { name: name.to_owned(), status, detail, hint });
    }
}
