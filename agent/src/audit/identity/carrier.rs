//! Which header fields, parameters and cookies may say who asked, by name.
//!
//! In: the names that are known, those of the configuration. Out: what a field of that name carries.
//! Always: a name that is none of them costs a look, and no allocation.
//! Not here: finding names (`name_table`), reading what they carry (the files beside this one).

use crate::audit::name_table::NameTable;

/// What a header field carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Carries {
    /// Credentials of RFC 9110 section 11.4.
    Authorization,
    /// Cookies.
    Cookies,
    /// A JSON Web Token, with or without `Bearer` in front.
    Jwt,
    /// The key of a program.
    ApiKey,
    /// What a proxy says of its client's certificate.
    ForwardedCertificate,
    /// Subject of a certificate that a proxy's client has shown.
    ForwardedSubject,
    /// Whom a proxy names.
    User,
    /// Whom a proxy names, behind its issuer and a colon.
    IssuedUser,
}

/// What a parameter of a query carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Parameter {
    /// A token of OAuth.
    Token,
    /// The key of a program.
    ApiKey,
    /// Access key id and scope of a presigned request.
    AwsCredential,
    /// Access key id of a request presigned by the older version.
    AwsKeyId,
    /// The client of OAuth.
    ClientId,
}

/// What a cookie carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cookie {
    /// A JSON Web Token.
    Jwt,
    /// A session.
    Session,
}

/// Where a name stands that is known.
#[derive(Debug)]
pub(super) struct Carrier<T> {
    /// Where evidence of it is found, as records say it.
    pub(super) source: Box<str>,
    /// What it carries.
    pub(super) carries: T,
}

/// Names that are known.
#[derive(Debug)]
pub(super) struct Names<T> {
    whole: NameTable<Carrier<T>>,
    /// Those of which only the end is known.
    ends: Vec<(Box<str>, Carrier<T>)>,
}

impl<T: Copy> Names<T> {
    fn new(group: &str, names: impl IntoIterator<Item = (String, T)>) -> Self {
        let mut all = Self { whole: NameTable::new(), ends: Vec::new() };
        for (name, carries) in names {
            match name.strip_prefix('*') {
                Some(end) => {
                    all.ends.push((end.into(), Carrier { source: group.into(), carries }));
                }
                None => {
                    let source = format!("{group}.{name}").into();
                    all.whole.add(&name, Carrier { source, carries });
                }
            }
        }
        all
    }

    /// What a field of that name carries, compared without case; `None`: nothing that is known.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<&Carrier<T>> {
        self.whole.find(name)
    }

    /// The same, with the ends of names: for cookies, whose names nobody has agreed on.
    pub(super) fn find_end(&self, name: &[u8]) -> Option<&Carrier<T>> {
        let ends = |(known, _): &&(Box<str>, Carrier<T>)| {
            let start = name.len().checked_sub(known.len());
            let end = start.and_then(|start| name.get(start..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(known.as_bytes()))
        };
        self.find(name).or_else(|| self.ends.iter().find(ends).map(|(_, carrier)| carrier))
    }
}

/// Header fields, with those of the configuration.
pub(super) fn headers(jwt: &[String], api_keys: &[String]) -> Names<Carries> {
    let known = |list: &'static [&'static str], carries| {
        list.iter().map(move |name| ((*name).to_owned(), carries))
    };
    let lower = |list: &[String], carries| {
        let lower = |name: &String| (name.to_ascii_lowercase(), carries);
        list.iter().map(lower).collect::<Vec<_>>()
    };
    let all = known(&["authorization", "proxy-authorization"], Carries::Authorization)
        .chain(known(&["cookie"], Carries::Cookies))
        .chain(known(&["x-forwarded-client-cert"], Carries::ForwardedCertificate))
        .chain(known(SUBJECT_HEADERS, Carries::ForwardedSubject))
        .chain(lower(jwt, Carries::Jwt))
        .chain(lower(api_keys, Carries::ApiKey))
        .chain(known(API_KEY_HEADERS, Carries::ApiKey))
        .chain(known(USER_HEADERS, Carries::User))
        .chain(known(ISSUED_USER_HEADERS, Carries::IssuedUser));
    Names::new("http.request.header", all)
}

/// Parameters of a query.
pub(super) fn parameters() -> Names<Parameter> {
    let all = PARAMETERS.iter().map(|(name, carries)| ((*name).to_owned(), *carries));
    Names::new("url.query", all)
}

/// Cookies, as the configuration names them.
pub(super) fn cookies(jwt: &[String], sessions: &[String]) -> Names<Cookie> {
    let of = |list: &[String], carries| {
        list.iter().map(|name| (name.clone(), carries)).collect::<Vec<_>>()
    };
    let all = of(jwt, Cookie::Jwt).into_iter().chain(of(sessions, Cookie::Session));
    Names::new("http.request.header.cookie", all)
}

/// Header fields in which proxies and gateways hand a token on.
pub(super) const JWT_HEADERS: &[&str] = &[
    "cf-access-jwt-assertion",
    "x-access-token",
    "x-amzn-oidc-accesstoken",
    "x-amzn-oidc-data",
    "x-auth-token",
    "x-authorization",
    "x-forwarded-access-token",
    "x-goog-iap-jwt-assertion",
    "x-jwt-assertion",
    "x-ms-token-aad-access-token",
    "x-ms-token-aad-id-token",
];

/// Cookies that hold a token by custom.
pub(super) const JWT_COOKIES: &[&str] =
    &["CF_Authorization", "access_token", "id_token", "jwt", "token"];

/// Cookies of sessions, by the names that frameworks give them.
pub(super) const SESSION_COOKIES: &[&str] = &[
    "ASP.NET_SessionId",
    ".AspNetCore.Session",
    ".AspNetCore.Cookies",
    ".AspNetCore.Identity.Application",
    "connect.sid",
    "grafana_session",
    "JSESSIONID",
    "laravel_session",
    "next-auth.session-token",
    "__Secure-next-auth.session-token",
    "PHPSESSID",
    "session",
    "session_id",
    "sessionid",
    "SESSION",
    "SESSIONID",
    "sid",
    "__session",
    "*_session",
];

/// Header fields that hold the key of a program.
const API_KEY_HEADERS: &[&str] = &[
    "api-key",
    "apikey",
    "circle-token",
    "dd-api-key",
    "ocp-apim-subscription-key",
    "private-token",
    "x-api-key",
    "x-api-token",
    "x-auth-key",
    "x-functions-key",
    "x-gitlab-token",
    "x-goog-api-key",
    "x-rapidapi-key",
    "x-shopify-access-token",
    "x-vault-token",
];

/// Header fields in which proxies name the subject of their client's certificate.
const SUBJECT_HEADERS: &[&str] = &[
    "ssl-client-subject-dn",
    "x-amzn-mtls-clientcert-subject",
    "x-client-cert-subject",
    "x-ssl-client-dn",
    "x-ssl-client-s-dn",
    "x-ssl-client-subject-dn",
];

/// Header fields in which proxies name a user.
const USER_HEADERS: &[&str] = &[
    "cf-access-authenticated-user-email",
    "remote-user",
    "tailscale-user-login",
    "x-amzn-oidc-identity",
    "x-auth-request-email",
    "x-auth-request-preferred-username",
    "x-auth-request-user",
    "x-authenticated-userid",
    "x-authentik-username",
    "x-consumer-username",
    "x-forwarded-email",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
    "x-ms-client-principal-name",
    "x-pomerium-claim-email",
    "x-remote-user",
    "x-vouch-user",
    "x-webauth-user",
];

/// The same, behind an issuer and a colon.
const ISSUED_USER_HEADERS: &[&str] =
    &["x-goog-authenticated-user-email", "x-goog-authenticated-user-id"];

/// Parameters of a query.
const PARAMETERS: &[(&str, Parameter)] = &[
    ("access_token", Parameter::Token),
    ("id_token_hint", Parameter::Token),
    ("api_key", Parameter::ApiKey),
    ("api-key", Parameter::ApiKey),
    ("apikey", Parameter::ApiKey),
    ("key", Parameter::ApiKey),
    ("subscription-key", Parameter::ApiKey),
    ("x-amz-credential", Parameter::AwsCredential),
    ("awsaccesskeyid", Parameter::AwsKeyId),
    ("client_id", Parameter::ClientId),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_without_case_and_others_are_not() {
        let names = headers(&["X-My-JWT".to_owned()], &["X-My-Key".to_owned()]);
        let carries = |name: &str| names.find(name.as_bytes()).map(|one| one.carries);
        assert_eq!(carries("Authorization"), Some(Carries::Authorization));
        assert_eq!(carries("x-my-jwt"), Some(Carries::Jwt));
        assert_eq!(carries("X-MY-KEY"), Some(Carries::ApiKey));
        for name in ["", "accept", "host", "user-agent", "cookies", "x-api-kez", &"x".repeat(200)] {
            assert_eq!(carries(name), None, "{name}");
        }
        let source = names.find(b"X-Api-Key").map(|one| one.source.to_string());
        assert_eq!(source.as_deref(), Some("http.request.header.x-api-key"));
    }

    /// What carries credentials must never be written as it is.
    #[test]
    fn redaction_knows_every_name_that_carries_credentials() {
        for name in API_KEY_HEADERS.iter().chain(JWT_HEADERS) {
            assert!(crate::audit::redact::lists::is_never(name), "{name}");
        }
    }

    #[test]
    fn the_ends_of_cookies_count_where_the_list_says_so() {
        let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let names = cookies(&owned(JWT_COOKIES), &owned(SESSION_COOKIES));
        let carries = |name: &str| names.find_end(name.as_bytes()).map(|one| one.carries);
        assert_eq!(carries("JSESSIONID"), Some(Cookie::Session));
        assert_eq!(carries("_acme_session"), Some(Cookie::Session));
        assert_eq!(carries("jwt"), Some(Cookie::Jwt));
        assert_eq!(carries("my_jsessionid"), None);
        assert_eq!(carries("_session_"), None);
    }
}
