//! Numbers as people write them: digits in groups.
//!
//! In: text. Out: every `Number` in it, with each group that it may begin or end with.
//! Always: a number begins and ends where no letter or digit is; one separator between groups; time in
//! proportion to the text.
//! Not here: what a number is (`national`, `redact::card`).

use std::ops::Range;

/// Most digits and groups of a number.
const DIGITS: usize = 19;
const GROUPS: usize = 7;
/// Fewest digits.
const LEAST: usize = 9;

/// A number in a text.
#[derive(Clone, Debug)]
pub struct Number {
    digits: [u8; DIGITS],
    count: usize,
    lengths: [u8; GROUPS],
    separators: [u8; GROUPS],
    groups: usize,
    /// Where it is, in bytes.
    pub range: Range<usize>,
}

impl Number {
    /// Its digits, as numbers.
    pub fn digits(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or_default()
    }

    /// How many digits each group has.
    pub fn groups(&self) -> &[u8] {
        self.lengths.get(..self.groups).unwrap_or_default()
    }

    /// What stands between the groups.
    pub fn separators(&self) -> &[u8] {
        self.separators.get(..self.groups.saturating_sub(1)).unwrap_or_default()
    }

    /// It is one group.
    pub fn is_bare(&self) -> bool {
        self.groups == 1
    }

    /// The same separator is between all groups, one of these.
    pub fn has_only(&self, separators: &[u8]) -> bool {
        let mut all = self.separators().iter();
        let first = all.next();
        first.is_some_and(|one| separators.contains(one)) && all.all(|one| Some(one) == first)
    }

    /// The number from its first digits as a value.
    pub fn value(&self, range: Range<usize>) -> u32 {
        let digits = self.digits().get(range).unwrap_or_default();
        digits.iter().fold(0, |sum, &digit| sum * 10 + u32::from(digit))
    }

    fn push(&mut self, byte: u8) -> Option<()> {
        *self.digits.get_mut(self.count)? = byte - b'0';
        *self.lengths.get_mut(self.groups)? += 1;
        self.count += 1;
        Some(())
    }

    fn separate(&mut self, byte: u8) -> Option<()> {
        *self.separators.get_mut(self.groups)? = byte;
        self.groups += 1;
        Some(())
    }
}

/// The numbers of a text, by where they begin, then by where they end.
pub struct Numbers<'t> {
    text: &'t [u8],
    /// Where the next group is looked for.
    next: usize,
    /// The number that may go on, and the end of what was read of it.
    open: Option<(Number, usize)>,
}

impl<'t> Numbers<'t> {
    /// Those of a text.
    pub fn new(text: &'t [u8]) -> Self {
        Self { text, next: 0, open: None }
    }

    fn at(&self, index: usize) -> u8 {
        self.text.get(index).copied().unwrap_or(b' ')
    }

    /// The begin of the next group.
    fn begin(&mut self) -> Option<(Number, usize)> {
        let rest = self.text.get(self.next..)?;
        let start = self.next + rest.iter().position(u8::is_ascii_digit)?;
        let mut end = start;
        while self.at(end).is_ascii_digit() {
            end += 1;
        }
        self.next = end;
        let before = start.checked_sub(1).map_or(b' ', |index| self.at(index));
        // A fraction or an item of a list is no begin.
        if before.is_ascii_alphabetic() || before == b'_' || before >= 0x80 {
            return self.begin_later();
        }
        let number = Number {
            digits: [0; DIGITS],
            count: 0,
            lengths: [0; GROUPS],
            separators: [0; GROUPS],
            groups: 0,
            range: start..start,
        };
        Some((number, start))
    }

    fn begin_later(&mut self) -> Option<(Number, usize)> {
        // Once, not by recursion: what is left of the text bounds it.
        while let Some(start) = self.text.get(self.next..)?.iter().position(u8::is_ascii_digit) {
            let start = self.next + start;
            let before = start.checked_sub(1).map_or(b' ', |index| self.at(index));
            if !(before.is_ascii_alphabetic() || before == b'_' || before >= 0x80) {
                return self.begin();
            }
            self.next = start;
            while self.at(self.next).is_ascii_digit() {
                self.next += 1;
            }
        }
        None
    }

    /// One group more. `None`: the number does not go on.
    fn extend(&self, mut number: Number, from: usize) -> Option<(Number, usize)> {
        let mut at = from;
        if number.count > 0 {
            let separator = self.at(at);
            if !matches!(separator, b' ' | b'-' | b'.' | b'/') || !self.at(at + 1).is_ascii_digit()
            {
                return None;
            }
            number.separate(separator)?;
            at += 1;
        }
        while self.at(at).is_ascii_digit() {
            number.push(self.at(at))?;
            at += 1;
        }
        number.range.end = at;
        Some((number, at))
    }
}

impl Iterator for Numbers<'_> {
    type Item = Number;

    fn next(&mut self) -> Option<Number> {
        loop {
            let (number, from) = match self.open.take() {
                Some(open) => open,
                None => self.begin()?,
            };
            let Some((number, end)) = self.extend(number, from) else { continue };
            self.open = Some((number.clone(), end));
            let after = self.at(end);
            let ends = !(after.is_ascii_alphanumeric() || after == b'_' || after >= 0x80);
            if ends && number.count >= LEAST {
                let groups = number.groups + 1;
                return Some(Number { groups, ..number });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> = Numbers::new(text.as_bytes()).map(|one| &text[one.range]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn numbers_begin_and_end_with_any_group() {
        check("123456789", &["123456789"]);
        check(
            "a 12 4111 1111 1111 1111 9x",
            &[
                "12 4111 1111",
                "12 4111 1111 1111",
                "12 4111 1111 1111 1111",
                "4111 1111 1111",
                "4111 1111 1111 1111",
                "1111 1111 1111",
            ],
        );
        check("123-45-6789", &["123-45-6789"]);
        check(
            "12.345.678/0001-95",
            &[
                "12.345.678/0001",
                "12.345.678/0001-95",
                "345.678/0001",
                "345.678/0001-95",
                "678/0001-95",
            ],
        );
        check("a123456789 123456789b x_123456789 \u{e9}123456789", &[]);
        check("12345678901234567890", &[]);
        check("1  23456789", &[]);
        check("", &[]);
    }
}
