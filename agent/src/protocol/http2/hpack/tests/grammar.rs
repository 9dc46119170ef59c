//! Blocks made by hand: what is right, what is wrong, and what each leaves behind.

use super::super::huffman;
use super::encoder::{codes, huffman as coded, integer};
use super::{Decoder, Field, decode, field, whole};
use crate::model::limits::Limits;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::http2::hpack::huffman::LENGTHS;
use crate::protocol::http2::hpack::list::HeaderList;
use crate::protocol::http2::hpack::{Broken, Decoded};

/// `name: value`, inserted.
fn inserted(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0x40];
    for text in [name, value] {
        integer(0, 7, text.len(), &mut block);
        block.extend_from_slice(text.as_bytes());
    }
    block
}

fn resized(bytes: usize) -> Vec<u8> {
    let mut block = Vec::new();
    integer(0x20, 5, bytes, &mut block);
    block
}

fn indexed(index: usize) -> Vec<u8> {
    let mut block = Vec::new();
    integer(0x80, 7, index, &mut block);
    block
}

/// Decodes all of them as one block.
fn broken(decoder: &mut Decoder, block: &[&[u8]]) -> (Option<Broken>, Vec<Field>) {
    let (decoded, fields) = decode(decoder, &block.concat());
    (decoded.broken, fields)
}

#[test]
fn an_empty_block_has_no_fields() {
    assert!(whole(&mut Decoder::new(), &[]).is_empty());
    assert!(whole(&mut Decoder::late(), &[]).is_empty());
}

#[test]
fn names_and_values_may_be_empty() {
    assert_eq!(whole(&mut Decoder::new(), &[0, 0, 0]), [field("", "")]);
    assert_eq!(whole(&mut Decoder::new(), &[0, 0x80, 0x80]), [field("", "")]);
    assert_eq!(whole(&mut Decoder::new(), &[0x40, 0, 0, 0xbe]), [field("", ""), field("", "")]);
}

#[test]
fn what_is_never_indexed_is_marked() {
    let block = [&[0x10, 1, b'a', 1, b'b'][..], &[0x00, 1, b'a', 1, b'b'], &[0x17, 1, b'c']];
    let sensitive = |name: &str, value: &str| (name.into(), value.into(), true);
    let fields = [sensitive("a", "b"), field("a", "b"), sensitive(":scheme", "c")];
    let mut decoder = Decoder::new();
    assert_eq!(whole(&mut decoder, &block.concat()), fields);
    assert_eq!(decode(&mut decoder, &[0xbe]).0.broken, Some(Broken::Index), "nothing was inserted");
}

#[test]
fn every_cut_of_a_block_is_told() {
    let value = coded(b"text/html");
    let literals = [
        inserted("name", "value"),
        [&[0x5f, 0x80 | value.len() as u8], &value[..]].concat(),
        vec![0x0f, 0x80, 0x00, 1, b'x'],
    ];
    let ends = [0, 1, 2, 3].map(|count| literals[..count].concat().len());
    let block = literals.concat();
    for cut in 0..=block.len() {
        let fields_before = ends.iter().filter(|end| **end <= cut).count() - 1;
        let expected = (!ends.contains(&cut)).then_some(Broken::CutOff);
        let (broken, fields) = broken(&mut Decoder::new(), &[&block[..cut]]);
        assert_eq!((broken, fields.len()), (expected, fields_before), "{cut}");
    }
}

#[test]
fn index_zero_and_indices_beyond_the_table_are_refused() {
    for index in [0, 62, 63, 100_000] {
        let one = broken(&mut Decoder::new(), &[&[0x82], &indexed(index), &[0x82]]);
        assert_eq!(one, (Some(Broken::Index), vec![field(":method", "GET")]));
    }
    let mut decoder = Decoder::new();
    whole(&mut decoder, &inserted("a", "b"));
    assert_eq!(whole(&mut decoder, &indexed(62)), [field("a", "b")]);
    assert_eq!(whole(&mut decoder, &[0x0f, 47, 1, b'c']), [field("a", "c")], "as a name");
    assert_eq!(broken(&mut decoder, &[&indexed(63)]).0, Some(Broken::Index));
    assert_eq!(broken(&mut Decoder::new(), &[&[0x0f, 48, 1, b'c']]).0, Some(Broken::Index));
}

#[test]
fn after_a_broken_block_the_table_is_not_trusted() {
    let mut decoder = Decoder::new();
    whole(&mut decoder, &inserted("a", "b"));
    let (decoded, fields) = decode(&mut decoder, &[0x82, 0x40, 1, b'x', 0x81, 0x00]);
    assert_eq!((decoded.broken, fields), (Some(Broken::Huffman), vec![field(":method", "GET")]));
    assert!(!decoder.is_whole());
    let (decoded, fields) = decode(&mut decoder, &[0xbe, 0x82]);
    assert_eq!(decoded, Decoded { unknown: 1, ..Decoded::default() });
    assert_eq!(fields, [field(":method", "GET")]);
}

#[test]
fn size_updates_come_first() {
    let mut decoder = Decoder::new();
    let block = [resized(0), resized(100), inserted("a", "b"), indexed(62)].concat();
    assert_eq!(whole(&mut decoder, &block), [field("a", "b"), field("a", "b")]);
    assert_eq!(broken(&mut decoder, &[&[0x82], &resized(100)]).0, Some(Broken::SizeUpdate));
}

#[test]
fn size_updates_evict() {
    let mut decoder = Decoder::new();
    // 34 octets each.
    whole(&mut decoder, &[inserted("a", "1"), inserted("a", "2"), inserted("a", "3")].concat());
    assert_eq!(whole(&mut decoder, &[resized(101), indexed(63)].concat()), [field("a", "2")]);
    whole(&mut decoder, &resized(4096));
    assert_eq!(broken(&mut decoder, &[&indexed(64)]).0, Some(Broken::Index));
    let mut decoder = Decoder::new();
    whole(&mut decoder, &[inserted("a", "1"), inserted("a", "2"), inserted("a", "3")].concat());
    whole(&mut decoder, &resized(102));
    assert_eq!(whole(&mut decoder, &indexed(64)), [field("a", "1")]);
    whole(&mut decoder, &inserted("a", "4"));
    assert_eq!(whole(&mut decoder, &indexed(64)), [field("a", "2")]);
    assert_eq!(broken(&mut decoder, &[&indexed(65)]).0, Some(Broken::Index));
}

#[test]
fn a_size_beyond_the_limit_is_told_and_followed() {
    let mut decoder = Decoder::new();
    let over = Decoded { over_limit: true, ..Decoded::default() };
    assert_eq!(decode(&mut decoder, &resized(4096)).0, Decoded::default());
    assert_eq!(decode(&mut decoder, &resized(4097)).0, over);
    let long = "x".repeat(4000);
    whole(&mut decoder, &[inserted("a", &long), inserted("b", "c")].concat());
    assert_eq!(whole(&mut decoder, &indexed(63)), [field("a", &long)]);
    decoder.set_limit(5000);
    assert_eq!(decode(&mut decoder, &resized(5000)).0, Decoded::default());
    decoder.set_limit(100);
    assert_eq!(
        decode(&mut decoder, &resized(5000)).0,
        Decoded::default(),
        "perhaps not yet in force"
    );
    assert_eq!(decode(&mut Decoder::late(), &resized(1 << 20)).0, Decoded::default());
}

#[test]
fn an_entry_larger_than_the_table_empties_it() {
    // 100 octets, of which name and value may have 68.
    let [fits, long] = [67, 68].map(|bytes| "x".repeat(bytes));
    let block = [resized(100), inserted("a", "b"), inserted("c", &fits)].concat();
    let mut decoder = Decoder::new();
    assert_eq!(whole(&mut decoder, &block).len(), 2);
    assert_eq!(whole(&mut decoder, &indexed(62)), [field("c", &fits)]);
    assert_eq!(whole(&mut decoder, &inserted("c", &long)), [field("c", &long)]);
    assert_eq!(broken(&mut decoder, &[&indexed(62)]).0, Some(Broken::Index));
}

#[test]
fn a_name_may_be_of_the_entry_that_it_evicts() {
    let mut decoder = Decoder::new();
    whole(&mut decoder, &[resized(40), inserted("name", "1")].concat());
    assert_eq!(whole(&mut decoder, &[0x7e, 1, b'2']), [field("name", "2")]);
    assert_eq!(whole(&mut decoder, &indexed(62)), [field("name", "2")]);
}

#[test]
fn every_symbol_is_decoded() {
    let all: Vec<u8> = (0..=255).collect();
    for count in 0..=all.len() {
        let mut text = b"before".to_vec();
        assert_eq!(huffman::decode(&coded(&all[..count]), &mut text), Some(()));
        assert_eq!(text[6..], all[..count]);
    }
}

#[test]
fn end_of_string_is_refused_wherever_it_stands() {
    for before in 0..9 {
        let mut bits = "00000".repeat(before);
        bits.push_str(&"1".repeat(30 + 40));
        let octets = bits.as_bytes().chunks_exact(8).map(|octet| str::from_utf8(octet).unwrap());
        let octets: Vec<_> = octets.map(|octet| u8::from_str_radix(octet, 2).unwrap()).collect();
        for end in 0..=octets.len() {
            let (bits, ones_at) = (8 * end, 5 * before);
            // Up to seven ones are padding; zeros are none.
            let right = if bits < ones_at { bits % 5 == 0 } else { bits < ones_at + 8 };
            assert_eq!(decoded(&octets[..end]).is_some(), right, "{before} {end}");
        }
    }
}

#[test]
fn padding_is_ones_and_less_than_an_octet() {
    // "0" is 00000, "a" 00011.
    assert_eq!(decoded(&[0b0000_0111]).unwrap(), b"0");
    assert_eq!(decoded(&[0b0000_0110]), None);
    assert_eq!(decoded(&[0b0000_0011]), None);
    assert_eq!(decoded(&[0b0000_0111, 0xff]), None);
    assert_eq!(decoded(&[0xff]), None);
    assert_eq!(decoded(&[]).unwrap(), b"");
    // Eight codes of five bits need none.
    assert_eq!(decoded(&[0; 5]).unwrap(), b"00000000");
    assert_eq!(decoded(&[0, 0, 0, 0, 0, 0xff]), None);
    // "&" is 11111000: its ones are no padding.
    assert_eq!(decoded(&[0b1111_1000]).unwrap(), b"&");
}

#[test]
fn codes_are_those_of_the_specification() {
    // Some of each length that there is, from appendix B.
    let known = [
        (b'0', 0x0, 5),
        (b' ', 0x14, 6),
        (b':', 0x5c, 7),
        (b'&', 0xf8, 8),
        (b'!', 0x3f8, 10),
        (b'|', 0x7fc, 11),
        (b'>', 0xffb, 12),
        (0, 0x1ff8, 13),
        (b'^', 0x3ffc, 14),
        (b'<', 0x7ffc, 15),
        (195, 0x7fff1, 19),
        (128, 0xfffe6, 20),
        (153, 0x1fffdc, 21),
        (129, 0x3fffd2, 22),
        (1, 0x7fffd8, 23),
        (9, 0xffffea, 24),
        (199, 0x1ffffec, 25),
        (192, 0x3ffffe0, 26),
        (203, 0x7ffffde, 27),
        (2, 0xfffffe2, 28),
        (249, 0xffffffe, 28),
        (22, 0x3ffffffe, 30),
    ];
    for (symbol, code, length) in known {
        let symbol = usize::from(symbol);
        assert_eq!((codes()[symbol], LENGTHS[symbol]), (code, length), "{symbol}");
    }
}

fn decoded(octets: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    huffman::decode(octets, &mut text).map(|()| text)
}

#[test]
fn beyond_the_limits_the_table_is_followed() {
    let block = [inserted("a", "1"), inserted("bb", "22"), inserted("c", "3")].concat();
    let check = |head_bytes, fields, kept, cut| {
        let limits = Limits { head_bytes, fields, ..Limits::default() };
        let (mut decoder, mut list) = (Decoder::new(), HeaderList::default());
        let decoded = decoder.decode(&block, &limits, &mut list);
        assert_eq!(decoded, Decoded { cut, ..Decoded::default() });
        assert_eq!(list.len(), kept);
        let all = whole(&mut decoder, &[0xc0, 0xbf, 0xbe]);
        assert_eq!(all, [field("a", "1"), field("bb", "22"), field("c", "3")]);
        let decoded = decoder.decode(&[0xc0, 0xbf, 0xbe], &limits, &mut list);
        assert_eq!(decoded, Decoded { cut, ..Decoded::default() });
        assert_eq!(list.len(), kept);
    };
    check(8, 3, 3, None);
    check(7, 3, 2, Some(Anomaly::HeadTooLong));
    // The third one would fit, but it is not the next.
    check(5, 3, 1, Some(Anomaly::HeadTooLong));
    check(0, 3, 0, Some(Anomaly::HeadTooLong));
    check(8, 2, 2, Some(Anomaly::TooManyFields));
    check(8, 0, 0, Some(Anomaly::TooManyFields));
}
