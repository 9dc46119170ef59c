//! Tokens that whoever holds them may use: JSON Web Tokens and opaque ones.
//!
//! In: a token. Out: its claims as evidence, or a fingerprint.
//! Always: a token itself, its signature included, is never given.
//! Not here: taking a token apart (`jwt`), checking it (`check`).

use super::api_key;
use super::check::{Checked, Checker};
use super::findings::Findings;
use super::jwt::Claims;
use crate::audit::record::identity::{Evidence, EvidenceKind, Flaw, ServiceAccount, Verified};
use crate::audit::record::value::{Text, Timestamp};

/// A token found at `source`.
pub(super) fn push<'a>(
    token: &[u8],
    source: &'a str,
    checker: &Checker,
    findings: &mut Findings<'a>,
) {
    let token = token.trim_ascii();
    if token.is_empty() {
        return;
    }
    match checker.look(token, findings.now_s) {
        Some(checked) => {
            let mut evidence = claimed(&checked, source, findings.now_s);
            if evidence.id.is_none() {
                let named = findings.secret(EvidenceKind::Bearer, source, token);
                evidence.fingerprint = named.fingerprint;
            }
            findings.push(evidence);
        }
        None if api_key::prefix(token).is_some() => api_key::push(token, source, findings),
        None => findings.push_secret(EvidenceKind::Bearer, source, token),
    }
}

fn claimed<'a>(checked: &Checked, source: &'a str, now_s: i64) -> Evidence<'a> {
    let claims = &checked.claims;
    let invalid: Vec<_> = checked.flaw.into_iter().chain(untimely(claims, now_s)).collect();
    let is_genuine = checked.is_genuine && invalid.is_empty();
    let verified = if is_genuine { Verified::Crypto } else { Verified::Unverified };
    let text = |text: &Option<String>| text.clone().map(Text::Owned);
    let list = |list: &[String]| list.iter().cloned().map(Text::Owned).collect();
    Evidence {
        id: text(&claims.id),
        issuer: text(&claims.issuer),
        client_id: text(&claims.client_id),
        audience: list(&claims.audience),
        scope: list(&claims.scope),
        actor: list(&claims.actor),
        service_account: claims.service_account.as_ref().map(|[namespace, name, pod]| {
            ServiceAccount { namespace: text(namespace), name: text(name), pod: text(pod) }
        }),
        issued: claims.issued_s.and_then(moment),
        expires: claims.expires_s.and_then(moment),
        invalid,
        ..Evidence::new(EvidenceKind::Jwt, source, verified)
    }
}

fn untimely(claims: &Claims, now_s: i64) -> impl Iterator<Item = Flaw> {
    let over = claims.expires_s.is_some_and(|end_s| end_s.saturating_add(LEEWAY_S) <= now_s);
    let early = claims.not_before_s.is_some_and(|from_s| from_s.saturating_sub(LEEWAY_S) > now_s);
    let flaw = |holds: bool, flaw| holds.then_some(flaw);
    [flaw(over, Flaw::Expired), flaw(early, Flaw::NotYetValid)].into_iter().flatten()
}

fn moment(seconds: i64) -> Option<Timestamp> {
    seconds.checked_mul(NS_PER_S).map(Timestamp)
}

/// How far clocks may be apart, in seconds.
const LEEWAY_S: i64 = 60;
const NS_PER_S: i64 = 1_000_000_000;
