//! An encoder that does by chance whatever the specification allows.
//!
//! In: a seed. Out: blocks, the fields in them, and from which block on a listener has to look to know
//! each of them. It keeps the table as the specification tells it, plainly.
//! Always: fields are such that an HTTP/2 server takes them.

use std::sync::LazyLock;

use super::super::huffman::LENGTHS;
use super::super::static_table;
use super::Field;

/// Numbers by chance (xorshift64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Text that may be the value of a field.
    pub fn text(&mut self, bytes: usize) -> String {
        (0..bytes).map(|_| char::from(b'!' + self.below(94) as u8)).collect()
    }
}

/// A block.
#[derive(Clone, Debug)]
pub struct Sent {
    pub block: Vec<u8>,
    /// Each with the first block that a listener may miss without missing the field.
    pub fields: Vec<(Field, usize)>,
    /// The oldest block that has inserted something that is still in the table.
    pub oldest: usize,
    /// The table was empty when the first field came.
    pub emptied: bool,
}

struct Entry {
    name: Vec<u8>,
    value: Vec<u8>,
    /// Block that inserted it.
    inserted: usize,
    /// A listener must have seen the blocks from here on to know it, or its name.
    since: usize,
}

pub struct Encoder {
    pub chance: Chance,
    /// Newest first.
    table: Vec<Entry>,
    max_bytes: usize,
    limit_bytes: usize,
    block: usize,
}

impl Encoder {
    /// One that makes its table at most so large.
    pub fn new(seed: u64, limit_bytes: usize) -> Self {
        let chance = Chance::new(seed);
        Self { chance, table: Vec::new(), max_bytes: 4096, limit_bytes, block: 0 }
    }

    /// The next block.
    pub fn next(&mut self) -> Sent {
        let mut block = Vec::new();
        if self.chance.one_in(12) {
            for _ in 0..=self.chance.below(2) {
                self.resize(&mut block);
            }
        }
        let emptied = self.table.is_empty();
        let fields = self.fields().into_iter().map(|field| self.field(field, &mut block)).collect();
        let oldest = self.table.last().map_or(self.block, |entry| entry.inserted);
        self.block += 1;
        Sent { block, fields, oldest, emptied }
    }

    /// Many blocks.
    pub fn blocks(&mut self, count: usize) -> Vec<Sent> {
        (0..count).map(|_| self.next()).collect()
    }

    /// A request's fields.
    fn fields(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let path = format!("/{}", self.chance.below(20));
        let scheme = *self.chance.of(&["http", "https"]);
        let mut fields =
            vec![(":method", "GET".to_owned()), (":scheme", scheme.to_owned()), (":path", path)];
        for _ in 0..self.chance.below(10) {
            fields.push((*self.chance.of(NAMES), self.value()));
        }
        fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn value(&mut self) -> String {
        let bytes = self.chance.below(40);
        match self.chance.below(80) {
            0 => self.chance.text(6000),
            1..4 => self.chance.text(500),
            4..12 => self.chance.text(bytes),
            12..16 => "gzip, deflate".into(),
            16..20 => "Übung".into(),
            number => format!("value {}", number % 8),
        }
    }

    fn resize(&mut self, block: &mut Vec<u8>) {
        self.max_bytes = match self.chance.below(4) {
            0 => 0,
            1 => self.limit_bytes,
            _ => self.chance.below(self.limit_bytes + 1),
        };
        integer(0x20, 5, self.max_bytes, block);
        self.evict(self.max_bytes);
    }

    fn evict(&mut self, bytes: usize) {
        let size = |table: &[Entry]| -> usize {
            table.iter().map(|entry| entry.name.len() + entry.value.len() + 32).sum()
        };
        while size(&self.table) > bytes {
            self.table.pop();
        }
    }

    /// Writes a field; says from which block on it is known.
    fn field(&mut self, (name, value): (Vec<u8>, Vec<u8>), block: &mut Vec<u8>) -> (Field, usize) {
        let named = self.named(&name);
        let has_value = |(index, _): &&(usize, usize)| self.value_of(*index) == value;
        let same: Vec<_> = named.iter().filter(has_value).copied().collect();
        if !same.is_empty() && !self.chance.one_in(4) {
            let (index, since) = *self.chance.of(&same);
            integer(0x80, 7, index, block);
            return ((name, value, false), since);
        }
        let kind = self.chance.below(6);
        let (bits, prefix_bits) = [(0x10, 4), (0, 4), (0x40, 6)][kind.min(2)];
        let mut since = self.block;
        if named.is_empty() || self.chance.one_in(4) {
            integer(bits, prefix_bits, 0, block);
            self.string(&name, block);
        } else {
            let (index, known) = *self.chance.of(&named);
            integer(bits, prefix_bits, index, block);
            since = since.min(known);
        }
        self.string(&value, block);
        if kind >= 2 {
            self.insert(name.clone(), value.clone(), since);
        }
        ((name, value, kind == 0), since)
    }

    fn insert(&mut self, name: Vec<u8>, value: Vec<u8>, since: usize) {
        let size = name.len() + value.len() + 32;
        self.evict(self.max_bytes.saturating_sub(size));
        if size <= self.max_bytes {
            self.table.insert(0, Entry { name, value, inserted: self.block, since });
        }
    }

    /// Entries of both tables with that name: index, since when it is known.
    fn named(&self, name: &[u8]) -> Vec<(usize, usize)> {
        let constant = (1..=static_table::LENGTH).filter(|index| {
            let entry = static_table::entry(*index).unwrap();
            entry.text[..entry.name_bytes] == *name
        });
        let dynamic = self.table.iter().enumerate().filter(|(_, entry)| entry.name == name);
        let dynamic = dynamic.map(|(depth, entry)| (FIRST + depth, entry.since));
        constant.map(|index| (index, usize::MAX)).chain(dynamic).collect()
    }

    fn value_of(&self, index: usize) -> &[u8] {
        match index.checked_sub(FIRST) {
            Some(depth) => &self.table[depth].value,
            None => {
                let entry = static_table::entry(index).unwrap();
                &entry.text[entry.name_bytes..]
            }
        }
    }

    fn string(&mut self, text: &[u8], block: &mut Vec<u8>) {
        if self.chance.one_in(3) {
            integer(0, 7, text.len(), block);
            block.extend_from_slice(text);
        } else {
            let coded = huffman(text);
            integer(0x80, 7, coded.len(), block);
            block.extend_from_slice(&coded);
        }
    }
}

/// Writes an integer below the bits that say what it is.
pub fn integer(bits: u8, prefix_bits: u32, value: usize, block: &mut Vec<u8>) {
    let most = (1 << prefix_bits) - 1;
    if value < most {
        return block.push(bits | value as u8);
    }
    block.push(bits | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        block.push(0x80 | rest as u8);
        rest >>= 7;
    }
    block.push(rest as u8);
}

/// The Huffman code of a text.
pub fn huffman(text: &[u8]) -> Vec<u8> {
    static CODES: LazyLock<Vec<u32>> = LazyLock::new(codes);
    let (mut octets, mut bits, mut count) = (Vec::new(), 0_u64, 0);
    for symbol in text.iter().map(|octet| usize::from(*octet)) {
        bits = bits << LENGTHS[symbol] | u64::from(CODES[symbol]);
        count += u32::from(LENGTHS[symbol]);
        while count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
        }
    }
    if count > 0 {
        octets.push((bits << (8 - count)) as u8 | 0xff >> count);
    }
    octets
}

/// The code of each symbol.
pub fn codes() -> Vec<u32> {
    let mut codes = vec![0; LENGTHS.len()];
    let mut next = 0_u32;
    for length in 1..=30 {
        next <<= 1;
        for symbol in (0..LENGTHS.len()).filter(|symbol| LENGTHS[*symbol] == length) {
            codes[symbol] = next;
            next += 1;
        }
    }
    codes
}

/// Index of the newest entry.
const FIRST: usize = static_table::LENGTH + 1;

/// Of the static table and others.
const NAMES: &[&str] = &[
    "accept",
    "accept-encoding",
    "cookie",
    "user-agent",
    "www-authenticate",
    "etag",
    "via",
    "x-a",
    "x-b",
    "x-request-id",
    "a-name-that-is-longer-than-most",
    "te-x",
];
