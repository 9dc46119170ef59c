//! One pass over the bytes of a value, 16 at a time, which tells what checks could find anything in it.
//!
//! In: a value. Out: which kinds of characters it has, how many digits and dashes, and whether characters of tokens
//! stand in a row.
//! Always: each byte is classified once, without a branch for each.
//! Not here: the checks (`redact::value`), strings of JSON (`body::json::blocks`).

use wide::u8x16;

/// `@`
pub(super) const AT: u8 = 1 << 0;
/// `=`
pub(super) const EQUALS: u8 = 1 << 1;
/// A space.
pub(super) const SPACE: u8 = 1 << 2;
/// `:`
pub(super) const COLON: u8 = 1 << 3;
/// `J`, which every JWT has near its begin.
pub(super) const CAPITAL_J: u8 = 1 << 4;
/// `%`
pub(super) const PERCENT: u8 = 1 << 5;
/// Not printable ASCII.
pub(super) const ODD: u8 = 1 << 6;
/// `+`
pub(super) const PLUS: u8 = 1 << 7;

/// What one pass over a value tells.
#[derive(Default)]
pub(super) struct Gate {
    seen: u8,
    pub(super) digits: u32,
    pub(super) dashes: u32,
    /// Twelve characters of a token stand in a row: it can be an identifier.
    pub(super) opaque: bool,
    /// Sixteen do: it can be a known key.
    pub(super) key: bool,
}

impl Gate {
    pub(super) fn over(value: &[u8]) -> Self {
        let mut gate = Self::default();
        let mut seen = u8x16::default();
        let mut tokens_before = 0;
        for block in value.chunks(BLOCK_BYTES) {
            let mut masks = Masks::default();
            let (parts, rest) = block.as_chunks();
            for (&part, shift) in parts.iter().zip(SHIFTS) {
                masks.add(part, shift, &mut seen);
            }
            if !rest.is_empty() {
                let mut part = [NEUTRAL; 16];
                part.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                masks.add(part, SHIFTS.get(parts.len()).copied().unwrap_or_default(), &mut seen);
            }
            gate.digits += masks.digits.count_ones();
            gate.dashes += masks.dashes.count_ones();
            gate.note_runs(masks.tokens, tokens_before);
            tokens_before = masks.tokens;
        }
        let all = u128::from_le_bytes(seen.to_array());
        let all = all as u64 | (all >> 64) as u64;
        let all = all | all >> 32;
        let all = all | all >> 16;
        gate.seen = (all | all >> 8) as u8;
        gate
    }

    pub(super) fn has(&self, class: u8) -> bool {
        self.seen & class != 0
    }

    /// `before`: those of the block before.
    fn note_runs(&mut self, tokens: u64, before: u64) {
        if tokens == 0 {
            return;
        }
        // What was a run before is one here as well: it was noted.
        let bits = u128::from(tokens) << BLOCK_BYTES | u128::from(before);
        let two = bits & bits << 1;
        let four = two & two << 2;
        let eight = four & four << 4;
        self.opaque |= eight & four << 8 != 0;
        self.key |= eight & eight << 8 != 0;
    }
}

/// Bytes whose bits are kept together.
const BLOCK_BYTES: usize = u64::BITS as usize;
/// Where the bits of each part of a block begin.
const SHIFTS: [u32; 4] = [0, 16, 32, 48];
/// A byte of no class.
const NEUTRAL: u8 = b',';

/// A bit for each byte of a block.
#[derive(Default)]
struct Masks {
    digits: u64,
    dashes: u64,
    /// Letters, digits, `_` and `-`.
    tokens: u64,
}

impl Masks {
    #[inline]
    fn add(&mut self, part: [u8; 16], shift: u32, seen: &mut u8x16) {
        let bytes = u8x16::new(part);
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        let at_most = |bytes: u8x16, most: u8| bytes.min(u8x16::splat(most)).simd_eq(bytes);
        let put = |mask: &mut u64, bits: u8x16| *mask |= u64::from(bits.to_bitmask()) << shift;
        let printable = at_most(bytes - u8x16::splat(b' '), b'~' - b' ');
        let digits = at_most(bytes - u8x16::splat(b'0'), 9);
        let letters = at_most((bytes | u8x16::splat(0x20)) - u8x16::splat(b'a'), 25);
        let dashes = is(b'-');
        for (byte, class) in MARKS {
            *seen |= is(byte) & u8x16::splat(class);
        }
        *seen |= !printable & u8x16::splat(ODD);
        put(&mut self.digits, digits);
        put(&mut self.dashes, dashes);
        put(&mut self.tokens, digits | letters | dashes | is(b'_'));
    }
}

/// Bytes that are a class of their own.
const MARKS: [(u8, u8); 7] = [
    (b'@', AT),
    (b'=', EQUALS),
    (b' ', SPACE),
    (b':', COLON),
    (b'J', CAPITAL_J),
    (b'%', PERCENT),
    (b'+', PLUS),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::keys::is_token;
    use super::*;
    use crate::cases::cases;

    fn longest_run(value: &[u8]) -> usize {
        value.split(|byte| !is_token(*byte)).map(<[u8]>::len).max().unwrap_or(0)
    }

    #[test]
    fn every_byte_has_its_classes() {
        for byte in 0..=u8::MAX {
            for before in [0, 7, 16, 70] {
                let value = [&vec![b'.'; before][..], &[byte]].concat();
                let gate = Gate::over(&value);
                for (mark, class) in MARKS {
                    assert_eq!(gate.has(class), byte == mark, "{byte}");
                }
                assert_eq!(gate.has(ODD), !matches!(byte, b' '..=b'~'), "{byte}");
                assert_eq!(gate.digits, u32::from(byte.is_ascii_digit()), "{byte}");
                assert_eq!(gate.dashes, u32::from(byte == b'-'), "{byte}");
            }
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn runs_are_found_wherever_they_stand(value in "[a0_ .-]{0,40}[a-z0-9]{0,20}[ .]?[A-Z-]{0,90}[é,]{0,3}[a-z0-9]{0,17}") {
            let gate = Gate::over(value.as_bytes());
            let longest = longest_run(value.as_bytes());
            prop_assert_eq!(gate.opaque, longest >= 12);
            prop_assert_eq!(gate.key, longest >= 16);
            let digits = value.bytes().filter(u8::is_ascii_digit).count();
            prop_assert_eq!(gate.digits as usize, digits);
        }
    }
}
