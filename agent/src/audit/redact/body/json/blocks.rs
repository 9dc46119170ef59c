//! Where strings of a JSON text end, and which bytes in them ask for a look: 64 bytes at a time.
//!
//! In: bytes, from front to end. Out: `Span`s of strings.
//! Always: each byte is classified once; what asks for nothing here is harmless whatever its name; what
//! cannot be told at the edge of a block asks for a look.
//! Not here: the looks (`scalar`), grammar (`mod`). Source: RFC 8259 section 7.

use wide::u8x16;

/// Bytes that are classified together: a bit each.
const BLOCK_BYTES: usize = u64::BITS as usize;

/// A text, classified as far as it was read.
pub(super) struct Blocks<'b> {
    text: &'b [u8],
    /// Number of the block that is classified; none is before the first.
    number: Option<usize>,
    here: Block,
    /// Of the block before.
    token_before: u64,
    digit_before: u64,
    dash_before: u64,
}

/// A bit for each byte.
#[derive(Clone, Copy, Default)]
struct Block {
    /// What a string cannot hold as it is.
    ends: u64,
    digits: u64,
    /// What asks for a look.
    hints: u64,
}

/// A string, without its quotes.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// Where its closing quote is.
    pub(super) end: usize,
    /// It has escapes.
    pub(super) escaped: bool,
    /// Something in it asks for a look.
    pub(super) hinted: bool,
    /// How many digits it has.
    pub(super) digits: u32,
}

impl<'b> Blocks<'b> {
    pub(super) fn new(text: &'b [u8]) -> Self {
        let here = Block::default();
        Self { text, number: None, here, token_before: 0, digit_before: 0, dash_before: 0 }
    }

    /// The string that begins here, behind its quote. `None`: it breaks the grammar or does not end.
    /// Places are asked for in their order.
    #[inline]
    pub(super) fn string(&mut self, start: usize) -> Option<Span> {
        let mut span = Span { end: start, escaped: false, hinted: false, digits: 0 };
        let mut from = start;
        loop {
            let number = from / BLOCK_BYTES;
            if self.number != Some(number) {
                self.seek(number)?;
            }
            let live = u64::MAX << (from % BLOCK_BYTES);
            let ends = self.here.ends & live;
            // With no end all of the block counts: the shift by 63 and by one is one by 64.
            let at = ends.trailing_zeros();
            let inside = live & !(u64::MAX.wrapping_shl(at.min(63)) << (at / 64));
            span.hinted |= self.here.hints & inside != 0;
            let digits = self.here.digits & inside;
            if digits != 0 {
                span.digits += digits.count_ones();
            }
            if ends == 0 {
                from = (number + 1) * BLOCK_BYTES;
                continue;
            }
            span.end = number * BLOCK_BYTES + at as usize;
            match self.text.get(span.end)? {
                b'"' => return Some(span),
                b'\\' => {
                    let escape = self.text.get(span.end + 1..)?;
                    from = span.end + 1 + super::scan::escape_bytes(escape)?;
                    span.escaped = true;
                }
                _ => return None,
            }
        }
    }

    /// Classifies up to a block. `None`: the text ends before it.
    #[inline]
    fn seek(&mut self, number: usize) -> Option<()> {
        let mut next = self.number.map_or(0, |number| number + 1);
        while next <= number {
            let rest = self.text.get(next * BLOCK_BYTES..)?;
            match rest.first_chunk() {
                Some(chunk) => self.classify(chunk),
                None if rest.is_empty() => return None,
                None => {
                    // Zeros end every string.
                    let mut chunk = [0; BLOCK_BYTES];
                    chunk.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                    self.classify(&chunk);
                }
            }
            self.number = Some(next);
            next += 1;
        }
        Some(())
    }

    fn classify(&mut self, chunk: &[u8; BLOCK_BYTES]) {
        let masks = Masks::of(chunk);
        let (tokens, digits) = (masks.tokens, masks.digits);
        let runs = runs(tokens, self.token_before);
        let digit_before = digits << 1 | self.digit_before >> 63;
        let dash_before = masks.dashes << 1 | self.dash_before >> 63;
        let dash_twice_before = masks.dashes << 2 | self.dash_before >> 62;
        let (slash_next, digit_next) = (masks.slashes >> 1, digits >> 1 | 1 << 63);
        // `12:30` and `https://` have no name before the colon, `T12:30+01` is no telephone number.
        let colons = masks.colons & !digit_before & !slash_next;
        let pluses = masks.pluses & digit_next & !digit_before;
        let dashes = masks.dashes & dash_before & dash_twice_before;
        self.here = Block {
            ends: masks.ends,
            digits,
            hints: masks.marks | colons | pluses | dashes | runs,
        };
        self.token_before = tokens;
        self.digit_before = digits;
        self.dash_before = masks.dashes;
    }
}

/// Ends of runs of `RUN_BYTES` characters of a token. `before`: those of the block before.
fn runs(tokens: u64, before: u64) -> u64 {
    let both = u128::from(tokens) << 64 | u128::from(before);
    let two = both & both << 1;
    let four = two & two << 2;
    let eight = four & four << 4;
    let sixteen = eight & eight << 8;
    (sixteen >> 64) as u64
}

/// What each byte of a block is.
#[derive(Default)]
struct Masks {
    ends: u64,
    digits: u64,
    /// Letters, digits, `_` and `-`.
    tokens: u64,
    dashes: u64,
    colons: u64,
    slashes: u64,
    pluses: u64,
    /// What asks for a look wherever it is.
    marks: u64,
}

impl Masks {
    fn of(chunk: &[u8; BLOCK_BYTES]) -> Self {
        let mut masks = Self::default();
        let (parts, _) = chunk.as_chunks::<16>();
        for (&part, shift) in parts.iter().zip([0, 16, 32, 48]) {
            let bytes = u8x16::new(part);
            let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
            let at_most = |bytes: u8x16, most: u8| bytes.min(u8x16::splat(most)).simd_eq(bytes);
            let put = |mask: &mut u64, bits: u8x16| *mask |= u64::from(bits.to_bitmask()) << shift;
            let digits = at_most(bytes - u8x16::splat(b'0'), 9);
            let letters = at_most((bytes | u8x16::splat(0x20)) - u8x16::splat(b'a'), 25);
            let dashes = is(b'-');
            put(&mut masks.ends, at_most(bytes, 0x1f) | is(b'"') | is(b'\\'));
            put(&mut masks.digits, digits);
            put(&mut masks.tokens, digits | letters | dashes | is(b'_'));
            put(&mut masks.dashes, dashes);
            put(&mut masks.colons, is(b':'));
            put(&mut masks.slashes, is(b'/'));
            put(&mut masks.pluses, is(b'+'));
            // A control character beyond ASCII begins with 0xC2.
            put(&mut masks.marks, is(b'@') | is(b'=') | is(b'%') | is(0x7f) | is(0xc2));
        }
        masks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// End, escapes, hint and digits of the string that the text begins with.
    fn check(text: &str, expected: Option<(usize, bool, bool, u32)>) {
        for blanks in [0, 1, 31, 50, 62, 63, 64, 100] {
            let text = [&" ".repeat(blanks), "\"", text].concat();
            let start = blanks + 1;
            let span = Blocks::new(text.as_bytes()).string(start);
            let found = span.map(|one| (one.end - start, one.escaped, one.hinted, one.digits));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn strings_end_where_the_grammar_says() {
        check("\"", Some((0, false, false, 0)));
        check("ab\" :", Some((2, false, false, 0)));
        check("a\\\"b\\\\\"", Some((6, true, false, 0)));
        check("a\\u00e9\"", Some((7, true, false, 0)));
        for text in ["", "ab", "a\nb\"", "a\\", "a\\x\"", "\\u00g0\"", "\0\""] {
            check(text, None);
        }
        let long = "x y ".repeat(100);
        check(&format!("{long}\""), Some((400, false, false, 0)));
    }

    #[test]
    fn plain_text_asks_for_nothing() {
        for (text, digits) in [
            ("The quick, brown fox (of 2024) isn't here.", 4),
            ("internationaliz", 0),
            ("https//example.com/a/b?c", 0),
            ("12:30:01", 6),
            ("caf\u{e9} \u{4e2d}\u{6587}".trim_start_matches("caf\u{e9} "), 0),
        ] {
            check(&format!("{text}\""), Some((text.len(), false, false, digits)));
        }
    }

    #[test]
    fn what_could_be_something_asks_for_a_look() {
        for text in [
            "a@b",
            "a=b",
            "100%",
            "+49",
            "pin: 1",
            "-----",
            "abcdefghijklmnop",
            "a_b-c_d-e_f-g_h-",
            "\u{7f}",
            "\u{9b}",
        ] {
            let found = Blocks::new(format!("\"{text}\"").as_bytes()).string(1).unwrap();
            assert!(found.hinted, "{text}");
        }
    }
}
