//! Blocks that nghttp2 has made, and what it makes of ours and of spoilt ones.
//!
//! In: its encoder and its decoder, compiled from its source. Out: nothing.
//! Always: both refuse the same blocks, or both give the same fields and marks; of one that is
//! refused, the same fields before the fault. They differ where it is stricter, and we can follow.

use nghttp2_hpack::{Deflater, Inflated, Inflater};
use proptest::collection::vec;
use proptest::prelude::{any, proptest};

use super::encoder::{Chance, Encoder, Sent};
use super::{Decoder, Field, decode, whole};
use crate::cases::cases;
use crate::protocol::http2::hpack::Decoded;

/// nghttp2's encoder, and the table sizes that a receiver of its blocks announces.
struct Sending {
    deflater: Deflater,
    chance: Chance,
    most_bytes: usize,
}

impl Sending {
    fn new(seed: u64, most_bytes: usize) -> Self {
        let mut deflater = Deflater::new(most_bytes).unwrap();
        deflater.resize(most_bytes).unwrap();
        Self { deflater, chance: Chance::new(seed), most_bytes }
    }

    /// The table sizes that are announced now, if any.
    fn announced(&mut self) -> Vec<usize> {
        let count = if self.chance.one_in(8) { 1 + self.chance.below(2) } else { 0 };
        let sizes: Vec<_> = (0..count).map(|_| self.size()).collect();
        for size in &sizes {
            self.deflater.resize(*size).unwrap();
        }
        sizes
    }

    fn size(&mut self) -> usize {
        match self.chance.below(4) {
            0 => 0,
            1 => self.most_bytes,
            _ => self.chance.below(self.most_bytes + 1),
        }
    }

    /// A list and its block.
    fn block(&mut self) -> (Vec<Field>, Vec<u8>) {
        let fields = fields(&mut self.chance);
        let block = self.deflater.block(&fields).unwrap();
        (fields, block)
    }

    /// The same after other table sizes, sometimes.
    fn next(&mut self) -> (Vec<Field>, Vec<u8>) {
        self.announced();
        self.block()
    }
}

/// Fields by chance: of both tables and new ones, some of them secret, of any octets.
fn fields(chance: &mut Chance) -> Vec<Field> {
    let count = chance.below(14);
    (0..count)
        .map(|_| {
            let name = match chance.below(20) {
                0 => chance.text(30),
                _ => (*chance.of(NAMES)).to_owned(),
            };
            let bytes = chance.below(60);
            let value = match chance.below(80) {
                0 => chance.text(6000).into_bytes(),
                1..4 => (0..bytes).map(|_| chance.below(256) as u8).collect(),
                4..20 => chance.text(bytes).into_bytes(),
                20..24 => Vec::new(),
                number => format!("value {}", number % 10).into_bytes(),
            };
            (name.into_bytes(), value, chance.one_in(12))
        })
        .collect()
}

/// A decoder that allows as much as the receiver ever did.
fn decoder(table_bytes: usize) -> Decoder {
    let mut decoder = Decoder::new();
    decoder.set_limit(table_bytes as u32);
    decoder
}

/// nghttp2's decoder, which has announced this table size.
fn inflater(table_bytes: usize) -> Inflater {
    let mut inflater = Inflater::new().unwrap();
    inflater.resize(table_bytes).unwrap();
    inflater
}

#[test]
fn its_blocks_are_read_as_it_reads_them() {
    for (seed, table_bytes) in (1..).zip(TABLES) {
        let mut sending = Sending::new(seed, table_bytes);
        let (mut decoder, mut inflater) = (decoder(table_bytes), inflater(table_bytes));
        for at in 0..1000 {
            for bytes in sending.announced() {
                inflater.resize(bytes).unwrap();
            }
            let (sent, block) = sending.block();
            let fields = whole(&mut decoder, &block);
            let inflated = inflater.block(&block);
            assert!(inflated == Inflated { fields: fields.clone(), refused: None }, "{at}");
            assert!(sent.len() == fields.len() && is_part(&fields, &sent), "{at}");
        }
    }
}

/// Whoever comes late leaves out, and tells nothing else.
#[test]
fn its_blocks_are_read_by_late_listeners() {
    for (seed, table_bytes) in (10..).zip(TABLES) {
        let mut sending = Sending::new(seed, table_bytes);
        let all: Vec<_> = (0..120).map(|_| sending.next()).collect();
        for first in 0..all.len() {
            let mut decoder = Decoder::late();
            for (sent, block) in &all[first..] {
                let (decoded, fields) = decode(&mut decoder, block);
                assert_eq!(decoded, Decoded { unknown: decoded.unknown, ..Decoded::default() });
                assert_eq!(decoded.unknown + fields.len(), sent.len());
                assert!(is_part(&fields, sent));
            }
        }
    }
}

/// Whether `part` is what is left of `sent` without some fields. A secret that is in the static table
/// is named by its index, without a mark, like any other field: marks are not compared.
fn is_part(part: &[Field], sent: &[Field]) -> bool {
    let mut rest = sent.iter();
    part.iter().all(|(name, value, _)| rest.any(|other| (&other.0, &other.1) == (name, value)))
}

#[test]
fn it_reads_our_encoder_as_we_do() {
    for (seed, table_bytes) in (1..).zip(TABLES) {
        let mut inflater = inflater(table_bytes.max(4096));
        let mut decoder = decoder(table_bytes);
        for Sent { block, fields, .. } in Encoder::new(seed, table_bytes).blocks(1000) {
            let sent: Vec<_> = fields.into_iter().map(|(field, _)| field).collect();
            let inflated = inflater.block(&block);
            assert!(inflated == Inflated { fields: sent.clone(), refused: None });
            assert!(whole(&mut decoder, &block) == sent);
        }
    }
}

/// Numbers with more octets than they need it refuses sooner than we do: a watcher can read on.
#[test]
fn a_number_with_zeros_behind_it() {
    for zeros in 0..8 {
        // 127 with nothing added: the 66th entry of the table.
        let insert = [0x40, 1, b'a', 1, b'b'].repeat(66);
        let number = [&[0xff][..], &vec![0x80; zeros], &[0]].concat();
        let (mut decoder, mut inflater) = (decoder(4096), inflater(4096));
        assert!(inflater.block(&insert).fields == whole(&mut decoder, &insert));
        let theirs = inflater.block(&number);
        let ours = whole(&mut decoder, &number);
        assert_eq!(ours, [(b"a".to_vec(), b"b".to_vec(), false)]);
        assert_eq!(theirs.refused.is_none(), zeros < 5, "{zeros}");
    }
}

/// Fails unless both make the same of a block; whether both go on.
fn same(decoder: &mut Decoder, inflater: &mut Inflater, block: &[u8]) -> bool {
    let (decoded, ours) = decode(decoder, block);
    let Inflated { fields: theirs, refused } = inflater.block(block);
    let what = || format!("{decoded:?} {refused:?}: {ours:?}, {theirs:?} of {block:02x?}");
    assert_eq!((decoded.unknown, decoded.cut), (0, None), "{}", what());
    if decoded.over_limit {
        // They refuse what we can follow.
        assert!(refused.is_some() && theirs.is_empty(), "{}", what());
        return false;
    }
    assert!(decoded.broken.is_some() == refused.is_some() && ours == theirs, "{}", what());
    refused.is_none()
}

proptest! {
    #![proptest_config(cases(5000))]

    #[test]
    fn any_octets_are_read_alike(blocks in vec(vec(any::<u8>(), 0..60), 1..4)) {
        let (mut decoder, mut inflater) = (decoder(4096), inflater(4096));
        blocks.iter().all(|block| same(&mut decoder, &mut inflater, block));
    }

    #[test]
    fn spoilt_blocks_are_read_alike(seed: u64, is_ours: bool) {
        let (mut sending, mut encoder) = (Sending::new(seed, 4096), Encoder::new(seed, 4096));
        let (mut decoder, mut inflater) = (decoder(4096), inflater(4096));
        for _ in 0..30 {
            let mut block = if is_ours { encoder.next().block } else { sending.next().1 };
            spoil(&mut sending.chance, &mut block);
            if !same(&mut decoder, &mut inflater, &block) {
                break;
            }
        }
    }

    /// They go no further than a broken block. We do, and tell nothing but what was sent.
    #[test]
    fn behind_a_broken_block_nothing_is_guessed(seed: u64) {
        let mut sending = Sending::new(seed, 4096);
        let mut decoder = decoder(4096);
        for _ in 0..sending.chance.below(20) {
            whole(&mut decoder, &sending.next().1);
        }
        let mut block = sending.next().1;
        spoil(&mut sending.chance, &mut block);
        let count = if decode(&mut decoder, &block).0.broken.is_some() { 20 } else { 0 };
        for _ in 0..count {
            let (sent, block) = sending.next();
            let (decoded, fields) = decode(&mut decoder, &block);
            assert_eq!(decoded, Decoded { unknown: decoded.unknown, ..Decoded::default() });
            assert_eq!(decoded.unknown + fields.len(), sent.len());
            assert!(is_part(&fields, &sent));
        }
    }
}

/// Changes some octets of a block, or cuts it off.
fn spoil(chance: &mut Chance, block: &mut Vec<u8>) {
    for _ in 0..chance.below(3) {
        let at = chance.below(block.len() + 1);
        match (chance.below(4), block.get_mut(at)) {
            (0, Some(octet)) => *octet = chance.below(256) as u8,
            (1, Some(octet)) => *octet ^= 1 << chance.below(8),
            (2, Some(_)) => drop(block.remove(at)),
            _ => block.insert(at, chance.below(256) as u8),
        }
    }
    if chance.one_in(4) {
        block.truncate(chance.below(block.len() + 1));
    }
}

/// Table sizes, in bytes.
const TABLES: [usize; 5] = [0, 100, 1000, 4096, 65_536];

const NAMES: &[&str] = &[
    ":method",
    ":path",
    ":status",
    ":authority",
    "accept-encoding",
    "authorization",
    "cookie",
    "content-length",
    "date",
    "etag",
    "location",
    "server",
    "set-cookie",
    "te",
    "user-agent",
    "vary",
    "x-a",
    "x-b",
    "x-request-id",
    "x-a-name-that-is-longer-than-most",
];
