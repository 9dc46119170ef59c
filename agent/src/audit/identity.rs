//! Who is taken for the client: `[identity]`.
//!
//! In: the configuration file. Out: `IdentityConfig`.
//! Always: nobody is believed unless the configuration says so.
//! Not here: which addresses that are (`audit::trusted`).

use serde::{Deserialize, Serialize};

/// Who is taken for the client.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// Networks and addresses of proxies that are believed where they say for whom they ask. Example:
    /// `["10.0.0.0/8", "2001:db8::7"]`.
    pub trusted_proxies: Vec<String>,
    /// Whether peers on unix sockets are such proxies.
    pub trust_unix: bool,
}
