//! Where settings come from: one file, and variables of the environment.
//!
//! In: a file's text, names and values of variables. Out: one range of offsets for all of them, so
//! that every value knows its place.
//! Always: only variables with `__` in their name are settings.
//! Not here: what the settings mean (`config::read`).

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::finding::{ConfigErrors, Finding, Place, Warning};
use super::preset;

/// What every variable of the agent begins with.
const PREFIX: &str = "EARWITNESS_";
/// What stands between section and key.
const SEPARATOR: &str = "__";
/// What stands before a variable's value when it is read as TOML.
pub(super) const ASSIGN: &str = "x = ";
/// Longest configuration file that is read, in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// Permission of everybody to write.
const WORLD_WRITABLE: u32 = 0o002;

/// Everything that settings come from.
pub(super) struct Sources {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) variables: Vec<Variable>,
    /// Offset behind all of them, where those of presets begin.
    pub(super) end: usize,
    /// Variables that look as if they were meant as settings.
    misspelt: Vec<String>,
}

/// A variable that is a setting.
pub(super) struct Variable {
    pub(super) name: String,
    /// Section and key, in lower case.
    pub(super) path: Vec<String>,
    pub(super) value: String,
    /// Offset at which the document begins, behind those of all other sources.
    pub(super) start: usize,
    /// The value as a TOML document, with as many spaces in front as there are offsets before it.
    pub(super) document: String,
}

/// Reads a configuration file. Errors: it cannot be read, is no text, is too long, or everybody may
/// write to it: whoever can do that could turn the recording off.
pub(super) fn read_file(path: &Path) -> Result<String, ConfigErrors> {
    let name = path.display().to_string();
    let fail = |message: String, hint: Option<String>| {
        ConfigErrors::new(vec![Finding { place: Place::WholeFile(name.clone()), message, hint }])
    };
    let mut file =
        File::open(path).map_err(|error| fail(error.to_string().to_lowercase(), None))?;
    let metadata = file.metadata().map_err(|error| fail(error.to_string().to_lowercase(), None))?;
    if metadata.mode() & WORLD_WRITABLE != 0 {
        let hint = format!("chmod o-w {name}");
        return Err(fail("everybody may write to this file".into(), Some(hint)));
    }
    if metadata.len() > FILE_BYTES {
        return Err(fail(format!("{} bytes, more than {FILE_BYTES}", metadata.len()), None));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| fail(error.to_string().to_lowercase(), None))?;
    Ok(text)
}

impl Sources {
    pub(super) fn new(
        name: &str,
        text: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut sources = Self {
            name: name.to_owned(),
            text: text.to_owned(),
            variables: Vec::new(),
            end: 0,
            misspelt: Vec::new(),
        };
        let mut variables: Vec<_> = env.into_iter().collect();
        variables.sort();
        let mut start = text.len() + 1;
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if !rest.contains(SEPARATOR) {
                sources.note_misspelt(rest, &name);
                continue;
            }
            let path = rest.split(SEPARATOR).map(str::to_ascii_lowercase).collect();
            let len = ASSIGN.len() + value.len() + 1;
            let document = format!("{}{ASSIGN}{value}", " ".repeat(start));
            sources.variables.push(Variable { name, path, value, start, document });
            start += len;
        }
        sources.end = start;
        sources
    }

    fn note_misspelt(&mut self, rest: &str, name: &str) {
        let rest = rest.to_ascii_lowercase();
        let sections =
            ["capture_", "policy_", "redaction_", "identity_", "route_", "journal_", "sink_"];
        if sections.iter().any(|section| rest.starts_with(section)) {
            self.misspelt.push(name.to_owned());
        }
    }

    /// What is worth a warning about the variables.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let warning = |name: &String| Warning {
            place: Place::Env(name.clone()),
            message: "is not a setting".into(),
            hint: Some("two underscores stand between section and key".into()),
        };
        self.misspelt.iter().map(warning).collect()
    }

    /// A finding at these offsets; `None`: about everything.
    pub(super) fn finding(
        &self,
        span: Option<Range<usize>>,
        message: String,
        hint: Option<String>,
    ) -> Finding {
        Finding { place: self.place(span), message, hint }
    }

    fn place(&self, span: Option<Range<usize>>) -> Place {
        let Some(span) = span else { return Place::WholeFile(self.whole_name()) };
        let preset = span.start.checked_sub(self.end).and_then(preset::at);
        if let Some((preset, offset)) = preset {
            return place_in(preset.text(), offset, format!("preset {}", preset.name()));
        }
        if span.start > self.text.len() {
            let before = |variable: &&Variable| variable.start <= span.start;
            let name = self.variables.iter().rfind(before).map(|variable| variable.name.clone());
            return Place::Env(name.unwrap_or_default());
        }
        place_in(&self.text, span.start, self.whole_name())
    }

    fn whole_name(&self) -> String {
        if self.name.is_empty() { "configuration".into() } else { self.name.clone() }
    }
}

fn place_in(text: &str, offset: usize, name: String) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place::File {
        name,
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
    }
}
