//! Users that proxies name.
//!
//! In: a header field of a known name. Out: evidence: `asserted` if the peer is trusted, `unverified` and never
//! the principal if it is not, since anybody can send such a field.
//! Not here: the names (`carrier`), whom the configuration trusts.

use super::findings::Findings;
use super::text::public;
use crate::audit::record::identity::{Evidence, EvidenceKind, Verified};

/// The user in a field found at `source`. `issued`: behind an issuer and a colon.
pub(super) fn push<'a>(
    value: &'a [u8],
    source: &'a str,
    issued: bool,
    is_trusted: bool,
    findings: &mut Findings<'a>,
) {
    let colon = value.iter().position(|&byte| byte == b':').filter(|_| issued);
    let (issuer, user) = match colon.and_then(|colon| value.split_at_checked(colon)) {
        Some((issuer, user)) => (public(issuer), user.get(1..).unwrap_or_default()),
        None => (None, value),
    };
    let Some(id) = public(user) else { return };
    let verified = if is_trusted { Verified::Asserted } else { Verified::Unverified };
    let evidence = Evidence::new(EvidenceKind::IdentityHeader, source, verified);
    findings.push(Evidence { id: Some(id), issuer, ..evidence });
}
