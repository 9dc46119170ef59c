//! Who is taken for the client: `[identity]`.
//!
//! In: the configuration file. Out: `IdentityConfig`.
//! Always: not available in this version; a value that is set is a mistake (`config::available`).
//! Not here: finding the client out.

use serde::{Deserialize, Serialize};

/// Who is taken for the client.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// Networks whose forwarding headers are believed. Example: `["10.0.0.0/8"]`. Not available in
    /// this version.
    pub trusted_proxies: Vec<String>,
}
