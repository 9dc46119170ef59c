//! Taking a statement apart, word for word.
//!
//! In: tokens. Out: numbers, addresses, durations, texts.
//! Always: what is left over is a mistake too.
//! Not here: what they are used for.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::str::FromStr;

use super::Result;
use super::token::Token;

/// What is left of a statement.
#[derive(Clone, Debug)]
pub(super) struct Words {
    left: VecDeque<Token>,
}

impl Words {
    pub(super) fn new(tokens: Vec<Token>) -> Self {
        Self { left: tokens.into() }
    }

    /// The next word.
    pub(super) fn word(&mut self) -> Result<String> {
        match self.left.pop_front() {
            Some(Token::Word(word)) => Ok(word),
            Some(Token::Text(_)) => Err("a word is expected where a text is".to_owned()),
            None => Err("something is missing at the end".to_owned()),
        }
    }

    /// The next word if there is one.
    pub(super) fn maybe_word(&mut self) -> Option<String> {
        match self.left.front() {
            Some(Token::Word(_)) => self.word().ok(),
            _ => None,
        }
    }

    /// Whether the next word is this one, which is taken then.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        let is_next = self.left.front() == Some(&Token::Word(expected.to_owned()));
        if is_next {
            self.left.pop_front();
        }
        is_next
    }

    pub(super) fn expect(&mut self, expected: &str) -> Result<()> {
        let word = self.word()?;
        if word == expected {
            return Ok(());
        }
        Err(format!("`{expected}` is expected, not `{word}`"))
    }

    /// A number.
    pub(super) fn number<N: FromStr>(&mut self) -> Result<N> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("`{word}` is no number that fits here"))
    }

    /// A number if one follows.
    pub(super) fn maybe_number<N: FromStr>(&mut self) -> Option<N> {
        let Some(Token::Word(word)) = self.left.front() else { return None };
        let number = word.parse().ok()?;
        self.left.pop_front();
        Some(number)
    }

    pub(super) fn address(&mut self) -> Result<SocketAddr> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("`{word}` is no address with a port"))
    }

    /// A number with its unit.
    pub(super) fn duration_ns(&mut self) -> Result<u64> {
        let word = self.word()?;
        let wrong = || format!("`{word}` is no duration like 10ms");
        let unit_at = word.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = word.split_at_checked(unit_at).ok_or_else(wrong)?;
        let unit_ns: u64 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(unit_ns).ok_or_else(wrong)
    }

    /// Texts, the last one repeated if ` * N` follows.
    pub(super) fn texts(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(Token::Text(_)) = self.left.front() {
            let Some(Token::Text(text)) = self.left.pop_front() else { break };
            let times = if self.take("*") { self.number()? } else { 1 };
            if text.len().saturating_mul(times).saturating_add(bytes.len()) > MOST_BYTES {
                return Err(format!("a text is longer than {MOST_BYTES} bytes"));
            }
            bytes.extend(text.repeat(times));
        }
        Ok(bytes)
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<()> {
        match self.left.front() {
            None => Ok(()),
            Some(Token::Word(word)) => Err(format!("`{word}` is not expected here")),
            Some(Token::Text(_)) => Err("a text is not expected here".to_owned()),
        }
    }
}

/// Longest text of one statement.
const MOST_BYTES: usize = 64 << 20;
