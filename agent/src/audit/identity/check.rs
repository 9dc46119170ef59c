//! JSON Web Tokens, checked as far as the configuration gives keys.
//!
//! In: a token. Out: its claims, and whether its signature holds. Always: a token that has been seen costs
//! a hash; how many are remembered is bounded, and so are the signatures that are checked each second, since
//! whoever sends tokens could otherwise have all of our time.
//! Not here: reading claims (`jwt`), keys (`jwks`), whether its time is over (that changes; `bearer`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::config::JwksConfig;
use super::jwks::{Keys, KeysError, Outcome};
use super::jwt::{self, Claims, Parts};
use crate::audit::record::identity::Flaw;

/// A token that was looked at.
#[derive(Debug)]
pub(super) struct Checked {
    /// What it says.
    pub claims: Claims,
    /// Its signature holds.
    pub is_genuine: bool,
    /// What is wrong with its signature.
    pub flaw: Option<Flaw>,
}

/// Checks tokens.
#[derive(Debug)]
pub(super) struct Checker {
    /// Issuers and their keys.
    issuers: Vec<(String, Keys)>,
    /// By hash; `None`: no JSON Web Token.
    seen: Cache<[u8; 32], Option<Arc<Checked>>>,
    /// The second it is, and how many signatures were checked in it.
    budget: AtomicU64,
}

impl Checker {
    /// With the keys of a configuration.
    pub(super) fn new(config: &[JwksConfig]) -> Result<Self, KeysError> {
        let issuer = |one: &JwksConfig| Ok((one.issuer.clone(), Keys::read(&one.file)?));
        Ok(Self {
            issuers: config.iter().map(issuer).collect::<Result<_, _>>()?,
            seen: Cache::new(MOST_SEEN),
            budget: AtomicU64::new(0),
        })
    }

    /// Digests of the keys, which decide what records say.
    pub(super) fn digests(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.issuers.iter().map(|(_, keys)| keys.digest())
    }

    /// Looks at a token; `None`: it is no JSON Web Token.
    pub(super) fn look(&self, token: &[u8], now_s: i64) -> Option<Arc<Checked>> {
        if token.len() > jwt::TOKEN_BYTES || !token.starts_with(b"ey") {
            return None;
        }
        let hash = Sha256::digest(token).into();
        if let Some(seen) = self.seen.get(&hash) {
            return seen;
        }
        let Some(parts) = jwt::parse(token) else {
            self.seen.insert(hash, None);
            return None;
        };
        let judged = self.judge(&parts, now_s);
        let (is_genuine, flaw) = judged.unwrap_or((false, None));
        let checked = Some(Arc::new(Checked { claims: parts.claims, is_genuine, flaw }));
        if judged.is_some() {
            self.seen.insert(hash, checked.clone());
        }
        checked
    }

    /// Whether the signature holds, and what is wrong with it; `None`: there was no time to look.
    fn judge(&self, parts: &Parts<'_>, now_s: i64) -> Option<(bool, Option<Flaw>)> {
        if parts.algorithm.eq_ignore_ascii_case("none") {
            return Some((false, Some(Flaw::Unsigned)));
        }
        let named = parts.issuer.as_deref();
        let issuer = self.issuers.iter().find(|(issuer, _)| Some(issuer.as_str()) == named);
        let Some((_, keys)) = issuer else { return Some((false, None)) };
        let Some(signature) = parts.signature.as_deref().filter(|_| !parts.is_critical) else {
            return Some((false, parts.signature.is_none().then_some(Flaw::BadSignature)));
        };
        if !self.spend(now_s) {
            return None;
        }
        let key_id = parts.key_id.as_deref();
        Some(match keys.check(&parts.algorithm, key_id, parts.signed, signature) {
            Outcome::Holds => (true, None),
            Outcome::Fails => (false, Some(Flaw::BadSignature)),
            Outcome::NoKey => (false, Some(Flaw::UnknownKey)),
        })
    }

    /// Whether another signature may be checked in this second.
    fn spend(&self, now_s: i64) -> bool {
        let second = now_s.cast_unsigned() << COUNT_BITS;
        let more = |budget: u64| {
            let same = (budget >> COUNT_BITS) == (second >> COUNT_BITS);
            let used = if same { budget & (MOST_CHECKS * 2 - 1) } else { 0 };
            (used < MOST_CHECKS).then_some(second | (used + 1))
        };
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

/// Tokens that are remembered: some 8 KiB each at most.
const MOST_SEEN: usize = 2_048;
/// Signatures that are checked in a second: one costs some 100 µs.
const MOST_CHECKS: u64 = 1 << (COUNT_BITS - 1);
/// Bits of the count beside the second.
const COUNT_BITS: u32 = 11;
