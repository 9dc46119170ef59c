//! The live view: one line an exchange, and a status line.
//!
//! In: records as JSON. Out: text, with colours if wanted.
//! Always: a line is never wider than the terminal; values are escaped (`text::clean`); no clock,
//! terminal or file is touched.
//! Not here: where records come from and where lines go (`watch`, `run --watch`).
//!
//! ```text
//! 07:00:00.123 ↓ GET     api.example.com/v1/users/7    200  2.0kB  1.8ms  curl(811) → nginx(402)
//! time         side      URL                           │    size   time   client → server
//! ```
//! The side is where this host stands: `↓` it answers, `↑` it asks, `↕` both ends are here.

mod exchange;
mod line;
pub mod screen;
pub mod tally;
pub mod text;

use jiff::tz::TimeZone;
use serde_json::Value;

use line::{Line, Style};
use tally::Tally;

/// How the view looks.
#[derive(Clone, Debug)]
pub struct Look {
    /// Columns of the terminal; `None`: as wide as it gets, as for a file.
    pub width: Option<usize>,
    /// Colours.
    pub color: bool,
    /// Characters outside ASCII.
    pub unicode: bool,
    /// Zone of the times shown.
    pub time_zone: TimeZone,
}

/// Turns records into lines, and counts them.
#[derive(Clone, Debug)]
pub struct Renderer {
    /// How it looks; may change at any time.
    pub look: Look,
    /// What it has seen.
    pub tally: Tally,
}

impl Renderer {
    /// One that has seen nothing.
    pub fn new(look: Look) -> Self {
        Self { look, tally: Tally::default() }
    }

    /// The line of a record, without a line break.
    pub fn line(&mut self, record: &Value) -> String {
        let mut line = Line::new(&self.look);
        match text_at(record, "/event/kind") {
            Some("exchange") => {
                self.tally.exchange(text_at(record, "/event/outcome") == Some("failure"));
                exchange::put(&mut line, record);
            }
            Some("loss") => {
                self.tally.loss(number_at(record, "/loss/events").unwrap_or(1));
                loss(&mut line, record);
            }
            Some("lifecycle") => lifecycle(&mut line, record),
            kind => {
                line.time(record);
                line.put(Style::Dim, kind.unwrap_or("record of unknown kind"));
            }
        }
        line.end()
    }

    /// The status line. `connections` are those that are open, where that is known.
    pub fn status(&self, connections: Option<u64>) -> String {
        let tally = &self.tally;
        let failures = tally.failure_rate() * 100.0;
        let alarm = |alarming, style| if alarming { style } else { Style::Plain };
        // The last column stays free: a cursor behind it would wrap.
        let mut line = Line::new(&self.look).narrowed(1);
        line.put(Style::Bold, &format!("{:.1}/s", tally.rate()));
        line.part(alarm(failures > 0.0, Style::Red), &format!("{failures:.1}% errors"));
        line.part(alarm(tally.lost > 0, Style::Loss), &format!("{} lost", tally.lost));
        if let Some(connections) = connections {
            line.part(Style::Plain, &format!("{connections} connections"));
        }
        line.part(Style::Plain, &format!("{} exchanges", tally.exchanges));
        line.part(Style::Dim, &clock(tally.elapsed.as_secs()));
        line.end()
    }
}

fn loss(line: &mut Line<'_>, record: &Value) {
    line.time(record);
    line.mark(Style::Loss, ("✗ lost    ", "! lost    "));
    line.put(Style::Loss, text_at(record, "/loss/reason").unwrap_or("unknown reason"));
    let count = |pointer| number_at(record, pointer).filter(|&count| count > 0);
    for (pointer, name) in LOSS_COUNTS {
        if let Some(count) = count(pointer) {
            line.put(Style::Plain, &format!(", {count} {name}"));
        }
    }
    if let Some(bytes) = count("/loss/bytes") {
        line.put(Style::Plain, &format!(", {}", text::size(bytes)));
    }
    if let Some((name, pid)) = record.pointer("/loss/process").and_then(process) {
        line.put(Style::Plain, &format!(", {name}{pid}"));
    }
}

fn lifecycle(line: &mut Line<'_>, record: &Value) {
    line.time(record);
    line.mark(Style::Agent, ("● agent   ", "* agent   "));
    line.put(Style::Agent, text_at(record, "/lifecycle/action").unwrap_or("?"));
    let detail = record.pointer("/lifecycle/detail").and_then(Value::as_object);
    for (name, value) in detail.into_iter().flatten() {
        line.put(Style::Dim, &format!("  {name}="));
        line.put(Style::Plain, &scalar(value));
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(scalar).collect::<Vec<_>>().join(","),
        _ => value.to_string(),
    }
}

/// `nginx` and `(402)`; without a path `pid 402` and nothing.
fn process(found: &Value) -> Option<(String, String)> {
    let pid = number_at(found, "/pid")?;
    let path = text_at(found, "/executable/path");
    Some(match path.map(|path| path.rsplit('/').next().unwrap_or(path)) {
        Some(name) => (name.to_owned(), format!("({pid})")),
        None => (format!("pid {pid}"), String::new()),
    })
}

fn text_at<'r>(record: &'r Value, pointer: &str) -> Option<&'r str> {
    record.pointer(pointer).and_then(Value::as_str)
}

fn number_at(record: &Value, pointer: &str) -> Option<u64> {
    record.pointer(pointer).and_then(Value::as_u64)
}

/// `2:03` or `1:02:03`.
fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

const LOSS_COUNTS: [(&str, &str); 3] = [
    ("/loss/events", "events"),
    ("/loss/exchanges", "exchanges"),
    ("/loss/connections", "connections"),
];

#[cfg(test)]
mod tests;
