//! What a value looks like: a gate over its bytes, then the few checks that could hold.
//!
//! In: a value, decoded. Out: what it has to be hidden as, or nothing.
//! Always: one pass over the bytes decides which checks run, so a plain value costs that pass.
//! Not here: what a name says (`redact::name`), percent-encoding of targets (`redact::url`).

use memchr::memmem;

use super::super::record::Sensitive;
use super::detect::context::Context;
use super::gate::{AT, CAPITAL_J, COLON, EQUALS, Gate, ODD, PERCENT, SPACE};
use super::text::decode;
use super::{body, card, detect, jwt, keys, name};

/// Where a value stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// A header field or another place where long random identifiers are usual.
    Header,
    /// A segment of a path, where they are usual too.
    Path,
    /// A parameter of a query: long random values are taken for secrets.
    Query,
}

/// What a look at a value tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Look {
    /// What the value has to be hidden as; `None`: it looks harmless.
    pub kind: Option<Sensitive>,
    /// Printable ASCII only.
    pub plain: bool,
    /// Neither percent-encoding nor spaces, nor a long run of characters with digits.
    pub simple: bool,
}

/// What the value has to be hidden as; `None`: it looks harmless.
pub fn inspect(value: &[u8], place: Place) -> Option<Sensitive> {
    look(value, place).kind
}

/// The same, and whether the value is plain text.
pub fn look(value: &[u8], place: Place) -> Look {
    let gate = Gate::over(value);
    let is_opaque = gate.digits > 0 && gate.opaque;
    Look {
        kind: suspicion(&gate, value, place),
        plain: !gate.has(ODD),
        simple: !gate.has(PERCENT | SPACE) && !is_opaque,
    }
}

/// Whether the value holds a long run of token characters and a digit, as identifiers do.
pub fn is_opaque(value: &[u8]) -> bool {
    let gate = Gate::over(value);
    gate.digits > 0 && gate.opaque
}

/// Shortest run of token characters that is judged by its randomness.
const RANDOM_BYTES: usize = 24;
/// Fewest digits of a card number.
const CARD_DIGITS: u32 = 13;

/// Only the checks that the gate lets through.
fn suspicion(gate: &Gate, value: &[u8], place: Place) -> Option<Sensitive> {
    if let Some(kind) = marked(gate, value) {
        return Some(kind);
    }
    if gate.digits >= CARD_DIGITS && card::contains_card(value) {
        return Some(Sensitive::PaymentCard);
    }
    if gate.has(EQUALS | COLON) && contains_named_secret(value) {
        return Some(Sensitive::Secret);
    }
    if place == Place::Query && gate.digits > 0 && contains_random(value) {
        return Some(Sensitive::Secret);
    }
    personal(gate, value, place).or_else(|| encoded(gate, value, place))
}

/// What is somebody's by its form.
fn personal(gate: &Gate, value: &[u8], place: Place) -> Option<Sensitive> {
    // Programs name themselves in headers, with an address to write to.
    if place != Place::Header && gate.has(AT) && detect::email::find(value).is_some() {
        return Some(Sensitive::Email);
    }
    detect::digits(gate, value, &Context::default()).map(|found| found.kind)
}

/// What is behind base64, and in headers behind percent-encoding, which others have lost before.
fn encoded(gate: &Gate, value: &[u8], place: Place) -> Option<Sensitive> {
    if place == Place::Header && gate.has(PERCENT) {
        let decoded = decode(value, false);
        if let Some(found) = detect::find(&decoded, &Context::default()) {
            return Some(found.kind);
        }
        if contains_named_secret(&decoded) {
            return Some(Sensitive::Secret);
        }
    }
    // The kind and number of a thing, `User:7`, look like a user with a password: in a path they say what was
    // asked for.
    let pairs = place == Place::Query;
    gate.key.then(|| body::behind_base64(value, pairs))?
}

/// What a mark or a scheme gives away, wherever the value stands.
pub(super) fn marked(gate: &Gate, value: &[u8]) -> Option<Sensitive> {
    if gate.has(CAPITAL_J)
        && gate.opaque
        && let Some(kind) = jwt::kind(value)
    {
        return Some(kind);
    }
    if gate.dashes >= 5 && memmem::find(value, b"-----BEGIN").is_some() {
        return Some(Sensitive::PrivateKey);
    }
    if gate.has(AT) && gate.has(COLON) && contains_user_info(value) {
        return Some(Sensitive::UserInfo);
    }
    if gate.has(SPACE) && contains_credentials(value) {
        return Some(Sensitive::Credential);
    }
    if gate.key && keys::contains_key(value) {
        return Some(Sensitive::ApiKey);
    }
    None
}

// === the checks ===

fn before(value: &[u8], at: usize) -> u8 {
    at.checked_sub(1).and_then(|index| value.get(index)).copied().unwrap_or(b' ')
}

/// `://user:password@` and `://user@`, and `user:password@host` at the begin of a value.
fn contains_user_info(value: &[u8]) -> bool {
    let authority_has_user = |authority: &[u8]| {
        let end = authority.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b' '));
        authority.get(..end.unwrap_or(authority.len())).is_some_and(|host| host.contains(&b'@'))
    };
    if memmem::find_iter(value, b"://")
        .any(|at| authority_has_user(value.get(at + 3..).unwrap_or_default()))
    {
        return true;
    }
    let bare = value.strip_prefix(b"//").unwrap_or(value);
    let colon = bare.iter().position(|&byte| byte == b':');
    let at = bare.iter().rposition(|&byte| byte == b'@');
    match (colon, at) {
        (Some(colon), Some(at)) => {
            colon > 0 && colon + 1 < at && !bare.iter().take(at).any(|&byte| byte == b' ')
        }
        _ => false,
    }
}

/// Authentication schemes, and how many characters of a credential follow at least.
const SCHEMES: &[(&str, usize)] = &[
    ("bearer", 6),
    ("basic", 6),
    ("digest", 6),
    ("negotiate", 16),
    ("ntlm", 16),
    ("hawk", 6),
    ("apikey", 6),
    ("aws4-hmac-sha256", 6),
];

/// A scheme, space, and something that can be a credential.
fn contains_credentials(value: &[u8]) -> bool {
    // Every scheme ends with one of few letters, and a space follows: look back from there.
    memchr::memchr_iter(b' ', value).any(|space| {
        if !b"rctemky6RCTEMKY".contains(&before(value, space)) {
            return false;
        }
        let (head, rest) = value.split_at_checked(space).unwrap_or_default();
        SCHEMES.iter().any(|scheme| ends_with_scheme(head, scheme) && is_credential(rest, scheme))
    })
}

fn ends_with_scheme(head: &[u8], (scheme, _): &(&str, usize)) -> bool {
    let start = head.len().checked_sub(scheme.len());
    start.is_some_and(|start| {
        let word = head.get(start..).unwrap_or_default();
        word.eq_ignore_ascii_case(scheme.as_bytes()) && !before(head, start).is_ascii_alphanumeric()
    })
}

fn is_credential(rest: &[u8], (scheme, follow): &(&str, usize)) -> bool {
    let credential = rest.trim_ascii_start();
    let end = credential.iter().position(|byte| matches!(byte, b' ' | b',' | b';' | b')'));
    let credential = credential.get(..end.unwrap_or(credential.len())).unwrap_or_default();
    credential.len() >= *follow && (*scheme == "bearer" || !is_plain_word(credential))
}

/// Letters alone, capital at most at the front: a word of a language, not base64.
fn is_plain_word(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_alphabetic) && !text.iter().skip(1).any(u8::is_ascii_uppercase)
}

/// `token=…`, `;jsessionid=…`, `"password":"…"` inside a value.
fn contains_named_secret(value: &[u8]) -> bool {
    value.iter().enumerate().any(|(at, &byte)| {
        let head = value.get(..at).unwrap_or_default();
        let rest = value.get(at + 1..).unwrap_or_default();
        let named = match byte {
            b'=' => Some(head),
            // JSON only: `host:port` and times have colons too.
            b':' => head.trim_ascii_end().strip_suffix(b"\"").or(head.strip_suffix(b"'")),
            _ => None,
        };
        let is_secret = |name| name::classify(name).is_some() && !is_number_of_code(name, rest);
        !rest.is_empty() && named.is_some_and(|head| is_secret(last_name(head)))
    })
}

/// `code=404`: too short for a code that opens something.
fn is_number_of_code(name: &[u8], value: &[u8]) -> bool {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ends = value.get(digits).is_none_or(|byte| !keys::is_token(*byte));
    let is_code = name.last_chunk().is_some_and(|end: &[u8; 4]| end.eq_ignore_ascii_case(b"code"));
    is_code && (1..=CODE_DIGITS).contains(&digits) && ends
}

/// Most digits of a number that says what went wrong.
const CODE_DIGITS: usize = 4;

/// The name at the end of a text.
pub(super) fn last_name(text: &[u8]) -> &[u8] {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.[]".contains(byte);
    let start = text.iter().rposition(|byte| !part(byte)).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}

/// A long run of token characters that no person or scheme would write: capitals, small letters
/// and digits mixed. Hexadecimal digests, UUIDs and dates lack one of the three.
pub(super) fn contains_random(value: &[u8]) -> bool {
    value
        .split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/')))
        .any(|word| word.len() >= RANDOM_BYTES && is_random(word))
}

fn is_random(word: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| word.iter().any(test);
    let mixed =
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    mixed
        && changes(word) * 100 >= word.len() * CHANGES_PERCENT
        && entropy_bits(word) >= RANDOM_BITS
}

/// How often capitals, small letters and digits follow each other: words and paths keep to one
/// kind for a while, random text changes at six characters of ten.
fn changes(word: &[u8]) -> usize {
    let kind = |byte: &u8| class_of_case(*byte);
    let kinds = word.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(kind);
    let later = word.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(kind).skip(1);
    kinds.zip(later).filter(|(one, next)| one != next).count()
}

fn class_of_case(byte: u8) -> u8 {
    u8::from(byte.is_ascii_uppercase()) + 2 * u8::from(byte.is_ascii_digit())
}

/// Fewest such changes in random text, in percent of its characters.
const CHANGES_PERCENT: usize = 30;
/// Least entropy of a random value, in bits a character.
const RANDOM_BITS: f32 = 3.7;

/// Shannon entropy of the characters, in bits a character.
fn entropy_bits(word: &[u8]) -> f32 {
    let mut counts = [0_u16; 128];
    for &byte in word {
        if let Some(count) = counts.get_mut(usize::from(byte & 0x7f)) {
            *count = count.saturating_add(1);
        }
    }
    let total = word.len() as f32;
    let share = |&count: &u16| f32::from(count) / total;
    -counts.iter().filter(|count| **count > 0).map(share).map(|p| p * p.log2()).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

    #[test]
    fn secrets_are_found() {
        let cases: &[(&str, Sensitive)] = &[
            (JWT, Sensitive::Jwt),
            ("agent (eyJhbGciOiJIUzI1NiJ9)", Sensitive::Jwt),
            ("-----BEGIN RSA PRIVATE KEY-----", Sensitive::PrivateKey),
            ("http://bob:hunter2@host/", Sensitive::UserInfo),
            ("bob:hunter2@host", Sensitive::UserInfo),
            ("//bob:hunter2@host", Sensitive::UserInfo),
            ("Bearer abcdef", Sensitive::Credential),
            ("x, basic dXNlcjpwYXNz", Sensitive::Credential),
            ("AKIAIOSFODNN7EXAMPLE", Sensitive::ApiKey),
            ("4111 1111 1111 1111", Sensitive::PaymentCard),
            ("/cb?a=1&access_token=x", Sensitive::Secret),
            ("app;jsessionid=1A", Sensitive::Secret),
            ("pay/1 (DE89370400440532013000)", Sensitive::Iban),
            ("probe %65%79%4A%68%62%47%63%69%4F%69%4A%49%55%7A%49%31%4E%69%4A%39", Sensitive::Jwt),
            ("id NDExMTExMTExMTExMTExMQ==", Sensitive::PaymentCard),
            ("?code=123456", Sensitive::Secret),
            ("?code=404x", Sensitive::Secret),
            (r#"{"password" : "x"}"#, Sensitive::Secret),
        ];
        for (text, kind) in cases {
            assert_eq!(inspect(text.as_bytes(), Place::Header), Some(*kind), "{text}");
        }
        for place in [Place::Path, Place::Query] {
            assert_eq!(inspect(b"alice@example.com", place), Some(Sensitive::Email));
            assert_eq!(inspect(b"123-45-6789", place), Some(Sensitive::Ssn));
        }
        // `Customer:12345`
        assert_eq!(inspect(b"Q3VzdG9tZXI6MTIzNDU=", Place::Path), None);
        assert_eq!(inspect(b"Q3VzdG9tZXI6MTIzNDU=", Place::Query), Some(Sensitive::Credential));
        let random = b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        assert_eq!(inspect(random, Place::Query), Some(Sensitive::Secret));
    }

    #[test]
    fn plain_values_pass() {
        for text in [
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0",
            "bot (+http://example.com; admin@example.com)",
            "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
            "Visual Basic compatible",
            "gzip, deflate, br",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            "2026-11-22T07:00:00Z",
            "@angular/core@18.0.1",
            "max-age=31536000; includeSubDomains",
            "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334",
            "failed; error code=404",
            "/error?code=1404&x=y",
        ] {
            assert_eq!(inspect(text.as_bytes(), Place::Header), None, "{text}");
        }
        for text in [
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "the-quick-brown-fox-jumps-over-it",
            "/Users/Alice/Documents2024/Report",
        ] {
            assert_eq!(inspect(text.as_bytes(), Place::Query), None, "{text}");
        }
    }
}
