//! Integers of HPACK.
//!
//! In: the front of what is left of a header block. Out: a number, and the octets after it.
//! Always: nothing overflows.
//! Not here: the bits above the prefix, which say what the number means. Source: RFC 7541 section 5.1.

use crate::protocol::http2::hpack::Broken;

/// Takes an integer whose prefix is the last `prefix_bits` (4 to 7) of the first octet.
///
/// Fails where the block ends in the number, and on one beyond 32 bits or `OCTETS`.
pub fn take(rest: &mut &[u8], prefix_bits: u32) -> Result<u32, Broken> {
    let most = (1_u8 << prefix_bits).wrapping_sub(1);
    let first = octet(rest)? & most;
    if first < most { Ok(u32::from(first)) } else { take_rest(rest, most) }
}

fn take_rest(rest: &mut &[u8], most: u8) -> Result<u32, Broken> {
    let mut value = u64::from(most);
    for place in 0..OCTETS {
        let octet = octet(rest)?;
        value = value.saturating_add(u64::from(octet & 0x7f) << (7 * place));
        if octet & 0x80 == 0 {
            return u32::try_from(value).map_err(|_| Broken::Integer);
        }
    }
    Err(Broken::Integer)
}

fn octet(rest: &mut &[u8]) -> Result<u8, Broken> {
    rest.split_off_first().copied().ok_or(Broken::CutOff)
}

/// Most octets after the first one. Five hold 32 bits; the others can only be zeros, which some
/// decoders take.
const OCTETS: u32 = 9;

#[cfg(test)]
mod tests {
    use super::take;
    use crate::protocol::http2::hpack::Broken;

    fn check(octets: &[u8], prefix_bits: u32, expected: Result<u32, Broken>) {
        let mut rest = &[octets, &[0xee]].concat()[..];
        assert_eq!(take(&mut rest, prefix_bits), expected, "{octets:x?}");
        assert_eq!(rest, [0xee]);
    }

    #[test]
    fn examples_of_the_specification() {
        // Appendix C.1; whatever stands above the prefix is not looked at.
        check(&[0b0000_1010], 5, Ok(10));
        check(&[0b1110_1010], 5, Ok(10));
        check(&[0b1111_1111, 0b1001_1010, 0b0000_1010], 5, Ok(1337));
    }

    #[test]
    fn a_full_prefix_is_followed_by_octets() {
        check(&[0x7e], 7, Ok(126));
        check(&[0x7f, 0], 7, Ok(127));
        check(&[0x0f, 0x80, 0x80, 0], 4, Ok(15));
        check(&[0x7f, 0x80, 0xff, 0xff, 0xff, 0x0f], 7, Ok(u32::MAX));
    }

    #[test]
    fn numbers_beyond_32_bits_are_refused() {
        check(&[0x7f, 0x81, 0xff, 0xff, 0xff, 0x0f], 7, Err(Broken::Integer));
        check(&[&[0x7f][..], &[0xff; 8], &[0x7f]].concat(), 7, Err(Broken::Integer));
    }

    #[test]
    fn zeros_are_taken_up_to_a_length() {
        check(&[&[0x1f][..], &[0x80; 8], &[0]].concat(), 5, Ok(31));
        check(&[&[0x1f][..], &[0x80; 9]].concat(), 5, Err(Broken::Integer));
    }

    #[test]
    fn what_is_cut_off_is_no_number() {
        for cut in [&[][..], &[0x7f], &[0x7f, 0x80]] {
            assert_eq!(take(&mut &*cut, 7), Err(Broken::CutOff));
        }
    }
}
