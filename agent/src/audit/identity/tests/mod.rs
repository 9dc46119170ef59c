//! Who asked, by whole exchanges. Tokens and keys (`tokens.json`, `jwks.json`) were made by PyJWT 2.15 and
//! Python's `cryptography`; the time is the one that `testing::CLOCK` gives.

mod fields;
mod safety;
mod sessions;
mod tokens;

use std::sync::Arc;

use super::{Identity, IdentityConfig, JwksConfig, Who};
use crate::audit::record::identity::Evidence;
use crate::audit::rule::Level;
use crate::audit::testing::{exchange, request, response, tcp};
use crate::audit::token::{KEY_BYTES, Tokens};
use crate::audit::trusted::Trusted;
use crate::model::origin::Origin;
use crate::protocol::content::Front;
use crate::protocol::exchange::{Exchange, Message, RequestHead};

/// 2026-11-22T07:00:00Z.
const NOW_NS: i64 = 1_795_330_800_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

fn identity(change: impl FnOnce(&mut IdentityConfig)) -> Identity {
    let mut config = IdentityConfig::default();
    change(&mut config);
    let trusted = Trusted::new(&config.trusted_proxies).unwrap();
    Identity::new(&config, trusted, Tokens::new("k1", &[7; KEY_BYTES])).unwrap()
}

/// With the keys of `https://idp.example`.
fn with_keys() -> Identity {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/audit/identity/tests/jwks.json");
    identity(|config| {
        config.jwks = vec![JwksConfig { issuer: "https://idp.example".into(), file: file.into() }];
    })
}

/// Believes the peer of `testing::tcp`.
fn trusting() -> Identity {
    identity(|config| config.trusted_proxies = vec!["203.0.113.0/24".into()])
}

fn asked(target: &str, fields: &str, status: u16) -> Exchange {
    exchange(
        Some(request("GET", target.as_bytes(), fields.as_bytes())),
        Some(response(status, b"")),
    )
}

fn posted(fields: &str, content: &str, status: u16, answer: &str) -> Exchange {
    let mut request: Message<RequestHead> = request("POST", b"/login", fields.as_bytes());
    request.content = Some(Front { bytes: content.as_bytes().to_vec().into(), is_cut: false });
    exchange(Some(request), Some(response(status, answer.as_bytes())))
}

fn look<'a>(identity: &'a Identity, exchange: &'a Exchange, origin: &'a Origin) -> Who<'a> {
    identity.look(exchange, origin, Level::Request, NOW_NS)
}

/// Each piece of evidence as JSON, without what every one has in the same way.
fn told(identity: &Identity, target: &str, fields: &str) -> Vec<String> {
    let (exchange, origin) = (asked(target, fields, 200), tcp());
    look(identity, &exchange, &origin).identity.iter().map(json).collect()
}

fn json(evidence: &Evidence<'_>) -> String {
    serde_json::to_string(evidence).unwrap()
}

/// `kind id verified accepted`, with `-` for what is absent.
fn principal(identity: &Identity, exchange: &Exchange, origin: &Origin) -> String {
    let who = look(identity, exchange, origin);
    let Some(principal) = who.principal else { return "-".to_owned() };
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let accepted = principal.accepted.map_or("-".to_owned(), |accepted| accepted.to_string());
    format!(
        "{} {} {} {accepted}",
        word(serde_json::to_value(principal.kind).unwrap()),
        principal.id,
        word(serde_json::to_value(principal.verified).unwrap()),
    )
}

fn with_certificate(subject: &str, names: &[&str]) -> Origin {
    use crate::model::origin::Tls;
    use crate::model::tls::{ClientCertificate, Facts};
    let certificate = ClientCertificate {
        subject: subject.to_owned(),
        alternative_names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let facts = Facts { client_certificate: Some(certificate), ..Facts::default() };
    Origin { tls: Some(Tls { library: None, facts: Some(Arc::new(facts)) }), ..tcp() }
}
