//! The filter's grammar.
//!
//! In: text. Out: `Expression`, or the place where the text stops being one and what belongs there.
//! Always: bounded depth (`DEPTH_MAX`), whatever the text.
//! Not here: what the expression means (`filter`, `test`).

use regex::Regex;
use winnow::ascii::{Caseless, multispace0};
use winnow::combinator::{
    alt, cut_err, delimited, eof, fail, not, opt, preceded, repeat, separated, terminated,
};
use winnow::error::{ContextError, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::token::{any, one_of, take_while};

use super::test::{Literal, Relation, Test};
use super::{Expression, FilterError};

/// Parses a whole filter.
pub(super) fn filter(text: &str) -> Result<Expression, FilterError> {
    if let Some(offset) = too_deep(text) {
        return Err(error(text, offset, format!("more than {DEPTH_MAX} parentheses deep")));
    }
    let mut whole = delimited(multispace0, expression, (multispace0, cut_err(end)));
    whole.parse(text).map_err(|found| {
        let message = message(found.inner());
        error(text, found.offset(), message)
    })
}

fn expression(input: &mut &str) -> ModalResult<Expression> {
    let terms: Vec<_> = separated(1.., term, token(keyword("or"))).parse_next(input)?;
    Ok(one_or(terms, Expression::Any))
}

fn term(input: &mut &str) -> ModalResult<Expression> {
    let factors: Vec<_> =
        separated(1.., cut_err(factor), token(keyword("and"))).parse_next(input)?;
    Ok(one_or(factors, Expression::All))
}

fn factor(input: &mut &str) -> ModalResult<Expression> {
    let nots: usize = repeat(0.., terminated(keyword("not"), multispace0)).parse_next(input)?;
    let factor = alt((group, exists, test))
        .context(expected("a key, `not`, `exists` or `(`"))
        .parse_next(input)?;
    Ok(if nots % 2 == 1 { negated(factor) } else { factor })
}

fn group(input: &mut &str) -> ModalResult<Expression> {
    let close = cut_err(')'.context(expected("`)`, `and` or `or`")));
    delimited(('(', multispace0), expression, (multispace0, close)).parse_next(input)
}

fn exists(input: &mut &str) -> ModalResult<Expression> {
    let path = preceded((keyword("exists"), multispace0), cut_err(key).context(expected("a key")))
        .parse_next(input)?;
    Ok(Expression::Key { path, test: Test::Exists })
}

fn test(input: &mut &str) -> ModalResult<Expression> {
    let path = key.parse_next(input)?;
    let found = opt(preceded(multispace0, operation)).parse_next(input)?;
    let (negate, test) = found.unwrap_or((false, Test::Truthy));
    let test = Expression::Key { path, test };
    Ok(if negate { negated(test) } else { test })
}

/// An operator with its value; true if it is a negated one.
fn operation(input: &mut &str) -> ModalResult<(bool, Test)> {
    let operator = alt((symbol, word_operator)).parse_next(input)?;
    multispace0.parse_next(input)?;
    match operator {
        Operator::Compare(negate, relation) => {
            let value = cut_err(value).parse_next(input)?;
            Ok((negate, Test::Compare(relation, value)))
        }
        Operator::Pattern(negate) => {
            let pattern = cut_err(pattern).parse_next(input)?;
            Ok((negate, Test::Pattern(pattern)))
        }
        Operator::In(negate) => Ok((negate, Test::OneOf(cut_err(list).parse_next(input)?))),
    }
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Compare(bool, Relation),
    Pattern(bool),
    In(bool),
}

fn symbol(input: &mut &str) -> ModalResult<Operator> {
    alt((
        "==".value(Operator::Compare(false, Relation::Equal)),
        "=".value(Operator::Compare(false, Relation::Equal)),
        "!=".value(Operator::Compare(true, Relation::Equal)),
        "<=".value(Operator::Compare(false, Relation::LessOrEqual)),
        "<".value(Operator::Compare(false, Relation::Less)),
        ">=".value(Operator::Compare(false, Relation::GreaterOrEqual)),
        ">".value(Operator::Compare(false, Relation::Greater)),
        "!~".value(Operator::Pattern(true)),
        "~".value(Operator::Pattern(false)),
    ))
    .parse_next(input)
}

fn word_operator(input: &mut &str) -> ModalResult<Operator> {
    alt((
        keyword("in").value(Operator::In(false)),
        (keyword("not"), multispace0, keyword("in")).value(Operator::In(true)),
    ))
    .parse_next(input)
}

fn list(input: &mut &str) -> ModalResult<Vec<Literal>> {
    let open = ('['.context(expected("`[`")), multispace0);
    let close = (multispace0, ']'.context(expected("`,` or `]`")));
    delimited(open, separated(1.., value, token(',')), close).parse_next(input)
}

fn pattern(input: &mut &str) -> ModalResult<Regex> {
    let text = alt((quoted, word.map(str::to_owned)));
    text.context(expected("a regular expression")).try_map(|text| regex(&text)).parse_next(input)
}

fn regex(text: &str) -> Result<Regex, Refused> {
    Regex::new(text).map_err(|error| {
        // The library shows the place over several lines; the last one says what is wrong.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or(&text);
        Refused(format!("regular expression: {}", last.trim().trim_start_matches("error: ")))
    })
}

fn value(input: &mut &str) -> ModalResult<Literal> {
    alt((quoted.map(Literal::Text), word.try_map(bare)))
        .context(expected("a value"))
        .parse_next(input)
}

/// A value without quotes: a number, a boolean, or a word that is one of neither.
fn bare(word: &str) -> Result<Literal, Refused> {
    match word {
        "true" => return Ok(Literal::Bool(true)),
        "false" => return Ok(Literal::Bool(false)),
        _ => {}
    }
    if !word.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return Ok(Literal::Text(word.to_owned()));
    }
    if let Ok(integer) = word.parse() {
        return Ok(Literal::Integer(integer));
    }
    if let Some(amount) = amount(word) {
        return Ok(amount);
    }
    if word.chars().all(|digit| digit.is_ascii_digit() || "-+.eE".contains(digit))
        && let Ok(real) = word.parse::<f64>()
    {
        return Ok(Literal::Real(real));
    }
    // Addresses and dates begin with digits too.
    if word.contains(['.', ':', '/', '-']) {
        return Ok(Literal::Text(word.to_owned()));
    }
    Err(Refused(format!("`{word}` is not a number; put text in quotes")))
}

/// A number with a unit: nanoseconds for times, bytes for sizes.
fn amount(word: &str) -> Option<Literal> {
    let split = word.find(|character: char| character.is_ascii_alphabetic())?;
    let (number, unit) = word.split_at_checked(split)?;
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    if let Ok(whole) = number.parse::<i64>() {
        return Some(Literal::Integer(i128::from(whole) * i128::from(*factor)));
    }
    number.parse::<f64>().ok().map(|number| Literal::Real(number * (*factor as f64)))
}

fn quoted(input: &mut &str) -> ModalResult<String> {
    let quote = one_of(['"', '\'']).parse_next(input)?;
    let characters = repeat(0.., character(quote)).fold(String::new, |mut text, character| {
        text.push(character);
        text
    });
    let close = cut_err(quote.context(expected("the closing quote")));
    terminated(characters, close).parse_next(input)
}

/// `\"`, `\'` and `\\` stand for the second character; any other backslash for itself, since regular
/// expressions are full of them.
fn character<'a>(quote: char) -> impl Parser<&'a str, char, winnow::error::ErrMode<ContextError>> {
    move |input: &mut &'a str| {
        let escaped = preceded('\\', one_of(move |next| next == quote));
        let plain = any.verify(move |&next: &char| next != quote);
        alt((escaped, plain)).parse_next(input)
    }
}

/// A key, split at its dots.
fn key(input: &mut &str) -> ModalResult<Vec<String>> {
    let first = |first: char| first.is_alphabetic() || first == '_' || first == '@';
    let text = (one_of(first), take_while(0.., in_word)).take();
    let text = text.verify(|text: &str| !RESERVED.contains(&text.to_ascii_lowercase().as_str()));
    text.map(|text: &str| text.split('.').map(str::to_owned).collect()).parse_next(input)
}

fn word<'a>(input: &mut &'a str) -> ModalResult<&'a str> {
    take_while(1.., in_word).parse_next(input)
}

fn in_word(character: char) -> bool {
    character.is_alphanumeric() || "_-./:@+*%?&".contains(character)
}

fn keyword<'a>(
    word: &'static str,
) -> impl Parser<&'a str, (), winnow::error::ErrMode<ContextError>> {
    terminated(Caseless(word), not(one_of(in_word))).void()
}

fn token<'a, O>(
    inner: impl Parser<&'a str, O, winnow::error::ErrMode<ContextError>>,
) -> impl Parser<&'a str, O, winnow::error::ErrMode<ContextError>> {
    delimited(multispace0, inner, multispace0)
}

fn end(input: &mut &str) -> ModalResult<()> {
    alt((eof.void(), fail))
        .context(expected("an operator, `and`, `or` or the end"))
        .parse_next(input)
}

fn one_or(mut parts: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            several(parts)
        }
    }
}

fn negated(factor: Expression) -> Expression {
    Expression::Not(Box::new(factor))
}

fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

/// Something of the right shape that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

fn message(found: &ContextError) -> String {
    if let Some(cause) = found.cause() {
        return cause.to_string();
    }
    let innermost = found.context().find_map(|context| match context {
        StrContext::Expected(what) => Some(what.to_string()),
        _ => None,
    });
    format!("expected {}", innermost.as_deref().unwrap_or("something else"))
}

fn error(text: &str, offset: usize, message: String) -> FilterError {
    let column = text.get(..offset).unwrap_or(text).chars().count() + 1;
    let text = text.chars().map(|shown| if shown.is_control() { ' ' } else { shown }).collect();
    FilterError { text, column, message }
}

/// Where the text goes too deep, if it does. Parentheses in quotes count too: so many are no use.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(offset, character)| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth > DEPTH_MAX).then_some(offset)
    })
}

const DEPTH_MAX: usize = 64;

const RESERVED: &[&str] = &["and", "or", "not", "in", "exists"];

const UNITS: &[(&str, i64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
