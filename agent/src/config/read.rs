//! Settings out of their sources, with every mistake of form at once.
//!
//! In: `Sources`. Out: `Config`, what is wrong with its form, and the place of each value.
//! Always: what is wrong is reported and left out, and the rest read again, until nothing is wrong:
//! so one mistake does not hide another.
//! Not here: whether values make sense (`config::check`), and are heeded (`config::available`).

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use super::Config;
use super::finding::Finding;
use super::preset;
use super::source::{ASSIGN, Sources, Variable};

/// What was read.
pub(super) struct Read<'s> {
    pub(super) config: Config,
    pub(super) findings: Vec<Finding>,
    /// Where something was left out because its form is wrong.
    left_out: Vec<Range<usize>>,
    /// What the configuration was made of.
    table: DeTable<'s>,
}

/// A step on the way to a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Reads all sources. Never fails: what is wrong is in `findings`.
pub(super) fn read(sources: &Sources) -> Read<'_> {
    let (table, errors) = DeTable::parse_recoverable(&sources.text);
    let mut table = table.into_inner();
    let mut findings: Vec<Finding> = errors
        .iter()
        .map(|error| sources.finding(error.span(), error.message().to_owned(), None))
        .collect();
    for variable in &sources.variables {
        findings.extend(override_by(variable, &mut table, sources));
    }
    preset::apply(&mut table, sources.end);
    findings.extend(untyped_sinks(&table, sources));
    let mut left_out = Vec::new();
    let config = loop {
        let whole = Spanned::new(0..0, with_kinds(&mut table));
        match Config::deserialize(Deserializer::from(whole)) {
            Ok(config) => break config,
            Err(error) => {
                findings.push(finding(&error, sources));
                let removed = error.span().is_some_and(|span| remove(&mut table, &span));
                left_out.extend(error.span());
                if !removed {
                    break Config::default();
                }
            }
        }
    };
    Read { config, findings, left_out, table }
}

/// `unknown field` of serde in our words; other messages as they are.
fn finding(error: &toml::de::Error, sources: &Sources) -> Finding {
    let message = error.message();
    if let Some((name, known)) = message.strip_prefix("unknown field `").and_then(split_expected) {
        let hint = format!("known here: {}", known.replace('`', ""));
        return sources.finding(error.span(), format!("unknown key `{name}`"), Some(hint));
    }
    let message = message.replace("missing field", "missing key");
    sources.finding(error.span(), message, None)
}

fn split_expected(rest: &str) -> Option<(&str, &str)> {
    let (name, known) = rest.split_once("`, expected ")?;
    Some((name, known.trim_start_matches("one of ")))
}

// === the environment ===

/// Puts a variable's value in its place.
fn override_by<'s>(
    variable: &'s Variable,
    table: &mut DeTable<'s>,
    sources: &Sources,
) -> Option<Finding> {
    let (key, sections) = variable.path.split_last()?;
    let span = variable.start..variable.start + ASSIGN.len();
    let mut table = table;
    for section in sections {
        let name = Spanned::new(span.clone(), Cow::Borrowed(section.as_str()));
        let empty = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
        match table.entry(name).or_insert_with(empty).get_mut() {
            DeValue::Table(inner) => table = inner,
            _ => {
                let message = format!("`{section}` is not a section with keys");
                return Some(sources.finding(Some(span), message, None));
            }
        }
    }
    table.remove(key.as_str());
    let name = Spanned::new(span, Cow::Borrowed(key.as_str()));
    table.insert(name, value(variable));
    None
}

/// The value as TOML; text that is no TOML is a string, so that quotes are not needed.
fn value(variable: &Variable) -> Spanned<DeValue<'_>> {
    let parsed = DeTable::parse(&variable.document).ok();
    let single = parsed.filter(|table| table.get_ref().len() == 1);
    single.and_then(|table| table.into_inner().remove("x")).unwrap_or_else(|| {
        let start = variable.start + ASSIGN.len();
        let text = Cow::Borrowed(variable.value.as_str());
        Spanned::new(start..start + text.len(), DeValue::String(text))
    })
}

// === kinds of sinks ===

/// Sinks without a `type`, or with one that is no text.
fn untyped_sinks(table: &DeTable<'_>, sources: &Sources) -> Vec<Finding> {
    let entries = table.get("sink").and_then(|list| list.get_ref().as_array());
    let untyped = entries.into_iter().flatten().filter_map(|entry| {
        let keys = entry.get_ref().as_table()?;
        match keys.get("type") {
            None => Some((entry.span(), "missing key `type`")),
            Some(kind) if kind.get_ref().as_str().is_none() => {
                Some((kind.span(), "the kind of a sink is a text"))
            }
            Some(_) => None,
        }
    });
    untyped.map(|(span, text)| sources.finding(Some(span), text.to_owned(), None)).collect()
}

/// The table as serde reads it: a sink with `type = "file"` is one `file` with its other keys. (Told
/// to go by `type` itself, serde would forget the places of the others.) Sinks without a type are left
/// out, of the table given too.
fn with_kinds<'s>(table: &mut DeTable<'s>) -> DeTable<'s> {
    let mut by_kind = DeArray::new();
    if let Some(DeValue::Array(sinks)) = table.get_mut("sink").map(Spanned::get_mut) {
        let entries = std::mem::replace(sinks, DeArray::new()).into_iter();
        for (entry, tagged) in entries.filter_map(|entry| Some((entry.clone(), by_type(entry)?))) {
            sinks.push(entry);
            by_kind.push(tagged);
        }
    }
    let mut whole = table.clone();
    if let Some(DeValue::Array(sinks)) = whole.get_mut("sink").map(Spanned::get_mut) {
        *sinks = by_kind;
    }
    whole
}

/// One entry by its kind; `None` without one. What is no table stays as it is.
fn by_type(mut entry: Spanned<DeValue<'_>>) -> Option<Spanned<DeValue<'_>>> {
    let span = entry.span();
    let DeValue::Table(keys) = entry.get_mut() else { return Some(entry) };
    let kind = keys.remove("type")?;
    let place = kind.span();
    let DeValue::String(name) = kind.into_inner() else { return None };
    let own = Spanned::new(span.clone(), DeValue::Table(std::mem::take(keys)));
    let tagged = DeTable::from_iter([(Spanned::new(place, name), own)]);
    Some(Spanned::new(span, DeValue::Table(tagged)))
}

// === leaving mistakes out ===

/// Removes the innermost entry that the offsets are about. Returns whether there was one.
fn remove(table: &mut DeTable<'_>, at: &Range<usize>) -> bool {
    if table.iter_mut().any(|(_, value)| remove_below(value.get_mut(), at)) {
        return true;
    }
    let about = |key: &Spanned<Cow<'_, str>>, value: &Spanned<DeValue<'_>>| {
        covers(&key.span(), at) || covers(&value.span(), at)
    };
    let found = table.iter().find(|(key, value)| about(key, value));
    let Some(name) = found.map(|(key, _)| key.get_ref().to_string()) else { return false };
    table.remove(name.as_str()).is_some()
}

fn remove_below(value: &mut DeValue<'_>, at: &Range<usize>) -> bool {
    match value {
        DeValue::Table(table) => remove(table, at),
        DeValue::Array(array) => remove_element(array, at),
        _ => false,
    }
}

fn remove_element(array: &mut DeArray<'_>, at: &Range<usize>) -> bool {
    if array.iter_mut().any(|value| remove_below(value.get_mut(), at)) {
        return true;
    }
    let Some(index) = array.iter().position(|value| covers(&value.span(), at)) else {
        return false;
    };
    let kept = std::mem::replace(array, DeArray::new())
        .into_iter()
        .enumerate()
        .filter(|(at, _)| *at != index);
    *array = kept.map(|(_, value)| value).collect();
    true
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    !outer.is_empty() && outer.start <= inner.start && inner.end <= outer.end
}

// === places ===

impl Read<'_> {
    /// Whether something inside these offsets was left out, so that the rest means little.
    pub(super) fn is_partial(&self, span: &Range<usize>) -> bool {
        self.left_out.iter().any(|inner| covers(span, inner))
    }

    /// Offsets of the value at this path, of the key where it ends in one; `None`: not given.
    pub(super) fn span(&self, path: &[Step<'_>]) -> Option<Range<usize>> {
        self.find(path).map(|(span, _)| span)
    }

    /// Whether the value at this path is a list without entries.
    pub(super) fn is_empty_list(&self, path: &[Step<'_>]) -> bool {
        let list = self.find(path).and_then(|(_, value)| value.as_array());
        list.is_some_and(|list| list.is_empty())
    }

    fn find(&self, path: &[Step<'_>]) -> Option<(Range<usize>, &DeValue<'_>)> {
        let (Step::Key(first), rest) = path.split_first()? else { return None };
        let (key, value) = self.table.get_key_value(*first)?;
        let mut found = (key.span(), value.get_ref());
        for step in rest {
            found = match (step, found.1) {
                (Step::Key(name), DeValue::Table(table)) => {
                    let (key, value) = table.get_key_value(*name)?;
                    (key.span(), value.get_ref())
                }
                (Step::Index(index), DeValue::Array(array)) => {
                    let value = array.get(*index)?;
                    (value.span(), value.get_ref())
                }
                _ => return None,
            };
        }
        Some(found)
    }
}
