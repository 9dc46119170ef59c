//! Tokens of a JSON text.
//!
//! In: bytes. Out: `Token`s in order, or a fault where the grammar is broken or the text ends early.
//! Always: strictly by the grammar, so that nobody reads anything else into the text; at most
//! `DEPTH` groups within each other; memory does not grow; a token that may have been cut is none.
//! Not here: escapes in strings (`text`), UTF-8. Source: RFC 8259 sections 2 to 7.

/// A piece of a JSON text. No `Debug`: it is not redacted.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(in super::super) enum Token<'b> {
    Open(Group),
    Close(Group),
    /// The name of a field, between its quotes; its value follows.
    Name(&'b [u8]),
    /// Between its quotes.
    String(&'b [u8]),
    Number(&'b [u8]),
    /// `true`, `false` or `null`.
    Word(&'static str),
}

/// What a bracket opens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Group {
    Object,
    Array,
}

/// The text cannot be read further.
#[derive(Debug)]
pub(in super::super) struct Fault;

/// The tokens of one text; none after a fault.
pub(in super::super) struct Tokens<'b> {
    rest: &'b [u8],
    /// The text may go on where it ends.
    cut: bool,
    /// A bit for each open group, the innermost lowest: whether it is an object.
    objects: u128,
    depth: u32,
    expected: Expected,
}

/// ```text
/// Value --scalar--> More --,--> Value or Name          Name --name and colon--> Value
///   `--[--> First --scalar--> More --]--> More           `--{--> FirstName
/// More, outside of all groups --> End
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    Value,
    /// A value, or the end of an empty array.
    First,
    Name,
    /// A name, or the end of an empty object.
    FirstName,
    /// A comma, or the end of the group.
    More,
    End,
}

/// Most groups within each other.
const DEPTH: u32 = u128::BITS;

impl<'b> Tokens<'b> {
    /// Those of a text. `cut`: it may go on where it ends.
    pub(in super::super) fn new(text: &'b [u8], cut: bool) -> Self {
        Self { rest: text, cut, objects: 0, depth: 0, expected: Expected::Value }
    }

    /// Groups that are open.
    pub(in super::super) fn depth(&self) -> u32 {
        self.depth
    }

    /// `None`: the text is over.
    fn token(&mut self) -> Result<Option<Token<'b>>, Fault> {
        loop {
            self.skip_blanks();
            let Some(&first) = self.rest.first() else {
                return if self.expected == Expected::End { Ok(None) } else { Err(Fault) };
            };
            return match (self.expected, first) {
                (Expected::More, b',') => {
                    self.rest = self.rest.get(1..).unwrap_or_default();
                    self.expected = if self.in_object() { Expected::Name } else { Expected::Value };
                    continue;
                }
                (Expected::More | Expected::First, b']') if !self.in_object() => self.close(),
                (Expected::More | Expected::FirstName, b'}') if self.in_object() => self.close(),
                (Expected::Name | Expected::FirstName, b'"') => self.name(),
                (Expected::Value | Expected::First, _) => self.value(first),
                _ => Err(Fault),
            }
            .map(Some);
        }
    }

    fn value(&mut self, first: u8) -> Result<Token<'b>, Fault> {
        let token = match first {
            b'{' => return self.open(Group::Object),
            b'[' => return self.open(Group::Array),
            b'"' => Token::String(self.string()?),
            b'-' | b'0'..=b'9' => Token::Number(self.number()?),
            _ => Token::Word(self.word()?),
        };
        self.after_value();
        Ok(token)
    }

    fn open(&mut self, group: Group) -> Result<Token<'b>, Fault> {
        if self.depth >= DEPTH {
            return Err(Fault);
        }
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(group == Group::Object);
        self.expected = match group {
            Group::Object => Expected::FirstName,
            Group::Array => Expected::First,
        };
        Ok(Token::Open(group))
    }

    fn close(&mut self) -> Result<Token<'b>, Fault> {
        let group = if self.in_object() { Group::Object } else { Group::Array };
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.after_value();
        Ok(Token::Close(group))
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn after_value(&mut self) {
        self.expected = if self.depth == 0 { Expected::End } else { Expected::More };
    }

    fn name(&mut self) -> Result<Token<'b>, Fault> {
        let name = self.string()?;
        self.skip_blanks();
        self.rest = self.rest.strip_prefix(b":").ok_or(Fault)?;
        self.expected = Expected::Value;
        Ok(Token::Name(name))
    }

    fn string(&mut self) -> Result<&'b [u8], Fault> {
        let inner = self.rest.get(1..).ok_or(Fault)?;
        let mut length = 0;
        loop {
            let rest = inner.get(length..).ok_or(Fault)?;
            length += plain_bytes(rest);
            match inner.get(length..).ok_or(Fault)? {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return inner.get(..length).ok_or(Fault);
                }
                [b'\\', rest @ ..] => length += 1 + escape_bytes(rest).ok_or(Fault)?,
                _ => return Err(Fault),
            }
        }
    }

    fn number(&mut self) -> Result<&'b [u8], Fault> {
        let length = number_end(self.rest, 0).ok_or(Fault)?;
        let (number, rest) = self.rest.split_at_checked(length).ok_or(Fault)?;
        // At the end of a cut text nobody knows whether more digits follow.
        if rest.is_empty() && self.cut {
            return Err(Fault);
        }
        self.rest = rest;
        Ok(number)
    }

    fn word(&mut self) -> Result<&'static str, Fault> {
        let begins = |word: &&str| self.rest.starts_with(word.as_bytes());
        let word = WORDS.into_iter().find(begins).ok_or(Fault)?;
        self.rest = self.rest.get(word.len()..).unwrap_or_default();
        Ok(word)
    }

    fn skip_blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

impl<'b> Iterator for Tokens<'b> {
    type Item = Result<Token<'b>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.token() {
            Ok(token) => Some(Ok(token?)),
            Err(fault) => {
                // Nothing follows a fault, nor the end.
                *self = Self { rest: b"", expected: Expected::End, ..*self };
                Some(Err(fault))
            }
        }
    }
}

/// Bytes up to one that a string cannot hold as it is. Eight at a time: strings are most of JSON.
fn plain_bytes(text: &[u8]) -> usize {
    let mut plain = 0;
    while let Some(eight) = text.get(plain..).and_then(|rest| rest.first_chunk()) {
        let special = special_bytes(u64::from_le_bytes(*eight));
        if special != 0 {
            return plain + (special.trailing_zeros() / u8::BITS) as usize;
        }
        plain += size_of::<u64>();
    }
    let special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    let rest = text.get(plain..).unwrap_or_default();
    plain + rest.iter().position(special).unwrap_or(rest.len())
}

/// The lowest byte of the result that is not zero marks the first that is special.
fn special_bytes(eight: u64) -> u64 {
    // A byte below the limit borrows its highest bit from one that had it clear. What is above the
    // first such byte may be wrong.
    let below =
        |value: u64, limit: u8| value.wrapping_sub(EACH * u64::from(limit)) & !value & HIGHEST;
    let equal = |wanted: u8| below(eight ^ (EACH * u64::from(wanted)), 1);
    below(eight, b' ') | equal(b'"') | equal(b'\\')
}

/// One in each byte, and the highest bit of each.
const EACH: u64 = 0x0101_0101_0101_0101;
const HIGHEST: u64 = 0x8080_8080_8080_8080;

/// Length of an escape without its backslash.
#[inline]
pub(super) fn escape_bytes(escape: &[u8]) -> Option<usize> {
    match escape {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(1),
        [b'u', a, b, c, d, ..] => {
            [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()).then_some(5)
        }
        _ => None,
    }
}

/// Values that are neither strings nor numbers.
pub(super) const WORDS: [&str; 3] = ["true", "false", "null"];

/// Where the number ends that begins here: `-1`, `0.5`, `1e+9`. `None`: it is none.
#[inline]
pub(super) fn number_end(text: &[u8], start: usize) -> Option<usize> {
    let at = |index: usize| text.get(index).copied().unwrap_or_default();
    let digits = |from: usize| {
        let mut end = from;
        while at(end).is_ascii_digit() {
            end += 1;
        }
        (end > from).then_some(end)
    };
    let start = start + usize::from(at(start) == b'-');
    let mut end = if at(start) == b'0' { start + 1 } else { digits(start)? };
    if at(end) == b'.' {
        end = digits(end + 1)?;
    }
    if matches!(at(end), b'e' | b'E') {
        end += 1 + usize::from(matches!(at(end + 1), b'+' | b'-'));
        end = digits(end)?;
    }
    // What reads on is no number, and nothing else: `01`, `1.2.3`.
    let goes_on = matches!(at(end), b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    (!goes_on).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens, with spaces between them; `!` for a fault.
    fn show(text: &str, cut: bool) -> String {
        let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let token = |token| match token {
            Ok(Token::Open(Group::Object)) => "{".into(),
            Ok(Token::Open(Group::Array)) => "[".into(),
            Ok(Token::Close(Group::Object)) => "}".into(),
            Ok(Token::Close(Group::Array)) => "]".into(),
            Ok(Token::Name(name)) => format!("{}:", text_of(name)),
            Ok(Token::String(text)) => format!("'{}'", text_of(text)),
            Ok(Token::Number(number)) => text_of(number),
            Ok(Token::Word(word)) => word.into(),
            Err(Fault) => "!".into(),
        };
        Tokens::new(text.as_bytes(), cut).map(token).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn texts_are_taken_apart() {
        for (text, tokens) in [
            (
                r#" {"a" : [1, -0.5e+3, "x\"\u00e9"], "b":{}} "#,
                r#"{ a: [ 1 -0.5e+3 'x\"\u00e9' ] b: { } }"#,
            ),
            ("[]", "[ ]"),
            ("[[],[null]]", "[ [ ] [ null ] ]"),
            ("\"\"", "''"),
            ("12", "12"),
            ("true", "true"),
        ] {
            assert_eq!(show(text, false), tokens, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_a_fault() {
        for (text, tokens) in [
            ("", "!"),
            ("{} {}", "{ } !"),
            ("[1,]", "[ 1 !"),
            ("[,1]", "[ !"),
            ("{\"a\":1,}", "{ a: 1 !"),
            ("{\"a\" 1}", "{ !"),
            ("{a:1}", "{ !"),
            ("{1:1}", "{ !"),
            ("[1}", "[ 1 !"),
            ("{]", "{ !"),
            ("}", "!"),
            ("01", "!"),
            ("1.", "!"),
            (".5", "!"),
            ("+1", "!"),
            ("1e", "!"),
            ("--1", "!"),
            ("NaN", "!"),
            ("truex", "true !"),
            ("'a'", "!"),
            ("\"a\nb\"", "!"),
            (r#""\x""#, "!"),
            (r#""\u12g4""#, "!"),
            (r#""\"#, "!"),
            ("// a\n1", "!"),
            ("\u{feff}1", "!"),
        ] {
            assert_eq!(show(text, false), tokens, "{text}");
        }
    }

    #[test]
    fn cut_tokens_are_none() {
        for (text, tokens) in [
            ("[\"ab", "[ !"),
            ("[\"ab\\", "[ !"),
            ("[\"ab\\u00", "[ !"),
            ("[12", "[ !"),
            ("[12,", "[ 12 !"),
            ("{\"a\"", "{ !"),
            ("{\"a\":", "{ a: !"),
            ("[tru", "[ !"),
            ("12", "!"),
        ] {
            assert_eq!(show(text, true), tokens, "{text}");
        }
    }

    #[test]
    fn the_first_special_byte_is_found() {
        for byte in 0..=u8::MAX {
            let special = byte < b' ' || byte == b'"' || byte == b'\\';
            for at in 0..24 {
                let mut text = [0xff_u8; 24];
                text[at] = byte;
                text[at + 1..].fill(b'"');
                assert_eq!(
                    plain_bytes(&text),
                    if special { at } else { (at + 1).min(24) },
                    "{byte}"
                );
                text[at + 1..].fill(byte ^ 0x80);
                let next = byte ^ 0x80;
                let next = next < b' ' || next == b'"' || next == b'\\';
                let end = if special {
                    at
                } else if next {
                    (at + 1).min(24)
                } else {
                    24
                };
                assert_eq!(plain_bytes(&text), end, "{byte}");
            }
        }
    }

    #[test]
    fn groups_are_only_so_deep() {
        let deep = |depth: usize| show(&["[".repeat(depth), "]".repeat(depth)].concat(), false);
        assert!(!deep(128).contains('!'));
        assert_eq!(deep(129), format!("{}!", "[ ".repeat(128)));
        assert_eq!(deep(100_000), format!("{}!", "[ ".repeat(128)));
    }
}
