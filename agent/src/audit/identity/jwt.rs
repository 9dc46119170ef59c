//! JSON Web Tokens: what their claims say.
//!
//! In: a compact token. Out: the claims that matter, as text that may be written; or that it is none.
//! Always: at most `TOKEN_BYTES` are read; every text and list is cut; the signature is never kept.
//! Not here: whether the signature holds (`check`). Source: RFC 7515, RFC 7519, RFC 8693 (`act`).

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::text::owned;

/// A token's claims.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Claims {
    /// Whom it names: `sub`, or else the client.
    pub id: Option<String>,
    /// Who issued it.
    pub issuer: Option<String>,
    /// The program that it was issued to.
    pub client_id: Option<String>,
    /// For whom it is meant.
    pub audience: Vec<String>,
    /// What it allows.
    pub scope: Vec<String>,
    /// Who acts on behalf of whom it names, the present one first.
    pub actor: Vec<String>,
    /// Service account of Kubernetes: namespace, name, pod.
    pub service_account: Option<[Option<String>; 3]>,
    /// When it was issued, in seconds since the Unix epoch.
    pub issued_s: Option<i64>,
    /// When it begins to hold.
    pub not_before_s: Option<i64>,
    /// Until when it holds.
    pub expires_s: Option<i64>,
}

/// A token taken apart.
pub(super) struct Parts<'t> {
    /// `alg` of its header.
    pub algorithm: String,
    /// `kid` of its header.
    pub key_id: Option<String>,
    /// Its header says that more has to be understood (`crit`) than is.
    pub is_critical: bool,
    /// Its issuer as it stands there.
    pub issuer: Option<String>,
    /// What is signed.
    pub signed: &'t [u8],
    /// The signature; `None`: it is no base64.
    pub signature: Option<Vec<u8>>,
    /// What it says.
    pub claims: Claims,
}

/// Takes a token apart; `None`: it is no signed JSON Web Token, or longer than any.
pub(super) fn parse(token: &[u8]) -> Option<Parts<'_>> {
    if token.len() > TOKEN_BYTES || !token.starts_with(b"ey") {
        return None;
    }
    let last = token.iter().rposition(|&byte| byte == b'.')?;
    let (signed, signature) = token.split_at_checked(last)?;
    let dot = signed.iter().position(|&byte| byte == b'.')?;
    let (header, claims) = signed.split_at_checked(dot)?;
    let claims = claims.get(1..).filter(|claims| !claims.contains(&b'.'))?;
    let (header, claims) = (object(header)?, object(claims)?);
    Some(Parts {
        algorithm: header.get("alg")?.as_str()?.to_owned(),
        key_id: header.get("kid").and_then(Value::as_str).map(str::to_owned),
        is_critical: header.contains_key("crit"),
        issuer: claims.get("iss").and_then(Value::as_str).map(str::to_owned),
        signed,
        signature: signature.get(1..).and_then(decode),
        claims: Claims::of(&claims),
    })
}

fn object(part: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&decode(part)?).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// Base64url; some signers leave the padding on.
fn decode(part: &[u8]) -> Option<Vec<u8>> {
    let end = part.iter().rposition(|&byte| byte != b'=').map_or(0, |at| at + 1);
    BASE64URL_NOPAD.decode(part.get(..end)?).ok()
}

impl Claims {
    fn of(claims: &Map<String, Value>) -> Self {
        let text = |name: &str| claims.get(name).and_then(scalar);
        let client_id = ["client_id", "azp", "appid", "cid"].into_iter().find_map(text);
        let seconds = |name: &str| claims.get(name).and_then(seconds);
        Self {
            id: text("sub").or_else(|| client_id.clone()),
            issuer: text("iss"),
            client_id,
            audience: claims.get("aud").map(|value| list(value, false)).unwrap_or_default(),
            scope: ["scope", "scp"]
                .into_iter()
                .find_map(|name| claims.get(name).map(|value| list(value, true)))
                .unwrap_or_default(),
            actor: actors(claims),
            service_account: service_account(claims),
            issued_s: seconds("iat"),
            not_before_s: seconds("nbf"),
            expires_s: seconds("exp"),
        }
    }
}

/// A text or a number.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => owned(text.as_bytes()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// One text or several. `spaces`: one text may hold several words.
fn list(value: &Value, spaces: bool) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().take(LIST).filter_map(scalar).collect(),
        Value::String(text) if spaces => {
            let words = text.split_ascii_whitespace().take(LIST);
            words.filter_map(|word| owned(word.as_bytes())).collect()
        }
        other => scalar(other).into_iter().collect(),
    }
}

/// Seconds since the Unix epoch, of which RFC 7519 allows fractions.
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

/// Who acts (RFC 8693 section 4.1): each may act for another.
fn actors(claims: &Map<String, Value>) -> Vec<String> {
    let act = |members: &Map<String, Value>| members.get("act").and_then(Value::as_object).cloned();
    let chain = std::iter::successors(act(claims), act).take(LIST);
    chain.filter_map(|members| scalar(members.get("sub")?)).collect()
}

/// Of tokens that are bound to an object (`kubernetes.io`), and of the older kind.
fn service_account(claims: &Map<String, Value>) -> Option<[Option<String>; 3]> {
    let found = match claims.get("kubernetes.io").and_then(Value::as_object) {
        Some(members) => {
            let name = |key: &str| members.get(key)?.get("name").and_then(scalar);
            [members.get("namespace").and_then(scalar), name("serviceaccount"), name("pod")]
        }
        None => {
            let text = |name: &str| {
                claims.get(&format!("kubernetes.io/serviceaccount/{name}")).and_then(scalar)
            };
            [text("namespace"), text("service-account.name"), None]
        }
    };
    found.iter().any(Option::is_some).then_some(found)
}

/// Longest token that is read, in bytes. What is longer has a fingerprint only.
pub(super) const TOKEN_BYTES: usize = 16 << 10;
/// Most entries of a list.
const LIST: usize = 8;
