//! The report as text and as JSON.
//!
//! In: `Report`. Out: text.
//! Always: one line a check, grouped, aligned; each thing that is missing is followed by its hint;
//! control characters out of paths and kernel messages never reach the terminal.
//! Not here: where it goes.

use std::fmt::Write as _;

use serde::Serialize;

use super::check::{Check, Report, Status};

/// How text may look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    pub(super) color: bool,
    pub(super) unicode: bool,
}

/// `{"ok": …, "checks": […]}` and a newline.
pub(super) fn json(report: &Report) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Json<'a> {
        ok: bool,
        checks: &'a [Check],
    }
    let json = Json { ok: report.is_ok(), checks: &report.checks };
    Ok(serde_json::to_string_pretty(&json)? + "\n")
}

/// For a person.
pub(super) fn text(report: &Report, look: Look) -> String {
    let things = report.checks.iter().map(|check| split(&check.name).1.chars().count());
    let width = things.max().unwrap_or(0);
    let mut text = String::new();
    let mut last_group = "";
    for check in &report.checks {
        let (group, thing) = split(&check.name);
        if group != last_group {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{}", painted(group, BOLD, look));
            last_group = group;
        }
        line(&mut text, check, thing, width, look);
    }
    let _ = writeln!(text, "\n{}", verdict(report, look));
    text
}

/// Group and thing.
fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or(("", name))
}

fn line(text: &mut String, check: &Check, thing: &str, width: usize, look: Look) {
    let (glyph, color) = glyph(check.status, look);
    let indent = " ".repeat(glyph.chars().count() + width + INDENT_COLUMNS);
    let mut details = check.detail.lines();
    let first = printable(details.next().unwrap_or_default());
    let _ = writeln!(text, "  {} {thing:width$}  {first}", painted(glyph, color, look));
    for detail in details {
        let _ = writeln!(text, "{indent}{}", printable(detail));
    }
    for hint in check.hint.iter().flat_map(|hint| hint.lines()) {
        let _ = writeln!(text, "{indent}{} {}", painted("hint:", BOLD, look), printable(hint));
    }
}

/// Its look without and with more than ASCII.
fn glyph(status: Status, look: Look) -> (&'static str, &'static str) {
    match (status, look.unicode) {
        (Status::Ok, true) => ("✓", GREEN),
        (Status::Ok, false) => ("ok", GREEN),
        (Status::Missing, true) => ("✗", RED),
        (Status::Missing, false) => ("NO", RED),
        (Status::Info, true) => ("·", DIM),
        (Status::Info, false) => (" -", DIM),
    }
}

fn verdict(report: &Report, look: Look) -> String {
    let missing = report.checks.iter().filter(|check| check.status == Status::Missing).count();
    match missing {
        0 => painted("Everything that is needed is here.", GREEN, look),
        1 => painted("One thing that is needed is missing.", RED, look),
        _ => painted(&format!("{missing} things that are needed are missing."), RED, look),
    }
}

fn painted(text: &str, color: &str, look: Look) -> String {
    if look.color { format!("{color}{text}{RESET}") } else { text.to_owned() }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Blanks around the glyph and before the detail.
const INDENT_COLUMNS: usize = 5;
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        report.ok("kernel.release", "6.18");
        report.missing("kernel.btf", "absent\x1b[2J", "build it in");
        report.info("host.clock", "tsc\nsecond line");
        report
    }

    #[test]
    fn text_is_grouped_and_aligned() {
        let expected = "\
kernel
  ok release  6.18
  NO btf      absent?[2J
              hint: build it in

host
   - clock    tsc
              second line

One thing that is needed is missing.
";
        assert_eq!(text(&report(), Look::default()), expected);
        let colored = text(&report(), Look { color: true, unicode: true });
        assert!(colored.contains("  \x1b[31m✗\x1b[0m btf"), "{colored}");
    }

    #[test]
    fn json_has_what_scripts_look_for() {
        let json = json(&report()).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let expected = serde_json::json!({"ok": false, "checks": [
            {"name": "kernel.release", "status": "ok", "detail": "6.18"},
            {"name": "kernel.btf", "status": "missing", "detail": "absent\u{1b}[2J",
             "hint": "build it in"},
            {"name": "host.clock", "status": "info", "detail": "tsc\nsecond line"},
        ]});
        assert_eq!(json, expected);
    }
}
