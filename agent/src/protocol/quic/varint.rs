//! Integers of variable length.
//!
//! In: bytes that begin with one. Out: the integer; the bytes move on behind it.
//! Source: RFC 9000 section 16.

/// Takes one; takes nothing if it is not whole.
pub fn take(rest: &mut &[u8]) -> Option<u64> {
    let first = *rest.first()?;
    let bytes = rest.split_off(..1 << (first >> 6))?;
    let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    // The first two bits are the length.
    Some(value & (u64::MAX >> (66 - 8 * bytes.len())))
}

/// Takes one, and as many bytes as it says.
pub fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length_bytes = usize::try_from(take(rest)?).ok()?;
    rest.split_off(..length_bytes)
}

#[cfg(test)]
mod tests {
    use super::{take, take_bytes};

    #[test]
    fn all_lengths_are_read() {
        // RFC 9000 appendix A.1.
        for (bytes, expected) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ] {
            let mut rest = bytes;
            assert_eq!(take(&mut rest), Some(expected));
            assert!(rest.is_empty());
            assert_eq!(take(&mut &bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(take(&mut &[0xff; 8][..]), Some((1 << 62) - 1));
    }

    #[test]
    fn bytes_are_taken_whole_or_not_at_all() {
        let mut rest = &[2, 8, 9, 7][..];
        assert_eq!(take_bytes(&mut rest), Some(&[8, 9][..]));
        assert_eq!(rest, [7]);
        assert_eq!(take_bytes(&mut rest), None);
        assert_eq!(take_bytes(&mut &[0xff; 8][..]), None);
    }
}
