//! One test on one value.
//!
//! In: a value of a record that is no array. Out: whether it passes.
//! Always: numbers compare as numbers, texts as texts; a literal in quotes also equals a number or a
//! boolean that is written like it.
//! Not here: finding the value (`filter`), parsing (`parse`).

use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Number, Value};

/// What is asked of a value.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// It is there.
    Exists,
    /// It is there, and not `false` or `null`.
    Truthy,
    /// It compares so with the literal.
    Compare(Relation, Literal),
    /// It equals one of them.
    OneOf(Vec<Literal>),
    /// The pattern is found in its text.
    Pattern(Regex),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value in a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Integer(i128),
    Real(f64),
    Bool(bool),
}

impl Test {
    pub(super) fn passes(&self, value: &Value) -> bool {
        match self {
            Self::Exists => true,
            Self::Truthy => !matches!(value, Value::Null | Value::Bool(false)),
            Self::Compare(relation, literal) => {
                compare(value, literal).is_some_and(|order| relation.holds(order))
            }
            Self::OneOf(literals) => {
                literals.iter().any(|literal| compare(value, literal) == Some(Ordering::Equal))
            }
            Self::Pattern(pattern) => match value {
                Value::String(text) => pattern.is_match(text),
                Value::Number(_) | Value::Bool(_) => pattern.is_match(&value.to_string()),
                _ => false,
            },
        }
    }
}

impl Relation {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// `None` where the two cannot be compared.
fn compare(value: &Value, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Value::String(value), Literal::Text(text)) => Some(value.as_str().cmp(text)),
        (Value::Number(_) | Value::Bool(_), Literal::Text(text)) => equal(&value.to_string(), text),
        (Value::Bool(value), Literal::Bool(literal)) => Some(value.cmp(literal)),
        (Value::Number(value), Literal::Integer(literal)) => match integer(value) {
            Some(value) => Some(value.cmp(literal)),
            None => value.as_f64()?.partial_cmp(&(*literal as f64)),
        },
        (Value::Number(value), Literal::Real(literal)) => value.as_f64()?.partial_cmp(literal),
        (Value::String(value), Literal::Integer(literal)) => equal(value, &literal.to_string()),
        _ => None,
    }
}

fn equal(a: &str, b: &str) -> Option<Ordering> {
    (a == b).then_some(Ordering::Equal)
}

fn integer(number: &Number) -> Option<i128> {
    number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from))
}
