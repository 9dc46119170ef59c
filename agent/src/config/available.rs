//! Keys that are known and that this version does not heed.
//!
//! In: what was read. Out: a mistake, since somebody would think that records are encrypted, fuller or
//! fewer than they are.
//! Always: such a key is never taken silently.
//! Not here: values that make no sense (`config::check`).

use super::finding::Finding;
use super::read::Read;
use super::read::Step::{self, Index, Key};
use super::source::Sources;

/// Keys that are mistakes.
const REFUSED: &[[&str; 2]] = &[["journal", "encrypt_to"], ["journal", "witness_policy"]];

pub(super) fn check(read: &Read<'_>, sources: &Sources, findings: &mut Vec<Finding>) {
    let mut refuse = |path: &[Step<'_>], what: &str| {
        let span = read.span(path);
        let message = format!("`{what}` is not available in this version");
        if span.is_some() && !read.is_empty_list(path) {
            findings.push(sources.finding(span, message, None));
        }
    };
    for [section, key] in REFUSED {
        refuse(&[Key(section), Key(key)], &format!("{section}.{key}"));
    }
    rule_conditions(read, &mut refuse);
}

/// A condition that is not heeded would make a rule match more than it says.
fn rule_conditions(read: &Read<'_>, refuse: &mut impl FnMut(&[Step<'_>], &str)) {
    let capture = &read.config.capture;
    for (name, rules) in [("include", &capture.include), ("exclude", &capture.exclude)] {
        for index in 0..rules.len() {
            for key in ["container", "namespace"] {
                refuse(&[Key("capture"), Key(name), Index(index), Key(key)], key);
            }
        }
    }
    for index in 0..read.config.policy.rule.len() {
        for key in ["container", "namespace"] {
            refuse(&[Key("policy"), Key("rule"), Index(index), Key(key)], key);
        }
    }
}
