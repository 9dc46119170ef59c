//! Each module of the agent uses only what lies below it.
//!
//! In: the agent's source. Out: uses of a higher layer, circles within a layer, modules without a
//! layer. Tests may use what they like. Only the modules at the top of the crate have a layer; how
//! one is built inside is its own affair.

use std::collections::{BTreeMap, BTreeSet};

use super::source::File;
use super::{Finding, rust};

/// The layer of each module of the agent; numbers rise along the data's path.
const LAYERS: &[(&str, u8)] = &[
    ("model", 0),
    ("cases", 0),
    ("kernel", 1),
    ("discover", 1),
    ("capture", 1),
    ("conn", 1),
    ("protocol", 2),
    ("audit", 3),
    ("pipeline", 4),
    ("journal", 4),
    ("export", 4),
    ("verify", 4),
    ("seal", 3),
    ("sink", 5),
    ("keys", 5),
    ("config", 6),
    ("daemon", 7),
    ("cli", 8),
    ("fuzzing", 8),
    ("main", 8),
    // The list of the modules itself, which belongs to none of them.
    ("lib", 9),
    ("build", 9),
];

/// One module's use of another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Use {
    from: String,
    to: String,
    place: (String, usize),
}

/// Uses of a higher layer, circles and modules without a layer.
pub fn check(files: &[File]) -> Vec<Finding> {
    let ours = files.iter().filter(|file| !file.is_test());
    let sources: Vec<_> = ours.filter_map(|file| Some((file, module_of(file)?))).collect();
    let mut findings: Vec<_> =
        sources.iter().filter_map(|(file, path)| unknown(file, path)).collect();
    let uses: Vec<_> = sources.iter().flat_map(|(file, path)| uses(file, path)).collect();
    findings.extend(uses.iter().filter_map(upward));
    findings.extend(circles(&uses));
    findings
}

/// The module path of a file of the agent, as in `["conn", "stream"]`.
fn module_of(file: &File) -> Option<Vec<&str>> {
    let path = file.path.strip_prefix("agent/src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    Some(path.split('/').collect())
}

fn layer(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

fn unknown(file: &File, path: &[&str]) -> Option<Finding> {
    let top = path.first()?;
    let text = || format!("module `{top}` has no layer: give it one in xtask/src/tidy/layers.rs");
    layer(top).is_none().then(|| Finding::at(file, 1, text()))
}

fn upward(used: &Use) -> Option<Finding> {
    let (from, to) = (layer(&used.from)?, layer(&used.to)?);
    let text = || {
        format!(
            "`{}` (layer {from}) uses `{}` (layer {to}), which lies above it",
            used.from, used.to
        )
    };
    let (path, line) = &used.place;
    (to > from).then(|| Finding { place: format!("{path}:{line}"), text: text() })
}

/// Everything in the file that names another top module, by `crate::` or by `super::`.
fn uses(file: &File, path: &[&str]) -> Vec<Use> {
    let code = file.code();
    let Some(from) = path.first() else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |at: usize, names: Vec<String>| {
        let line = code.get(..at).unwrap_or_default().matches('\n').count() + 1;
        for to in names.into_iter().filter(|to| to != from && layer(to).is_some()) {
            found.push(Use { from: (*from).into(), to, place: (file.path.clone(), line) });
        }
    };
    for (at, word) in code.match_indices("crate::") {
        add(at, named_after(code.get(at + word.len()..).unwrap_or_default()));
    }
    // As many `super::` as the file is deep lead to the top of the crate.
    let to_top = "super::".repeat(path.len());
    for (at, word) in code.match_indices(&to_top) {
        let rest = code.get(at + word.len()..).unwrap_or_default();
        let starts = !code.get(..at).unwrap_or_default().ends_with("super::");
        if starts && !rest.starts_with("super::") {
            add(at, named_after(rest));
        }
    }
    found
}

/// The first names of what follows a path's start: one, or several in braces.
fn named_after(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|&c| rust::is_word(c)).collect();
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut names = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in group.char_indices() {
        let ends = depth == 0 && (c == ',' || c == '}');
        if ends {
            names.push(name(group.get(start..at).unwrap_or_default()));
            start = at + 1;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Modules of one layer that use each other in a circle, each circle told once.
fn circles(uses: &[Use]) -> Vec<Finding> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for used in uses.iter().filter(|used| layer(&used.from) == layer(&used.to)) {
        edges.entry(&used.from).or_default().insert(&used.to);
    }
    let reached = |from: &str| reachable(&edges, from);
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for &module in edges.keys() {
        let circle: Vec<_> =
            reached(module).into_iter().filter(|other| reached(other).contains(module)).collect();
        if circle.is_empty() || !told.insert(circle.clone()) {
            continue;
        }
        let text =
            format!("modules of one layer use each other in a circle: {}", circle.join(", "));
        findings.push(Finding { place: "agent/src".into(), text });
    }
    findings
}

fn reachable<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = edges.get(from).into_iter().flatten().copied().collect();
    while let Some(module) = open.pop() {
        if reached.insert(module) {
            open.extend(edges.get(module).into_iter().flatten().copied());
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::{check, named_after};
    use crate::tidy::source::tests::file;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|(path, text)| file(path, text)).collect();
        let found = check(&files);
        found.into_iter().map(|finding| format!("{}: {}", finding.place, finding.text)).collect()
    }

    #[test]
    fn lower_layers_may_be_used() {
        let found = faults(&[
            ("agent/src/protocol/http1/mod.rs", "use crate::{conn::stream, model};"),
            ("agent/src/main.rs", "use earwitness::cli;"),
            ("agent/src/lib.rs", "pub mod model;"),
            ("bench/src/main.rs", "use crate::whatever;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn higher_layers_may_not() {
        let found =
            faults(&[("agent/src/conn/stream.rs", "//! x\nuse crate::{model, audit::policy};")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("agent/src/conn/stream.rs:2: `conn` (layer 1) uses `audit`"));
        assert_eq!(
            faults(&[("agent/src/model/mod.rs", "fn f() -> crate::sink::Sink {}")]).len(),
            1
        );
    }

    #[test]
    fn super_leads_up_as_well() {
        assert_eq!(faults(&[("agent/src/conn/mod.rs", "use super::sink::Sink;")]).len(), 1);
        assert_eq!(faults(&[("agent/src/conn/a.rs", "use super::super::sink::Sink;")]).len(), 1);
        assert!(faults(&[("agent/src/conn/a.rs", "use super::sink::Sink;")]).is_empty());
    }

    #[test]
    fn tests_and_comments_may() {
        let text = "// crate::sink\n#[cfg(test)]\nmod tests {\n    use crate::sink::X;\n}\n";
        assert!(faults(&[("agent/src/conn/mod.rs", text)]).is_empty());
    }

    #[test]
    fn a_circle_within_a_layer_is_told_once() {
        let found = faults(&[
            ("agent/src/journal/mod.rs", "use crate::verify::x;"),
            ("agent/src/verify/mod.rs", "use crate::pipeline::y;"),
            ("agent/src/pipeline.rs", "use crate::journal::z;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("in a circle: journal, pipeline, verify"), "{}", found[0]);
    }

    #[test]
    fn one_way_within_a_layer_is_fine() {
        assert!(faults(&[("agent/src/verify/mod.rs", "use crate::journal::x;")]).is_empty());
    }

    #[test]
    fn a_module_without_a_layer_is_a_fault() {
        assert_eq!(faults(&[("agent/src/utils.rs", "//! x")]).len(), 1);
    }

    #[test]
    fn groups_are_taken_apart() {
        assert_eq!(named_after("a::b;"), ["a"]);
        assert_eq!(named_after("{a, b::{c, d}, e};"), ["a", "b", "e"]);
        assert_eq!(named_after("{\n    a::x,\n    b,\n};"), ["a", "b"]);
    }
}
