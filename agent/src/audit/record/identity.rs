//! Who asked: `principal`, and what it was concluded from: `identity`.
//!
//! In: evidence that `audit::identity` found. Out: groups of a record.
//! Always: identifiers and fingerprints, never a credential; how far each was checked stands beside it.
//! Not here: finding evidence, choosing the principal (`audit::identity`).

use serde::{Deserialize, Serialize};

use super::value::{Text, Timestamp};

/// Whom the request is taken to come from: the strongest piece of `identity`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Principal<'a> {
    /// What the evidence is.
    pub kind: EvidenceKind,
    /// Its identifier; its fingerprint where it has no other.
    pub id: Text<'a>,
    /// Who vouches for the identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Text<'a>>,
    /// How far it was checked.
    pub verified: Verified,
    /// Whether the server let it pass: true for 2xx and 3xx, false for 401 and 403, absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
}

/// One thing that says who asked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evidence<'a> {
    /// What it is.
    pub kind: EvidenceKind,
    /// Where it was found: a key of the record, and the name of the cookie or parameter.
    pub source: Text<'a>,
    /// Whom it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// Keyed token of a credential: the same one gives the same token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Text<'a>>,
    /// How keys of that provider begin: `sk_live_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Text<'a>>,
    /// Who vouches for the identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Text<'a>>,
    /// Subject of a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Text<'a>>,
    /// Subject alternative names of a certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternative_names: Vec<Text<'a>>,
    /// The program that acts for whom it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Text<'a>>,
    /// For whom it is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<Text<'a>>,
    /// What it allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<Text<'a>>,
    /// Who acts on behalf of whom it names, the present one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actor: Vec<Text<'a>>,
    /// The service account of Kubernetes that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccount<'a>>,
    /// When it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued: Option<Timestamp>,
    /// Until when it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Of a session: by what its user was named when it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<EvidenceKind>,
    /// Of a process: its executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<Text<'a>>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalid: Vec<Flaw>,
    /// How far it was checked.
    pub verified: Verified,
}

/// What a piece of evidence is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvidenceKind {
    /// The certificate of the client's end of the TLS connection.
    ClientCertificate,
    /// A certificate that a proxy says its client has shown.
    ForwardedCertificate,
    /// A user that a proxy names.
    IdentityHeader,
    /// JSON Web Token.
    Jwt,
    /// A token that says nothing by itself.
    Bearer,
    /// User and password.
    Basic,
    /// Digest access authentication (RFC 7616).
    Digest,
    /// AWS Signature Version 4, or 2.
    AwsSignature,
    /// Hawk.
    Hawk,
    /// NTLM.
    Ntlm,
    /// Negotiate (RFC 4559): Kerberos or NTLM.
    Negotiate,
    /// The key of a program.
    ApiKey,
    /// A cookie that stands for a session.
    Session,
    /// User and password in a form or JSON.
    Login,
    /// The client of OAuth.
    OauthClient,
    /// The process on this host.
    Process,
}

/// How far evidence was checked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// The kernel says so.
    Kernel,
    /// Its signature was checked with a key that the configuration gives, and its time.
    Crypto,
    /// The server's TLS library took it; the handshake went on.
    Transport,
    /// A proxy that the configuration trusts says so.
    Asserted,
    /// Not at all.
    Unverified,
}

/// What is wrong with evidence.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Flaw {
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// It is not signed (`alg` is `none`).
    Unsigned,
    /// Its signature does not hold.
    BadSignature,
    /// Its issuer has no such key.
    UnknownKey,
}

/// A service account of Kubernetes, as its token says.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceAccount<'a> {
    /// Its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text<'a>>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// The pod that the token was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Text<'a>>,
}

impl<'a> Evidence<'a> {
    /// Evidence of which nothing else is known.
    pub fn new(kind: EvidenceKind, source: impl Into<Text<'a>>, verified: Verified) -> Self {
        Self {
            kind,
            source: source.into(),
            id: None,
            fingerprint: None,
            prefix: None,
            issuer: None,
            subject: None,
            alternative_names: Vec::new(),
            client_id: None,
            audience: Vec::new(),
            scope: Vec::new(),
            actor: Vec::new(),
            service_account: None,
            issued: None,
            expires: None,
            login: None,
            executable: None,
            invalid: Vec::new(),
            verified,
        }
    }
}
