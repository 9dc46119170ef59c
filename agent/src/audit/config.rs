//! The parts of the configuration that decide what records say, together.
//!
//! In: `[policy]`, `[redaction]`, `[identity]`, `[route]`, the limit on bodies. Out: `AuditConfig`, which `Policy` is made of.
//! Always: whatever decides what a record holds is here, so that the policy's digest can cover it.
//! Not here: the sections themselves (`rule`, `redact`, `identity`, `route`), reading files (`config`), keys (`token`).

use super::identity::IdentityConfig;
use super::redact::RedactionConfig;
use super::route::RouteConfig;
use super::rule::PolicyConfig;

/// What records say, and of what.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditConfig {
    /// How much of which exchange is recorded.
    pub policy: PolicyConfig,
    /// What is left out of records.
    pub redaction: RedactionConfig,
    /// Who is taken for the client.
    pub identity: IdentityConfig,
    /// Templates of paths.
    pub route: RouteConfig,
    /// Bytes of content that are kept of each message.
    pub body_limit_bytes: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            policy: PolicyConfig::default(),
            redaction: RedactionConfig::default(),
            identity: IdentityConfig::default(),
            route: RouteConfig::default(),
            body_limit_bytes: BODY_LIMIT_BYTES,
        }
    }
}

/// Bytes of content that are kept of each message, unless the configuration says otherwise.
const BODY_LIMIT_BYTES: u64 = 65_536;
