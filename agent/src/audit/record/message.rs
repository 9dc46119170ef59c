//! What was asked and answered: `url`, `http`, `user_agent`.
//!
//! In: heads that redaction let through. Out: groups of a record.
//! Always: header names in lower case, values in order of arrival.
//! Not here: what is let through (`audit::redact`).

use serde::{Deserialize, Serialize};

use super::value::{Headers, Text};

/// What was asked for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Url<'a> {
    /// `http`, or the scheme of an absolute request target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Text<'a>>,
    /// Host of the request target or of the Host field, in lower case, without port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Text<'a>>,
    /// Port of the request target or of the Host field, where it gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Path as sent; `*` in the asterisk form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Text<'a>>,
    /// Query as sent, without `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Text<'a>>,
}

/// The messages of an exchange.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Http<'a> {
    /// Template of the path, such as `/v1/users/{id}`, as the configuration or an API description has it, or
    /// as it was learned (`earwitness.route`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Text<'a>>,
    /// The request; absent where it was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request<'a>>,
    /// The response; absent where none was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Response<'a>>,
}

/// A request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Request<'a> {
    /// Method token as sent; absent where it was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Text<'a>>,
    /// Header fields that the policy keeps.
    #[serde(default, skip_serializing_if = "Headers::is_empty")]
    pub header: Headers<'a>,
    /// Start line, fields and the empty line, or the frames of the field block, in bytes on the wire.
    pub header_size: u64,
    /// Content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Body<'a>>,
}

/// A response.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Response<'a> {
    /// Status code of the final response; absent where it was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// Header fields that the policy keeps.
    #[serde(default, skip_serializing_if = "Headers::is_empty")]
    pub header: Headers<'a>,
    /// Start line, fields and the empty line, or the frames of the field block, in bytes on the wire.
    pub header_size: u64,
    /// Content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Body<'a>>,
}

/// Content of a message.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Body<'a> {
    /// Length on the wire after transfer coding is removed, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Type and subtype of Content-Type, in lower case, without parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<Text<'a>>,
    /// Content-Encoding, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Text<'a>>,
    /// Content, decoded and redacted, where the policy asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Text<'a>>,
    /// How `content` is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<ContentEncoding>,
    /// `content` is not all of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Where the policy asks for content and nothing of it may be written: token of the type `body` over the
    /// content as sent, its codings on it; absent where not all of it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Text<'a>>,
}

impl Body<'_> {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How content is written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ContentEncoding {
    /// As it is.
    #[serde(rename = "utf-8")]
    Utf8,
    /// RFC 4648 section 4.
    #[serde(rename = "base64")]
    Base64,
}

/// What the client says it is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserAgent<'a> {
    /// User-Agent as sent.
    pub original: Text<'a>,
}
