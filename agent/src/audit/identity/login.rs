//! Users and clients that a body names: forms and JSON with a password beside, and OAuth's token requests.
//!
//! In: a request's content, where the policy keeps it. Out: evidence; the password is not looked at.
//! Always: short content only, whole, without codings; one level below the top.
//! Not here: whether the server took it (`succeeded` says what can be told), sessions (`session`).
//! Source: RFC 6749 sections 2.3.1 and 4.3.2.

use std::borrow::Cow;

use serde_json::Value;

use super::findings::Findings;
use crate::audit::record::identity::EvidenceKind;
use crate::audit::redact::text::decode;
use crate::protocol::exchange::{Exchange, Message, RequestHead};

/// What the content of a request names.
pub(super) fn push(message: &Message<RequestHead>, findings: &mut Findings<'_>) {
    let Some(front) = message.content.as_ref() else { return };
    let fields = &message.head.fields;
    let is_coded = fields.all("content-encoding").next().is_some();
    if is_coded || front.is_cut || front.bytes.len() > CONTENT_BYTES {
        return;
    }
    let media_type = fields.all("content-type").next().unwrap_or_default();
    let mut named = Named::default();
    if begins(media_type, FORM) {
        named.form(&front.bytes);
    } else if begins(media_type, "application/json") {
        named.json(&front.bytes);
    }
    named.tell(findings);
}

fn begins(value: &[u8], name: &str) -> bool {
    value.get(..name.len()).is_some_and(|front| front.eq_ignore_ascii_case(name.as_bytes()))
}

/// Values of a body by what their names say.
#[derive(Default)]
struct Named {
    user: Option<Vec<u8>>,
    has_password: bool,
    client_id: Option<Vec<u8>>,
    has_grant: bool,
}

impl Named {
    fn form(&mut self, bytes: &[u8]) {
        for pair in bytes.split(|&byte| byte == b'&') {
            let equals = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at_checked(equals).unwrap_or_default();
            let name = decode(name, true);
            self.value(&name, || decode(value.get(1..).unwrap_or_default(), true));
        }
    }

    fn json(&mut self, bytes: &[u8]) {
        let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else { return };
        let inner = members.values().filter_map(Value::as_object).flatten();
        for (name, value) in members.iter().chain(inner) {
            if let Value::String(value) = value {
                self.value(name.as_bytes(), || Cow::Borrowed(value.as_bytes()));
            }
        }
    }

    fn value<'v>(&mut self, name: &[u8], value: impl FnOnce() -> Cow<'v, [u8]>) {
        // `user[email]`, as some frameworks name fields.
        let inner =
            name.strip_suffix(b"]").and_then(|name| name.rsplit(|&byte| byte == b'[').next());
        let name = inner.unwrap_or(name);
        let is = |list: &[&str]| list.iter().any(|one| name.eq_ignore_ascii_case(one.as_bytes()));
        if is(USERS) {
            self.user = self.user.take().or_else(|| Some(value().into_owned()));
        } else if is(PASSWORDS) {
            self.has_password |= !value().is_empty();
        } else if is(&["client_id"]) {
            self.client_id = Some(value().into_owned());
        } else if is(&["grant_type"]) {
            self.has_grant = true;
        }
    }

    fn tell(self, findings: &mut Findings<'_>) {
        let source = "http.request.body.content";
        if let Some(user) = self.user.filter(|_| self.has_password) {
            findings.push_user(EvidenceKind::Login, source, user.into());
        }
        if let Some(client) = self.client_id.filter(|_| self.has_grant) {
            findings.push_user(EvidenceKind::OauthClient, source, client.into());
        }
    }
}

/// Whether a login seems to have been taken. Forms are answered with a page, or sent elsewhere, either way:
/// only going on to another place counts, and only if that does not speak of a failure or another login.
pub(super) fn succeeded(exchange: &Exchange) -> bool {
    let Some(response) = &exchange.response else { return false };
    let request = exchange.request.as_ref();
    let media_type = request.and_then(|request| request.head.fields.all("content-type").next());
    let is_form = media_type.is_some_and(|value| begins(value, FORM));
    match response.head.status {
        Some(200..=299) => !is_form,
        Some(301..=303 | 307 | 308) => {
            let location = response.head.fields.all("location").next().unwrap_or_default();
            let location = location.to_ascii_lowercase();
            let target = request.and_then(|request| request.head.target.as_deref());
            let same = target.is_some_and(|target| location.eq_ignore_ascii_case(target));
            let speaks = |word: &&str| memchr::memmem::find(&location, word.as_bytes()).is_some();
            !location.is_empty() && !same && !FAILURES.iter().any(speaks)
        }
        _ => false,
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
/// Names of fields for a user.
const USERS: &[&str] = &[
    "username",
    "user_name",
    "user",
    "login",
    "email",
    "userid",
    "user_id",
    "user_login",
    "j_username",
    "log",
];
/// Names of fields for a password.
const PASSWORDS: &[&str] =
    &["password", "passwd", "pwd", "pass", "passphrase", "user_password", "j_password"];
/// What the place has in it where a login that failed is sent to.
const FAILURES: &[&str] = &["login", "signin", "sign-in", "sign_in", "error", "fail", "denied"];
/// Longest content that is looked at, in bytes.
const CONTENT_BYTES: usize = 16 << 10;
