//! Header fields by name: kept, never kept, known.
//!
//! In: nothing. Out: the default allow-list, the names that no configuration can allow.
//! Always: lower case; a name on `NEVER` is on no other list.
//! Not here: looking names up (`redact::headers`), values (`redact::value`).

/// Kept unless the configuration has a list of its own: fields that say how a message was asked
/// for, routed and stored. None of them is meant to carry a secret; their values are looked at all
/// the same. Left out on purpose: `referer` and `location` (whole URLs), `link`,
/// `sec-websocket-protocol` (some clients send tokens there), `etag` and `if-none-match` (follow a
/// person), `tracestate` (free text).
pub const ALLOW: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-request-headers",
    "access-control-request-method",
    "age",
    "allow",
    "alt-svc",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "if-modified-since",
    "if-unmodified-since",
    "keep-alive",
    "last-modified",
    "max-forwards",
    "origin",
    "pragma",
    "range",
    "retry-after",
    "server",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "traceparent",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "x-amzn-trace-id",
    "x-cache",
    "x-content-type-options",
    "x-correlation-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-frame-options",
    "x-powered-by",
    "x-real-ip",
    "x-request-id",
];

/// Never kept, whatever the configuration says.
pub const NEVER: &[&str] = &[
    "api-key",
    "apikey",
    "authentication-info",
    "authorization",
    "cookie",
    "cookie2",
    "ocp-apim-subscription-key",
    "proxy-authentication-info",
    "proxy-authorization",
    "set-cookie",
    "set-cookie2",
    "x-access-token",
    "x-amz-security-token",
    "x-amz-server-side-encryption-customer-key",
    "x-amzn-oidc-accesstoken",
    "x-amzn-oidc-data",
    "x-api-key",
    "x-auth-key",
    "x-auth-token",
    "x-authorization",
    "x-aws-ec2-metadata-token",
    "x-client-secret",
    "x-csrf-token",
    "x-forwarded-access-token",
    "x-functions-key",
    "x-gitlab-token",
    "x-goog-api-key",
    "x-goog-iap-jwt-assertion",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-jwt-assertion",
    "x-ms-client-principal",
    "x-ms-token-aad-access-token",
    "x-ms-token-aad-id-token",
    "x-rapidapi-key",
    "x-session-id",
    "x-session-token",
    "x-shopify-access-token",
    "x-vault-token",
    "x-xsrf-token",
];

/// Parts of a name that mark a field as one that is never kept.
pub const NEVER_PARTS: &[&str] = &[
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "csrf",
    "jwt",
    "password",
    "passwd",
    "secret",
    "session-id",
    "sessionid",
    "xsrf",
];

/// Ends of a name that mark a field as one that is never kept.
pub const NEVER_ENDS: &[&str] = &["-token", "_token", "-signature", "-access-key", "-auth-key"];

/// Fields that are common, not kept by default, and no credentials: naming them here spares
/// looking at their words.
pub const KNOWN: &[&str] = &[
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
    "content-disposition",
    "content-location",
    "content-security-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "dnt",
    "etag",
    "if-match",
    "if-none-match",
    "link",
    "location",
    "origin-agent-cluster",
    "permissions-policy",
    "priority",
    "proxy-connection",
    "referer",
    "referrer-policy",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "server-timing",
    "tracestate",
    "upgrade-insecure-requests",
    "x-dns-prefetch-control",
    "x-download-options",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-requested-with",
    "x-xss-protection",
];

/// Whether a field of this name (lower case) is never kept.
pub fn is_never(name: &str) -> bool {
    if KNOWN.contains(&name) {
        return false;
    }
    NEVER.contains(&name)
        || NEVER_PARTS.iter().any(|part| name.contains(part))
        || NEVER_ENDS.iter().any(|end| name.ends_with(end))
        || matches!(name, "token" | "auth" | "x-auth" | "x-token" | "x-key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_do_not_meet_and_are_in_lower_case() {
        for name in ALLOW.iter().chain(KNOWN) {
            assert!(!is_never(name), "{name} is never kept");
            assert_eq!(*name, name.to_lowercase());
        }
        for name in NEVER {
            assert!(is_never(name) && *name == name.to_lowercase(), "{name}");
        }
        for name in ["x-my-api-key", "acme-token", "x-acme-session-id", "x-user-password"] {
            assert!(is_never(name), "{name}");
        }
    }
}
