//! The only way from an exchange to a record.
//!
//! In: an exchange, or a message within one; where it took place; the clock's offset. Out: what is decided
//! of it, and by that an encoded, redacted record, or nothing where the policy says `none`.
//! Always: nothing of an exchange leaves this module but through redaction; every record names the
//! rule it met and the digest of the whole effective policy, the one that has decided; deciding
//! allocates nothing.
//! Not here: rules (`audit::rule`), what is hidden (`audit::redact`), losses (`audit::observer`).

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::assemble::{self, Rules};
use super::config::AuditConfig;
use super::content::ContentRules;
use super::encode::{EncodedRecord, ExchangeId, Link};
use super::facts::Facts;
use super::identity::{Identity, IdentityConfig, IdentityError};
use super::observer::{Observer, hex};
use super::record::value::Text;
use super::record::{Action, PolicyRef, Record};
use super::redact::action::Actions;
use super::redact::body::rules::BodyRules;
use super::redact::detect::custom::DetectorConfig;
use super::redact::headers::HeaderTable;
use super::redact::{BodyValues, lists};
use super::route::{RouteError, Routes};
use super::rule::{Level, Rule, RuleConfig, RuleError};
use super::seal::{Auditor, AuditorError};
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
const REDACTION_RULES: u32 = 4;

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
    actions: Actions,
    tokens: Tokens,
    digest: Arc<str>,
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
    /// A key of an auditor that is none.
    #[error(transparent)]
    Auditor(#[from] AuditorError),
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
        let auditor = config.redaction.encrypt_to.as_deref().map(Auditor::new).transpose()?;
        let actions =
            Actions::new(&config.redaction.actions, tokens.clone()).encrypting_to(auditor);
        let digest = digest(config, &headers, &bodies, &actions, &identity, &routes).into();
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
            actions,
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

    fn record_rules(&self) -> Rules<'_> {
        let (headers, identity, believed) = (&self.headers, &self.identity, &self.believed);
        let (content, routes) = (self.content_rules(), &self.routes);
        Rules { headers, content, identity, believed, routes }
    }

    fn content_rules(&self) -> ContentRules<'_> {
        ContentRules {
            body: &self.bodies,
            actions: &self.actions,
            limit_bytes: self.body_limit_bytes,
        }
    }

    /// What the parsers have to keep so that every rule can be followed.
    pub fn bound(&self, limits: &mut Limits) {
        let levels = || self.rules.iter().map(|rule| rule.level).chain([self.default]);
        let wanted = |is_wanted: bool| if is_wanted { self.body_limit_bytes } else { 0 };
        limits.request_body_bytes = wanted(levels().any(Level::keeps_request));
        limits.response_body_bytes = wanted(levels().any(Level::keeps_response));
    }

    /// What is to become of an exchange.
    pub fn decide(self: &Arc<Self>, exchange: &Exchange, origin: &Origin) -> Decision<'_> {
        let facts = (!self.rules.is_empty()).then(|| Facts::of(exchange, origin));
        let first = facts.and_then(|facts| self.rules.iter().position(|rule| rule.matches(&facts)));
        Decision { policy: self, met: self.meet(first) }
    }

    fn meet(&self, rule: Option<usize>) -> Met {
        let level = rule.and_then(|index| self.rules.get(index)).map(|rule| rule.level);
        let rule = rule.and_then(|index| u32::try_from(index).ok());
        Met { level: level.unwrap_or(self.default), rule }
    }

    /// For each rule its level, and of its conditions the keys and whether they hold.
    pub fn explain(&self, facts: &Facts<'_>) -> Vec<(Level, Vec<(&'static str, bool)>)> {
        self.rules.iter().map(|rule| (rule.level, rule.explain(facts))).collect()
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

/// What was decided of an exchange, and by which policy.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'p> {
    policy: &'p Arc<Policy>,
    met: Met,
}

#[derive(Clone, Copy, Debug)]
struct Met {
    level: Level,
    rule: Option<u32>,
}

impl<'p> Decision<'p> {
    /// How much is kept.
    pub fn level(&self) -> Level {
        self.met.level
    }

    /// Position of the rule that says so; `None`: the default.
    pub fn rule(&self) -> Option<u32> {
        self.met.rule
    }

    /// Digest of the policy that has decided.
    pub fn digest(&self) -> &'p Arc<str> {
        &self.policy.digest
    }

    /// The same for as long as the exchange goes on, whatever becomes the policy meanwhile.
    pub fn keep(&self) -> KeptDecision {
        KeptDecision { policy: Arc::clone(self.policy), met: self.met }
    }

    /// The record of the exchange on this connection, ready for the journal; `None`: the policy says
    /// `none`.
    pub fn record(
        &self,
        exchange: &Exchange,
        conn: ConnId,
        origin: &Origin,
        clock: ClockOffset,
    ) -> Option<EncodedRecord> {
        let record = self.typed(exchange, origin, clock)?;
        Some(record.encode(Link::of(exchange.part, conn)))
    }

    /// The record of the exchange as a typed value that borrows from it.
    pub fn typed<'a>(
        &self,
        exchange: &'a Exchange,
        origin: &'a Origin,
        clock: ClockOffset,
    ) -> Option<Record<'a>>
    where
        'p: 'a,
    {
        let (policy, named) = (self.policy, self.named()?);
        Some(assemble::record(
            exchange,
            origin,
            clock,
            policy.record_rules(),
            &policy.observer,
            named,
        ))
    }

    /// The record of a message within the exchange.
    pub fn message(
        &self,
        message: &StreamMessage,
        exchange: ExchangeId,
        origin: &Origin,
        clock: ClockOffset,
    ) -> Option<EncodedRecord> {
        let (policy, named) = (self.policy, self.named()?);
        let rules = policy.content_rules();
        let record = stream_message::record(message, origin, clock, rules, &policy.observer, named);
        let link = match message.is_last {
            true => Link::Closes(exchange),
            false => Link::Belongs(exchange),
        };
        Some(record.encode(Some(link)))
    }

    /// As a record names it; `None`: there is to be no record.
    fn named(&self) -> Option<PolicyRef<'p>> {
        let Met { level, rule } = self.met;
        let digest = Text::Borrowed(&*self.policy.digest);
        (level != Level::None).then_some(PolicyRef { level, rule, digest })
    }
}

/// A decision that is kept while an exchange goes on.
#[derive(Clone, Debug)]
pub struct KeptDecision {
    policy: Arc<Policy>,
    met: Met,
}

impl KeptDecision {
    /// The decision.
    pub fn decision(&self) -> Decision<'_> {
        Decision { policy: &self.policy, met: self.met }
    }
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
    actions: Vec<(&'static str, Action)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypt_to: Option<String>,
    identity: &'a IdentityConfig,
    identity_keys: Vec<String>,
    route: (&'a [String], bool),
    body_limit_bytes: u64,
    detector: &'a [DetectorConfig],
}

fn digest(
    config: &AuditConfig,
    headers: &HeaderTable,
    bodies: &BodyRules,
    actions: &Actions,
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
        actions: actions.by_name().collect(),
        encrypt_to: actions.auditor().map(Auditor::public),
        identity: &config.identity,
        identity_keys: identity.key_digests(),
        route: (routes.given(), routes.learns()),
        body_limit_bytes: config.body_limit_bytes,
        detector: bodies.detector_configs(),
    };
    // Plain structs of text and numbers always serialise.
    let canonical = serde_json::to_vec(&effective).unwrap_or_default();
    format!("sha256:{}", hex(&Sha256::digest(canonical)))
}
