//! Hostile blocks: no panic, and memory within bounds.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::list::HeaderList;
use super::encoder::{Encoder, integer};
use super::{Decoder, decode};
use crate::cases::cases;
use crate::model::limits::Limits;
use crate::protocol::http2::hpack::table::KEPT_BYTES;

/// Texts, some of them gone, and slots.
const TABLE_BYTES: usize = 3 * KEPT_BYTES as usize;

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn any_octets_are_taken(blocks in vec(vec(any::<u8>(), 0..200), 0..20), late: bool) {
        let mut decoder = if late { Decoder::late() } else { Decoder::new() };
        let mut list = HeaderList::default();
        let limits = Limits { head_bytes: 500, fields: 20, ..Limits::default() };
        for block in blocks {
            let decoded = decoder.decode(&block, &limits, &mut list);
            prop_assert!(list.len() <= 20 && list.buffer().len() <= 500);
            prop_assert_eq!(list.iter().map(|field| field.name.len() + field.value.len()).sum::<usize>(), list.buffer().len());
            prop_assert_eq!(list.ranges().count(), list.len());
            prop_assert!(decoded.unknown <= block.len());
            prop_assert!(decoder.memory_bytes() <= TABLE_BYTES);
        }
    }

    #[test]
    fn spoilt_blocks_are_taken(seed: u64, late: bool) {
        let mut encoder = Encoder::new(seed, 200_000);
        let mut decoder = if late { Decoder::late() } else { Decoder::new() };
        for _ in 0..10 {
            let mut block = encoder.next().block;
            for _ in 0..encoder.chance.below(3) {
                let at = encoder.chance.below(block.len());
                block[at] = encoder.chance.below(256) as u8;
            }
            block.truncate(1 + encoder.chance.below(2 * block.len()));
            let (decoded, fields) = decode(&mut decoder, &block);
            prop_assert!(decoded.unknown + fields.len() <= block.len());
            prop_assert!(decoder.memory_bytes() <= TABLE_BYTES);
        }
    }

    #[test]
    fn any_string_is_taken(octets in vec(any::<u8>(), 0..100)) {
        let mut text = Vec::new();
        super::super::huffman::decode(&octets, &mut text);
        prop_assert!(text.len() <= octets.len() * 8 / 5);
    }
}

fn literal(bits: u8, name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = vec![bits];
    for text in [name, value] {
        integer(0, 7, text.len(), &mut block);
        block.extend_from_slice(text);
    }
    block
}

#[test]
fn tables_of_any_announced_size_are_bounded() {
    for value_bytes in [0, 1, 40, 1000, 30_000, 65_000, 65_503, 65_504, 70_000] {
        for (mut decoder, exact) in [(Decoder::new(), true), (Decoder::late(), false)] {
            decode(&mut decoder, &[0x3f, 0xe0, 0xff, 0xff, 0xff, 0x0e]);
            let (fields, value) = (300_000 / (value_bytes + 33), vec![b'v'; value_bytes]);
            for at in 0..fields {
                let name = [b"abcdefg"[at % 7]];
                let (decoded, _) = decode(&mut decoder, &literal(0x40, &name, &value));
                assert_eq!((decoded.broken, decoded.unknown), (None, 0));
                assert!(decoder.memory_bytes() <= TABLE_BYTES, "{}", decoder.memory_bytes());
            }
            // The oldest entry is in the sender's table, but no longer in ours.
            let mut oldest = Vec::new();
            integer(0x80, 7, 62 + fields - 1, &mut oldest);
            let (decoded, _) = decode(&mut decoder, &oldest);
            assert_eq!((decoded.broken, decoded.unknown), (None, 1), "{value_bytes} {exact}");
        }
    }
}

#[test]
fn late_tables_stay_small() {
    let mut decoder = Decoder::late();
    for at in 0..10_000 {
        decode(&mut decoder, &literal(0x40, b"x-request-id", format!("{at:040}").as_bytes()));
        assert!(decoder.memory_bytes() <= 48 * 1024, "{}", decoder.memory_bytes());
    }
}

#[test]
fn one_entry_named_again_and_again_is_cut() {
    let mut decoder = Decoder::new();
    decode(&mut decoder, &literal(0x40, b"bomb", &[b'x'; 4000]));
    let mut list = HeaderList::default();
    let decoded = decoder.decode(&[0xbe; 1_000_000], &Limits::default(), &mut list);
    assert!(decoded.cut.is_some() && decoded.broken.is_none());
    assert!(list.buffer().len() <= 65_536);
    assert!(list.memory_bytes() <= 200_000, "{}", list.memory_bytes());
}

#[test]
fn names_without_end_are_cheap() {
    // Each names the entry before it, and lengthens nothing but the list.
    let mut decoder = Decoder::late();
    let block = [0x7e, 1, b'x'].repeat(100_000);
    let (decoded, fields) = decode(&mut decoder, &block);
    assert_eq!((decoded.unknown, fields.len()), (100_000, 0));
    assert!(decoder.memory_bytes() <= TABLE_BYTES);
}
