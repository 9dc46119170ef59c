//! nghttp2's HPACK: what nginx's clients, curl, Node, Apache and h2load speak, for tests of ours.
//!
//! In: header lists or header blocks of one direction, in order. Out: blocks or lists, or that
//! nghttp2 refuses them. Always: safe to call with anything; after a refusal nothing more is asked
//! of it, as nghttp2 demands. Not here: frames, sessions. Source: `nghttp2.h` of the crate's version.

#![expect(unsafe_code, reason = "nghttp2 is a library in C")]

mod deflate;
mod inflate;

pub use deflate::Deflater;
pub use inflate::{Inflated, Inflater};

/// A field: name, value, never indexed.
pub type Field = (Vec<u8>, Vec<u8>, bool);

/// nghttp2 does not want it; one of its own error codes, negative.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused(pub i64);

/// What a function of nghttp2 returns: a count, or an error if it is negative.
fn count(returned: isize) -> Result<usize, Refused> {
    usize::try_from(returned).map_err(|_| Refused(returned as i64))
}

/// The same of functions that count nothing.
fn done(returned: i32) -> Result<(), Refused> {
    if returned == 0 { Ok(()) } else { Err(Refused(returned.into())) }
}

#[cfg(test)]
mod tests {
    use super::{Deflater, Field, Inflater};

    fn field(name: &str, value: &str, never_indexed: bool) -> Field {
        (name.into(), value.into(), never_indexed)
    }

    #[test]
    fn what_goes_in_comes_out() {
        let (mut deflater, mut inflater) = (Deflater::new(4096).unwrap(), Inflater::new().unwrap());
        let list =
            [field(":method", "GET", false), field("a", "", false), field("b", "secret", true)];
        for _ in 0..3 {
            let block = deflater.block(&list).unwrap();
            let inflated = inflater.block(&block);
            assert_eq!((inflated.refused, inflated.fields), (None, list.to_vec()));
        }
        assert!(deflater.block(&[]).unwrap().is_empty());
    }

    #[test]
    fn nothing_is_read_behind_a_refusal() {
        let mut inflater = Inflater::new().unwrap();
        let inflated = inflater.block(&[0x82, 0x80]);
        assert_eq!(inflated.fields, [field(":method", "GET", false)]);
        assert!(inflated.refused.is_some());
        let inflated = inflater.block(&[0x82]);
        assert!(inflated.fields.is_empty() && inflated.refused.is_some());
    }

    #[test]
    fn a_field_that_is_cut_off_is_refused() {
        let mut inflater = Inflater::new().unwrap();
        assert!(inflater.block(&[0x82, 0x40, 1, b'a', 2, b'b']).refused.is_some());
    }
}
