//! `FILTER`: a small expression that chooses records.
//!
//! In: `http.response.status_code >= 500 and url.path ~ "^/v1/"`. Out: `Filter`, which says yes or no
//! to a record.
//! Always: a filter never fails on a record; a key that a record lacks makes every comparison false,
//! and so the negated ones (`!=`, `!~`, `not in`) true.
//! Not here: reading records (`journal::reader`).
//!
//! ```text
//! expression = term { "or" term }
//! term       = factor { "and" factor }
//! factor     = "not" factor | "(" expression ")" | "exists" key | test
//! test       = key                              there, and not false or null
//!            | key ( "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" ) value
//!            | key ( "~" | "!~" ) value         regular expression, anywhere in the text
//!            | key [ "not" ] "in" "[" value { "," value } "]"
//! value      = "text" | 'text' | number [ unit ] | true | false | word
//! unit       = "ns" | "us" | "ms" | "s" | "m" | "h" (in nanoseconds) | "KiB" | "MiB" | "GiB"
//! ```
//! A key is a record's keys joined with dots. Where an array is on the way, one element is enough.
//! `and`, `or`, `not`, `in` and `exists` are words of the language in any case.

mod parse;
mod test;

use serde_json::Value;

use test::Test;

/// A parsed `FILTER`.
#[derive(Clone, Debug)]
pub struct Filter {
    expression: Expression,
}

/// Why a text is not a filter. Its text shows the place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("filter, column {column}: {message}\n  {text}\n  {}^", " ".repeat(column.saturating_sub(1)))]
pub struct FilterError {
    /// The filter, control characters replaced.
    pub text: String,
    /// Place in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

#[derive(Clone, Debug)]
enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Not(Box<Expression>),
    Key { path: Vec<String>, test: Test },
}

impl Filter {
    /// Parses a filter. Errors: not of the grammar above, or a bad regular expression.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::filter(text).map(|expression| Self { expression })
    }

    /// True if the record is chosen.
    pub fn matches(&self, record: &Value) -> bool {
        self.expression.matches(record)
    }
}

impl Expression {
    fn matches(&self, record: &Value) -> bool {
        match self {
            Self::Any(terms) => terms.iter().any(|term| term.matches(record)),
            Self::All(factors) => factors.iter().all(|factor| factor.matches(record)),
            Self::Not(factor) => !factor.matches(record),
            Self::Key { path, test } => find(record, path, test),
        }
    }
}

/// True if a value at `path` passes. Keys may have dots themselves (labels do), so the path's parts
/// are tried one by one and joined.
fn find(value: &Value, path: &[String], test: &Test) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| find(element, path, test)),
        _ if path.is_empty() => test.passes(value),
        Value::Object(object) => {
            let mut key = String::new();
            (1..=path.len()).any(|length| {
                let (parts, rest) = path.split_at_checked(length).unwrap_or_default();
                key.clear();
                key.push_str(&parts.join("."));
                object.get(&key).is_some_and(|value| find(value, rest, test))
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
