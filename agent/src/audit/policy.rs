//! The only way from an exchange to a record.
//!
//! In: an exchange, or a message within one; where it took place; the clock's offset. Out: an encoded,
//! redacted record, or nothing where the policy says `none`; and what was decided.
//! Always: nothing of an exchange leaves this module but through redaction; every record names the
//! rule it met and the digest of the whole effective policy.
//! Not here: rules (`audit::rule`), what is hidden (`audit::redact`), losses (`audit::observer`).

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::assemble::{self, Rules};
use super::config::AuditConfig;
use super::content::ContentRules;
use super::encode::{EncodedRecord, ExchangeId, Link};
use super::identity::{Identity, IdentityConfig, IdentityError};
use super::observer::{Observer, hex};
use super::record::value::Text;
use super::record::{PolicyRef, Record};
use super::redact::body::rules::BodyRules;
use super::redact::headers::HeaderTable;
use super::redact::target::{Authority, Target};
use super::redact::{BodyValues, lists, text};
use super::route::{RouteError, Routes};
use super::rule::{Facts, Level, Rule, RuleConfig, RuleError};
use super::source::Believed;
use super::stream_message;
use super::token::Tokens;
use super::trusted::{NetworkError, Trusted};
use crate::model::limits::Limits;
use crate::model::origin::Origin;
use crate::model::sample::ConnId;
use crate::model::time::ClockOffset;
use crate::protocol::exchange::Exchange;
use crate::protocol::stream_message::StreamMessage;

/// Number of the built-in redaction rules; part of the digest. Raised with every change that makes
/// the same exchange give another record.
const REDACTION_RULES: u32 = 3;

/// How much of which exchange is recorded, and without what.
#[derive(Debug)]
pub struct Policy {
    default: Level,
    rules: Vec<Rule>,
    headers: HeaderTable,
    bodies: BodyRules,
    identity: Identity,
    believed: Believed,
    routes: Routes,
    body_limit_bytes: usize,
    tokens: Tokens,
    digest: String,
    observer: Arc<Observer>,
}

/// A policy that this version cannot keep.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// A rule that cannot be used.
    #[error("policy rule {index}: {error}")]
    Rule {
        /// Position in the configuration, from 0.
        index: usize,
        /// What is wrong.
        error: RuleError,
    },
    /// A trusted proxy that is none.
    #[error("trusted proxy: {0}")]
    Trusted(#[from] NetworkError),
    /// A template of a path, or a file of them, that cannot be used.
    #[error("route: {0}")]
    Route(#[from] RouteError),
    /// Keys that cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl Policy {
    /// The policy of a configuration, with the key for tokens. Errors: what means nothing; `config` finds it earlier, and with its
    /// place in the file.
    pub fn new(
        config: &AuditConfig,
        tokens: Tokens,
        observer: Arc<Observer>,
    ) -> Result<Self, PolicyError> {
        let rule =
            |(index, config)| Rule::new(config).map_err(|error| PolicyError::Rule { index, error });
        let rules = config.policy.rule.iter().enumerate().map(rule).collect::<Result<_, _>>()?;
        let headers = HeaderTable::new(&config.redaction);
        let bodies = BodyRules::new(&config.redaction);
        let believed = Believed::new(&config.identity)?;
        let trusted = believed.trusted().clone();
        let identity = Identity::new(&config.identity, trusted, tokens.clone())?;
        let routes = Routes::new(&config.route)?;
        let digest = digest(config, &headers, &bodies, &identity, &routes);
        let body_limit_bytes = usize::try_from(config.body_limit_bytes).unwrap_or(usize::MAX);
        let default = config.policy.default;
        Ok(Self {
            default,
            rules,
            headers,
            bodies,
            identity,
            believed,
            routes,
            body_limit_bytes,
            tokens,
            digest,
            observer,
        })
    }

    /// Remembers sessions and templates of paths together with the policy that it follows.
    #[must_use]
    pub fn following(mut self, other: &Self) -> Self {
        self.identity.share_sessions(&other.identity);
        self.routes.share_learned(&other.routes);
        self
    }

    fn content_rules(&self) -> ContentRules<'_> {
        ContentRules { body: &self.bodies, limit_bytes: self.body_limit_bytes }
    }

    /// What the parsers have to keep so that every rule can be followed.
    pub fn bound(&self, limits: &mut Limits) {
        let levels = || self.rules.iter().map(|rule| rule.level).chain([self.default]);
        let wanted = |is_wanted: bool| if is_wanted { self.body_limit_bytes } else { 0 };
        limits.request_body_bytes = wanted(levels().any(Level::keeps_request));
        limits.response_body_bytes = wanted(levels().any(Level::keeps_response));
    }

    /// The record of an exchange on this connection, ready for the journal (`None`: the policy says
    /// `none`), and what was decided, which holds for the messages within it too.
    pub fn apply(
        &self,
        exchange: &Exchange,
        conn: ConnId,
        origin: &Origin,
        clock: ClockOffset,
    ) -> (Option<EncodedRecord>, Decision) {
        let decision = self.decide(exchange, origin);
        let record = self.record_at(exchange, origin, clock, decision);
        let link = Link::of(exchange.part, conn);
        (record.map(|record| record.encode(link)), decision)
    }

    /// The record of a message within an exchange for which that was decided.
    pub fn apply_message(
        &self,
        message: &StreamMessage,
        exchange: ExchangeId,
        decision: Decision,
        origin: &Origin,
        clock: ClockOffset,
    ) -> Option<EncodedRecord> {
        let (rules, policy) = (self.content_rules(), self.named(decision)?);
        let record = stream_message::record(message, origin, clock, rules, &self.observer, policy);
        let link = match message.is_last {
            true => Link::Closes(exchange),
            false => Link::Belongs(exchange),
        };
        Some(record.encode(Some(link)))
    }

    /// The record of an exchange as a typed value that borrows from it.
    pub fn record<'a>(
        &'a self,
        exchange: &'a Exchange,
        origin: &'a Origin,
        clock: ClockOffset,
    ) -> Option<Record<'a>> {
        self.record_at(exchange, origin, clock, self.decide(exchange, origin))
    }

    fn record_at<'a>(
        &'a self,
        exchange: &'a Exchange,
        origin: &'a Origin,
        clock: ClockOffset,
        decision: Decision,
    ) -> Option<Record<'a>> {
        let policy = self.named(decision)?;
        let (headers, identity, believed) = (&self.headers, &self.identity, &self.believed);
        let (content, routes) = (self.content_rules(), &self.routes);
        let rules = Rules { headers, content, identity, believed, routes };
        Some(assemble::record(exchange, origin, clock, rules, &self.observer, policy))
    }

    /// Which level an exchange meets, and by which rule.
    pub fn decide(&self, exchange: &Exchange, origin: &Origin) -> Decision {
        let rule = if self.rules.is_empty() { None } else { self.first_match(exchange, origin) };
        match rule {
            Some((index, rule)) => Decision { level: rule.level, rule: u32::try_from(index).ok() },
            None => Decision { level: self.default, rule: None },
        }
    }

    /// A decision as a record names it; `None`: there is to be no record.
    fn named(&self, decision: Decision) -> Option<PolicyRef<'_>> {
        let Decision { level, rule } = decision;
        let digest = Text::Borrowed(self.digest.as_str());
        (level != Level::None).then_some(PolicyRef { level, rule, digest })
    }

    fn first_match(&self, exchange: &Exchange, origin: &Origin) -> Option<(usize, &Rule)> {
        with_facts(exchange, origin, |facts| {
            self.rules.iter().enumerate().find(|(_, rule)| rule.matches(facts))
        })
    }

    /// For each rule its level, and the key of the first condition that does not hold.
    pub fn explain(
        &self,
        exchange: &Exchange,
        origin: &Origin,
    ) -> Vec<(Level, Option<&'static str>)> {
        with_facts(exchange, origin, |facts| {
            self.rules.iter().map(|rule| (rule.level, rule.mismatch(facts))).collect()
        })
    }

    /// `sha256:` and the hexadecimal digest of the effective policy.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Proxies that are believed.
    pub fn trusted(&self) -> &Trusted {
        self.believed.trusted()
    }

    /// Makes tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Who watches.
    pub fn observer(&self) -> &Arc<Observer> {
        &self.observer
    }
}

/// What was decided of an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decision {
    /// How much is kept.
    pub level: Level,
    /// Position of the rule that says so; `None`: the default.
    pub rule: Option<u32>,
}

/// Calls with what rules look at.
fn with_facts<T>(exchange: &Exchange, origin: &Origin, call: impl FnOnce(&Facts<'_>) -> T) -> T {
    let head = exchange.request.as_ref().map(|request| &request.head);
    let target =
        head.and_then(|head| Some(Target::parse(head.target.as_deref()?, head.is_connect())));
    let path = target.and_then(|target| target.path).map(|path| text::decode(path, false));
    let authority = target.and_then(|target| target.authority).or_else(|| {
        let named = head.and_then(|head| head.authority.as_deref());
        let host = || head.and_then(|head| head.fields.all("host").next());
        named.or_else(host).map(Authority::parse)
    });
    let host = authority.and_then(|one| one.host).map(str::to_ascii_lowercase);
    call(&Facts {
        method: head.and_then(|head| head.method.as_deref()),
        path: path.as_deref(),
        host: host.as_deref(),
        status: exchange.response.as_ref().and_then(|response| response.head.status),
        origin,
    })
}

/// What the digest is over: everything that decides what a record holds, in a fixed order.
#[derive(Serialize)]
struct Effective<'a> {
    redaction_rules: u32,
    default: Level,
    rule: &'a [RuleConfig],
    header_allow: Vec<&'a str>,
    header_never: [&'a [&'a str]; 3],
    body_values: BodyValues,
    body_allow: Vec<&'a str>,
    identity: &'a IdentityConfig,
    identity_keys: Vec<String>,
    route: (&'a [String], bool),
}

fn digest(
    config: &AuditConfig,
    headers: &HeaderTable,
    bodies: &BodyRules,
    identity: &Identity,
    routes: &Routes,
) -> String {
    let effective = Effective {
        redaction_rules: REDACTION_RULES,
        default: config.policy.default,
        rule: &config.policy.rule,
        header_allow: headers.kept_names(),
        header_never: [lists::NEVER, lists::NEVER_PARTS, lists::NEVER_ENDS],
        body_values: bodies.values(),
        body_allow: bodies.kept_entries(),
        identity: &config.identity,
        identity_keys: identity.key_digests(),
        route: (routes.given(), routes.learns()),
    };
    // Plain structs of text and numbers always serialise.
    let canonical = serde_json::to_vec(&effective).unwrap_or_default();
    format!("sha256:{}", hex(&Sha256::digest(canonical)))
}
