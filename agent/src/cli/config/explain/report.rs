//! What is told about an exchange and the policy that it meets.
//!
//! In: an exchange, its origin, the policy and its rules as they were configured. Out: text, or JSON by `Serialize`.
//! Always: which conditions hold says the policy itself; why something was removed is said only where names and
//! places leave no doubt.
//! Not here: deciding (`audit::policy`), what is removed (`audit::redact`).

use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::audit::facts::Facts;
use crate::audit::policy::{Decision, Policy};
use crate::audit::record::{Action, Record, Sensitive};
use crate::audit::redact::{lists, name};
use crate::audit::rule::{Level, RuleConfig};
use crate::model::origin::Origin;
use crate::model::time::ClockOffset;
use crate::protocol::exchange::Exchange;
use crate::protocol::fields::Fields;

/// What an exchange meets.
#[derive(Serialize)]
pub(super) struct Report {
    level: Level,
    /// The rule that decides; `None`: the default does.
    rule: Option<u32>,
    why: &'static str,
    rules: Vec<ToldRule>,
    digest: String,
    /// Of the record, its parts by their keys; `None`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Parts>,
    redactions: Vec<ToldRedaction>,
}

/// Parts of a record, by their keys.
struct Parts(Vec<(&'static str, Value)>);

impl Serialize for Parts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// A rule, and what of it holds.
#[derive(Serialize)]
struct ToldRule {
    level: Level,
    outcome: Outcome,
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Decides,
    /// A rule before it decides.
    TooLate,
    DoesNotMatch,
}

#[derive(Serialize)]
struct Condition {
    key: &'static str,
    value: Value,
    holds: bool,
}

/// Something that was removed, and why.
#[derive(Serialize)]
struct ToldRedaction {
    path: String,
    #[serde(rename = "type")]
    kind: Sensitive,
    action: Action,
    count: u64,
    why: String,
}

impl Report {
    /// Of this exchange. Errors: none that could happen; values are plain.
    pub(super) fn of(
        policy: &Arc<Policy>,
        rules: &[RuleConfig],
        exchange: &Exchange,
        origin: &Origin,
    ) -> serde_json::Result<Self> {
        let decision = policy.decide(exchange, origin);
        let told = policy.explain(&Facts::of(exchange, origin));
        let record = decision.typed(exchange, origin, ClockOffset::default());
        let redactions = record.as_ref().map(|record| redactions(record, exchange));
        Ok(Self {
            level: decision.level(),
            rule: decision.rule(),
            why: why(decision, rules),
            rules: told_rules(told, rules, decision.rule())?,
            digest: policy.digest().to_owned(),
            record: record.as_ref().map(parts).transpose()?,
            redactions: redactions.unwrap_or_default(),
        })
    }

    /// For a person.
    pub(super) fn text(&self) -> String {
        let rule = self.rule.map_or_else(|| "none".to_owned(), |index| index.to_string());
        let mut text = format!("level: {}\nrule: {rule}: {}\n", self.level.name(), self.why);
        for (index, rule) in self.rules.iter().enumerate() {
            rule.write(index, &mut text);
        }
        let _ = writeln!(text, "digest: {}", self.digest);
        for (key, value) in self.record.iter().flat_map(|parts| &parts.0) {
            let _ = writeln!(text, "{key}: {value}");
        }
        if self.record.is_some() {
            let none = if self.redactions.is_empty() { " none" } else { "" };
            let _ = writeln!(text, "redactions:{none}");
        }
        for ToldRedaction { path, kind, action, count, why } in &self.redactions {
            let (kind, action) = (kind.name(), action.name());
            let _ = writeln!(text, "  {path}: {action} {count} {kind}: {why}");
        }
        text
    }
}

// === rules ===

fn why(decision: Decision<'_>, rules: &[RuleConfig]) -> &'static str {
    match decision.rule() {
        Some(_) => "the first of which every condition holds",
        None if rules.is_empty() => "there are no rules, the default applies",
        None => "of none does every condition hold, the default applies",
    }
}

fn told_rules(
    told: Vec<(Level, Vec<(&'static str, bool)>)>,
    rules: &[RuleConfig],
    decides: Option<u32>,
) -> serde_json::Result<Vec<ToldRule>> {
    let rule = |((level, conditions), (config, index)): ((_, Vec<_>), (&RuleConfig, u32))| {
        let values = serde_json::to_value(config)?;
        let outcome = match conditions.iter().all(|(_, holds)| *holds) {
            true if decides == Some(index) => Outcome::Decides,
            true => Outcome::TooLate,
            false => Outcome::DoesNotMatch,
        };
        let condition = |(key, holds)| {
            let value = values.get(key).cloned().unwrap_or_default();
            Condition { key, value, holds }
        };
        let conditions = conditions.into_iter().map(condition).collect();
        Ok(ToldRule { level, outcome, conditions })
    };
    told.into_iter().zip(rules.iter().zip(0..)).map(rule).collect()
}

impl ToldRule {
    fn write(&self, index: usize, text: &mut String) {
        let outcome = match self.outcome {
            Outcome::Decides => "decides",
            Outcome::TooLate => "matches too, but comes later",
            Outcome::DoesNotMatch => "does not match",
        };
        let _ = writeln!(text, "  rule {index} ({}): {outcome}", self.level.name());
        for Condition { key, value, holds } in &self.conditions {
            let holds = if *holds { "yes" } else { "no " };
            let _ = writeln!(text, "    {holds} {key} = {value}");
        }
    }
}

// === the record ===

/// What is told of a record, by its keys.
fn parts(record: &Record<'_>) -> serde_json::Result<Parts> {
    let http = record.http.as_ref();
    let request = http.and_then(|http| http.request.as_ref()).map(|request| &request.header);
    let response = http.and_then(|http| http.response.as_ref()).map(|response| &response.header);
    let mut parts = vec![
        ("url", serde_json::to_value(&record.url)?),
        ("http.request.header", serde_json::to_value(request)?),
    ];
    if let Some(response) = response {
        parts.push(("http.response.header", serde_json::to_value(response)?));
    }
    parts.push(("principal", serde_json::to_value(&record.principal)?));
    parts.push(("identity", serde_json::to_value(&record.identity)?));
    Ok(Parts(parts))
}

fn redactions(record: &Record<'_>, exchange: &Exchange) -> Vec<ToldRedaction> {
    let left_out = LeftOut { record, exchange };
    let told = record.redactions.iter().map(|redaction| ToldRedaction {
        path: redaction.path.to_string(),
        kind: redaction.kind,
        action: redaction.action,
        count: redaction.count,
        why: left_out.why(&redaction.path, redaction.kind),
    });
    told.collect()
}

/// A record, and what it was made of.
struct LeftOut<'r> {
    record: &'r Record<'r>,
    exchange: &'r Exchange,
}

impl LeftOut<'_> {
    /// Why a value at this place was removed.
    fn why(&self, path: &str, kind: Sensitive) -> String {
        match (path, kind) {
            (REQUEST_HEADER | RESPONSE_HEADER, Sensitive::Unlisted) => {
                format!("not in `redaction.header_allow`: {}", self.fields(path).join(", "))
            }
            (_, Sensitive::Unlisted) => "not in `redaction.body_allow`".to_owned(),
            (_, Sensitive::UserInfo) => "user and password in a URL".to_owned(),
            (_, Sensitive::Fragment) => "a fragment is not to be sent".to_owned(),
            _ => by_name(path, kind)
                .unwrap_or_else(|| format!("the value looks like `{}`", kind.name())),
        }
    }

    /// Names of fields that no list has: they are not in the record, and carry nothing that is known.
    fn fields(&self, group: &str) -> Vec<String> {
        let http = self.record.http.as_ref();
        let (given, kept) = match group {
            REQUEST_HEADER => (
                self.exchange.request.as_ref().map(|request| &request.head.fields),
                http.and_then(|http| http.request.as_ref()).map(|request| &request.header),
            ),
            _ => (
                self.exchange.response.as_ref().map(|response| &response.head.fields),
                http.and_then(|http| http.response.as_ref()).map(|response| &response.header),
            ),
        };
        let is_kept = |name: &str| kept.is_some_and(|kept| kept.iter().any(|(one, _)| one == name));
        let is_known =
            |name: &str| lists::is_never(name) || name::classify(name.as_bytes()).is_some();
        let names = given.into_iter().flat_map(Fields::iter).map(|(name, _)| name);
        let names =
            names.filter_map(|name| Some(std::str::from_utf8(name).ok()?.to_ascii_lowercase()));
        names.filter(|name| !is_kept(name) && !is_known(name)).collect()
    }
}

/// Why, where the name alone says so.
fn by_name(path: &str, kind: Sensitive) -> Option<String> {
    let header = [REQUEST_HEADER, RESPONSE_HEADER].into_iter();
    let field = header.filter_map(|group| path.strip_prefix(group)?.strip_prefix('.')).next();
    if field.is_some_and(lists::is_never) {
        return Some("fields of this name carry credentials and are never recorded".to_owned());
    }
    let name = field.or_else(|| path.strip_prefix("url.query."))?;
    (name::classify(name.as_bytes()) == Some(kind)).then(|| format!("the name `{name}` says so"))
}

const REQUEST_HEADER: &str = "http.request.header";
const RESPONSE_HEADER: &str = "http.response.header";
