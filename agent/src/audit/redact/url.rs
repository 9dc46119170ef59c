//! The request target without its secrets: `url`.
//!
//! In: `Target`, the Host field. Out: the record's `Url`, notes of what was hidden.
//! Always: a segment or parameter is judged as decoded and written as sent, or as what replaces it.
//! Not here: taking the target apart (`redact::target`), names and values (`name`, `value`).

use std::borrow::Cow;

use super::super::record::message::Url;
use super::super::record::value::Text;
use super::super::record::{Action, Sensitive};
use super::name;
use super::notes::Notes;
use super::target::{Authority, Target};
use super::text::{decode, target_text};
use super::value::{Place, inspect, is_opaque, look};

/// The record's `url`. `target`: `None` if it is not known. `host`: `:authority`, or the value of the Host
/// field, if there is exactly one.
pub fn url<'a>(
    target: Option<&'a [u8]>,
    scheme: &'static str,
    connect: bool,
    host: Option<&'a [u8]>,
    notes: &mut Notes,
) -> Url<'a> {
    let parts = target.map(|target| Target::parse(target, connect)).unwrap_or_default();
    if parts.has_fragment {
        notes.add("url.fragment", Sensitive::Fragment, Action::Drop);
    }
    if parts.authority.is_some_and(|authority| authority.has_user_info) {
        notes.add("url.user_info", Sensitive::UserInfo, Action::Drop);
    }
    // A Host field has no user: one that does is no host.
    let host = host.map(Authority::parse).filter(|authority| !authority.has_user_info);
    let authority = parts.authority.or(host).unwrap_or_default();
    Url {
        scheme: self::scheme(&parts, scheme, connect),
        domain: authority.host.and_then(|host| domain(host, notes)),
        port: authority.port,
        path: parts.path.map(|path| self::path(path, notes)),
        query: parts.query.filter(|query| !query.is_empty()).map(|query| self::query(query, notes)),
    }
}

/// That of the absolute form; otherwise as the bytes were seen: on the socket, or inside TLS.
fn scheme<'a>(parts: &Target<'a>, seen: &'static str, connect: bool) -> Option<Text<'a>> {
    match parts.scheme {
        Some(scheme) => std::str::from_utf8(scheme).ok().map(lower),
        None => (!connect).then_some(Text::Borrowed(seen)),
    }
}

fn lower(text: &str) -> Text<'_> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Text::Owned(text.to_ascii_lowercase());
    }
    Text::Borrowed(text)
}

fn domain<'a>(host: &'a str, notes: &mut Notes) -> Option<Text<'a>> {
    match inspect(host.as_bytes(), Place::Header) {
        Some(kind) => notes.replace("url.domain", kind, Some(host.as_bytes())).into_text(),
        None => Some(lower(host)),
    }
}

fn path<'a>(path: &'a [u8], notes: &mut Notes) -> Text<'a> {
    let whole = look(path, Place::Path);
    if whole.kind.is_none() && whole.simple {
        return target_text(path);
    }
    let mut previous: &[u8] = b"";
    masked(path, b'/', |segment| {
        let before = std::mem::replace(&mut previous, segment);
        let (kind, value) = segment_kind(before, segment)?;
        Some(notes.replace("url.path", kind, Some(&value)).into_bytes())
    })
}

/// A segment is secret by itself, or because the one before names it: `/reset-password/9f…`. With what it means.
fn segment_kind<'s>(before: &[u8], segment: &'s [u8]) -> Option<(Sensitive, Cow<'s, [u8]>)> {
    if segment.len() < SHORTEST_SECRET_BYTES {
        return None;
    }
    let value = decode(segment, false);
    let named = || if is_opaque(&value) { leads_to_secret(before) } else { None };
    let kind = inspect(&value, Place::Path).or_else(named)?;
    Some((kind, value))
}

/// What a long identifier is behind a segment that is the name of a secret, or of a deed for which it is enough to
/// have the link.
fn leads_to_secret(before: &[u8]) -> Option<Sensitive> {
    let words = || before.split(|byte| !byte.is_ascii_alphabetic());
    let is_deed = |word: &[u8]| LINKS.iter().any(|link| word.eq_ignore_ascii_case(link.as_bytes()));
    name::classify(before).or_else(|| words().any(is_deed).then_some(Sensitive::Secret))
}

/// Deeds that links in messages are for.
const LINKS: [&str; 14] = [
    "activate",
    "activation",
    "confirm",
    "confirmation",
    "forgot",
    "invitation",
    "invite",
    "magic",
    "recover",
    "recovery",
    "reset",
    "unsubscribe",
    "verification",
    "verify",
];

/// Shorter segments and names hold no secret that could be told: `u:p@h`, `sid=1`.
const SHORTEST_SECRET_BYTES: usize = 5;

fn query<'a>(query: &'a [u8], notes: &mut Notes) -> Text<'a> {
    masked(query, b'&', |parameter| {
        let equals = parameter.iter().position(|&byte| byte == b'=');
        let (name, value) = match equals {
            Some(at) => (parameter.get(..at)?, parameter.get(at + 1..)?),
            None => (parameter, &b""[..]),
        };
        let decoded = decode(name, true);
        let kind =
            if name.len() < SHORTEST_SECRET_BYTES { None } else { inspect(&decoded, Place::Query) };
        if let Some(kind) = kind {
            // Its value goes with it, so the name is not all that is replaced.
            let meant = Some(&*decoded).filter(|_| value.is_empty());
            return Some(notes.replace("url.query", kind, meant).into_bytes());
        }
        let (kind, meant) = parameter_kind(&decoded, value)?;
        let replaced = notes.replace_unnoted(kind, Some(&meant));
        notes.add_named("url.query", &decoded, kind, replaced.action);
        Some(Cow::Owned([name, b"=", replaced.text.as_bytes()].concat()))
    })
}

fn parameter_kind<'v>(name: &[u8], value: &'v [u8]) -> Option<(Sensitive, Cow<'v, [u8]>)> {
    if value.is_empty() {
        return None;
    }
    let meant = decode(value, true);
    let kind = name::classify(name).or_else(|| inspect(&meant, Place::Query))?;
    Some((kind, meant))
}

/// The text with some of its parts replaced; without a copy where none is.
fn masked<'a>(
    text: &'a [u8],
    separator: u8,
    mut mask: impl FnMut(&'a [u8]) -> Option<Cow<'static, [u8]>>,
) -> Text<'a> {
    // What was written so far, once something was replaced.
    let mut changed: Option<Vec<u8>> = None;
    let mut seen_bytes = 0;
    for part in text.split(|&byte| byte == separator) {
        let replacement = mask(part);
        if changed.is_none() && replacement.is_some() {
            changed = Some(text.get(..seen_bytes).unwrap_or_default().to_vec());
        }
        if let Some(written) = &mut changed {
            written.extend_from_slice(replacement.as_deref().unwrap_or(part));
            written.push(separator);
        }
        seen_bytes += part.len() + 1;
    }
    match changed {
        None => target_text(text),
        Some(mut written) => {
            written.pop();
            Text::Owned(target_text(&written).into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(target: &str, host: &str, expected: Expect) {
        let mut notes = Notes::default();
        let url = url(Some(target.as_bytes()), "http", false, Some(host.as_bytes()), &mut notes);
        let mut text = serde_json::to_string(&url).unwrap();
        for note in notes.into_list() {
            text += &format!("\n{} {:?} {:?} {}", note.path, note.kind, note.action, note.count);
        }
        expected.assert_eq(&text);
    }

    #[test]
    fn links_that_are_enough_to_do_something_are_hidden() {
        for (path, expected) in [
            ("/reset/4f9e8d7c6b5a4f3e2d1c0b9a", "/reset/***"),
            (
                "/account/verify-email/4f9e8d7c6b5a4f3e2d1c0b9a/done",
                "/account/verify-email/***/done",
            ),
            ("/presets/4f9e8d7c6b5a4f3e2d1c0b9a", "/presets/4f9e8d7c6b5a4f3e2d1c0b9a"),
            ("/reset/password", "/reset/password"),
        ] {
            let url = url(Some(path.as_bytes()), "http", false, None, &mut Notes::default());
            assert_eq!(url.path.as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn plain_targets_stay() {
        check(
            "/v1/users/7?page=2&sort=name&empty=&flag",
            "API.example.com:8080",
            expect![[
                r#"{"scheme":"http","domain":"api.example.com","port":8080,"path":"/v1/users/7","query":"page=2&sort=name&empty=&flag"}"#
            ]],
        );
        check(
            "*",
            "[::1]:80",
            expect![[r#"{"scheme":"http","domain":"::1","port":80,"path":"*"}"#]],
        );
        check("/a?", "bad host", expect![[r#"{"scheme":"http","path":"/a"}"#]]);
    }

    #[test]
    fn secrets_in_queries_are_masked() {
        check(
            "/cb?state=1&code=abc&access_token=t1&access_token=t2&x=eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
            "h",
            expect![[r#"
                {"scheme":"http","domain":"h","path":"/cb","query":"state=1&code=***&access_token=***&access_token=***&x=***"}
                url.query.code Secret Mask 1
                url.query.access_token Secret Mask 2
                url.query.x Jwt Mask 1"#]],
        );
        check(
            "/a?%74oken=1&next=https%3A%2F%2Fh%2Fcb%3Ftoken%3Dt&4111111111111111&f=%7B%22pin%22:%221%22%7D",
            "h",
            expect![[r#"
                {"scheme":"http","domain":"h","path":"/a","query":"%74oken=***&next=***&***&f=***"}
                url.query.token Secret Mask 1
                url.query.next Secret Mask 1
                url.query PaymentCard Mask 1
                url.query.f Secret Mask 1"#]],
        );
    }

    #[test]
    fn secrets_in_paths_are_masked() {
        check(
            "/pay/4111-1111-1111-1111/reset-password/9f86d081884c7d65/a;jsessionid=1F",
            "h",
            expect![[r#"
                {"scheme":"http","domain":"h","path":"/pay/***/reset-password/***/***"}
                url.path PaymentCard Mask 1
                url.path Secret Mask 2"#]],
        );
        check(
            "http://bob:pw@proxy.example/bob:pw@x/y#frag",
            "other",
            expect![[r#"
                {"scheme":"http","domain":"proxy.example","path":"/***/y"}
                url.fragment Fragment Drop 1
                url.user_info UserInfo Drop 1
                url.path UserInfo Mask 1"#]],
        );
    }
}
