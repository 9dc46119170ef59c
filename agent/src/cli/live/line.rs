//! A line that is being made: pieces of text, styled, never more than fit.
//!
//! In: values of records. Out: a line.
//! Always: values are escaped on the way in; only our own marks and colours are not ASCII letters.
//! Not here: which pieces a record has (`live`, `exchange`).

use jiff::Timestamp;
use serde_json::Value;

use super::{Look, text, text_at};

/// A line that is being made.
pub(super) struct Line<'l> {
    look: &'l Look,
    text: String,
    /// Columns left, `None` for any number.
    room: Option<usize>,
}

/// Colours and weights.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    Plain,
    Dim,
    Bold,
    Green,
    Cyan,
    Yellow,
    Red,
    Loss,
    Agent,
}

impl<'l> Line<'l> {
    pub(super) fn new(look: &'l Look) -> Self {
        Self { look, text: String::new(), room: look.width }
    }

    /// The same with fewer columns.
    pub(super) fn narrowed(mut self, columns: usize) -> Self {
        self.room = self.room.map(|room| room.saturating_sub(columns));
        self
    }

    pub(super) fn look(&self) -> &'l Look {
        self.look
    }

    pub(super) fn end(mut self) -> String {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text
    }

    /// A value, escaped.
    pub(super) fn put(&mut self, style: Style, value: &str) {
        self.clean(style, &text::clean(value, self.look.unicode));
    }

    /// A mark of our own: with characters outside ASCII, and without.
    pub(super) fn mark(&mut self, style: Style, (unicode, ascii): (&str, &str)) {
        self.clean(style, if self.look.unicode { unicode } else { ascii });
    }

    /// A value after a separator, if both fit.
    pub(super) fn part(&mut self, style: Style, value: &str) {
        let columns = text::width(value) + 3;
        if self.room.is_none_or(|room| room >= columns) {
            self.mark(Style::Dim, (" │ ", " | "));
            self.put(style, value);
        }
    }

    /// A value at the left of its column, escaped, shortened if it must be, and a space.
    pub(super) fn left(&mut self, style: Style, value: &str, columns: usize) {
        let clean = self.fit(&text::clean(value, self.look.unicode), columns);
        self.left_clean(style, &clean, columns);
    }

    /// The same for a text that is escaped and short already.
    pub(super) fn left_clean(&mut self, style: Style, clean: &str, columns: usize) {
        let blank = columns.saturating_sub(text::width(clean)) + 1;
        self.clean(style, clean);
        self.clean(Style::Plain, &" ".repeat(blank));
    }

    /// A text of our own at the right of its column, and a space.
    pub(super) fn right(&mut self, style: Style, clean: &str, columns: usize) {
        let blank = columns.saturating_sub(text::width(clean));
        self.clean(Style::Plain, &" ".repeat(blank));
        self.clean(style, clean);
        self.clean(Style::Plain, " ");
    }

    /// A cleaned value in so many columns, if the line has an end at all.
    pub(super) fn fit(&self, clean: &str, columns: usize) -> String {
        let room = self.look.width.map_or(usize::MAX, |_| columns);
        text::shorten(clean, room, if self.look.unicode { "…" } else { "..." })
    }

    /// When, in the time zone of the one who looks.
    pub(super) fn time(&mut self, record: &Value) {
        let time = text_at(record, "/timestamp").and_then(|text| text.parse::<Timestamp>().ok());
        let time = time.map(|time| {
            time.to_zoned(self.look.time_zone.clone()).strftime("%H:%M:%S%.3f").to_string()
        });
        let columns = time_columns(self.look.width);
        let time = text::cut(time.as_deref().unwrap_or("-"), columns);
        self.left_clean(Style::Dim, time, columns);
    }

    /// As much of it as fits.
    pub(super) fn clean(&mut self, style: Style, clean: &str) {
        let fitting = self.room.map_or(clean, |room| text::cut(clean, room));
        self.room = self.room.map(|room| room.saturating_sub(text::width(fitting)));
        let shown = fitting.trim_end_matches(' ');
        let blank = fitting.get(shown.len()..).unwrap_or_default();
        match style.code().filter(|_| self.look.color && !shown.is_empty()) {
            Some(code) => self.text.extend(["\x1b[", code, "m", shown, "\x1b[0m", blank]),
            None => self.text.push_str(fitting),
        }
    }
}

impl Style {
    /// Parameters of the escape sequence, `None` for the terminal's own look.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Dim => Some("2"),
            Self::Bold => Some("1"),
            Self::Green => Some("32"),
            Self::Cyan => Some("36"),
            Self::Yellow => Some("33"),
            Self::Red => Some("1;31"),
            Self::Loss => Some("1;35"),
            Self::Agent => Some("34"),
        }
    }
}

/// Columns of `23:59:59.999`, or without the fraction where there is little room.
pub(super) fn time_columns(width: Option<usize>) -> usize {
    if width.is_none_or(|width| width >= 96) { 12 } else { 8 }
}
