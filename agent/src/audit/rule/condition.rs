//! One condition of a rule, ready to be compared.
//!
//! In: a rule's keys, then the facts of one exchange. Out: whether the condition holds.
//! Always: a condition on something unknown does not hold; comparing allocates nothing.
//! Not here: which rule decides (`audit::policy`).

use std::ops::RangeInclusive;

use super::{RuleConfig, RuleError};
use crate::audit::facts::Facts;
use crate::audit::glob::{Glob, GlobError};
use crate::model::origin::{Process, Side};

/// One condition of a rule.
#[derive(Debug)]
pub(super) enum Condition {
    Method(Vec<String>),
    Path(Glob),
    Host(Glob),
    Port(u16),
    Status(Vec<RangeInclusive<u16>>),
    Executable(String),
    User { name: String, id: Option<u32> },
    Side(Side),
    MediaType(Glob),
}

impl Condition {
    /// Those of a rule; the cheap ones first. Errors: patterns and status codes that mean nothing.
    pub(super) fn of(config: &RuleConfig) -> Result<Vec<Self>, RuleError> {
        let list = [
            config.side.map(Self::Side),
            config.port.map(Self::Port),
            (!config.method.is_empty()).then(|| Self::Method(config.method.clone())),
            statuses(&config.status)?.map(Self::Status),
            pattern("media_type", config.media_type.as_deref(), media_type)?.map(Self::MediaType),
            pattern("host", config.host.as_deref(), lower)?.map(Self::Host),
            pattern("path", config.path.as_deref(), Glob::new)?.map(Self::Path),
            config.executable.clone().map(Self::Executable),
            config.user.clone().map(|name| Self::User { id: name.parse().ok(), name }),
        ];
        Ok(list.into_iter().flatten().collect())
    }

    /// Key of the rule.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Method(_) => "method",
            Self::Path(_) => "path",
            Self::Host(_) => "host",
            Self::Port(_) => "port",
            Self::Status(_) => "status",
            Self::Executable(_) => "executable",
            Self::User { .. } => "user",
            Self::Side(_) => "side",
            Self::MediaType(_) => "media_type",
        }
    }

    /// Whether it holds.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Method(wanted) => {
                facts.method.is_some_and(|sent| wanted.iter().any(|one| one == sent))
            }
            Self::Path(pattern) => facts.path.is_some_and(|path| path.is(pattern)),
            Self::Host(pattern) => facts.host.is_some_and(|host| host.is(pattern)),
            Self::Port(wanted) => facts.origin.server.port == Some(*wanted),
            Self::Status(wanted) => {
                facts.status.is_some_and(|sent| wanted.iter().any(|one| one.contains(&sent)))
            }
            Self::Executable(path) => {
                processes(facts).any(|process| process.executable.as_deref() == Some(path))
            }
            Self::User { name, id } => processes(facts).any(|process| {
                let is_named = process.user_name.as_deref() == Some(name);
                is_named || id.is_some() && process.user_id == *id
            }),
            Self::Side(wanted) => *wanted == facts.origin.side,
            Self::MediaType(pattern) => {
                facts.media_type.into_iter().flatten().any(|one| one.is(pattern))
            }
        }
    }
}

/// Those at both ends that are known.
fn processes<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Process> {
    let parties = [&facts.origin.client, &facts.origin.server];
    parties.into_iter().filter_map(|party| party.process.as_deref())
}

fn pattern(
    key: &'static str,
    text: Option<&str>,
    read: impl Fn(&str) -> Result<Glob, GlobError>,
) -> Result<Option<Glob>, RuleError> {
    text.map(read).transpose().map_err(|error| RuleError::Pattern { key, error })
}

/// What is compared with it is in lower case.
fn lower(text: &str) -> Result<Glob, GlobError> {
    Glob::new(&text.to_ascii_lowercase())
}

fn media_type(text: &str) -> Result<Glob, GlobError> {
    match text.split_once('/') {
        Some((kind, subtype)) if !kind.is_empty() && !subtype.is_empty() => lower(text),
        _ => Err(GlobError::MediaType),
    }
}

/// `None`: there is no such condition.
fn statuses(texts: &[String]) -> Result<Option<Vec<RangeInclusive<u16>>>, RuleError> {
    let list = texts.iter().map(|text| status(text)).collect::<Result<Vec<_>, _>>()?;
    Ok((!list.is_empty()).then_some(list))
}

fn status(text: &str) -> Result<RangeInclusive<u16>, RuleError> {
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

    #[test]
    fn patterns_of_media_types_have_two_parts() {
        for text in ["text/*", "application/*+json", "*/*", "Image/PNG"] {
            assert!(media_type(text).is_ok(), "{text}");
        }
        for text in ["json", "text/", "/json"] {
            assert_eq!(media_type(text).unwrap_err(), GlobError::MediaType, "{text}");
        }
    }
}
