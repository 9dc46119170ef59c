//! Every kind of evidence but JSON Web Tokens and sessions; the principal.

use data_encoding::BASE64;
use expect_test::{Expect, expect};

use super::super::ntlm;
use super::*;

fn check(identity: &Identity, target: &str, fields: &str, expected: Expect) {
    expected.assert_eq(&told(identity, target, fields).join("\n"));
}

fn basic(pair: &str) -> String {
    format!("Authorization: Basic {}", BASE64.encode(pair.as_bytes()))
}

#[test]
fn schemes_of_authorization() {
    let plain = identity(|_| ());
    check(
        &plain,
        "/",
        &basic("alice:c4n4ry:x"),
        expect![[
            r#"{"kind":"basic","source":"http.request.header.authorization","id":"alice","verified":"unverified"}"#
        ]],
    );
    check(
        &plain,
        "/",
        &basic("sk_live_c4n4ry0123456789abcdef:"),
        expect![[
            r#"{"kind":"api_key","source":"http.request.header.authorization","fingerprint":"hmac:k1:qGhT44sdeB2fD0il-3XABQ","prefix":"sk_live_","verified":"unverified"}"#
        ]],
    );
    check(
        &plain,
        "/",
        "Authorization: basic !!",
        expect![[
            r#"{"kind":"basic","source":"http.request.header.authorization","verified":"unverified"}"#
        ]],
    );
    let digest = r#"Authorization: Digest realm="a, b", username="Mu\"fasa", response="c4n4ry""#;
    check(
        &plain,
        "/",
        digest,
        expect![[
            r#"{"kind":"digest","source":"http.request.header.authorization","id":"Mu\"fasa","verified":"unverified"}"#
        ]],
    );
    check(
        &plain,
        "/",
        r#"Authorization: Hawk id="dh37", mac="c4n4ry""#,
        expect![[
            r#"{"kind":"hawk","source":"http.request.header.authorization","id":"dh37","verified":"unverified"}"#
        ]],
    );
    check(
        &plain,
        "/",
        "Authorization: Negotiate YIIc4n4ry",
        expect![[
            r#"{"kind":"negotiate","source":"http.request.header.authorization","verified":"unverified"}"#
        ]],
    );
    let ntlm = BASE64.encode(&ntlm::tests::authenticate("CORP", "zoe"));
    check(
        &plain,
        "/",
        &format!("Authorization: NTLM {ntlm}"),
        expect![[
            r#"{"kind":"ntlm","source":"http.request.header.authorization","id":"CORP\\zoe","verified":"unverified"}"#
        ]],
    );
    check(
        &plain,
        "/",
        &format!("Authorization: Negotiate {ntlm}"),
        expect![[
            r#"{"kind":"negotiate","source":"http.request.header.authorization","id":"CORP\\zoe","verified":"unverified"}"#
        ]],
    );
    check(
        &plain,
        "/",
        "Authorization: Token token=\"c4n4ry\", x=1",
        expect![[
            r#"{"kind":"bearer","source":"http.request.header.authorization","fingerprint":"hmac:k1:UcHic0rUR5L7enBou3BadA","verified":"unverified"}"#
        ]],
    );
    check(
        &plain,
        "/",
        "Authorization: Bearer ghp_c4n4ry0123456789abcdefghijklmnopqrst",
        expect![[
            r#"{"kind":"api_key","source":"http.request.header.authorization","fingerprint":"hmac:k1:fvpI5_N5iXgAPyVT3Z67sw","prefix":"ghp_","verified":"unverified"}"#
        ]],
    );
    check(&plain, "/", "Authorization:", expect![[r#""#]]);
}

#[test]
fn keys_of_programs() {
    let plain = identity(|config| config.api_key_headers = vec!["X-Acme".into()]);
    check(
        &plain,
        "/?a=b&API_KEY=c4n4ry",
        "X-Api-Key: sk_live_c4n4ry0123456789abcdef\nx-acme: c4n4ry",
        expect![[r#"
            {"kind":"api_key","source":"http.request.header.x-api-key","fingerprint":"hmac:k1:qGhT44sdeB2fD0il-3XABQ","prefix":"sk_live_","verified":"unverified"}
            {"kind":"api_key","source":"http.request.header.x-acme","fingerprint":"hmac:k1:tfg9sy50DDyf0U45SEHqjA","verified":"unverified"}
            {"kind":"api_key","source":"url.query.api_key","fingerprint":"hmac:k1:tfg9sy50DDyf0U45SEHqjA","verified":"unverified"}"#]],
    );
}

#[test]
fn signatures_of_aws() {
    let plain = identity(|_| ());
    let header = "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260524/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=c4n4ry";
    check(
        &plain,
        "/",
        header,
        expect![[
            r#"{"kind":"aws_signature","source":"http.request.header.authorization","id":"AKIAIOSFODNN7EXAMPLE","scope":["20260524/eu-central-1/s3/aws4_request"],"verified":"unverified"}"#
        ]],
    );
    let target = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260524%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Signature=c4n4ry";
    check(
        &plain,
        target,
        "",
        expect![[
            r#"{"kind":"aws_signature","source":"url.query.x-amz-credential","id":"AKIAIOSFODNN7EXAMPLE","scope":["20260524/eu-central-1/s3/aws4_request"],"verified":"unverified"}"#
        ]],
    );
    check(
        &plain,
        "/",
        "Authorization: AWS AKIAIOSFODNN7EXAMPLE:c4n4ry",
        expect![[
            r#"{"kind":"aws_signature","source":"http.request.header.authorization","id":"AKIAIOSFODNN7EXAMPLE","verified":"unverified"}"#
        ]],
    );
    check(
        &plain,
        "/",
        "Authorization: AWS4-HMAC-SHA256 Credential=c4n4ry/c4n4ry/aws4_request, Signature=c4n4ry",
        expect![[
            r#"{"kind":"aws_signature","source":"http.request.header.authorization","verified":"unverified"}"#
        ]],
    );
    check(
        &plain,
        "/",
        "Authorization: AWS c4n4ry",
        expect![[
            r#"{"kind":"aws_signature","source":"http.request.header.authorization","verified":"unverified"}"#
        ]],
    );
}

#[test]
fn clients_of_oauth() {
    let plain = identity(|_| ());
    check(
        &plain,
        "/authorize?response_type=code&client_id=shop",
        "",
        expect![[
            r#"{"kind":"oauth_client","source":"url.query.client_id","id":"shop","verified":"unverified"}"#
        ]],
    );
    let fields = "Content-Type: application/x-www-form-urlencoded";
    let content = "grant_type=password&client_id=shop&client_secret=c4n4ry&username=alice%40example.com&password=c4n4ry";
    let (exchange, origin) = (posted(fields, content, 200, ""), tcp());
    let told: Vec<_> = look(&plain, &exchange, &origin).identity.iter().map(json).collect();
    expect![[r#"
        {"kind":"login","source":"http.request.body.content","id":"alice@example.com","verified":"unverified"}
        {"kind":"oauth_client","source":"http.request.body.content","id":"shop","verified":"unverified"}"#]].assert_eq(&told.join("\n"));
    // At a level without bodies they are not looked at.
    assert_eq!(plain.look(&exchange, &origin, Level::Metadata, NOW_NS), Who::default());
}

#[test]
fn users_that_proxies_name() {
    let fields = "X-Forwarded-User: alice\nX-Goog-Authenticated-User-Email: accounts.google.com:alice@example.com";
    check(
        &trusting(),
        "/",
        fields,
        expect![[r#"
        {"kind":"identity_header","source":"http.request.header.x-forwarded-user","id":"alice","verified":"asserted"}
        {"kind":"identity_header","source":"http.request.header.x-goog-authenticated-user-email","id":"alice@example.com","issuer":"accounts.google.com","verified":"asserted"}"#]],
    );
    let spoofed = asked("/", "X-Forwarded-User: root\nX-Remote-User: root", 200);
    assert_eq!(principal(&identity(|_| ()), &spoofed, &tcp()), "-");
    assert_eq!(principal(&trusting(), &spoofed, &tcp()), "identity_header root asserted true");
    let elsewhere = identity(|config| config.trusted_proxies = vec!["10.0.0.0/8".into()]);
    assert_eq!(principal(&elsewhere, &spoofed, &tcp()), "-");
    check(
        &elsewhere,
        "/",
        "X-Forwarded-User: root",
        expect![[
            r#"{"kind":"identity_header","source":"http.request.header.x-forwarded-user","id":"root","verified":"unverified"}"#
        ]],
    );
}

#[test]
fn certificates_of_this_connection() {
    let plain = identity(|_| ());
    let exchange = asked("/", "", 200);
    let origin = with_certificate("CN=zoe,O=Example", &["zoe.example", "spiffe://example/zoe"]);
    let who = look(&plain, &exchange, &origin);
    expect![[r#"{"kind":"client_certificate","source":"tls.client","id":"spiffe://example/zoe","subject":"CN=zoe,O=Example","alternative_names":["zoe.example","spiffe://example/zoe"],"verified":"transport"}"#]].assert_eq(&json(&who.identity[0]));
    let origin = with_certificate("CN=zoe,O=Example", &[]);
    assert_eq!(
        principal(&plain, &exchange, &origin),
        "client_certificate CN=zoe,O=Example transport true"
    );
}

#[test]
fn certificates_that_proxies_have_seen() {
    let field = r#"X-Forwarded-Client-Cert: Hash=aa;Subject="CN=evil\", x,O=A";URI=spiffe://a/evil,By=spiffe://a/gate;Hash=468ed33be7;Subject="/C=US/CN=shop, Inc;";URI=spiffe://a/shop;DNS=a.example;DNS=b.example;Cert="c4n4ry""#;
    check(
        &trusting(),
        "/",
        field,
        expect![[r#"
        {"kind":"forwarded_certificate","source":"http.request.header.x-forwarded-client-cert","id":"spiffe://a/evil","subject":"CN=evil\", x,O=A","alternative_names":["spiffe://a/evil"],"verified":"unverified"}
        {"kind":"forwarded_certificate","source":"http.request.header.x-forwarded-client-cert","id":"spiffe://a/shop","subject":"/C=US/CN=shop, Inc;","alternative_names":["spiffe://a/shop","a.example","b.example"],"verified":"asserted"}"#]],
    );
    assert_eq!(
        principal(&trusting(), &asked("/", field, 200), &tcp()),
        "forwarded_certificate spiffe://a/shop asserted true"
    );
    assert_eq!(principal(&identity(|_| ()), &asked("/", field, 200), &tcp()), "-");
    check(
        &trusting(),
        "/",
        "X-Forwarded-Client-Cert: By=x;Hash=468ed33be7",
        expect![[
            r#"{"kind":"forwarded_certificate","source":"http.request.header.x-forwarded-client-cert","id":"468ed33be7","verified":"asserted"}"#
        ]],
    );
    check(
        &trusting(),
        "/",
        "X-Forwarded-Client-Cert: ;;=;,,\"",
        expect![[r#"
        {"kind":"forwarded_certificate","source":"http.request.header.x-forwarded-client-cert","verified":"unverified"}
        {"kind":"forwarded_certificate","source":"http.request.header.x-forwarded-client-cert","verified":"asserted"}"#]],
    );
}

#[test]
fn the_process_on_this_host() {
    let plain = identity(|_| ());
    let exchange = asked("/", "", 404);
    let origin = crate::audit::testing::unix();
    let who = look(&plain, &exchange, &origin);
    expect![[r#"{"kind":"process","source":"kernel","id":"uid 33","executable":"/usr/bin/curl","verified":"kernel"}"#]].assert_eq(&json(&who.identity[0]));
    assert_eq!(principal(&plain, &exchange, &origin), "process uid 33 kernel -");
}

#[test]
fn the_order_decides() {
    let fields = format!("X-Api-Key: c4n4ry\n{}\nX-Forwarded-User: carol", basic("bob:c4n4ry"));
    let exchange = asked("/", &fields, 403);
    let origin = with_certificate("CN=zoe", &[]);
    let by = |order: &str| {
        let text = format!("trusted_proxies = [\"203.0.113.9\"]\n{order}");
        let config: IdentityConfig = toml::from_str(&text).unwrap();
        principal(&identity(|own| *own = config), &exchange, &origin)
    };
    assert_eq!(by(""), "client_certificate CN=zoe transport false");
    assert_eq!(by(r#"order = ["basic", "transport"]"#), "basic bob unverified false");
    assert_eq!(by(r#"order = ["crypto", "asserted"]"#), "identity_header carol asserted false");
    let key = by(r#"order = ["api_key"]"#);
    assert!(key.starts_with("api_key hmac:k1:") && key.ends_with(" unverified false"), "{key}");
    assert_eq!(by("order = []"), "-");
}

#[test]
fn the_answer_counts() {
    let plain = identity(|_| ());
    let accepted = |status| {
        let exchange = asked("/", &basic("bob:x"), status);
        principal(&plain, &exchange, &tcp()).rsplit(' ').next().map(str::to_owned)
    };
    for (status, expected) in [
        (200, "true"),
        (304, "true"),
        (401, "false"),
        (403, "false"),
        (404, "-"),
        (500, "-"),
        (101, "-"),
    ] {
        assert_eq!(accepted(status).as_deref(), Some(expected), "{status}");
    }
    let mut unanswered = asked("/", &basic("bob:x"), 200);
    unanswered.response = None;
    assert_eq!(principal(&plain, &unanswered, &tcp()), "basic bob unverified -");
}

#[test]
fn identifiers_can_be_tokens() {
    let hidden = identity(|config| config.pseudonymise = true);
    let told = told(&hidden, "/", &basic("alice:c4n4ry"));
    assert!(!told[0].contains("alice") && told[0].contains(r#""id":"hmac:k1:"#), "{told:?}");
    let exchange = asked("/", "", 200);
    let origin = with_certificate("CN=zoe", &["spiffe://a/zoe"]);
    let who = look(&hidden, &exchange, &origin);
    assert!(!json(&who.identity[0]).contains("zoe"));
    assert!(who.principal.unwrap().id.starts_with("hmac:k1:"));
}
