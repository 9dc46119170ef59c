//! The trace that an exchange belongs to: `trace`.
//!
//! In: ids that follow their formats to the last byte. Out: a group of a record.
//! Always: ids in hexadecimal digits and small letters.
//! Not here: reading them (`audit::trace`).

use serde::{Deserialize, Serialize};

use super::value::Text;

/// The trace that a request belongs to, as it says itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trace<'a> {
    /// Id of the trace, 32 digits; B3 and Jaeger may have 16.
    pub id: Text<'a>,
    /// Id of the span that has sent the request, 16 digits; of B3, of the one that both ends share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<Text<'a>>,
    /// Id of the span before it, where the format has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Text<'a>>,
    /// Whether the sender records the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<bool>,
    /// Which header says so.
    pub format: Format,
}

/// A header that names a trace; of several, the first in this order counts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `traceparent` (W3C Trace Context).
    W3c,
    /// `b3`.
    B3,
    /// `x-b3-traceid` and its like.
    B3Multi,
    /// `x-amzn-trace-id`.
    #[serde(rename = "xray")]
    XRay,
    /// `uber-trace-id`.
    Jaeger,
    /// `x-cloud-trace-context`.
    CloudTrace,
}
