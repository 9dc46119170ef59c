//! Which exchange gets which level: the rules of `[policy]`.
//!
//! In: `PolicyConfig`, then the facts of one exchange. Out: whether a rule matches.
//! Always: read once; a rule matches if its every condition holds.
//! Not here: which rule decides (`audit::policy`), what a level keeps (`audit::assemble`), refusing what
//! this version does not have (`config::available`).

mod condition;

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::glob::GlobError;
use super::preset::Preset;
use crate::model::origin::Side;
use condition::Condition;

/// How much of an exchange is kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Counted, not recorded.
    None,
    /// Everything but bodies; headers by allow-list.
    #[default]
    Metadata,
    /// The body of the request as well.
    Request,
    /// Both bodies as well.
    RequestResponse,
}

impl Level {
    /// The text in records and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Metadata => "metadata",
            Self::Request => "request",
            Self::RequestResponse => "request_response",
        }
    }

    /// Whether bodies of requests are kept.
    pub fn keeps_request(self) -> bool {
        matches!(self, Self::Request | Self::RequestResponse)
    }

    /// Whether bodies of responses are kept.
    pub fn keeps_response(self) -> bool {
        self == Self::RequestResponse
    }
}

/// How much of which exchange is kept.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Settings that a requirement asks for, together: `pci`, `hipaa` or `gdpr-minimal`. They lie under those of this file
    /// and the environment: a key that is set here counts, whatever the preset says. `earwitness config explain
    /// --preset NAME` tells what each of its settings does, and who asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Level of an exchange that no rule matches: `none` (counted, not recorded), `metadata` (no
    /// bodies), `request`, `request_response`.
    pub default: Level,
    /// Rules in order; the first match wins.
    pub rule: Vec<RuleConfig>,
}

/// One rule of the policy: every condition given must hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// Level of an exchange that the rule matches.
    pub level: Level,
    /// Methods, as sent. Example: `["POST", "PUT"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub method: Vec<String>,
    /// Pattern of the path, percent-decoded: `*` within a segment, `**` across. Example: `/v1/**`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Pattern of the host that was asked for, in lower case. Example: `*.example.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Port of the answering end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Status codes and classes. Example: `["2xx", "404"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// Path of the executable at either end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// User at either end, by name or number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Which end the watched process is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Container id or name. Not available in this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Kubernetes namespace. Not available in this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Pattern of the media type of either body, in lower case and without parameters: `*` within
    /// type or subtype. Example: `application/*+json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

/// A rule that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// A pattern that cannot be matched.
    #[error("`{key}`: {error}")]
    Pattern {
        /// Key of the rule.
        key: &'static str,
        /// What is wrong.
        error: GlobError,
    },
    /// No status code and no class of them.
    #[error("`status`: `{0}` is neither a status code (`404`) nor a class of them (`4xx`)")]
    Status(String),
}

impl RuleError {
    /// Key of the rule that is wrong.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Pattern { key, .. } => key,
            Self::Status(_) => "status",
        }
    }
}

/// A rule, ready to be matched.
#[derive(Debug)]
pub struct Rule {
    /// Its level.
    pub level: Level,
    conditions: Vec<Condition>,
}

impl Rule {
    /// Reads a rule. Errors: patterns and status codes that mean nothing.
    pub fn new(config: &RuleConfig) -> Result<Self, RuleError> {
        Ok(Self { level: config.level, conditions: Condition::of(config)? })
    }

    /// Whether every condition holds. A condition on something unknown does not.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(facts))
    }

    /// The key of each condition, and whether it holds.
    pub fn explain(&self, facts: &Facts<'_>) -> Vec<(&'static str, bool)> {
        let told = |condition: &Condition| (condition.key(), condition.holds(facts));
        self.conditions.iter().map(told).collect()
    }
}
