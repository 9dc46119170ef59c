//! Cookies, and whom they were given to.

use super::*;

const JSON: &str = "Content-Type: application/json";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded; charset=utf-8";
const LOGIN: &str = r#"{"user":{"email":"alice@example.com","password":"c4n4ry"}}"#;
const BEGINS: &str = "Set-Cookie: JSESSIONID=abc123; Path=/; HttpOnly";

/// Who a request with that cookie comes from.
fn holder(identity: &Identity, cookie: &str, at_ns: i64) -> String {
    let exchange = asked("/", &format!("Cookie: theme=dark; {cookie}"), 200);
    let origin = tcp();
    let who = identity.look(&exchange, &origin, Level::Metadata, at_ns);
    let principal = who.principal.unwrap();
    assert_eq!(serde_json::to_string(&principal.kind).unwrap(), "\"session\"");
    principal.id.into_owned()
}

fn login(identity: &Identity, fields: &str, content: &str, status: u16, answer: &str) {
    let (exchange, origin) = (posted(fields, content, status, answer), tcp());
    look(identity, &exchange, &origin);
}

#[test]
fn a_session_belongs_to_whoever_began_it() {
    let identity = identity(|_| ());
    let unknown = holder(&identity, "JSESSIONID=abc123", NOW_NS);
    assert!(unknown.starts_with("hmac:k1:"));
    login(&identity, JSON, LOGIN, 200, BEGINS);
    assert_eq!(holder(&identity, "JSESSIONID=abc123", NOW_NS), "alice@example.com");
    assert_eq!(holder(&identity, "jsessionid=\"abc123\"", NOW_NS), "alice@example.com");
    assert!(holder(&identity, "JSESSIONID=other", NOW_NS).starts_with("hmac:k1:"));
    let exchange = asked("/", "Cookie: JSESSIONID=abc123", 200);
    let origin = tcp();
    let told = json(&look(&identity, &exchange, &origin).identity[0]);
    assert!(told.contains(r#""login":"login","verified":"unverified""#), "{told}");
    assert!(!told.contains("abc123") && !told.contains("c4n4ry"), "{told}");
}

#[test]
fn logins_that_failed_begin_nothing() {
    let form = "username=alice&password=c4n4ry";
    for (fields, content, status, answer) in [
        (JSON, LOGIN, 401, BEGINS.to_owned()),
        (JSON, LOGIN, 500, BEGINS.to_owned()),
        (JSON, r#"{"email":"alice@example.com"}"#, 200, BEGINS.to_owned()),
        (FORM, form, 200, BEGINS.to_owned()),
        (FORM, form, 302, format!("Location: /login?error\n{BEGINS}")),
        (FORM, form, 303, format!("Location: /login\n{BEGINS}")),
        (FORM, "username=alice&password=", 302, format!("Location: /home\n{BEGINS}")),
        (FORM, form, 302, "Location: /home\nSet-Cookie: theme=abc123".to_owned()),
    ] {
        let identity = identity(|_| ());
        login(&identity, fields, content, status, &answer);
        assert_eq!(identity.sessions.len(), 0, "{content} {status} {answer}");
    }
    let identity = identity(|_| ());
    login(&identity, FORM, form, 302, &format!("Location: /home\n{BEGINS}"));
    assert_eq!(holder(&identity, "JSESSIONID=abc123", NOW_NS), "alice");
}

#[test]
fn any_named_user_may_begin_one_but_a_spoofed_one() {
    let origin = tcp();
    let begun = |identity: &Identity, fields: &str| {
        let request = request("GET", b"/", fields.as_bytes());
        let exchange = exchange(Some(request), Some(response(200, BEGINS.as_bytes())));
        look(identity, &exchange, &origin);
        holder(identity, "JSESSIONID=abc123", NOW_NS)
    };
    assert_eq!(begun(&identity(|_| ()), "Authorization: Basic Ym9iOmM0bjRyeQ=="), "bob");
    assert_eq!(begun(&trusting(), "X-Forwarded-User: carol"), "carol");
    let plain = identity(|_| ());
    for fields in ["X-Forwarded-User: root", "Authorization: Bearer c4n4ry", "X-Api-Key: c4n4ry"] {
        assert!(begun(&plain, fields).starts_with("hmac:k1:"), "{fields}");
    }
}

#[test]
fn sessions_end() {
    let identity = identity(|config| config.session_hours = 1);
    let later = |minutes| NOW_NS + minutes * MINUTE_NS;
    login(&identity, JSON, LOGIN, 200, BEGINS);
    assert_eq!(holder(&identity, "JSESSIONID=abc123", later(59)), "alice@example.com");
    assert!(holder(&identity, "JSESSIONID=abc123", later(61)).starts_with("hmac:"));
    assert_eq!(identity.sessions.len(), 0);
    login(&identity, JSON, LOGIN, 200, "Set-Cookie: sid=x; Max-Age=60");
    assert_eq!(holder(&identity, "sid=x", NOW_NS), "alice@example.com");
    assert!(holder(&identity, "sid=x", later(2)).starts_with("hmac:"));
    login(&identity, JSON, LOGIN, 200, BEGINS);
    let request = request("POST", b"/logout", b"Cookie: JSESSIONID=abc123");
    let over = response(302, b"Set-Cookie: JSESSIONID=no; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    let (over, origin) = (exchange(Some(request), Some(over)), tcp());
    look(&identity, &over, &origin);
    assert!(holder(&identity, "JSESSIONID=abc123", NOW_NS).starts_with("hmac:"));
}

#[test]
fn a_new_cookie_is_not_the_old_users() {
    let identity = identity(|_| ());
    login(&identity, JSON, LOGIN, 200, BEGINS);
    // Another login, of which the content is not seen, or a logout.
    let request = request("POST", b"/login", b"Cookie: JSESSIONID=abc123");
    let answer = response(200, b"Set-Cookie: JSESSIONID=def456");
    let (renewed, origin) = (exchange(Some(request), Some(answer)), tcp());
    look(&identity, &renewed, &origin);
    assert!(holder(&identity, "JSESSIONID=def456", NOW_NS).starts_with("hmac:"));
}

#[test]
fn a_login_under_the_cookie_that_was_there_before() {
    let identity = identity(|_| ());
    login(&identity, &format!("{JSON}\nCookie: sid=kept"), LOGIN, 200, "");
    assert_eq!(holder(&identity, "sid=kept", NOW_NS), "alice@example.com");
    // The server says that it does not know it any more.
    let (refused, origin) = (asked("/", "Cookie: sid=kept", 401), tcp());
    look(&identity, &refused, &origin);
    assert!(holder(&identity, "sid=kept", NOW_NS).starts_with("hmac:"));
}

#[test]
fn the_table_is_bounded() {
    let identity = identity(|_| ());
    for number in 0..100_000 {
        let cookie = format!("Set-Cookie: sid=s{number}");
        let (request, answer) = (
            request("GET", b"/", b"Authorization: Basic Ym9iOmM0bjRyeQ=="),
            response(200, cookie.as_bytes()),
        );
        let (exchange, origin) = (exchange(Some(request), Some(answer)), tcp());
        identity.look(&exchange, &origin, Level::Metadata, NOW_NS);
    }
    assert!(identity.sessions.len() <= 32_768, "{}", identity.sessions.len());
}
