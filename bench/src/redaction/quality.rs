//! What of the planted values is found, and what else is hidden.
//!
//! In: bodies. Out: recall and leaked characters by class, precision by what values were hidden as,
//! over-redaction of clean bodies.
//! Always: a value counts as found if none of it is left; one that is hidden and was not planted counts
//! against what it was hidden as.
//! Not here: speed.

use std::collections::BTreeMap;

use earwitness::audit::redact::RedactionConfig;
use earwitness::audit::redact::body::rules::BodyRules;
use earwitness::audit::redact::body::{Content, redact};
use earwitness::audit::redact::notes::Notes;
use serde_json::Value;

use super::corpus::{Body, Corpus, Half, Kind};
use crate::report::{Figure, Goal, Section, number};

const KEY: &str = "http.request.body.content";
/// Classes that a name tells; the others are told by their form.
const NAMED: [&str; 8] =
    ["password", "token", "secret", "key", "code", "cvc", "birth_date", "passport"];

/// What became of the planted values of a class.
#[derive(Default)]
struct Class {
    planted: u64,
    found: u64,
    characters: u64,
    leaked: u64,
}

/// What values were hidden as.
#[derive(Default)]
struct Hidden {
    rightly: u64,
    wrongly: u64,
}

#[derive(Default)]
struct Counts {
    classes: BTreeMap<String, Class>,
    kinds: BTreeMap<String, Hidden>,
    values: u64,
    over: u64,
    clean_values: u64,
    clean_over: u64,
}

/// All figures of a half.
pub fn measure(corpus: &Corpus, half: Half) -> Section {
    let rules = BodyRules::new(&RedactionConfig::default());
    let mut counts = Counts::default();
    for kind in [Kind::Sensitive, Kind::Clean] {
        corpus.of(half, kind).for_each(|body| counts.add(body, &rules));
    }
    counts.section(half)
}

impl Counts {
    fn add(&mut self, body: &Body, rules: &BodyRules) {
        let content = Content {
            media_type: Some(b"application/json"),
            bytes: body.body.as_bytes(),
            cut: false,
        };
        let mut notes = Notes::default();
        let kept = redact(&content, rules, KEY, &mut notes).map(|kept| kept.text);
        let text = kept.unwrap_or_default();
        let notes: Vec<(String, String)> = notes
            .into_list()
            .into_iter()
            .map(|note| {
                let path = note.path.strip_prefix(KEY).unwrap_or_default();
                (path.trim_start_matches('.').to_owned(), kind_name(&note.kind))
            })
            .collect();
        let before: Value = serde_json::from_str(&body.body).unwrap_or_default();
        let after: Value = serde_json::from_str(&text).unwrap_or_default();
        let mut leaves = Vec::new();
        pair(&before, &after, &mut String::new(), &mut String::new(), &mut leaves);
        for leaf in &leaves {
            self.leaf(leaf, body, &notes);
        }
        for planted in &body.planted {
            let leaf = leaves.iter().find(|leaf| leaf.path == planted.path);
            let leaked = leaf.map_or(0, |leaf| leaked(&planted.value, &leaf.after));
            let class = self.classes.entry(planted.class.clone()).or_default();
            class.planted += 1;
            class.found += u64::from(leaked == 0);
            class.characters += planted.value.chars().count() as u64;
            class.leaked += leaked;
        }
    }

    fn leaf(&mut self, leaf: &Leaf, body: &Body, notes: &[(String, String)]) {
        let hidden = leaf.before != leaf.after;
        let planted = body.planted.iter().find(|one| one.path == leaf.path);
        let over = hidden && planted.is_none();
        self.values += 1;
        self.over += u64::from(over);
        if body.kind == Kind::Clean {
            self.clean_values += 1;
            self.clean_over += u64::from(over);
        }
        if hidden {
            let of_path = notes.iter().find(|(path, _)| *path == leaf.names);
            let kind = of_path.map_or("?".to_owned(), |(_, kind)| kind.clone());
            if over && std::env::var_os("EARWITNESS_SHOW").is_some() {
                eprintln!("over {kind} {} {}", leaf.path, leaf.before);
            }
            let entry = self.kinds.entry(kind).or_default();
            *(if over { &mut entry.wrongly } else { &mut entry.rightly }) += 1;
        } else if let Some(planted) = planted
            && std::env::var_os("EARWITNESS_SHOW").is_some()
        {
            eprintln!("missed {} {} {}", planted.class, leaf.path, leaf.before);
        }
    }

    fn section(&self, half: Half) -> Section {
        let mut section = Section::new(format!("redaction: quality on JSON ({half:?})"));
        for (name, class) in &self.classes {
            let least = if NAMED.contains(&name.as_str()) { 0.98 } else { 0.995 };
            let recall = class.found as f64 / class.planted as f64;
            let remark = format!(
                "{} planted; {} of {} characters leaked",
                number(class.planted as f64),
                number(class.leaked as f64),
                number(class.characters as f64)
            );
            let figure = Figure::new(format!("recall: {name}"), recall * 100.0, "%");
            section.figures.push(figure.goal(Goal::AtLeast(least * 100.0)).remark(remark));
        }
        for (name, hidden) in &self.kinds {
            let all = hidden.rightly + hidden.wrongly;
            let precision = hidden.rightly as f64 / all as f64;
            let figure = Figure::new(format!("precision: {name}"), precision * 100.0, "%");
            let remark = format!("{} hidden", number(all as f64));
            // What a name alone says is more than was planted: another token is a token, too.
            let by_name = ["secret", "personal", "?"].contains(&name.as_str());
            let figure = figure.remark(remark);
            let figure = if by_name { figure } else { figure.goal(Goal::AtLeast(99.0)) };
            section.figures.push(figure);
        }
        let share = |part: u64, all: u64| part as f64 / all as f64 * 100.0;
        let clean = share(self.clean_over, self.clean_values);
        let remark = format!("of {} values", number(self.clean_values as f64));
        let figure = Figure::new("over-redaction, clean bodies", clean, "%").remark(remark);
        section.figures.push(figure.goal(Goal::AtMost(0.5)));
        let all = share(self.over, self.values);
        section.figures.push(Figure::new("over-redaction, all bodies", all, "%"));
        section
    }
}

fn kind_name(kind: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(kind).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// A value before and after.
struct Leaf {
    /// Names and indices that lead to it.
    path: String,
    /// Names alone, as notes have them.
    names: String,
    before: String,
    after: String,
}

fn pair(before: &Value, after: &Value, path: &mut String, names: &mut String, out: &mut Vec<Leaf>) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            // A name that was hidden is another name.
            for (name, value) in one {
                let other = other.get(name).unwrap_or(&Value::Null);
                let (path_len, names_len) = (path.len(), names.len());
                for text in [&mut *path, &mut *names] {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(name);
                }
                pair(value, other, path, names, out);
                path.truncate(path_len);
                names.truncate(names_len);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for (index, value) in one.iter().enumerate() {
                let path_len = path.len();
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&index.to_string());
                pair(value, other.get(index).unwrap_or(&Value::Null), path, names, out);
                path.truncate(path_len);
            }
        }
        _ => {
            let text = |value: &Value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let (before, after) = (text(before), text(after));
            out.push(Leaf { path: path.clone(), names: names.clone(), before, after });
        }
    }
}

/// Characters of the value that are left: of the longest part that is, if it is longer than chance.
fn leaked(value: &str, left: &str) -> u64 {
    let characters: Vec<char> = value.chars().collect();
    let shortest = PART_CHARACTERS.min(characters.len());
    for length in (shortest.max(1)..=characters.len()).rev() {
        let part = |part: &[char]| left.contains(&part.iter().collect::<String>());
        if characters.windows(length).any(part) {
            return length as u64;
        }
    }
    0
}

const PART_CHARACTERS: usize = 5;
