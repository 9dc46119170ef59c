//! The filters of `[capture]` on their way into the kernel side.
//!
//! In: the configuration. Out: rules with ids instead of names.
//! Always: a rule whose executable is not there yet matches nothing and is looked up again; unused
//! places match nothing.
//! Not here: looking names up (`discover::rules`), comparing (the kernel side).

use earwitness_common::settings::{MAX_RULES, Rule};

use super::DaemonError;
use super::tls::Scope;
use crate::config::{self, CaptureConfig, CaptureRule};
use crate::discover::rules::{self, RuleSpec};
use crate::kernel::load::{LoadError, Probes};

/// Both lists.
pub struct Rules {
    include: List,
    exclude: List,
}

/// One list with the ids that its names stand for now.
struct List {
    specs: Vec<RuleSpec>,
    rules: Vec<Rule>,
}

impl Rules {
    /// Looks everything up. A name that means nothing on this host now is warned of.
    ///
    /// # Errors
    /// `DaemonError::Rule`: too many rules.
    pub fn new(capture: &CaptureConfig) -> Result<Self, DaemonError> {
        Ok(Self {
            include: List::new("include", &capture.include)?,
            exclude: List::new("exclude", &capture.exclude)?,
        })
    }

    /// Looks names up again. Returns whether anything changed.
    pub fn look_again(&mut self) -> bool {
        // Both, whatever the first says.
        self.include.look_again() | self.exclude.look_again()
    }

    /// How many rules include.
    pub fn include_count(&self) -> u32 {
        self.include.rules.len() as u32
    }

    /// How many rules exclude.
    pub fn exclude_count(&self) -> u32 {
        self.exclude.rules.len() as u32
    }

    /// What they say of processes.
    pub fn scope(&self) -> Scope {
        Scope::new(&self.include.rules, &self.exclude.rules)
    }

    /// Writes them, and "nothing" behind them.
    ///
    /// # Errors
    /// `LoadError::Map`.
    pub fn write(&self, probes: &mut Probes) -> Result<(), LoadError> {
        probes.rules(&self.include.filled(), &self.exclude.filled())
    }
}

impl List {
    fn new(name: &str, rules: &[CaptureRule]) -> Result<Self, DaemonError> {
        if rules.len() > MAX_RULES as usize {
            let count = rules.len();
            let text = format!("`{name}` has {count} rules, and {MAX_RULES} are possible");
            return Err(DaemonError::Rule(text));
        }
        let specs: Vec<RuleSpec> = rules.iter().map(spec).collect();
        let resolved = rules::resolve_all(&specs);
        for (index, error) in &resolved.missing {
            let rule = index + 1;
            tracing::warn!(%error, "rule {rule} of [capture] {name} matches nothing for now");
        }
        Ok(Self { specs, rules: resolved.rules })
    }

    fn look_again(&mut self) -> bool {
        let found = rules::resolve_all(&self.specs).rules;
        let changed = found != self.rules;
        self.rules = found;
        changed
    }

    fn filled(&self) -> Vec<Rule> {
        let mut filled = self.rules.clone();
        filled.resize(MAX_RULES as usize, Rule::never());
        filled
    }
}

fn spec(rule: &CaptureRule) -> RuleSpec {
    RuleSpec {
        port: rule.port,
        pid: rule.pid,
        executable: rule.executable.as_ref().map(Into::into),
        user: rule.user.as_ref().map(|user| match user {
            config::User::Id(id) => rules::User::Id(*id),
            config::User::Name(name) => rules::User::Name(name.clone()),
        }),
        cgroup: rule.cgroup.clone(),
    }
}
