//! Words and quoted texts of a hand-written capture.
//!
//! In: lines. Out: statements of tokens, each with its line.
//! Always: comments and empty lines are gone, continued lines joined.
//! Not here: what a statement means.

use super::TextError;
use super::statement::Words;

/// One part of a statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// Anything without blanks.
    Word(String),
    /// What stood in quotes, escapes resolved.
    Text(Vec<u8>),
}

/// Every statement with its line, counted from 1.
pub(super) fn statements(text: &str) -> Result<Vec<(usize, Words)>, TextError> {
    let mut found: Vec<(usize, Vec<Token>)> = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim_start().starts_with('#') {
            continue;
        }
        let tokens = tokens(content).map_err(|text| TextError { line, text })?;
        let is_continued = content.starts_with([' ', '\t']);
        match (tokens.first(), found.last_mut()) {
            (None, _) => {}
            (Some(Token::Text(_)), Some((_, before))) if is_continued => before.extend(tokens),
            _ => found.push((line, tokens)),
        }
    }
    Ok(found.into_iter().map(|(line, tokens)| (line, Words::new(tokens))).collect())
}

fn tokens(line: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (text, after) = quote(quoted)?;
            tokens.push(Token::Text(text));
            rest = after.trim_start();
        } else {
            let (word, after) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
            tokens.push(Token::Word(word.to_owned()));
            rest = after.trim_start();
        }
    }
    Ok(tokens)
}

/// What stands before the closing quote, and what follows it.
fn quote(text: &str) -> Result<(Vec<u8>, &str), String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    loop {
        let mut chars = rest.chars();
        match chars.next().ok_or("a quote is not closed")? {
            '"' => return Ok((bytes, chars.as_str())),
            '\\' => rest = escape(chars.as_str(), &mut bytes)?,
            plain => {
                bytes.extend(plain.encode_utf8(&mut [0; 4]).bytes());
                rest = chars.as_str();
            }
        }
    }
}

/// Resolves what follows a backslash. Returns what is left.
fn escape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Result<&'a str, String> {
    let mut chars = text.chars();
    let byte = match chars.next() {
        Some('r') => b'\r',
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('0') => 0,
        Some('\\') => b'\\',
        Some('"') => b'"',
        Some('x') => {
            let digits = chars.as_str();
            let byte = digits.get(..2).and_then(|two| u8::from_str_radix(two, 16).ok());
            bytes.push(byte.ok_or("two hexadecimal digits must follow \\x")?);
            return Ok(digits.get(2..).unwrap_or_default());
        }
        Some(other) => return Err(format!("`\\{other}` is no escape")),
        None => return Err("a quote is not closed".to_owned()),
    };
    bytes.push(byte);
    Ok(chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_words() {
        let found = tokens(r#"c1 > "a\r\n\x00ä\"" "b" * 3 "#).unwrap();
        let word = |text: &str| Token::Word(text.into());
        let text = |bytes: &[u8]| Token::Text(bytes.into());
        let first = text(b"a\r\n\0\xc3\xa4\"");
        assert_eq!(found, [word("c1"), word(">"), first, text(b"b"), word("*"), word("3")]);
        for wrong in [r#"> "a"#, r#"> "\q""#, r#"> "\x1""#, r#"> "\"#, r#"> "\xä""#] {
            assert!(tokens(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lines_go_on() {
        let found = statements("# no\n\n> \"a\"\n  \"b\"\n   # no\n\t\"c\"\nclose\n").unwrap();
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 7]);
    }
}
