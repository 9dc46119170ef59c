//! The record: what one line of the journal says, as types.
//!
//! In: values that policy and redaction let through (`audit::assemble`, `audit::observer`).
//! Out: `Record`, whose nested keys are the names of the OpenTelemetry semantic conventions.
//! Always: an unknown value is absent, never empty and never guessed; renaming a key or changing
//! its meaning needs a new `SCHEMA` number.
//! Not here: making records out of exchanges, the order of bytes on a line (`audit::encode`).

pub mod agent;
pub mod capture;
pub mod http2;
pub mod identity;
pub mod message;
pub mod party;
pub mod rpc;
pub mod stream_message;
pub mod tls;
pub mod trace;
pub mod value;

use serde::{Deserialize, Serialize};

use agent::{Lifecycle, Loss};
use capture::{Capture, Extra};
use identity::{Evidence, Principal};
use message::{Http, Url, UserAgent};
use party::{Network, Party, Source};
use rpc::{Graphql, Rpc};
use stream_message::StreamMessage;
use tls::Tls;
use trace::Trace;
use value::{Text, Timestamp};

use crate::model::origin::Side;

/// Number of the schema that this version writes.
pub const SCHEMA: u32 = 1;

/// One line of the journal.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Record<'a> {
    /// Number of the schema the record follows.
    pub schema: u32,
    /// Position in the journal, without holes; 0 until the journal gives it.
    pub seq: u64,
    /// The moment the first byte of the request was seen (of the response, if the request was
    /// lost); for `loss` and `lifecycle` the moment it was written down.
    pub timestamp: Timestamp,
    /// What kind of record this is and how the exchange went.
    pub event: Event,
    /// Who watched.
    pub observer: Observer<'a>,
    /// The end that sent the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Party<'a>>,
    /// The end that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Party<'a>>,
    /// The client, by what trusted proxies say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source<'a>>,
    /// What carried the exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network<'a>>,
    /// The TLS around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls<'a>>,
    /// What was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url<'a>>,
    /// The messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Http<'a>>,
    /// The remote procedure call that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc: Option<Rpc<'a>>,
    /// The GraphQL request that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graphql: Option<Graphql<'a>>,
    /// What the client says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<UserAgent<'a>>,
    /// The trace that the request belongs to, as it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace<'a>>,
    /// Whom the request is taken to come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal<'a>>,
    /// Everything that says who asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<Evidence<'a>>,
    /// From the first byte of the request to the last byte of the response, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<u64>,
    /// From the first byte of the request to the first byte of the response, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_first_byte_ns: Option<u64>,
    /// A message within an exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<StreamMessage<'a>>,
    /// How much of the exchange was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture: Option<Capture>,
    /// What was removed, by place and type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redactions: Vec<Redaction<'a>>,
    /// The policy the exchange met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef<'a>>,
    /// What was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss<'a>>,
    /// What happened to the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle<'a>>,
    /// What the conventions have no key for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earwitness: Option<Extra<'a>>,
    /// Position of the first record of the same exchange: of a `message`, and of the `exchange` that
    /// ends one which went on (`capture.open`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange_seq: Option<u64>,
}

/// What kind of record this is and how the exchange went.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// Kind.
    pub kind: Kind,
    /// How the exchange went; absent unless the kind is `exchange`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// Kind of a record.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A request with its response.
    Exchange,
    /// A message within an exchange: of WebSocket, a server-sent event, of gRPC.
    Message,
    /// What was not seen.
    Loss,
    /// What happened to the agent.
    Lifecycle,
}

/// How an exchange went.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Status 1xx to 3xx.
    Success,
    /// Status 4xx, 5xx, or one that RFC 9110 tells clients to treat as 5xx.
    Failure,
    /// No response was seen.
    Unknown,
}

impl Outcome {
    /// The outcome that a final status code means.
    pub fn of_status(status: Option<u16>) -> Self {
        match status {
            None => Self::Unknown,
            Some(..400) => Self::Success,
            Some(_) => Self::Failure,
        }
    }
}

/// Who watched.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Observer<'a> {
    /// The host the agent runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Host<'a>>,
    /// Which end of the connection the watched process is; absent unless the kind is `exchange`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Version of the agent.
    pub version: Text<'a>,
}

/// The host the agent runs on.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Host<'a> {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Hash of its machine id (`audit::observer::host_id`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// The kernel's id of this boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<Text<'a>>,
}

/// Something that was removed from a record.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Redaction<'a> {
    /// Key of the record, `.`, and the name of the field or parameter where there is one.
    pub path: Text<'a>,
    /// What it was taken for.
    #[serde(rename = "type")]
    pub kind: Sensitive,
    /// What was done to it.
    pub action: Action,
    /// How many values.
    pub count: u64,
}

/// What a removed value was taken for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sensitive {
    /// A header that carries credentials, or a value with an authentication scheme in it.
    Credential,
    /// A value whose name says it is secret, or that is long and random.
    Secret,
    /// A value whose name says that it is about a person.
    Personal,
    /// A JSON Web Token.
    Jwt,
    /// A PEM block.
    PrivateKey,
    /// A key of a known provider.
    ApiKey,
    /// A payment card number.
    PaymentCard,
    /// An e-mail address.
    Email,
    /// An international telephone number.
    Phone,
    /// An international bank account number.
    Iban,
    /// The number of a bank of the United States.
    RoutingNumber,
    /// A social security or taxpayer number of the United States.
    Ssn,
    /// Another number that a state gave a person or company.
    NationalId,
    /// What a detector of the configuration finds.
    Custom,
    /// User and password in a URL.
    UserInfo,
    /// What follows `#` in a request target, where it must not be.
    Fragment,
    /// A header, or something in a body, that the allow-list does not have.
    Unlisted,
}

impl Sensitive {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Credential,
        Self::Secret,
        Self::Personal,
        Self::Jwt,
        Self::PrivateKey,
        Self::ApiKey,
        Self::PaymentCard,
        Self::Email,
        Self::Phone,
        Self::Iban,
        Self::RoutingNumber,
        Self::Ssn,
        Self::NationalId,
        Self::Custom,
        Self::UserInfo,
        Self::Fragment,
        Self::Unlisted,
    ];

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Secret => "secret",
            Self::Personal => "personal",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private_key",
            Self::ApiKey => "api_key",
            Self::PaymentCard => "payment_card",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Iban => "iban",
            Self::RoutingNumber => "routing_number",
            Self::Ssn => "ssn",
            Self::NationalId => "national_id",
            Self::Custom => "custom",
            Self::UserInfo => "user_info",
            Self::Fragment => "fragment",
            Self::Unlisted => "unlisted",
        }
    }
}

/// What was done to a sensitive value.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Left out.
    Drop,
    /// Replaced by `***`.
    Mask,
    /// Some of it is shown, and `*` in place of the rest.
    Partial,
    /// Replaced by a keyed digest: `hmac:`, the key's id, `:` and 16 bytes of HMAC-SHA256 in base64url.
    Token,
    /// Replaced by what only an auditor can open: `encrypt:`, the id of the auditor's key, `:` and a sealed box of
    /// libsodium in base64url.
    Encrypt,
}

impl Action {
    /// Its name in records and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Mask => "mask",
            Self::Partial => "partial",
            Self::Token => "token",
            Self::Encrypt => "encrypt",
        }
    }
}

/// The policy that an exchange met.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyRef<'a> {
    /// How much was kept.
    pub level: super::rule::Level,
    /// Position of the rule in the configuration, from 0; absent where the default applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<u32>,
    /// `sha256:` and the hexadecimal digest of the effective policy.
    pub digest: Text<'a>,
}
