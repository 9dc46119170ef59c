//! Presets under the settings of a user, and what is told about them.
//!
//! In: what sources say, with `policy.preset`. Out: the same with the preset's settings where the user has none of
//! that key; for a person each setting of a preset, what it does and who asks for it.
//! Always: what the user has set stays; every value of a preset has its place, behind all other sources.
//! Not here: the presets themselves (`deploy/presets`), what must never be in clear whoever says so (`config::check`,
//! `audit::redact`).

use std::borrow::Cow;
use std::ops::Range;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::audit::preset::Preset;

/// What a preset is for, and what it sets.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Explanation {
    /// Its name.
    pub preset: &'static str,
    /// What it is for, and what it cannot do.
    pub about: String,
    /// What it sets, in the order of its file.
    pub settings: Vec<Setting>,
}

/// One setting of a preset.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Setting {
    /// Section and key: `policy.default`.
    pub key: String,
    /// The value, as TOML.
    pub value: String,
    /// What it does.
    pub about: String,
    /// Which requirements ask for it.
    pub asked_for_by: String,
}

// === under the user's settings ===

/// Puts the preset that the table names under what is there. `behind`: where the texts of presets begin.
pub(super) fn apply(table: &mut DeTable<'_>, behind: usize) {
    let named = table.get("policy").and_then(|policy| policy.get_ref().get("preset"));
    let name = named.and_then(|name| name.get_ref().as_str());
    let Some(preset) = name.and_then(Preset::named) else { return };
    under(table, parsed(preset), behind + start(preset));
}

/// The preset at this offset behind all other sources, and the offset in its text.
pub(super) fn at(offset: usize) -> Option<(Preset, usize)> {
    let mut all = Preset::ALL.iter().rev();
    all.find_map(|&preset| Some((preset, offset.checked_sub(start(preset))?)))
}

/// Where its text begins, if those of all presets stood one behind the other.
fn start(preset: Preset) -> usize {
    let before = Preset::ALL.iter().take_while(|&&one| one != preset);
    before.map(|one| one.text().len() + 1).sum()
}

fn parsed(preset: Preset) -> DeTable<'static> {
    // Tests see to it that there are no mistakes.
    DeTable::parse_recoverable(preset.text()).0.into_inner()
}

fn under<'s>(table: &mut DeTable<'s>, preset: DeTable<'s>, by: usize) {
    for (key, value) in preset {
        match (table.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value) {
            (None, value) => {
                table.insert(moved_key(key, by), moved(value, by));
            }
            (Some(DeValue::Table(own)), value) => {
                if let DeValue::Table(inner) = value.into_inner() {
                    under(own, inner, by);
                }
            }
            (Some(_), _) => {}
        }
    }
}

/// The same at offsets behind all other sources.
fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = moved_span(&value.span(), by);
    let value = match value.into_inner() {
        DeValue::Table(table) => {
            let entry = |(key, value)| (moved_key(key, by), moved(value, by));
            DeValue::Table(table.into_iter().map(entry).collect())
        }
        DeValue::Array(array) => {
            DeValue::Array(array.into_iter().map(|value| moved(value, by)).collect())
        }
        plain => plain,
    };
    Spanned::new(span, value)
}

fn moved_key(key: Spanned<Cow<'_, str>>, by: usize) -> Spanned<Cow<'_, str>> {
    Spanned::new(moved_span(&key.span(), by), key.into_inner())
}

fn moved_span(span: &Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}

// === for a person ===

/// What a preset is for, and what it sets.
pub fn explain(preset: Preset) -> Explanation {
    let text = preset.text();
    let mut found = Vec::new();
    settings(text, "", &parsed(preset), &mut found);
    found.sort_by_key(|(offset, _)| *offset);
    Explanation {
        preset: preset.name(),
        about: joined(text.lines().take_while(|line| line.starts_with('#'))),
        settings: found.into_iter().map(|(_, setting)| setting).collect(),
    }
}

fn settings(text: &str, section: &str, table: &DeTable<'_>, found: &mut Vec<(usize, Setting)>) {
    for (name, value) in table {
        let key = match section {
            "" => name.get_ref().to_string(),
            section => format!("{section}.{}", name.get_ref()),
        };
        if let DeValue::Table(inner) = value.get_ref() {
            settings(text, &key, inner, found);
            continue;
        }
        let (about, asked_for_by) = comment_above(text, name.span().start);
        let value = joined(text.get(value.span()).unwrap_or_default().lines());
        found.push((name.span().start, Setting { key, value, about, asked_for_by }));
    }
}

/// What the comment just above a key says, and who asks for the key.
fn comment_above(text: &str, key: usize) -> (String, String) {
    let before = text.get(..key).unwrap_or_default();
    let lines: Vec<_> = before.lines().rev().take_while(|line| line.starts_with('#')).collect();
    let asked = lines.iter().find_map(|line| line.strip_prefix(ASKED_FOR_BY));
    let about = lines.iter().rev().filter(|line| !line.starts_with(ASKED_FOR_BY));
    (joined(about.copied()), asked.unwrap_or_default().to_owned())
}

/// Lines as one, without the marks of comments.
fn joined<'t>(lines: impl Iterator<Item = &'t str>) -> String {
    let words = lines.flat_map(|line| line.trim_start_matches('#').split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}

/// What the last line of a key's comment begins with.
const ASKED_FOR_BY: &str = "# Asked for by: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_a_preset_says_what_it_does_and_who_asks_for_it() {
        for &preset in Preset::ALL {
            assert_eq!(Preset::named(preset.name()), Some(preset));
            assert!(DeTable::parse(preset.text()).is_ok(), "{preset:?}");
            let Explanation { about, settings, .. } = explain(preset);
            assert!(about.contains("No key can do these: "), "{about}");
            for Setting { key, value, about, asked_for_by } in &settings {
                let law = ["PCI DSS ", "45 CFR 164.", "GDPR Art. "];
                assert!(law.iter().any(|law| asked_for_by.starts_with(law)), "{preset:?} {key}");
                assert!(about.ends_with('.') && about.len() > 20, "{preset:?} {key}: {about}");
                assert!(!value.is_empty(), "{preset:?} {key}");
            }
            let journal = settings.iter().filter(|one| one.key == "journal.retain_days");
            assert_eq!(journal.count(), 1, "{preset:?}");
        }
    }

    #[test]
    fn offsets_lead_to_presets_and_back() {
        assert_eq!(at(0), Some((Preset::Pci, 0)));
        for &preset in Preset::ALL {
            assert_eq!(at(start(preset) + 5), Some((preset, 5)));
        }
    }
}
