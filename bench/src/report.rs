//! Figures, their goals, and how they are shown.
//!
//! In: figures of the benchmarks. Out: aligned tables, or JSON.
//! Always: a goal that was missed is said, and nothing fails because of it.

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

use crate::machine::Machine;

/// Everything that was measured.
#[derive(Serialize)]
pub struct Report {
    /// Where and when.
    pub machine: Machine,
    /// In the order of measuring.
    pub sections: Vec<Section>,
}

/// What one benchmark gave.
#[derive(Serialize)]
pub struct Section {
    /// What was measured, and how.
    pub title: String,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// A table of its own beside the figures, its head first.
    #[serde(skip)]
    pub grid: Vec<Vec<String>>,
    /// What the table was made of: each single measurement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Value>,
    /// What to know when reading the figures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One number.
#[derive(Serialize)]
pub struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<Goal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
}

/// What a figure should be.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
}

impl Section {
    /// One without anything yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            figures: Vec::new(),
            grid: Vec::new(),
            measurements: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Something to know when reading the figures.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

impl Figure {
    /// A number without a goal.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        let name = name.into();
        Self { name, value, unit, goal: None, met: None, remark: None }
    }

    /// With what it should be.
    pub fn goal(self, goal: Goal) -> Self {
        let met = Some(goal.is_met(self.value));
        Self { goal: Some(goal), met, ..self }
    }

    /// With something to know about it.
    pub fn remark(self, remark: impl Into<String>) -> Self {
        Self { remark: Some(remark.into()), ..self }
    }

    fn row(&self) -> Vec<String> {
        let verdict = self.met.map_or("", |met| if met { "ok" } else { "MISSED" });
        vec![
            self.name.clone(),
            format!("{} {}", number(self.value), self.unit).trim_end().to_owned(),
            self.goal.map_or_else(String::new, |goal| goal.to_string()),
            verdict.to_owned(),
            self.remark.clone().unwrap_or_default(),
        ]
    }
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl Report {
    /// Writes everything as JSON.
    pub fn write_json(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }
}

/// The median of some rounds; of an even number the mean of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (lower, upper) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    f64::midpoint(at(lower), at(upper))
}

/// A number with as many places as mean something.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => grouped(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 || value.fract() == 0.0 => {
            format!("{value:.1}").trim_end_matches(".0").to_owned()
        }
        _ => format!("{value:.2}"),
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

// === Display ===

impl fmt::Display for Goal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(value) => write!(out, ">= {}", number(*value)),
            Self::AtMost(value) => write!(out, "<= {}", number(*value)),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.machine.line())?;
        self.sections.iter().try_for_each(|section| section.fmt(out))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n{}", self.title)?;
        if !self.grid.is_empty() {
            write_table(out, &self.grid, |column| column == 0)?;
        }
        if !self.figures.is_empty() {
            let head = ["", "measured", "goal", "", ""].map(str::to_owned).to_vec();
            let rows = std::iter::once(head).chain(self.figures.iter().map(Figure::row));
            write_table(out, &rows.collect::<Vec<_>>(), |column| {
                !FIGURES_NUMBERS.contains(&column)
            })?;
        }
        self.notes.iter().try_for_each(|note| writeln!(out, "  note: {note}"))
    }
}

/// Columns side by side; texts begin at the left, numbers end at the right.
fn write_table(
    out: &mut fmt::Formatter<'_>,
    rows: &[Vec<String>],
    is_text: impl Fn(usize) -> bool,
) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(widths.iter().copied().enumerate());
        let line: String = cells
            .map(|(cell, (column, width))| match is_text(column) {
                true => format!("  {cell:<width$}"),
                false => format!("  {cell:>width$}"),
            })
            .collect();
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Which columns of a table of figures hold numbers.
const FIGURES_NUMBERS: [usize; 2] = [1, 2];
