//! Listeners that join under way, or miss blocks.
//!
//! In: connections by chance, listened to from every block on. Out: nothing.
//! Always: exactly those fields are told that can be known.

use proptest::prelude::*;

use super::encoder::{Encoder, Sent, integer};
use super::{Decoder, Field, decode, field, whole};
use crate::cases::cases;
use crate::protocol::http2::hpack::table::LATE_BYTES;
use crate::protocol::http2::hpack::{Broken, Decoded};

/// Decodes blocks from `first` on, of which those before were not seen.
fn check(decoder: &mut Decoder, sent: &[Sent], first: usize) {
    for one in &sent[first..] {
        let known = one.fields.iter().filter(|(_, since)| *since >= first);
        let expected: Vec<Field> = known.map(|(field, _)| field.clone()).collect();
        let unknown = one.fields.len() - expected.len();
        let (decoded, fields) = decode(decoder, &one.block);
        assert_eq!(decoded, Decoded { unknown, ..Decoded::default() });
        assert!(fields == expected);
        assert!(!decoder.is_whole() || one.oldest >= first, "it claims to know too much");
    }
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn from_the_first_block_on_all_is_known(seed: u64, limit in 0..=4096_usize) {
        let sent = Encoder::new(seed, limit).blocks(60);
        check(&mut Decoder::new(), &sent, 0);
    }

    #[test]
    fn a_late_listener_tells_what_can_be_known(seed: u64, limit in 0..=4096_usize) {
        let sent = Encoder::new(seed, limit).blocks(40);
        for first in 0..sent.len() {
            check(&mut Decoder::late(), &sent, first);
        }
    }

    #[test]
    fn a_loss_is_like_joining_late(seed: u64, limit in 0..=4096_usize, before in 0..30_usize) {
        let sent = Encoder::new(seed, limit).blocks(40);
        for first in before..sent.len() {
            let mut decoder = Decoder::new();
            check(&mut decoder, &sent[..before], 0);
            decoder.lose();
            check(&mut decoder, &sent, first);
        }
    }

    #[test]
    fn an_emptied_table_is_known_again(seed: u64) {
        let sent = Encoder::new(seed, 4096).blocks(60);
        let mut decoder = Decoder::late();
        let mut whole = false;
        for one in &sent {
            decode(&mut decoder, &one.block);
            // Before the first insertion it is empty too, which nothing shows.
            whole |= one.emptied && one.block[0] == 0x20;
            prop_assert!(decoder.is_whole() || !whole);
        }
    }
}

/// A field with that name and a value of so many bytes, inserted.
fn inserted(name: &[u8], value_bytes: usize) -> Vec<u8> {
    let mut block = vec![0x40];
    integer(0, 7, name.len(), &mut block);
    block.extend_from_slice(name);
    integer(0, 7, value_bytes, &mut block);
    block.extend(vec![b'x'; value_bytes]);
    block
}

fn indexed(index: usize) -> Vec<u8> {
    let mut block = Vec::new();
    integer(0x80, 7, index, &mut block);
    block
}

fn unknown(decoder: &mut Decoder, block: &[u8]) -> usize {
    let (decoded, _) = decode(decoder, block);
    assert_eq!(decoded.broken, None);
    decoded.unknown
}

#[test]
fn entries_since_then_are_found_from_the_newest() {
    let mut decoder = Decoder::late();
    assert_eq!(unknown(&mut decoder, &[0xbe, 0x82, 0xbf]), 2);
    whole(&mut decoder, &[inserted(b"a", 1), inserted(b"b", 1)].concat());
    assert_eq!(whole(&mut decoder, &[0xbe, 0xbf]), [field("b", "x"), field("a", "x")]);
    assert_eq!(unknown(&mut decoder, &[0xc0]), 1);
}

#[test]
fn an_entry_without_a_name_has_its_place() {
    let mut decoder = Decoder::late();
    whole(&mut decoder, &inserted(b"a", 1));
    // The name of the entry before that: in this field, by its index, and as a name.
    assert_eq!(unknown(&mut decoder, &[0x7f, 0, 1, b'v']), 1);
    assert_eq!(unknown(&mut decoder, &[0xbe, 0x7e, 1, b'w', 0x0f, 47, 1, b'z']), 3);
    assert_eq!(whole(&mut decoder, &[0xc0]), [field("a", "x")]);
}

#[test]
fn a_size_update_tells_when_older_entries_are_gone() {
    let mut decoder = Decoder::late();
    whole(&mut decoder, &inserted(b"a", 1));
    // 98 octets: 34 and at most 64, in which two entries may be.
    whole(&mut decoder, &[0x3f, 67]);
    assert_eq!(unknown(&mut decoder, &[0xbf, 0xc0]), 2);
    let (decoded, _) = decode(&mut decoder, &[0xc1]);
    assert_eq!(decoded.broken, Some(Broken::Index));

    let mut decoder = Decoder::late();
    whole(&mut decoder, &[&[0x3f, 69][..], &inserted(b"a", 36)].concat());
    assert!(decoder.is_whole(), "31 octets are left");
    let mut decoder = Decoder::late();
    whole(&mut decoder, &[&[0x3f, 69][..], &inserted(b"a", 35)].concat());
    assert!(!decoder.is_whole(), "32 octets are left");
    whole(&mut decoder, &inserted(b"a", 36));
    assert!(decoder.is_whole(), "a known entry was evicted");
    assert_eq!(decode(&mut decoder, &[0xbf]).0.broken, Some(Broken::Index));
    let mut decoder = Decoder::late();
    whole(&mut decoder, &[&[0x3f, 69][..], &inserted(b"a", 68)].concat());
    assert!(decoder.is_whole(), "an entry larger than the table empties it");
    assert_eq!(decode(&mut decoder, &[0xbe]).0.broken, Some(Broken::Index));
}

#[test]
fn names_that_are_unknown_may_take_no_room() {
    let mut decoder = Decoder::late();
    // 100 octets, of which an entry with an unknown name takes at least 33.
    whole(&mut decoder, &[0x3f, 69]);
    assert_eq!(unknown(&mut decoder, &[0x7e, 1, b'v']), 1);
    assert_eq!(unknown(&mut decoder, &[0xbf, 0xc0]), 2);
    assert!(!decoder.is_whole());
}

#[test]
fn a_table_of_no_size_is_known() {
    let mut decoder = Decoder::late();
    whole(&mut decoder, &[inserted(b"a", 1)].concat());
    assert!(whole(&mut decoder, &[0x20]).is_empty());
    assert!(decoder.is_whole());
    assert_eq!(decode(&mut decoder, &[0xbe]).0.broken, Some(Broken::Index));
    let mut decoder = Decoder::late();
    assert_eq!(
        whole(&mut decoder, &[&[0x20, 0x3f, 69][..], &inserted(b"a", 1), &[0xbe]].concat()).len(),
        2
    );
    assert_eq!(decode(&mut decoder, &[0xbf]).0.broken, Some(Broken::Index));
}

#[test]
fn a_table_that_proves_large_is_kept() {
    let count = LATE_BYTES as usize / 1034 + 3;
    let fill = |decoder: &mut Decoder| {
        for at in 0..count {
            whole(decoder, &inserted(format!("{at:02}").as_bytes(), 1000));
        }
    };
    let oldest = indexed(62 + count - 1);
    let mut decoder = Decoder::late();
    fill(&mut decoder);
    // Nobody has referred to anything deep: most tables are no larger.
    assert_eq!(unknown(&mut decoder, &oldest), 1);
    fill(&mut decoder);
    assert_eq!(whole(&mut decoder, &oldest)[0].0, b"00");
    let mut decoder = Decoder::late();
    fill(&mut decoder);
    whole(&mut decoder, &indexed(62 + 4));
    fill(&mut decoder);
    assert_eq!(whole(&mut decoder, &oldest)[0].0, b"00");
}
