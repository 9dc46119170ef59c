//! Bodies as a whole: what is kept, and that nothing else is.

mod actions;
mod canary;
mod detected;
mod json;
mod multipart;
mod operations;
mod others;
mod properties;
mod random;
mod xml;

use expect_test::Expect;

use super::rules::BodyRules;
use super::*;
use crate::audit::redact::RedactionConfig;

pub(super) const KEY: &str = "http.request.body.content";

/// Rules that allow these besides the default, and nothing else.
pub(super) fn rules(more: &[&str]) -> BodyRules {
    let mut config =
        RedactionConfig { body_values: BodyValues::Listed, ..RedactionConfig::default() };
    config.body_allow.extend(more.iter().map(|entry| (*entry).to_owned()));
    BodyRules::new(&config)
}

/// Rules that keep whatever nothing is found in.
pub(super) fn detecting() -> BodyRules {
    BodyRules::new(&RedactionConfig::default())
}

pub(super) fn content<'a>(media_type: &'a str, bytes: &'a [u8]) -> Content<'a> {
    Content { media_type: Some(media_type.as_bytes()), bytes, cut: false }
}

/// What is kept, and below it what was removed.
pub(super) fn show(content: &Content<'_>, rules: &BodyRules) -> String {
    let mut notes = Notes::default();
    let kept = redact(content, rules, KEY, &mut notes);
    let mut text = match kept {
        None => "nothing".to_owned(),
        Some(kept) => {
            let encoding = if kept.encoding == Encoding::Base64 { "base64 " } else { "" };
            let end = if kept.truncated { " …" } else { "" };
            format!("{encoding}{}{end}", kept.text)
        }
    };
    for note in notes.into_list() {
        let path = note.path.strip_prefix(KEY).unwrap();
        text += &format!("\n{path} {:?} {:?} {}", note.kind, note.action, note.count);
    }
    text
}

pub(super) fn check(media_type: &str, body: &str, more: &[&str], expected: Expect) {
    expected.assert_eq(&show(&content(media_type, body.as_bytes()), &rules(more)));
}

pub(super) fn check_detecting(media_type: &str, body: &str, expected: Expect) {
    expected.assert_eq(&show(&content(media_type, body.as_bytes()), &detecting()));
}
