//! The configuration: composed of each module's own part, read from a file and the environment.
//!
//! In: a TOML file, variables `EARWITNESS_SECTION__KEY`. Out: `Config`, warnings; or every mistake
//! at once, each with its place.
//! Always: every key is optional; unknown keys are mistakes; a key that this version does not heed
//! is never taken silently.
//! Not here: what the settings do; the modules that own them say so.

mod available;
mod capture;
mod check;
mod document;
mod finding;
#[cfg(all(test, feature = "schema"))]
mod generate;
mod journal;
mod preset;
mod read;
mod secret;
mod source;

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use capture::{CaptureConfig, CaptureRule, User};
pub use document::DEFAULT_FILE;
#[cfg(feature = "schema")]
pub use document::{config_schema, record_schema};
pub use finding::{ConfigErrors, Warning};
pub use journal::JournalSection;
pub use preset::{Explanation, Setting, explain as explain_preset};

use crate::audit::config::AuditConfig;
use crate::audit::identity::IdentityConfig;
use crate::audit::redact::RedactionConfig;
use crate::audit::route::RouteConfig;
use crate::audit::rule::PolicyConfig;
use crate::sink::SinkConfig;

/// Configuration of the daemon. Every key is optional; the values given here are the defaults.
/// A variable `EARWITNESS_SECTION__KEY` overrides `key` in `[section]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What is watched, and how much memory that may take.
    pub capture: CaptureConfig,
    /// How much of which exchange is recorded.
    pub policy: PolicyConfig,
    /// What is left out of records.
    pub redaction: RedactionConfig,
    /// Who is taken for the client.
    pub identity: IdentityConfig,
    /// Templates of paths: `http.route`.
    pub route: RouteConfig,
    /// How records are stored on this host.
    pub journal: JournalSection,
    /// Where records are delivered besides the journal. Each sink follows the journal by a cursor of
    /// its own, at least once and in order: one that is slow or away slows nobody, and misses nothing.
    pub sink: Vec<SinkConfig>,
}

impl Config {
    /// Reads the file, if there is one, and the variables of the environment that are settings.
    /// Errors: every mistake in either; the file cannot be read, or everybody may write to it.
    pub fn load(file: Option<&Path>) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        // One that is no text cannot be a setting.
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::load_with(file, std::env::vars_os().filter_map(text))
    }

    /// What records say, and of what.
    pub fn audit(&self) -> AuditConfig {
        AuditConfig {
            policy: self.policy.clone(),
            redaction: self.redaction.clone(),
            identity: self.identity.clone(),
            route: self.route.clone(),
            body_limit_bytes: self.capture.body_limit_bytes,
        }
    }

    /// The same with these variables.
    pub fn load_with(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let (name, text) = match file {
            Some(path) => (path.display().to_string(), source::read_file(path)?),
            None => (String::new(), String::new()),
        };
        Self::parse(&name, &text, env)
    }

    /// The same from text; `name` stands in messages.
    pub fn parse(
        name: &str,
        text: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let sources = source::Sources::new(name, text, env);
        let mut read = read::read(&sources);
        let mut findings = std::mem::take(&mut read.findings);
        let warnings = sources.warnings();
        check::check(&read.config, &mut |path, message, hint| {
            let span = read.span(path);
            if !span.as_ref().is_some_and(|span| read.is_partial(span)) {
                findings.push(sources.finding(span, message, hint));
            }
        });
        available::check(&read, &sources, &mut findings);
        if findings.is_empty() {
            return Ok((read.config, warnings));
        }
        Err(ConfigErrors::new(findings))
    }
}

#[cfg(test)]
mod tests;
