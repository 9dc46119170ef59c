//! Sessions: cookies that stand for somebody who has said before who they are.
//!
//! In: cookies of requests, cookies that responses set. Out: evidence with a keyed token of the cookie, and with
//! whom it was given to, if that was seen.
//! Always: no cookie is kept, only its keyed token; how many sessions are remembered is bounded, and each has its
//! time. Shared by all shards; asked only by requests that have such a cookie.
//! Not here: which cookies are meant (`carrier`), who somebody is (`principal`). Source: RFC 6265.

use std::sync::Arc;

use memchr::memmem;
use quick_cache::sync::Cache;

use super::bearer;
use super::carrier::{Cookie, Names};
use super::check::Checker;
use super::findings::{Findings, label};
use crate::audit::record::identity::{Evidence, EvidenceKind};
use crate::audit::record::value::Text;
use crate::protocol::fields::Fields;

/// Who has begun which session, by the keyed token of its cookie.
#[derive(Debug)]
pub(super) struct Sessions {
    known: Cache<String, Arc<Login>>,
}

/// Who has begun a session.
#[derive(Clone, Debug)]
pub(super) struct Login {
    /// By what they were named.
    pub kind: EvidenceKind,
    /// Whom it named.
    pub id: String,
    /// Who vouched for that.
    pub issuer: Option<String>,
    /// Until when it is remembered, in seconds since the Unix epoch.
    pub until_s: i64,
}

/// What reads cookies.
pub(super) struct Reader<'i> {
    pub(super) names: &'i Names<Cookie>,
    pub(super) sessions: &'i Sessions,
    pub(super) checker: &'i Checker,
}

impl Sessions {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { known: Cache::new(MOST_SESSIONS) }
    }

    fn login(&self, fingerprint: &str, now_s: i64) -> Option<Arc<Login>> {
        let login = self.known.get(fingerprint)?;
        if login.until_s > now_s {
            return Some(login);
        }
        self.known.remove(fingerprint);
        None
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

impl<'a> Reader<'a> {
    /// The cookies of a field.
    pub(super) fn push(&self, value: &[u8], findings: &mut Findings<'a>) {
        for (name, value) in value.split(|&byte| byte == b';').filter_map(cookie) {
            let Some(carrier) = self.names.find_end(name).filter(|_| !value.is_empty()) else {
                continue;
            };
            match carrier.carries {
                Cookie::Jwt => bearer::push(value, &carrier.source, self.checker, findings),
                Cookie::Session => self.push_session(value, &carrier.source, findings),
            }
        }
    }

    fn push_session(&self, value: &[u8], source: &'a str, findings: &mut Findings<'a>) {
        let mut evidence = findings.secret(EvidenceKind::Session, source, value);
        let fingerprint = evidence.fingerprint.as_deref().unwrap_or_default();
        if let Some(login) = self.sessions.login(fingerprint, findings.now_s) {
            evidence.id = Some(Text::Owned(login.id.clone()));
            evidence.issuer = login.issuer.clone().map(Text::Owned);
            evidence.login = Some(login.kind);
        }
        findings.push(evidence);
    }

    /// Remembers the sessions that a response begins, and forgets those that it ends. `login`: who has asked,
    /// if that is known and was accepted.
    pub(super) fn learn(&self, fields: &Fields, login: Option<&Login>, findings: &Findings<'_>) {
        let mut is_told = false;
        for field in fields.all("set-cookie").take(MOST_COOKIES) {
            let mut parts = field.split(|&byte| byte == b';');
            let Some((name, value)) = parts.next().and_then(cookie) else { continue };
            let Some(carrier) = self.names.find_end(name) else { continue };
            if carrier.carries != Cookie::Session {
                continue;
            }
            is_told = true;
            let lives_s = lifetime_s(parts);
            if value.is_empty() || lives_s.is_some_and(|seconds| seconds <= 0) {
                self.forget(findings.list(), |one| one.source == *carrier.source);
            } else if let Some(login) = login {
                let token = findings.tokens().token(label(EvidenceKind::Session), value);
                let until_s = findings.now_s.saturating_add(lives_s.unwrap_or(i64::MAX));
                self.begin(token, login, until_s);
            }
        }
        // Some servers go on under the cookie that they have given before the login.
        if let Some(login) = login.filter(|login| login.kind == EvidenceKind::Login && !is_told) {
            for one in sessions(findings.list()) {
                let token = one.fingerprint.as_deref().unwrap_or_default();
                self.begin(token.to_owned(), login, i64::MAX);
            }
        }
    }

    fn begin(&self, token: String, login: &Login, until_s: i64) {
        let login = Login { until_s: login.until_s.min(until_s), ..login.clone() };
        self.sessions.known.insert(token, Arc::new(login));
    }

    /// The server does not know the sessions that the request came with.
    pub(super) fn refused(&self, list: &[Evidence<'_>]) {
        self.forget(list, |_| true);
    }

    fn forget(&self, list: &[Evidence<'_>], is_over: impl Fn(&Evidence<'_>) -> bool) {
        for one in sessions(list).filter(|one| is_over(one)) {
            self.sessions.known.remove(one.fingerprint.as_deref().unwrap_or_default());
        }
    }
}

fn sessions<'e, 'a>(list: &'e [Evidence<'a>]) -> impl Iterator<Item = &'e Evidence<'a>> {
    list.iter().filter(|one| one.kind == EvidenceKind::Session)
}

/// Name and value of a cookie.
fn cookie(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    let (name, value) = pair.split_at_checked(equals)?;
    let value = value.get(1..)?.trim_ascii();
    let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    Some((name.trim_ascii(), inner.unwrap_or(value)))
}

/// How long the attributes let a cookie live, in seconds; `None`: they do not say.
fn lifetime_s<'a>(attributes: impl Iterator<Item = &'a [u8]>) -> Option<i64> {
    let lifetime = |(name, value): (&[u8], &[u8])| {
        if name.eq_ignore_ascii_case(b"max-age") {
            return std::str::from_utf8(value).ok()?.parse().ok();
        }
        // The one date that everybody takes to end a cookie; others are not read.
        let is_over =
            name.eq_ignore_ascii_case(b"expires") && memmem::find(value, b"1970").is_some();
        is_over.then_some(0)
    };
    attributes.filter_map(cookie).find_map(lifetime)
}

/// Sessions that are remembered: some 500 bytes each.
const MOST_SESSIONS: usize = 32_768;
/// Most cookies of a response that are looked at.
const MOST_COOKIES: usize = 16;
