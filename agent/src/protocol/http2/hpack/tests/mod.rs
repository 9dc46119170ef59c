//! Tests of HPACK: header blocks in, fields out.
//!
//! In: examples of the specification, blocks made by hand (`grammar`, `bounds`), by an encoder that
//! does whatever is allowed (`encoder`), by the h2 crate (`connection`), and by nghttp2 (`nghttp2`).
//! Always: a field that is told is the one that was sent, at its place.

mod bounds;
mod connection;
mod encoder;
mod grammar;
mod late;
mod nghttp2;
mod rfc7541;

use super::list::HeaderList;
use super::{Decoded, Decoder};
use crate::model::limits::Limits;

/// A field: name, value, never indexed.
type Field = (Vec<u8>, Vec<u8>, bool);

fn field(name: &str, value: &str) -> Field {
    (name.into(), value.into(), false)
}

fn fields(list: &HeaderList) -> Vec<Field> {
    list.iter().map(|field| (field.name.into(), field.value.into(), field.never_indexed)).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> (Decoded, Vec<Field>) {
    let mut list = HeaderList::default();
    let decoded = decoder.decode(block, &Limits::default(), &mut list);
    (decoded, fields(&list))
}

/// Fields of a block in which nothing is amiss.
fn whole(decoder: &mut Decoder, block: &[u8]) -> Vec<Field> {
    let (decoded, fields) = decode(decoder, block);
    assert_eq!(decoded, Decoded::default());
    fields
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
