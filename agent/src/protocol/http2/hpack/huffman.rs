//! The Huffman code of HPACK.
//!
//! In: a coded string. Out: the string, behind what is in a buffer.
//! Always: no code is looked at bit by bit; a string grows to at most 8/5 of its coded length.
//! Not here: whether a string is coded. Source: RFC 7541 section 5.2 and appendix B.

/// Decodes a string behind what is in `into`.
///
/// `None`: the end-of-string symbol is in it, or it does not end in less than an octet of ones. What
/// came before that lies behind `into` then.
pub fn decode(coded: &[u8], into: &mut Vec<u8>) -> Option<()> {
    into.reserve(coded.len().saturating_mul(8) / SHORTEST);
    // The first `count` bits of `bits` are those that come next; below them are zeros.
    let (mut bits, mut count) = (0_u64, 0_u32);
    let (words, tail) = coded.as_chunks::<4>();
    for word in words {
        bits |= u64::from(u32::from_be_bytes(*word)) << (32 - count);
        count += 32;
        while count >= LONGEST {
            let (symbol, length) = first(bits);
            into.push(u8::try_from(symbol).ok()?);
            bits <<= length;
            count -= length;
        }
    }
    for octet in tail {
        bits |= u64::from(*octet) << (56 - count);
        count += 8;
    }
    loop {
        let padded = bits | u64::MAX >> count;
        let (symbol, length) = first(padded);
        if length > count {
            return (count < 8 && padded == u64::MAX).then_some(());
        }
        into.push(u8::try_from(symbol).ok()?);
        bits <<= length;
        count -= length;
    }
}

/// The symbol whose code comes first, and the length of that code.
fn first(bits: u64) -> (u16, u32) {
    let short = SHORT.get((bits >> (64 - SHORT_BITS)) as usize);
    match short.copied().unwrap_or_default() {
        [_, 0] => first_long((bits >> 32) as u32),
        [symbol, length] => (symbol.into(), length.into()),
    }
}

/// `first` for codes longer than `SHORT_BITS`.
fn first_long(bits: u32) -> (u16, u32) {
    let Some(row) = LONG.iter().find(|row| bits <= row.last) else {
        return (END, LONGEST);
    };
    let place = (bits.saturating_sub(row.first) >> (32 - row.length)) as usize;
    (SYMBOLS.get(row.place.saturating_add(place)).copied().unwrap_or(END), row.length)
}

/// Codes of one length. They follow each other, so their symbols need no more than an order.
#[derive(Clone, Copy)]
struct Row {
    /// First and last 32 bits that begin with one of them.
    first: u32,
    last: u32,
    /// In bits.
    length: u32,
    /// Where their symbols begin in `SYMBOLS`.
    place: usize,
}

/// The end-of-string symbol.
const END: u16 = 256;

/// Lengths of the shortest and the longest code, in bits.
const SHORTEST: usize = 5;
const LONGEST: u32 = 30;

/// Codes up to this length are in one table: those of all that is usual in fields.
const SHORT_BITS: u32 = 10;

/// By the first `SHORT_BITS` bits: the symbol and the length of its code, 0 if it is longer.
static SHORT: [[u8; 2]; 1 << SHORT_BITS] = short();

/// Rows of the longer codes, from `SHORT_BITS + 1` on.
static LONG: [Row; (LONGEST - SHORT_BITS) as usize] = rows();

/// Symbols in the order of their codes.
static SYMBOLS: [u16; LENGTHS.len()] = symbols();

#[expect(clippy::indexing_slicing, reason = "done by the compiler")]
const fn symbols() -> [u16; LENGTHS.len()] {
    let mut symbols = [0; LENGTHS.len()];
    let (mut place, mut length) = (0, 1);
    while length as u32 <= LONGEST {
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] == length {
                symbols[place] = symbol as u16;
                place += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
}

/// The row of that length.
#[expect(clippy::indexing_slicing, reason = "done by the compiler")]
const fn row(length: u32) -> Row {
    // Codes are given out in order, so all shorter ones lie before the first of this length.
    let (mut first, mut end, mut place, mut symbol) = (0_u64, 0_u64, 0, 0);
    while symbol < LENGTHS.len() {
        let other = LENGTHS[symbol] as u32;
        if other < length {
            first += 1 << (32 - other);
            place += 1;
        }
        if other <= length {
            end += 1 << (32 - other);
        }
        symbol += 1;
    }
    Row { first: first as u32, last: (end - 1) as u32, length, place }
}

#[expect(clippy::indexing_slicing, reason = "done by the compiler")]
const fn rows() -> [Row; (LONGEST - SHORT_BITS) as usize] {
    let mut rows = [row(LONGEST); (LONGEST - SHORT_BITS) as usize];
    let mut length = SHORT_BITS + 1;
    while length <= LONGEST {
        rows[(length - SHORT_BITS - 1) as usize] = row(length);
        length += 1;
    }
    rows
}

#[expect(clippy::indexing_slicing, reason = "done by the compiler")]
const fn short() -> [[u8; 2]; 1 << SHORT_BITS] {
    let symbols = symbols();
    let mut short = [[0; 2]; 1 << SHORT_BITS];
    let (mut at, mut place) = (0, 0);
    while LENGTHS[symbols[place] as usize] as u32 <= SHORT_BITS {
        let length = LENGTHS[symbols[place] as usize];
        let end = at + (1 << (SHORT_BITS - length as u32));
        while at < end {
            short[at] = [symbols[place] as u8, length];
            at += 1;
        }
        place += 1;
    }
    short
}

/// Length of each symbol's code, in bits. The code is canonical: codes are given out by length, then
/// by symbol, so the lengths tell all of it.
#[rustfmt::skip]
pub const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

// Every sequence of bits begins with exactly one code.
const _: () = assert!(row(LONGEST).last == u32::MAX);
