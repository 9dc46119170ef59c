//! Certificates that clients have shown: on this connection, or to a proxy before it.
//!
//! In: what the handshake showed; `x-forwarded-client-cert` as Envoy writes it. Out: evidence.
//! Always: of a forwarded list only the last element is what the peer itself says; those before it came with
//! the request. Not here: whether a peer is trusted. Source: Envoy, "x-forwarded-client-cert".

use super::findings::Findings;
use super::quoted;
use super::text::{owned, public};
use crate::audit::record::identity::{Evidence, EvidenceKind, Verified};
use crate::audit::record::value::Text;
use crate::audit::redact::text::decode;
use crate::model::origin::Tls;

/// The certificate of the handshake, if it was seen.
pub(super) fn push_peer<'a>(tls: &'a Tls, findings: &mut Findings<'a>) {
    let Some(certificate) = tls.facts.as_ref().and_then(|facts| facts.client_certificate.as_ref())
    else {
        return;
    };
    let subject = public(certificate.subject.as_bytes());
    let names = certificate.alternative_names.iter();
    let alternative_names: Vec<_> =
        names.filter_map(|name| public(name.as_bytes())).take(MOST_NAMES).collect();
    let evidence =
        Evidence::new(EvidenceKind::ClientCertificate, "tls.client", Verified::Transport);
    findings.push(named(Evidence { subject, alternative_names, ..evidence }));
}

/// The workload (SPIFFE), or else the subject, or else a name.
fn named(mut evidence: Evidence<'_>) -> Evidence<'_> {
    let names = &evidence.alternative_names;
    let workload = names.iter().find(|name| name.starts_with("spiffe://"));
    let other = || evidence.subject.as_ref().or(names.first());
    evidence.id = workload.or_else(other).cloned();
    evidence
}

/// What proxies say. `is_trusted`: the peer is one that is believed.
pub(super) fn push_forwarded<'a>(
    value: &'a [u8],
    source: &'a str,
    is_trusted: bool,
    findings: &mut Findings<'a>,
) {
    let mut elements = quoted::split(value, b',').filter(|element| !element.is_empty()).peekable();
    let mut number = 0;
    while let Some(element) = elements.next() {
        let is_last = elements.peek().is_none();
        number += 1;
        if number > MOST_ELEMENTS && !is_last {
            continue;
        }
        let verified =
            if is_trusted && is_last { Verified::Asserted } else { Verified::Unverified };
        findings.push(forwarded(element, source, verified));
    }
}

/// The subject alone, as other proxies say it.
pub(super) fn push_subject<'a>(
    value: &'a [u8],
    source: &'a str,
    is_trusted: bool,
    findings: &mut Findings<'a>,
) {
    let Some(subject) = public(value) else { return };
    let verified = if is_trusted { Verified::Asserted } else { Verified::Unverified };
    let evidence = Evidence::new(EvidenceKind::ForwardedCertificate, source, verified);
    findings.push(named(Evidence { subject: Some(subject), ..evidence }));
}

fn forwarded<'a>(element: &[u8], source: &'a str, verified: Verified) -> Evidence<'a> {
    let mut evidence = Evidence::new(EvidenceKind::ForwardedCertificate, source, verified);
    let mut hash = None;
    for (name, value) in quoted::split(element, b';').filter_map(quoted::pair) {
        let is = |key: &str| name.eq_ignore_ascii_case(key.as_bytes());
        let text = || owned(&decode(&value, false)).map(Text::Owned);
        if is("subject") {
            evidence.subject = owned(&value).map(Text::Owned);
        } else if is("uri") || is("dns") {
            let room = evidence.alternative_names.len() < MOST_NAMES;
            evidence.alternative_names.extend(text().filter(|_| room));
        } else if is("hash") {
            hash = text();
        }
    }
    let evidence = named(evidence);
    Evidence { id: evidence.id.or(hash), ..evidence }
}

/// Most alternative names that are told.
const MOST_NAMES: usize = 8;
/// Most elements of a list that are told, besides the last.
const MOST_ELEMENTS: usize = 3;
