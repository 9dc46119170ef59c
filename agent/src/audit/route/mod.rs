//! The template of a path: `http.route`.
//!
//! In: the host, the redacted path and the outcome of an exchange. Out: a template such as `/v1/users/{id}`.
//! Always: what the configuration and API descriptions say comes before what was learned; a template is made of
//! what redaction has left, so no secret is in one; what is known is told without a lock and without a copy.
//! Not here: patterns (`pattern`), descriptions (`openapi`), learning (`learn`), which segments vary (`shape`).

mod learn;
mod openapi;
mod pattern;
mod shape;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use learn::Learned;
use pattern::Patterns;

/// Which templates paths have.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RouteConfig {
    /// Templates of paths: `{name}` stands for a segment or a part of one, `{name...}` at the end for all that
    /// follows. With a host before it, a template is for that host alone. Example: `["/v1/users/{id}",
    /// "api.example.com/files/{path...}"]`.
    pub patterns: Vec<String>,
    /// Files with API descriptions (OpenAPI 2 and 3, JSON or YAML) whose paths are such templates too.
    pub openapi: Vec<String>,
    /// Whether other templates are learned from the paths of successful requests: numbers, ids, dates, and
    /// names of which there are many at one place, become `{id}`.
    pub learn: bool,
}

impl Default for RouteConfig {
    fn default() -> Self {
        Self { patterns: Vec::new(), openapi: Vec::new(), learn: true }
    }
}

/// A template or a file with templates that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RouteError {
    /// A template.
    #[error("`{0}` is no template of a path")]
    Pattern(String),
    /// A file that cannot be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What was in the way.
        reason: String,
    },
    /// A file that is no API description.
    #[error("{path} is no API description: {reason}")]
    Description {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Finds templates.
#[derive(Debug)]
pub struct Routes {
    patterns: Patterns,
    learned: Option<Arc<Learned>>,
}

/// A path whose template is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'x> {
    /// The host that was asked, in lower case.
    pub(super) host: Option<&'x str>,
    /// Its path, redacted.
    pub(super) path: &'x str,
    /// Whether there is such a thing: the request has succeeded.
    pub(super) teaches: bool,
}

/// A template, and where it comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Route<'a> {
    pub(super) template: &'a str,
    pub(super) is_learned: bool,
}

impl Routes {
    /// Those of a configuration. Errors: a template that is none, a file that cannot be read.
    pub fn new(config: &RouteConfig) -> Result<Self, RouteError> {
        let mut patterns = Patterns::default();
        for text in &config.patterns {
            patterns.add(text)?;
        }
        for path in &config.openapi {
            for text in openapi::load(path)? {
                patterns.add(&text)?;
            }
        }
        let learned = config.learn.then(|| Arc::new(Learned::default()));
        Ok(Self { patterns, learned })
    }

    /// Says what is wrong with a template.
    pub fn check_pattern(text: &str) -> Result<(), RouteError> {
        Patterns::default().add(text)
    }

    /// Says what is wrong with a file of templates.
    pub fn check_openapi(path: &str) -> Result<(), RouteError> {
        let mut patterns = Patterns::default();
        openapi::load(path)?.iter().try_for_each(|text| patterns.add(text))
    }

    /// Every template that is given, in order: part of the policy's digest.
    pub fn given(&self) -> &[String] {
        self.patterns.given()
    }

    /// Whether templates are learned.
    pub fn learns(&self) -> bool {
        self.learned.is_some()
    }

    /// Learns together with another, as after a change of the configuration.
    pub(super) fn share_learned(&mut self, other: &Self) {
        if let (Some(own), Some(learned)) = (&mut self.learned, &other.learned) {
            *own = Arc::clone(learned);
        }
    }

    /// The template of a path, if one is known.
    pub(super) fn route<'a>(&'a self, asked: Asked<'_>) -> Option<Route<'a>> {
        if !asked.path.starts_with('/') {
            return None;
        }
        if let Some(template) = self.patterns.find(asked.host, asked.path) {
            return Some(Route { template, is_learned: false });
        }
        let template = self.learned.as_ref()?.template(asked)?;
        Some(Route { template, is_learned: true })
    }
}
