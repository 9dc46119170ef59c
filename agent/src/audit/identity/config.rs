//! How identities are found: `[identity]`.
//!
//! In: the configuration file. Out: `IdentityConfig`, and what is wrong with one.
//! Always: every setting here changes what records say, so the policy's digest covers all of it; nobody is
//! believed unless the configuration says so.
//! Not here: finding evidence, which addresses are trusted (`audit::trusted`).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::carrier;
use super::jwks::Keys;
use crate::audit::name_table::NAME_BYTES;
use crate::audit::record::identity::{Evidence, EvidenceKind, Verified};
use crate::audit::source::ForwardingHeader;

/// Who is taken for the client.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// Networks and addresses of proxies that are believed where they say for whom they ask. Example:
    /// `["10.0.0.0/8", "2001:db8::7"]`.
    pub trusted_proxies: Vec<String>,
    /// Whether peers on unix sockets are such proxies.
    pub trust_unix: bool,
    /// Headers in which they are believed. Leave out those that your proxies do not write themselves: they may
    /// hand on what a client has written. `x-real-ip` counts only where there is none of the others.
    pub forwarding_headers: Vec<ForwardingHeader>,
    /// Which evidence is believed before which: kinds of evidence (`jwt`, `api_key`), and all that was
    /// checked in a way (`crypto`, `transport`, `asserted`). The first that is there is the principal;
    /// what is not listed never is.
    pub order: Vec<Rank>,
    /// Where the keys are that signatures of JSON Web Tokens are checked with. Example: `[{ issuer =
    /// "https://idp.example", file = "/etc/earwitness/idp.jwks.json" }]`.
    pub jwks: Vec<JwksConfig>,
    /// Header fields that hold a JSON Web Token besides `authorization`.
    pub jwt_headers: Vec<String>,
    /// Cookies that hold a JSON Web Token.
    pub jwt_cookies: Vec<String>,
    /// Header fields that hold a key of a program. The list adds to what is known already (`x-api-key` and
    /// its like).
    pub api_key_headers: Vec<String>,
    /// Cookies that stand for a session. A `*` at the front stands for anything.
    pub session_cookies: Vec<String>,
    /// How long it is remembered who has begun a session, in hours; never longer than the cookie lives.
    pub session_hours: u32,
    /// Whether records hold tokens in place of identifiers: the same one gives the same token.
    pub pseudonymise: bool,
}

/// Keys of an issuer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JwksConfig {
    /// The issuer, as tokens name it (`iss`). Only tokens that do are checked with these keys.
    pub issuer: String,
    /// JSON Web Key Set (RFC 7517), read at the start and with the configuration.
    pub file: PathBuf,
}

/// What may be the principal: a kind of evidence, or all that was checked in a way.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// Signatures that were checked.
    Crypto,
    /// What the TLS connection shows.
    Transport,
    /// What trusted proxies say.
    Asserted,
    /// JSON Web Tokens.
    Jwt,
    /// User and password.
    Basic,
    /// Digest access authentication.
    Digest,
    /// Signatures of AWS.
    AwsSignature,
    /// Hawk.
    Hawk,
    /// NTLM.
    Ntlm,
    /// Negotiate.
    Negotiate,
    /// User and password in a form or JSON.
    Login,
    /// Sessions.
    Session,
    /// Keys of programs.
    ApiKey,
    /// Other tokens.
    Bearer,
    /// Clients of OAuth.
    OauthClient,
    /// Processes on this host.
    Process,
}

/// Something that is wrong with the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// Key in `[identity]`.
    pub key: &'static str,
    /// Position in its list.
    pub index: Option<usize>,
    /// Key of that entry.
    pub inner: Option<&'static str>,
    /// What is wrong.
    pub text: String,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        let owned = |list: &[&str]| list.iter().copied().map(String::from).collect();
        Self {
            trusted_proxies: Vec::new(),
            trust_unix: false,
            forwarding_headers: ForwardingHeader::ALL.to_vec(),
            order: ORDER.to_vec(),
            jwks: Vec::new(),
            jwt_headers: owned(carrier::JWT_HEADERS),
            jwt_cookies: owned(carrier::JWT_COOKIES),
            api_key_headers: Vec::new(),
            session_cookies: owned(carrier::SESSION_COOKIES),
            session_hours: 24,
            pseudonymise: false,
        }
    }
}

impl IdentityConfig {
    /// Everything that is wrong, but for `trusted_proxies`.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        let mut add = |key, index, inner, text: String| {
            found.push(Mistake { key, index, inner, text });
        };
        for (index, entry) in self.jwks.iter().enumerate() {
            if entry.issuer.is_empty() {
                add("jwks", Some(index), Some("issuer"), "issuer is empty".to_owned());
            } else if self.jwks.iter().take(index).any(|one| one.issuer == entry.issuer) {
                let text = format!("`{}` has keys already", entry.issuer);
                add("jwks", Some(index), Some("issuer"), text);
            }
            if let Err(error) = Keys::read(&entry.file) {
                add("jwks", Some(index), Some("file"), error.to_string());
            }
        }
        let headers =
            [("jwt_headers", &self.jwt_headers), ("api_key_headers", &self.api_key_headers)];
        for (key, names) in headers {
            for (index, name) in names.iter().enumerate().filter(|(_, name)| !is_name(name)) {
                add(key, Some(index), None, format!("`{name}` is no name of a header field"));
            }
        }
        let is_pattern = |name: &str| is_name(name.strip_prefix('*').unwrap_or(name));
        for (index, name) in self.jwt_cookies.iter().enumerate().filter(|(_, name)| !is_name(name))
        {
            add("jwt_cookies", Some(index), None, format!("`{name}` is no name of a cookie"));
        }
        let patterns = self.session_cookies.iter().enumerate();
        for (index, name) in patterns.filter(|(_, name)| !is_pattern(name)) {
            add("session_cookies", Some(index), None, format!("`{name}` is no name of a cookie"));
        }
        if self.session_hours == 0 || self.session_hours > MOST_HOURS {
            let text = format!("{} is not from 1 to {MOST_HOURS}", self.session_hours);
            add("session_hours", None, None, text);
        }
        found
    }
}

/// A token (RFC 9110 section 5.6.2), as header fields and cookies are named by.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= NAME_BYTES && name.bytes().all(allowed)
}

impl Rank {
    /// Whether this evidence is meant.
    pub(super) fn is_of(self, evidence: &Evidence<'_>) -> bool {
        let kind = match self {
            Self::Crypto => return evidence.verified == Verified::Crypto,
            Self::Transport => return evidence.verified == Verified::Transport,
            Self::Asserted => return evidence.verified == Verified::Asserted,
            Self::Jwt => EvidenceKind::Jwt,
            Self::Basic => EvidenceKind::Basic,
            Self::Digest => EvidenceKind::Digest,
            Self::AwsSignature => EvidenceKind::AwsSignature,
            Self::Hawk => EvidenceKind::Hawk,
            Self::Ntlm => EvidenceKind::Ntlm,
            Self::Negotiate => EvidenceKind::Negotiate,
            Self::Login => EvidenceKind::Login,
            Self::Session => EvidenceKind::Session,
            Self::ApiKey => EvidenceKind::ApiKey,
            Self::Bearer => EvidenceKind::Bearer,
            Self::OauthClient => EvidenceKind::OauthClient,
            Self::Process => EvidenceKind::Process,
        };
        evidence.kind == kind
    }
}

/// What is believed before what: checked before claimed, persons before programs.
const ORDER: &[Rank] = &[
    Rank::Crypto,
    Rank::Transport,
    Rank::Asserted,
    Rank::Jwt,
    Rank::Basic,
    Rank::Digest,
    Rank::AwsSignature,
    Rank::Hawk,
    Rank::Ntlm,
    Rank::Negotiate,
    Rank::Login,
    Rank::Session,
    Rank::ApiKey,
    Rank::Bearer,
    Rank::OauthClient,
    Rank::Process,
];
/// Longest time for which sessions can be remembered, in hours: a year.
const MOST_HOURS: u32 = 8_760;
