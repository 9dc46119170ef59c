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
    /// Every process with TLS, where that is what was looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tls: Vec<TlsUse>,
}

/// One TLS implementation of one process.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct TlsUse {
    pub(super) pid: u32,
    pub(super) executable: Option<String>,
    pub(super) library: String,
    /// How its functions are found: `symbols`, `pclntab`, `signature`; `opaque` if they are not.
    pub(super) how: String,
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

    /// Says who has TLS, in the check that was added last.
    pub(super) fn tls(&mut self, tls: Vec<TlsUse>) {
        if let Some(check) = self.checks.last_mut() {
            check.tls = tls;
        }
    }

    fn add(&mut self, name: &str, status: Status, detail: String, hint: Option<String>) {
        self.checks.push(Check { name: name.to_owned(), status, detail, hint, tls: Vec::new() });
    }
}
