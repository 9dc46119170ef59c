//! How fast bodies are redacted, on one core.
//!
//! In: bodies. Out: megabytes a second.
//! Always: lists of some KiB, as APIs send them; by processor time, and the best of several rounds, since
//! others' work on the machine only ever slows.
//! Not here: what is found.

use std::hint::black_box;

use anyhow::Result;
use earwitness::audit::redact::RedactionConfig;
use earwitness::audit::redact::body::rules::BodyRules;
use earwitness::audit::redact::body::{Content, redact};
use earwitness::audit::redact::notes::Notes;
use serde_json::Value;

use super::corpus::{Body, Corpus, Half, Kind};
use crate::Effort;
use crate::cpu;
use crate::report::{Figure, Goal, Section};

/// A round, at least.
const ROUND_NS: u64 = 300_000_000;

/// Clean bodies and others.
pub fn measure(corpus: &Corpus, effort: Effort) -> Result<Section> {
    let mut section = Section::new("redaction: speed on JSON, one core");
    let clean: Vec<_> = corpus.of(Half::Figures, Kind::ListClean).collect();
    let mixed: Vec<_> = corpus.of(Half::Figures, Kind::ListMixed).collect();
    let cases = [
        ("clean, 16 KiB", whole(&clean), Some(1_000.0)),
        ("clean, 16 KiB, indented", indented(&clean), None),
        ("clean, 1 KiB", items(&clean, SMALL_BYTES), None),
        ("5 % of values sensitive, 16 KiB", whole(&mixed), Some(300.0)),
        ("5 % of values sensitive, 1 KiB", items(&mixed, SMALL_BYTES), None),
    ];
    for (name, bodies, goal) in cases {
        let speed = speed(&bodies, effort.rounds.max(5))?;
        let bytes: usize = bodies.iter().map(String::len).sum();
        let remark = format!("{} bodies of {} bytes", bodies.len(), bytes / bodies.len().max(1));
        let figure = Figure::new(name, speed, "MB/s").remark(remark);
        section.figures.push(match goal {
            Some(goal) => figure.goal(Goal::AtLeast(goal)),
            None => figure,
        });
    }
    let (values, planted) = mixed.iter().fold((0, 0), |(values, planted), body| {
        (values + body.values, planted + body.planted.len())
    });
    section.note(format!("{planted} of {values} values are sensitive where some are"));
    Ok(section)
}

/// A small body, in bytes.
const SMALL_BYTES: usize = 1 << 10;

fn whole(lists: &[&Body]) -> Vec<String> {
    lists.iter().map(|list| list.body.clone()).collect()
}

/// Pieces of lists, of that many bytes or a little more.
fn items(lists: &[&Body], bytes: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    for list in lists {
        let items: Vec<Value> = serde_json::from_str(&list.body).unwrap_or_default();
        let mut piece = String::new();
        for item in items {
            piece.push(if piece.is_empty() { '[' } else { ',' });
            piece.push_str(&item.to_string());
            if piece.len() >= bytes {
                piece.push(']');
                pieces.push(std::mem::take(&mut piece));
            }
        }
    }
    pieces
}

fn indented(lists: &[&Body]) -> Vec<String> {
    let indent = |list: &&Body| {
        let value = serde_json::from_str::<Value>(&list.body).unwrap_or_default();
        serde_json::to_string_pretty(&value).unwrap_or_default()
    };
    lists.iter().map(indent).collect()
}

fn speed(bodies: &[String], rounds: usize) -> Result<f64> {
    let rules = BodyRules::new(&RedactionConfig::default());
    let bytes: usize = bodies.iter().map(String::len).sum();
    let mut best = 0.0_f64;
    for _ in 0..rounds {
        let (begun_ns, mut passes, mut spent_ns) = (cpu::own()?, 0, 0);
        while spent_ns < ROUND_NS {
            bodies.iter().for_each(|body| redact_one(body, &rules));
            passes += 1;
            spent_ns = cpu::own()? - begun_ns;
        }
        best = best.max((bytes * passes) as f64 * 1e3 / spent_ns as f64);
    }
    Ok(best)
}

fn redact_one(body: &str, rules: &BodyRules) {
    let content =
        Content { media_type: Some(b"application/json"), bytes: body.as_bytes(), cut: false };
    let mut notes = Notes::default();
    black_box(redact(&content, rules, "http.request.body.content", &mut notes));
    black_box(notes);
}
