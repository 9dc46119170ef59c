//! Credentials of `authorization` and `proxy-authorization`, by their scheme.
//!
//! In: the field's value. Out: evidence. Always: of a password, signature or token nothing but a keyed
//! token of the whole; of a scheme that is not known the same.
//! Not here: JSON Web Tokens (`bearer`). Source: RFC 9110 section 11.4, RFC 7617, RFC 7616.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD};

use super::check::Checker;
use super::findings::Findings;
use super::{api_key, aws, bearer, ntlm, quoted};
use crate::audit::record::identity::{Evidence, EvidenceKind, Verified};

/// The credentials found at `source`.
pub(super) fn push<'a>(
    value: &'a [u8],
    source: &'a str,
    checker: &Checker,
    findings: &mut Findings<'a>,
) {
    let value = value.trim_ascii();
    let Some(space) = value.iter().position(|&byte| byte == b' ') else {
        return bearer::push(value, source, checker, findings);
    };
    let (scheme, rest) = value.split_at_checked(space).unwrap_or_default();
    let rest = rest.trim_ascii();
    let is = |name: &str| scheme.eq_ignore_ascii_case(name.as_bytes());
    if is("bearer") || is("dpop") || is("jwt") {
        bearer::push(rest, source, checker, findings);
    } else if is("basic") {
        basic(rest, source, findings);
    } else if is("digest") {
        user_of(EvidenceKind::Digest, "username", rest, source, findings);
    } else if is("hawk") {
        user_of(EvidenceKind::Hawk, "id", rest, source, findings);
    } else if is("ntlm") {
        negotiated(EvidenceKind::Ntlm, rest, source, findings);
    } else if is("negotiate") {
        negotiated(EvidenceKind::Negotiate, rest, source, findings);
    } else if is("apikey") || is("api-key") || is("ssws") {
        api_key::push(rest, source, findings);
    } else if !aws::push_authorization(scheme, rest, source, findings) {
        token(rest, source, checker, findings);
    }
}

/// A scheme that nobody has registered: a token, or `token="…"`.
fn token<'a>(rest: &'a [u8], source: &'a str, checker: &Checker, findings: &mut Findings<'a>) {
    let named = quoted::parameter(rest, "token");
    bearer::push(named.as_deref().unwrap_or(rest), source, checker, findings);
}

/// User and password (RFC 7617). Some send a key as the user, with no password.
fn basic<'a>(rest: &[u8], source: &'a str, findings: &mut Findings<'a>) {
    let pair = base64(rest).unwrap_or_default();
    // Without a colon it may be anything.
    let Some(colon) = pair.iter().position(|&byte| byte == b':') else {
        return findings.push(Evidence::new(EvidenceKind::Basic, source, Verified::Unverified));
    };
    let mut pair = pair;
    let password = pair.get(colon + 1..).unwrap_or_default();
    let no_password = password.len() <= 1 || password == b"x-oauth-basic";
    pair.truncate(colon);
    let is_key = no_password && pair.len() >= KEY_BYTES && !pair.contains(&b'@');
    if is_key && pair.iter().any(u8::is_ascii_digit) {
        return api_key::push(&pair, source, findings);
    }
    findings.push_user(EvidenceKind::Basic, source, pair.into());
}

/// The user in a parameter; without one, that somebody tried.
fn user_of<'a>(
    kind: EvidenceKind,
    name: &str,
    rest: &'a [u8],
    source: &'a str,
    findings: &mut Findings<'a>,
) {
    match quoted::parameter(rest, name) {
        Some(user) => findings.push_user(kind, source, user),
        None => findings.push(Evidence::new(kind, source, Verified::Unverified)),
    }
}

fn negotiated<'a>(kind: EvidenceKind, rest: &[u8], source: &'a str, findings: &mut Findings<'a>) {
    let user = base64(rest).and_then(|message| ntlm::user(&message));
    match user {
        Some(user) => findings.push_user(kind, source, user.into_bytes().into()),
        None => findings.push(Evidence::new(kind, source, Verified::Unverified)),
    }
}

/// Base64 in any of its forms.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.get(..text.len().min(BASE64_BYTES))?;
    let decoded = BASE64.decode(text).or_else(|_| BASE64_NOPAD.decode(text));
    decoded.or_else(|_| BASE64URL_NOPAD.decode(text)).ok()
}

/// Shortest user that can be a key, where there is no password, in bytes.
const KEY_BYTES: usize = 16;
/// Longest credentials that are decoded, in bytes: Kerberos tickets are long, and say nothing.
const BASE64_BYTES: usize = 16 << 10;
