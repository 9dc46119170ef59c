//! Signatures of AWS: whose access key, for what.
//!
//! In: `Authorization` and the parameters of presigned requests. Out: the access key's id, which is no secret,
//! and the scope. Always: nothing of the signature, and nothing of what is no access key id.
//! Not here: session tokens (never looked at). Source: "Authenticating requests" in AWS' S3 API reference.

use super::findings::Findings;
use super::quoted;
use super::text::public;
use crate::audit::record::identity::{Evidence, EvidenceKind, Verified};
use crate::audit::record::value::Text;
use crate::audit::redact::text::decode;

/// Credentials of such a scheme. Returns whether it is one.
pub(super) fn push_authorization<'a>(
    scheme: &[u8],
    rest: &[u8],
    source: &'a str,
    findings: &mut Findings<'a>,
) -> bool {
    if scheme.eq_ignore_ascii_case(b"AWS") {
        // Without a signature behind it, it may be anything.
        let colon = rest.iter().position(|&byte| byte == b':');
        push_key(colon.and_then(|colon| rest.get(..colon)).unwrap_or_default(), source, findings);
        return true;
    }
    if !scheme.get(..5).is_some_and(|front| front.eq_ignore_ascii_case(b"AWS4-")) {
        return false;
    }
    // Some clients separate by spaces only.
    let parameter = || rest.split(|&byte| byte == b' ').filter_map(quoted::pair);
    let credential = quoted::parameter(rest, "credential").or_else(|| {
        parameter()
            .find(|(name, _)| name.eq_ignore_ascii_case(b"credential"))
            .map(|(_, value)| value)
    });
    push(credential.as_deref().unwrap_or_default(), source, findings);
    true
}

/// `X-Amz-Credential` of a presigned request.
pub(super) fn push_presigned<'a>(value: &[u8], source: &'a str, findings: &mut Findings<'a>) {
    push(&decode(value, false), source, findings);
}

/// `AWSAccessKeyId` of a request presigned by the older version.
pub(super) fn push_key<'a>(id: &[u8], source: &'a str, findings: &mut Findings<'a>) {
    let evidence = Evidence::new(EvidenceKind::AwsSignature, source, Verified::Unverified);
    findings.push(Evidence { id: key_id(id), ..evidence });
}

/// `AKIA…/20260101/eu-central-1/s3/aws4_request`.
fn push<'a>(credential: &[u8], source: &'a str, findings: &mut Findings<'a>) {
    let slash = credential.iter().position(|&byte| byte == b'/').unwrap_or(credential.len());
    let (id, scope) = credential.split_at_checked(slash).unwrap_or_default();
    let id = key_id(id);
    let scope = scope.get(1..).filter(|scope| is_scope(scope));
    // Without a scope behind it, it may be anything.
    let id = id.filter(|_| scope.is_some());
    let scope = scope.and_then(public).map(|scope| Text::Owned(scope.into_owned()));
    let evidence = Evidence::new(EvidenceKind::AwsSignature, source, Verified::Unverified);
    findings.push(Evidence { id, scope: scope.into_iter().collect(), ..evidence });
}

/// A date, names, and the word that ends every scope.
fn is_scope(scope: &[u8]) -> bool {
    let date = scope.split(|&byte| byte == b'/').next().unwrap_or_default();
    let is_date = date.len() == 8 && date.iter().all(u8::is_ascii_digit);
    scope.len() <= SCOPE_BYTES && is_date && scope.ends_with(b"/aws4_request")
}

/// Letters and digits: 16 to 128 of IAM, fewer of other servers that take such signatures.
fn key_id<'a>(id: &[u8]) -> Option<Text<'a>> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let fits = (3..=128).contains(&id.len()) && id.iter().all(allowed);
    let text = std::str::from_utf8(id).ok().filter(|_| fits)?;
    Some(Text::Owned(text.to_owned()))
}

/// Longest scope, in bytes.
const SCOPE_BYTES: usize = 128;
