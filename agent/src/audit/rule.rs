//! Which exchange gets which level: the rules of `[policy]`.
//!
//! In: `PolicyConfig`, then the facts of one exchange. Out: the level and the rule that gave it.
//! Always: the first rule whose every condition holds; the default if none does.
//! Not here: what a level keeps (`audit::assemble`), refusing what this version does not have
//! (`config::available`).

use serde::{Deserialize, Serialize};

use super::glob::{Glob, GlobError};
use crate::model::origin::{Origin, Party, Side};

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
    /// Media type of either body. Not available in this version.
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

/// What rules look at. No `Debug`: it is not redacted.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// `None` where the request was lost.
    pub method: Option<&'a str>,
    /// Percent-decoded, not redacted.
    pub path: Option<&'a [u8]>,
    /// In lower case.
    pub host: Option<&'a str>,
    /// `None` without a response.
    pub status: Option<u16>,
    /// Both ends.
    pub origin: &'a Origin,
}

/// A rule, ready to be matched.
#[derive(Debug)]
pub struct Rule {
    /// Its level.
    pub level: Level,
    method: Vec<String>,
    path: Option<Glob>,
    host: Option<Glob>,
    port: Option<u16>,
    status: Vec<std::ops::RangeInclusive<u16>>,
    executable: Option<String>,
    user: Option<String>,
    side: Option<Side>,
}

impl Rule {
    /// Reads a rule. Errors: patterns and status codes that mean nothing.
    pub fn new(config: &RuleConfig) -> Result<Self, RuleError> {
        let glob = |key, pattern: &Option<String>| {
            let read = |text: &String| Glob::new(text);
            pattern
                .as_ref()
                .map(read)
                .transpose()
                .map_err(|error| RuleError::Pattern { key, error })
        };
        Ok(Self {
            level: config.level,
            method: config.method.clone(),
            path: glob("path", &config.path)?,
            host: glob("host", &config.host)?,
            port: config.port,
            status: config.status.iter().map(|text| status(text)).collect::<Result<_, _>>()?,
            executable: config.executable.clone(),
            user: config.user.clone(),
            side: config.side,
        })
    }

    /// Whether every condition holds. A condition on something unknown does not.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.mismatch(facts).is_none()
    }

    /// Key of the first condition that does not hold; `None`: all do.
    pub fn mismatch(&self, facts: &Facts<'_>) -> Option<&'static str> {
        self.request_mismatch(facts).or_else(|| self.origin_mismatch(facts.origin))
    }

    fn request_mismatch(&self, facts: &Facts<'_>) -> Option<&'static str> {
        let method = |sent: &str| self.method.iter().any(|method| method == sent);
        let status = |sent: u16| self.status.iter().any(|wanted| wanted.contains(&sent));
        let host = |glob: &Glob, host: &str| glob.matches(host.as_bytes());
        first_failed([
            ("method", self.method.is_empty() || facts.method.is_some_and(method)),
            ("path", holds(self.path.as_ref(), facts.path, Glob::matches)),
            ("host", holds(self.host.as_ref(), facts.host, host)),
            ("status", self.status.is_empty() || facts.status.is_some_and(status)),
        ])
    }

    fn origin_mismatch(&self, origin: &Origin) -> Option<&'static str> {
        let ends = [&origin.client, &origin.server];
        let any = |test: &dyn Fn(&Party) -> bool| ends.iter().any(|end| test(end));
        let executable = self.executable.as_deref();
        let user = self.user.as_deref();
        first_failed([
            ("side", self.side.is_none_or(|wanted| wanted == origin.side)),
            ("port", self.port.is_none_or(|port| origin.server.port == Some(port))),
            ("executable", executable.is_none_or(|path| any(&|end| runs(end, path)))),
            ("user", user.is_none_or(|user| any(&|end| runs_as(end, user)))),
        ])
    }
}

fn first_failed<const N: usize>(conditions: [(&'static str, bool); N]) -> Option<&'static str> {
    conditions.into_iter().find(|(_, holds)| !holds).map(|(key, _)| key)
}

fn holds<C, F>(condition: Option<C>, fact: Option<F>, test: impl Fn(C, F) -> bool) -> bool {
    match (condition, fact) {
        (None, _) => true,
        (Some(condition), Some(fact)) => test(condition, fact),
        (Some(_), None) => false,
    }
}

fn runs(end: &Party, path: &str) -> bool {
    end.process.as_ref().is_some_and(|process| process.executable.as_deref() == Some(path))
}

fn runs_as(end: &Party, user: &str) -> bool {
    end.process.as_ref().is_some_and(|process| {
        process.user_name.as_deref() == Some(user)
            || process.user_id.is_some_and(|id| user.parse() == Ok(id))
    })
}

fn status(text: &str) -> Result<std::ops::RangeInclusive<u16>, RuleError> {
    let class = text.strip_suffix("xx").filter(|digit| digit.len() == 1);
    let (first, last) = if class.is_some() { ("00", "99") } else { ("", "") };
    let number = |end: &str| format!("{}{end}", class.unwrap_or(text)).parse::<u16>();
    match (number(first), number(last)) {
        (Ok(first), Ok(last)) if (100..1_000).contains(&first) => Ok(first..=last),
        _ => Err(RuleError::Status(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_and_classes() {
        assert_eq!(status("404"), Ok(404..=404));
        assert_eq!(status("5xx"), Ok(500..=599));
        for text in ["", "xx", "0xx", "40", "4x", "1000", "ok"] {
            assert_eq!(status(text), Err(RuleError::Status(text.into())), "{text}");
        }
    }
}
