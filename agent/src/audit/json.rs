//! JSON of records, written fast: the path of every exchange ends here.
//!
//! In: types that derive `Serialize`. Out: bytes equal to those of `serde_json` (a test compares).
//! Always: names of fields and variants are plain text that needs no escaping; no copies.
//! Not here: floating-point numbers, byte strings and enums with content, which records do not
//! have: they are errors.

use serde::de::value::Error;
use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer,
};
use wide::u8x16;

/// Appends the JSON of a value. Errors: the value holds what this module leaves out.
pub(super) fn write(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), Error> {
    value.serialize(Json { out })
}

struct Json<'o> {
    out: &'o mut Vec<u8>,
}

/// An object or array: every entry is followed by a comma, and the last comma becomes the bracket.
struct Group<'o> {
    out: &'o mut Vec<u8>,
    close: u8,
}

impl<'o> Group<'o> {
    fn open(out: &'o mut Vec<u8>, brackets: [u8; 2]) -> Self {
        let [open, close] = brackets;
        out.push(open);
        Self { out, close }
    }

    fn entry<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(Json { out: self.out })?;
        self.out.push(b',');
        Ok(())
    }

    fn close(self) {
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = self.close,
            _ => self.out.push(self.close),
        }
    }
}

fn unsupported<T>(what: &str) -> Result<T, Error> {
    Err(Error::custom(format_args!("records hold no {what}")))
}

impl<'o> Serializer for Json<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Group<'o>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Group<'o>;
    type SerializeStruct = Group<'o>;
    type SerializeStructVariant = Impossible<(), Error>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        if value < 0 {
            self.out.push(b'-');
        }
        push_decimal(value.unsigned_abs(), self.out);
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        push_decimal(value, self.out);
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Result<(), Error> {
        unsupported("floating-point numbers")
    }

    fn serialize_f64(self, _: f64) -> Result<(), Error> {
        unsupported("floating-point numbers")
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        push_text(value, self.out);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Error> {
        unsupported("byte strings")
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        push_plain(variant, b"\"", self.out);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        unsupported("enums with content")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Group<'o>, Error> {
        Ok(Group::open(self.out, *b"[]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Error> {
        unsupported("tuples")
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Error> {
        unsupported("tuples")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        unsupported("enums with content")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Group<'o>, Error> {
        Ok(Group::open(self.out, *b"{}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Group<'o>, Error> {
        Ok(Group::open(self.out, *b"{}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        unsupported("enums with content")
    }
}

impl SerializeSeq for Group<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.entry(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeMap for Group<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(Json { out: self.out })?;
        self.out.push(b':');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.entry(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeStruct for Group<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        push_plain(key, b"\":", self.out);
        self.entry(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

/// Text without anything to escape, in quotes; `end` holds the second quote.
#[inline]
fn push_plain(text: &str, end: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 1 + end.len());
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(end);
}

/// Text in quotes, escaped as `serde_json` does it.
fn push_text(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    let mut plain = plain_bytes(rest);
    if plain == rest.len() {
        return push_plain(text, b"\"", out);
    }
    out.reserve(text.len() + text.len() / 8);
    out.push(b'"');
    while let Some((run, behind)) = rest.split_at_checked(plain) {
        out.extend_from_slice(run);
        let Some((&byte, behind)) = behind.split_first() else { break };
        push_escaped(byte, out);
        rest = behind;
        plain = plain_bytes(rest);
    }
    out.push(b'"');
}

fn push_escaped(byte: u8, out: &mut Vec<u8>) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    match byte {
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        8 => out.extend_from_slice(b"\\b"),
        12 => out.extend_from_slice(b"\\f"),
        ..b' ' => out.extend([b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]),
        _ => out.extend([b'\\', byte]),
    }
}

/// Bytes before the first quote, backslash or control character. The last ones are looked at together with some
/// before them, not one by one: most texts are short.
fn plain_bytes(text: &[u8]) -> usize {
    let Some(last) = text.last_chunk() else {
        let special = |&byte: &u8| byte < b' ' || byte == b'"' || byte == b'\\';
        return text.iter().position(special).unwrap_or(text.len());
    };
    let (chunks, _) = text.as_chunks();
    for (index, chunk) in chunks.iter().enumerate() {
        let special = special(*chunk);
        if special != 0 {
            return index * 16 + special.trailing_zeros() as usize;
        }
    }
    match special(*last) {
        0 => text.len(),
        special => text.len() - 16 + special.trailing_zeros() as usize,
    }
}

/// A bit for each byte that must be escaped.
fn special(chunk: [u8; 16]) -> u32 {
    let bytes = u8x16::new(chunk);
    let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
    (bytes.min(u8x16::splat(0x1f)).simd_eq(bytes) | is(b'"') | is(b'\\')).to_bitmask()
}

/// Appends a number in decimal.
pub(super) fn push_decimal(value: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; MAX_DIGITS];
    let mut left = value;
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (left % 10) as u8;
        left /= 10;
        used += 1;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(MAX_DIGITS - used..).unwrap_or_default());
}

/// Digits of `u64::MAX`.
const MAX_DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_serde_json_writes() {
        let every: String = (0..0x180).filter_map(char::from_u32).collect();
        let long = "lamp, warm white ".repeat(9) + "\"";
        let texts = ["", "plain", "\"\\\u{1}\u{7f}é", &every, &long];
        let numbers = [0, 9, 10, 120_044, u64::MAX];
        let mut out = Vec::new();
        for text in texts {
            out.clear();
            write(&text, &mut out).unwrap();
            assert_eq!(out, serde_json::to_vec(text).unwrap());
        }
        let lists = [numbers.to_vec(), Vec::new()];
        for list in &lists {
            out.clear();
            write(list, &mut out).unwrap();
            assert_eq!(out, serde_json::to_vec(list).unwrap());
        }
        assert!(write(&1.5, &mut out).is_err());
    }
}
