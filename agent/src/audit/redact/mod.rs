//! What must not be written: found, removed and counted.
//!
//! In: heads and bodies of messages, `RedactionConfig`. Out: text that may be written, and `Notes` of
//! what was removed from it.
//! Always: headers only by allow-list; credential headers never, whatever the list says; values and
//! names that look secret are replaced (`action`); nothing here is logged.
//! Not here: whether an exchange is recorded at all (`audit::policy`).

pub mod action;
pub mod body;
pub mod card;
pub mod detect;
mod gate;
pub mod headers;
mod jwt;
pub mod keys;
pub mod lists;
pub mod name;
pub mod notes;
#[cfg(test)]
mod properties;
pub mod target;
pub mod text;
pub mod url;
pub mod value;

use serde::{Deserialize, Serialize};

use self::action::ActionConfig;

/// What stands in place of a sensitive value.
pub const MASK: &str = "***";

/// Which header fields and which values of bodies records keep.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RedactionConfig {
    /// Header fields that records keep, without case. The list replaces the default one. Fields
    /// that carry credentials (`authorization`, `cookie`, `x-api-key` and their like) are never
    /// kept: to list one is a mistake.
    pub header_allow: Vec<String>,
    /// Which values of bodies records keep, besides those that look secret or personal and those under
    /// names that say so (`password`, `email`), which are never kept. `detected`: all others, of media
    /// types that are understood. `listed`: only what `body_allow` names.
    pub body_values: BodyValues,
    /// What records keep of bodies where `body_values` is `listed`. The name of a field, without case:
    /// values under it in JSON, XML and forms (multipart too), at any depth, up to 256 bytes. A media type (`text/plain`,
    /// `text/*`): its content as a whole; that of a type that is not understood is kept by no other way.
    /// Names that say that their values are secret or personal are never kept: to list one is a mistake.
    /// The list replaces the default one.
    pub body_allow: Vec<String>,
    /// What is done to sensitive values, by their type as `redactions` of a record name it; `default` stands for
    /// the types that have no other action here or below. `drop` leaves the value empty (`null` in JSON), `mask`
    /// writes `***`, `token` a keyed digest, which is the same for the same value (`earwitness keys token`).
    /// `partial` shows the first six and last four digits of a payment card number (`payment_card`) or the first
    /// letter and the domain of an e-mail address (`email`, `personal`); all other types are shown in no part. A value of
    /// which no token or part can be made is masked. Header fields that carry credentials are left out, unless
    /// `credential` is `token` or `encrypt`. `encrypt` writes what only an auditor can read (`encrypt_to`): of values of
    /// more than 4,096 bytes nothing is kept then, and beyond 32 in a body or in the heads they are masked.
    pub actions: ActionConfig,
    /// Public key of the auditor whom values are encrypted to, in base64. `earwitness keys auditor generate FILE` makes
    /// one; the private key belongs on another host. Example: `"B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw="`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypt_to: Option<String>,
    /// Detectors of your own, besides the built-in ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detector: Vec<detect::custom::DetectorConfig>,
}

/// Which values of bodies records keep.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BodyValues {
    /// All that nothing is found in.
    #[default]
    Detected,
    /// Of those, what is listed.
    Listed,
}

impl Default for RedactionConfig {
    fn default() -> Self {
        let owned = |list: &[&str]| list.iter().copied().map(String::from).collect();
        Self {
            header_allow: owned(lists::ALLOW),
            body_values: BodyValues::default(),
            body_allow: owned(body::rules::ALLOW),
            actions: ActionConfig::default(),
            encrypt_to: None,
            detector: Vec::new(),
        }
    }
}
