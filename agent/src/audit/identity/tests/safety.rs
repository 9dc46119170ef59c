//! Canaries, random bytes, floods.

use proptest::prelude::*;

use super::*;
use crate::cases::cases;

const NAMES: &[&str] = &[
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "X-Api-Key",
    "X-Auth-Token",
    "X-Jwt-Assertion",
    "X-Amzn-Oidc-Data",
];

/// A secret in every form that may carry one; what is not secret in them is `who`.
fn carriers(secret: &str) -> Vec<String> {
    use data_encoding::{BASE64, BASE64URL_NOPAD};
    let jwt = |claims: &str| {
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        format!("{}.{}.{}", encode(r#"{"alg":"RS256"}"#), encode(claims), encode(secret))
    };
    vec![
        secret.to_owned(),
        format!("Bearer {secret}"),
        format!("Bearer {}", jwt(r#"{"sub":"who"}"#)),
        format!("Bearer {}", jwt(&format!(r#"{{"sub":"who","password":"{secret}"}}"#))),
        format!("Basic {}", BASE64.encode(format!("who:{secret}").as_bytes())),
        format!("Digest username=\"who\", response=\"{secret}\", nonce={secret}"),
        format!("Digest username=who response={secret}, {secret}"),
        format!("Hawk id=\"who\", mac=\"{secret}\", ext=\"{secret}"),
        format!("NTLM {}", BASE64.encode(secret.as_bytes())),
        format!("Negotiate {}", BASE64.encode(secret.as_bytes())),
        format!("AWS4-HMAC-SHA256 Credential=who/x, Signature={secret}"),
        format!("AWS who:{secret}"),
        format!("AWS {secret}"),
        format!("Token token={secret}"),
        format!("ApiKey {secret}"),
        format!("Unheard {secret}"),
        format!("JSESSIONID={secret}; sid=\"{secret}\"; jwt={secret}; x={secret}"),
        format!("_app_session={secret}"),
    ]
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn secrets_do_not_get_out(
        secret in "c4n4ry[A-Za-z0-9._~+/-]{4,40}",
        name in proptest::sample::select(NAMES),
        which in 0_usize..18,
        trust in any::<bool>(),
        pseudonymise in any::<bool>(),
    ) {
        let identity = identity(|config| {
            config.pseudonymise = pseudonymise;
            if trust { config.trusted_proxies = vec!["203.0.113.9".into()]; }
        });
        let value = &carriers(&secret)[which];
        // As the whole of another field's value it is what that field names.
        prop_assume!(!(which == 6 || which == 7) || !secret.contains('='));
        let set = format!("Set-Cookie: sid={secret}\nSet-Cookie: x={secret}");
        let target = format!("/?access_token={secret}&api_key={secret}&key={secret}&X-Amz-Signature={secret}");
        let request = request("GET", target.as_bytes(), format!("{name}: {value}").as_bytes());
        let exchange = exchange(Some(request), Some(response(200, set.as_bytes())));
        let origin = tcp();
        let who = look(&identity, &exchange, &origin);
        let text = format!("{}{}", serde_json::to_string(&who.principal).unwrap(), serde_json::to_string(&who.identity).unwrap());
        prop_assert!(!text.contains("c4n4ry"), "{name}: {value}: {text}");
        let debug = format!("{identity:?}");
        prop_assert!(!debug.contains("c4n4ry"), "{debug}");
    }

    #[test]
    fn passwords_in_bodies_do_not_get_out(secret in "c4n4ry[a-z0-9]{4,20}", user in "[a-z]{1,10}") {
        let identity = identity(|_| ());
        for (kind, content) in [
            ("application/json", format!(r#"{{"username":"{user}","password":"{secret}","token":"{secret}"}}"#)),
            ("application/x-www-form-urlencoded", format!("login={user}&passwd={secret}&x={secret}&client_secret={secret}&grant_type=x&client_id=y")),
        ] {
            let (exchange, origin) = (posted(&format!("Content-Type: {kind}"), &content, 200, ""), tcp());
            let text = serde_json::to_string(&look(&identity, &exchange, &origin).identity).unwrap();
            prop_assert!(!text.contains("c4n4ry") && text.contains(&user), "{text}");
        }
    }

    /// Whatever a peer sends, nothing panics and no control character comes through.
    #[test]
    fn any_bytes_are_survived(
        name in proptest::sample::select(&[
            "Authorization", "Cookie", "X-Forwarded-Client-Cert", "X-Forwarded-User", "X-Jwt-Assertion",
            "X-Goog-Authenticated-User-Email",
        ][..]),
        scheme in proptest::sample::select(&[
            "", "Bearer ", "Basic ", "Digest ", "Hawk ", "NTLM ", "Negotiate ", "AWS4-HMAC-SHA256 ", "Subject=",
            "sid=", "ey",
        ][..]),
        value in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let value: Vec<u8> = value.into_iter().filter(|&byte| byte != b'\n').collect();
        let line = [name.as_bytes(), b": ", scheme.as_bytes(), &value].concat();
        let identity = trusting();
        let target = [b"/?access_token=", &*value].concat();
        let exchange = exchange(Some(request("GET", &target, &line)), Some(response(200, &line)));
        let origin = tcp();
        let who = look(&identity, &exchange, &origin);
        let text = serde_json::to_string(&who.identity).unwrap();
        prop_assert!(!text.contains("\\u00"), "{text}");
    }
}

#[test]
fn floods_give_few_pieces_of_evidence() {
    let identity = identity(|_| ());
    let fields: Vec<_> = (0..5_000).map(|number| format!("X-Api-Key: c4n4ry{number}")).collect();
    assert_eq!(told(&identity, "/", &fields.join("\n")).len(), 16);
    let cookies: Vec<_> = (0..5_000).map(|number| format!("sid=c4n4ry{number}")).collect();
    assert_eq!(told(&identity, "/", &format!("Cookie: {}", cookies.join("; "))).len(), 16);
}
