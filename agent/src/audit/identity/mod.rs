//! Who asked: evidence first, then one principal by ordered rules.
//!
//! In: an exchange, where it took place. Out: `identity` and `principal` of its record.
//! Always: evidence says where it was found and how far it was checked; nothing secret is in it, but keyed tokens;
//! a request without credentials costs a look at each field's name, and no memory.
//! Not here: the record's types (`record::identity`), hiding values elsewhere (`redact`).
//!
//! ```text
//! fields ─▶ carrier ─▶ authorization, bearer, api_key, session, certificate, proxy ─┐
//! query  ─▶ carrier ─▶ bearer, api_key, aws ────────────────────────────────────────┤
//! body   ─▶ login ──────────────────────────────────────────────────────────────────┼▶ findings ─▶ principal
//! origin ─▶ certificate, process ───────────────────────────────────────────────────┘
//! ```

mod api_key;
mod authorization;
mod aws;
mod bearer;
mod carrier;
mod certificate;
mod check;
mod config;
mod findings;
mod jwks;
mod jwt;
mod login;
mod ntlm;
mod principal;
mod process;
mod proxy;
mod quoted;
mod session;
mod text;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use config::{IdentityConfig, JwksConfig, Mistake, Rank};

use carrier::{Carrier, Carries, Cookie, Names, Parameter};
use check::Checker;
use findings::Findings;
use session::{Login, Reader, Sessions};

use super::observer::hex;
use super::record::identity::{Evidence, EvidenceKind, Principal};
use super::record::value::Text;
use super::redact::target::Target;
use super::redact::text::decode;
use super::rule::Level;
use super::token::Tokens;
use super::trusted::Trusted;
use crate::model::origin::{Address, Origin, Transport};
use crate::protocol::exchange::{Exchange, RequestHead};

/// Finds out who asked.
#[derive(Debug)]
pub struct Identity {
    headers: Names<Carries>,
    parameters: Names<Parameter>,
    cookies: Names<Cookie>,
    checker: Checker,
    sessions: Arc<Sessions>,
    order: Vec<Rank>,
    trusted: Trusted,
    trust_unix: bool,
    session_s: i64,
    pseudonymise: bool,
    tokens: Tokens,
}

/// Keys that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct IdentityError(String);

/// What a record says of who asked.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Who<'a> {
    pub(super) principal: Option<Principal<'a>>,
    pub(super) identity: Vec<Evidence<'a>>,
}

impl Identity {
    /// By this configuration. `trusted`: proxies that are believed; `tokens`: makes what records hold in place of
    /// credentials. Errors: keys that cannot be used; `config` finds them earlier, and with their place in the
    /// file.
    pub fn new(
        config: &IdentityConfig,
        trusted: Trusted,
        tokens: Tokens,
    ) -> Result<Self, IdentityError> {
        let checker =
            Checker::new(&config.jwks).map_err(|error| IdentityError(error.to_string()))?;
        Ok(Self {
            headers: carrier::headers(&config.jwt_headers, &config.api_key_headers),
            parameters: carrier::parameters(),
            cookies: carrier::cookies(&config.jwt_cookies, &config.session_cookies),
            checker,
            sessions: Arc::new(Sessions::new()),
            order: config.order.clone(),
            trusted,
            trust_unix: config.trust_unix,
            session_s: i64::from(config.session_hours) * S_PER_HOUR,
            pseudonymise: config.pseudonymise,
            tokens,
        })
    }

    /// Remembers sessions together with another, as after a change of the configuration.
    pub(super) fn share_sessions(&mut self, other: &Self) {
        self.sessions = Arc::clone(&other.sessions);
    }

    /// Hexadecimal digests of the keys that signatures are checked with: part of the policy's digest.
    pub(super) fn key_digests(&self) -> Vec<String> {
        self.checker.digests().map(|digest| hex(digest)).collect()
    }

    /// Who asked. `level`: what the policy lets be looked at; `at_ns`: when, since the Unix epoch.
    pub(super) fn look<'a>(
        &'a self,
        exchange: &'a Exchange,
        origin: &'a Origin,
        level: Level,
        at_ns: i64,
    ) -> Who<'a> {
        let mut findings = Findings::new(&self.tokens, at_ns.div_euclid(NS_PER_S));
        if let Some(request) = &exchange.request {
            self.look_at_fields(&request.head, self.is_trusted(origin), &mut findings);
            self.look_at_query(&request.head, &mut findings);
            if level.keeps_request() && request.content.is_some() {
                login::push(request, &mut findings);
            }
        }
        if let Some(tls) = &origin.tls {
            certificate::push_peer(tls, &mut findings);
        }
        self.learn(exchange, &findings);
        if let Some(process) = &origin.client.process {
            process::push(process, &mut findings);
        }
        self.conclude(exchange, findings)
    }

    fn look_at_fields<'a>(
        &'a self,
        head: &'a RequestHead,
        is_trusted: bool,
        findings: &mut Findings<'a>,
    ) {
        for (name, value) in head.fields.iter() {
            if let Some(carrier) = self.headers.find(name) {
                self.look_at_field(carrier, value, is_trusted, findings);
            }
        }
    }

    fn look_at_field<'a>(
        &'a self,
        carrier: &'a Carrier<Carries>,
        value: &'a [u8],
        is_trusted: bool,
        findings: &mut Findings<'a>,
    ) {
        let source = &*carrier.source;
        match carrier.carries {
            Carries::Authorization => authorization::push(value, source, &self.checker, findings),
            Carries::Cookies => self.reader().push(value, findings),
            Carries::Jwt => authorization::push(value, source, &self.checker, findings),
            Carries::ApiKey => api_key::push(value, source, findings),
            Carries::ForwardedCertificate => {
                certificate::push_forwarded(value, source, is_trusted, findings);
            }
            Carries::ForwardedSubject => {
                certificate::push_subject(value, source, is_trusted, findings);
            }
            Carries::User => proxy::push(value, source, false, is_trusted, findings),
            Carries::IssuedUser => proxy::push(value, source, true, is_trusted, findings),
        }
    }

    fn look_at_query<'a>(&'a self, head: &RequestHead, findings: &mut Findings<'a>) {
        let Some(target) = head.target.as_deref().filter(|target| target.contains(&b'?')) else {
            return;
        };
        let query = Target::parse(target, head.is_connect()).query.unwrap_or_default();
        for pair in query.split(|&byte| byte == b'&') {
            let Some(equals) = pair.iter().position(|&byte| byte == b'=') else { continue };
            let (name, value) = pair.split_at_checked(equals).unwrap_or_default();
            let Some(carrier) = self.parameters.find(&decode(name, true)) else { continue };
            let (value, source) = (value.get(1..).unwrap_or_default(), &*carrier.source);
            let meant = decode(value, true);
            match carrier.carries {
                Parameter::Token => bearer::push(&meant, source, &self.checker, findings),
                Parameter::ApiKey => api_key::push(&meant, source, findings),
                Parameter::AwsCredential => aws::push_presigned(value, source, findings),
                Parameter::AwsKeyId => aws::push_key(&meant, source, findings),
                Parameter::ClientId => {
                    let client = meant.into_owned().into();
                    findings.push_user(EvidenceKind::OauthClient, source, client);
                }
            }
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader { names: &self.cookies, sessions: &self.sessions, checker: &self.checker }
    }

    /// Whether the peer's word counts.
    fn is_trusted(&self, origin: &Origin) -> bool {
        match origin.client.address {
            Some(Address::Ip(address)) => self.trusted.contains(address),
            _ => self.trust_unix && origin.transport == Transport::Unix,
        }
    }

    /// Remembers which session belongs to whom, once a response says so.
    fn learn(&self, exchange: &Exchange, findings: &Findings<'_>) {
        let list = findings.list();
        let Some(response) = exchange.response.as_ref().filter(|_| !list.is_empty()) else {
            return;
        };
        match principal::accepted(response.head.status) {
            Some(true) => {}
            Some(false) if response.head.status == Some(401) => return self.reader().refused(list),
            _ => return,
        }
        let login = principal::strongest(list, &self.order)
            .filter(|one| names_a_user(one.kind))
            .filter(|one| one.kind != EvidenceKind::Login || login::succeeded(exchange))
            .and_then(|one| {
                Some(Login {
                    kind: one.kind,
                    id: one.id.as_ref()?.to_string(),
                    issuer: one.issuer.as_ref().map(ToString::to_string),
                    until_s: findings.now_s.saturating_add(self.session_s),
                })
            });
        self.reader().learn(&response.head.fields, login.as_ref(), findings);
    }

    fn conclude<'a>(&'a self, exchange: &Exchange, findings: Findings<'a>) -> Who<'a> {
        let mut identity = findings.into_list();
        if identity.is_empty() {
            return Who::default();
        }
        if self.pseudonymise {
            identity.iter_mut().for_each(|one| self.hide(one));
        }
        let status = exchange.response.as_ref().and_then(|response| response.head.status);
        let strongest = principal::strongest(&identity, &self.order);
        let principal = strongest.and_then(|one| principal::of(one, status));
        Who { principal, identity }
    }

    /// Puts tokens in place of what names a person.
    fn hide(&self, one: &mut Evidence<'_>) {
        if one.kind == EvidenceKind::Process {
            return;
        }
        let texts = one.id.iter_mut().chain(one.subject.iter_mut());
        for text in texts.chain(&mut one.alternative_names).chain(&mut one.actor) {
            *text = Text::Owned(self.tokens.token("identity", text.as_bytes()));
        }
    }
}

/// Whether such evidence names somebody whom a session can be of.
fn names_a_user(kind: EvidenceKind) -> bool {
    // A session that comes with a login, or a logout, may be another user's than the one that begins.
    let begins_none = [EvidenceKind::Session, EvidenceKind::Process, EvidenceKind::OauthClient];
    !begins_none.contains(&kind)
}

const NS_PER_S: i64 = 1_000_000_000;
const S_PER_HOUR: i64 = 3_600;
