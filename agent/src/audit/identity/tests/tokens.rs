//! JSON Web Tokens: every algorithm, and everything that can be wrong with one.

use std::collections::HashMap;
use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use expect_test::{Expect, expect};

use super::*;

static TOKENS: LazyLock<HashMap<String, String>> =
    LazyLock::new(|| serde_json::from_str(include_str!("tokens.json")).unwrap());

fn bearer(name: &str) -> String {
    format!("Authorization: Bearer {}", TOKENS[name])
}

fn check(identity: &Identity, name: &str, expected: Expect) {
    expected.assert_eq(&told(identity, "/", &bearer(name)).join("\n"));
}

fn verified(identity: &Identity, token: &str) -> String {
    let exchange = asked("/", &format!("Authorization: Bearer {token}"), 200);
    let origin = tcp();
    let who = look(identity, &exchange, &origin);
    let value = serde_json::to_value(&who.identity[0]).unwrap();
    format!("{} {}{}", value["kind"], value["verified"], value.get("invalid").unwrap_or(&"".into()))
}

#[test]
fn every_algorithm_is_checked() {
    let identity = with_keys();
    for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        assert_eq!(verified(&identity, &TOKENS[name]), r#""jwt" "crypto""""#, "{name}");
    }
    for name in ["ES256", "ES384", "EdDSA", "HS256", "HS384", "HS512", "no_kid"] {
        assert_eq!(verified(&identity, &TOKENS[name]), r#""jwt" "crypto""""#, "{name}");
    }
}

#[test]
fn a_changed_token_does_not_pass() {
    let identity = with_keys();
    for name in ["RS256", "PS384", "ES256", "ES384", "EdDSA", "HS512"] {
        let token = &TOKENS[name];
        let mut parts = token.split('.');
        let (head, claims) = (parts.next().unwrap(), parts.next().unwrap());
        let signature = parts.next().unwrap();
        let mut changed = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        changed[3] ^= 1;
        let changed = BASE64URL_NOPAD.encode(&changed);
        let text = BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap();
        let other = String::from_utf8(text).unwrap().replace("alice", "mallo");
        let other = BASE64URL_NOPAD.encode(other.as_bytes());
        for forged in [
            format!("{head}.{claims}.{changed}"),
            format!("{head}.{other}.{signature}"),
            format!("{head}.{claims}."),
            format!("{head}.{claims}.!"),
        ] {
            let expected = r#""jwt" "unverified"["bad_signature"]"#;
            assert_eq!(verified(&identity, &forged), expected, "{name}");
        }
    }
    let exchange = asked("/", &bearer("other_key"), 401);
    assert_eq!(principal(&identity, &exchange, &tcp()), "-");
}

#[test]
fn what_cannot_be_checked_is_not_taken_for_checked() {
    let identity = with_keys();
    for (name, expected) in [
        ("other_key", r#""jwt" "unverified"["bad_signature"]"#),
        ("unknown_kid", r#""jwt" "unverified"["unknown_key"]"#),
        ("confused", r#""jwt" "unverified"["unknown_key"]"#),
        ("other_issuer", r#""jwt" "unverified""""#),
        ("critical", r#""jwt" "unverified""""#),
        ("none", r#""jwt" "unverified"["unsigned"]"#),
        ("expired", r#""jwt" "unverified"["expired"]"#),
        ("not_yet_valid", r#""jwt" "unverified"["not_yet_valid"]"#),
        ("nested", r#""bearer" "unverified""""#),
    ] {
        assert_eq!(verified(&identity, &TOKENS[name]), expected, "{name}");
    }
    // Without keys nothing is.
    assert_eq!(verified(&super::identity(|_| ()), &TOKENS["ES256"]), r#""jwt" "unverified""""#);
}

#[test]
fn claims_are_told() {
    let identity = with_keys();
    check(
        &identity,
        "ES256",
        expect![[
            r#"{"kind":"jwt","source":"http.request.header.authorization","id":"alice","issuer":"https://idp.example","client_id":"shop","audience":["api","web"],"scope":["read","write"],"issued":"2026-11-22T06:46:40.000000000Z","expires":"2026-11-22T09:33:20.000000000Z","verified":"crypto"}"#
        ]],
    );
    check(
        &identity,
        "acting",
        expect![[
            r#"{"kind":"jwt","source":"http.request.header.authorization","id":"alice","issuer":"https://idp.example","client_id":"shop","audience":["api","web"],"scope":["read","write"],"actor":["gateway","batch"],"issued":"2026-11-22T06:46:40.000000000Z","expires":"2026-11-22T09:33:20.000000000Z","verified":"crypto"}"#
        ]],
    );
    check(
        &identity,
        "kubernetes",
        expect![[
            r#"{"kind":"jwt","source":"http.request.header.authorization","id":"system:serviceaccount:shop:api","issuer":"https://idp.example","audience":["https://kubernetes.default.svc"],"service_account":{"namespace":"shop","name":"api","pod":"api-7c9"},"expires":"2026-11-22T09:33:20.000000000Z","verified":"crypto"}"#
        ]],
    );
    check(
        &identity,
        "kubernetes_old",
        expect![[
            r#"{"kind":"jwt","source":"http.request.header.authorization","id":"system:serviceaccount:shop:api","issuer":"kubernetes/serviceaccount","service_account":{"namespace":"shop","name":"api"},"verified":"unverified"}"#
        ]],
    );
    check(
        &identity,
        "client",
        expect![[
            r#"{"kind":"jwt","source":"http.request.header.authorization","id":"batch","issuer":"https://idp.example","client_id":"batch","scope":["read"],"expires":"2026-11-22T09:33:20.000000000Z","verified":"crypto"}"#
        ]],
    );
}

#[test]
fn what_is_no_token_is_opaque() {
    let identity = with_keys();
    let good = &TOKENS["ES256"];
    let claims = |text: &str| {
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        format!("{}.{}.c4n4ry", encode(r#"{"alg":"ES256"}"#), encode(text))
    };
    let long = format!("{good}{}", "A".repeat(100_000));
    let deep = claims(&format!("{{\"sub\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000)));
    for token in [
        "c4n4ry-opaque-token",
        "ey",
        "eyJ.eyJ.c4n4ry",
        "..",
        &good.replace('.', ""),
        &format!("{good}.{good}"),
        &long,
        &deep,
        &claims("[]"),
        &claims("{\"sub\":"),
    ] {
        let told = told(&identity, "/", &format!("Authorization: Bearer {token}"));
        let front: String = told[0].chars().take(90).collect();
        assert!(told.len() == 1 && told[0].contains(r#""kind":"bearer""#), "{front}: {told:?}");
        assert!(told[0].contains(r#""fingerprint":"hmac:k1:"#) && told[0].len() < 200, "{told:?}");
    }
}

#[test]
fn claims_of_odd_types_are_left_out() {
    let identity = with_keys();
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let many: Vec<_> = (0..500).map(|number| format!("\"s{number}\"")).collect();
    let claims = format!(
        r#"{{"sub":17,"iss":["x"],"aud":{{}},"exp":"never","nbf":1e300,"act":{{"sub":null}},"scope":[{}],
            "azp":"a\u0000b"}}"#,
        many.join(",")
    );
    let token = format!("{}.{}.c4n4ry", encode(r#"{"alg":"ES256"}"#), encode(&claims));
    let told = told(&identity, "/", &format!("Authorization: bearer {token}"));
    expect![[r#"{"kind":"jwt","source":"http.request.header.authorization","id":"17","client_id":"a%00b","scope":["s0","s1","s2","s3","s4","s5","s6","s7"],"invalid":["not_yet_valid"],"verified":"unverified"}"#]].assert_eq(&told[0]);
}

#[test]
fn tokens_are_found_wherever_they_are_sent() {
    let identity = with_keys();
    let token = &TOKENS["ES256"];
    for (target, field, source) in [
        (
            "/".to_owned(),
            format!("X-Jwt-Assertion: {token}"),
            "http.request.header.x-jwt-assertion",
        ),
        ("/".to_owned(), format!("Cookie: a=b; jwt={token}"), "http.request.header.cookie.jwt"),
        (format!("/?access_token={token}"), String::new(), "url.query.access_token"),
        (
            "/".to_owned(),
            format!("Proxy-Authorization: Bearer {token}"),
            "http.request.header.proxy-authorization",
        ),
        (
            "/".to_owned(),
            format!("Authorization: DPoP {token}"),
            "http.request.header.authorization",
        ),
        ("/".to_owned(), format!("Authorization: {token}"), "http.request.header.authorization"),
    ] {
        let told = told(&identity, &target, &field);
        let expected = format!(r#"{{"kind":"jwt","source":"{source}","id":"alice""#);
        assert!(told.len() == 1 && told[0].starts_with(&expected), "{told:?}");
        assert!(told[0].ends_with(r#""verified":"crypto"}"#), "{told:?}");
    }
}

#[test]
fn a_token_that_was_seen_expires_all_the_same() {
    let identity = with_keys();
    let (exchange, origin) = (asked("/", &bearer("ES256"), 200), tcp());
    let verified = |at_ns| {
        let who = identity.look(&exchange, &origin, Level::Metadata, at_ns);
        serde_json::to_string(&who.principal.map(|one| one.verified)).unwrap()
    };
    assert_eq!(verified(NOW_NS), "\"crypto\"");
    assert_eq!(verified(NOW_NS), "\"crypto\"");
    assert_eq!(verified(NOW_NS + 10_000_000_000_000), "\"unverified\"");
    assert_eq!(verified(NOW_NS), "\"crypto\"");
}

#[test]
fn only_so_many_signatures_are_checked_each_second() {
    let identity = with_keys();
    let mut left = 0;
    let (signed, signature) = TOKENS["ES256"].rsplit_once('.').unwrap();
    let mut signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    for number in 0..3_000_u32 {
        signature[..4].copy_from_slice(&number.to_be_bytes());
        let forged = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature));
        left += usize::from(verified(&identity, &forged) == r#""jwt" "unverified""""#);
    }
    assert!(left > 1_900, "{left}");
    let (exchange, origin) = (asked("/", &bearer("EdDSA"), 200), tcp());
    let later = identity.look(&exchange, &origin, Level::Metadata, NOW_NS + 1_000_000_000);
    assert_eq!(serde_json::to_string(&later.principal.unwrap().verified).unwrap(), "\"crypto\"");
}

#[test]
fn key_sets_that_cannot_be_used_are_refused() {
    let refused = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let jwks = vec![JwksConfig { issuer: "i".into(), file: file.path().into() }];
        let config = IdentityConfig { jwks, ..IdentityConfig::default() };
        let mistakes = config.mistakes();
        mistakes.first().map(|one| one.text.replace(&file.path().display().to_string(), "F"))
    };
    assert_eq!(refused("{}").as_deref(), Some("F is no JSON Web Key Set"));
    assert_eq!(
        refused(r#"{"keys":[]}"#).as_deref(),
        Some("F has no key for signatures of a kind that is known")
    );
    let odd = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"oct"},{"kty":7}]}"#;
    assert!(refused(odd).is_some());
    assert_eq!(refused(include_str!("jwks.json")), None);
}
