//! Keys of programs.
//!
//! In: a key. Out: its fingerprint, and how keys of its provider begin.
//! Always: nothing of a key but the part that all keys of its provider have.
//! Not here: where keys stand (`carrier`).

use super::findings::Findings;
use crate::audit::record::identity::{Evidence, EvidenceKind};
use crate::audit::record::value::Text;

/// A key found at `source`.
pub(super) fn push<'a>(key: &[u8], source: &'a str, findings: &mut Findings<'a>) {
    let key = key.trim_ascii();
    if key.is_empty() {
        return;
    }
    let evidence = findings.secret(EvidenceKind::ApiKey, source, key);
    findings.push(Evidence { prefix: prefix(key).map(Text::Borrowed), ..evidence });
}

/// How keys of its provider begin; `None`: the provider is not known.
pub(super) fn prefix(key: &[u8]) -> Option<&'static str> {
    let enough = |prefix: &&str| key.len() >= prefix.len() + SECRET_BYTES;
    let begins = |prefix: &&str| key.starts_with(prefix.as_bytes()) && enough(prefix);
    PREFIXES.iter().copied().find(begins)
}

/// Fewest characters that follow.
const SECRET_BYTES: usize = 16;

/// Longer ones before those that they begin with.
const PREFIXES: &[&str] = &[
    "AIza",
    "AKIA",
    "ASIA",
    "SG.",
    "dckr_pat_",
    "dop_v1_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gsk_",
    "hf_",
    "hvs.",
    "lin_api_",
    "npm_",
    "pk_live_",
    "pk_test_",
    "pypi-",
    "rk_live_",
    "rk_test_",
    "shpat_",
    "shpss_",
    "sk-ant-",
    "sk-proj-",
    "sk_live_",
    "sk_test_",
    "sk-",
    "tskey-",
    "whsec_",
    "xapp-",
    "xoxa-",
    "xoxb-",
    "xoxe-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "ya29.",
];

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn providers_are_known_by_the_front() {
        assert_eq!(prefix(b"sk_live_51HxCanary0123456789"), Some("sk_live_"));
        assert_eq!(prefix(b"sk-proj-0123456789abcdef0123"), Some("sk-proj-"));
        assert_eq!(prefix(b"sk_live_51"), None);
        assert_eq!(prefix(b"0123456789abcdef0123456789"), None);
    }
}
