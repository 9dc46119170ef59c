//! One principal out of all evidence, by ordered rules.
//!
//! In: the evidence of an exchange, the order of the configuration, the response. Out: `Principal`.
//! Always: a user whom an untrusted peer names, and a token whose signature is wrong, never win.
//! Not here: finding evidence.

use super::config::Rank;
use crate::audit::record::identity::{Evidence, EvidenceKind, Flaw, Principal, Verified};

/// The strongest piece of evidence.
pub(super) fn strongest<'e, 'a>(
    list: &'e [Evidence<'a>],
    order: &[Rank],
) -> Option<&'e Evidence<'a>> {
    let may_be = |one: &&Evidence<'_>| is_candidate(one);
    order.iter().find_map(|rank| list.iter().filter(may_be).find(|one| rank.is_of(one)))
}

fn is_candidate(one: &Evidence<'_>) -> bool {
    let is_claim =
        matches!(one.kind, EvidenceKind::IdentityHeader | EvidenceKind::ForwardedCertificate);
    let is_named = one.id.is_some() || one.fingerprint.is_some();
    let is_forged = one.invalid.contains(&Flaw::BadSignature);
    is_named && !is_forged && !(is_claim && one.verified == Verified::Unverified)
}

/// The principal that it is. `status`: of the response.
pub(super) fn of<'a>(evidence: &Evidence<'a>, status: Option<u16>) -> Option<Principal<'a>> {
    Some(Principal {
        kind: evidence.kind,
        id: evidence.id.clone().or_else(|| evidence.fingerprint.clone())?,
        issuer: evidence.issuer.clone(),
        verified: evidence.verified,
        accepted: accepted(status),
    })
}

/// Whether the server let it pass.
pub(super) fn accepted(status: Option<u16>) -> Option<bool> {
    match status? {
        200..=399 => Some(true),
        401 | 403 => Some(false),
        _ => None,
    }
}
