//! CRYPTO frames among the frames of an Initial packet.
//!
//! In: the payload of a packet. Out: pieces of the handshake with their places, in the packet's order.
//! Always: what another frame follows is given out; a frame that we do not expect ends the packet.
//! Source: RFC 9000 sections 12.4, 19.1 to 19.3 and 19.6.

use crate::protocol::quic::varint;

/// Pieces of the handshake, each with the offset of its first byte.
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    /// Those of that payload.
    pub fn of(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<(u64, &'a [u8])> {
        loop {
            match varint::take(&mut self.rest)? {
                PADDING | PING => {}
                ACK => skip_ack(&mut self.rest)?,
                ACK_ECN => {
                    skip_ack(&mut self.rest)?;
                    skip(&mut self.rest, ECN_COUNTS)?;
                }
                CRYPTO => {
                    let offset = varint::take(&mut self.rest)?;
                    return Some((offset, varint::take_bytes(&mut self.rest)?));
                }
                // The client gives up (CONNECTION_CLOSE), or nothing that we know.
                _ => self.rest = &[],
            }
        }
    }
}

/// Largest number, delay, count of further ranges, first range; a gap and a length for each range.
fn skip_ack(rest: &mut &[u8]) -> Option<()> {
    skip(rest, 2)?;
    let ranges = varint::take(rest)?;
    skip(rest, 1)?;
    skip(rest, ranges.checked_mul(2)?)
}

/// Ends with the bytes, whatever the count.
fn skip(rest: &mut &[u8], integers: u64) -> Option<()> {
    (0..integers).try_for_each(|_| varint::take(rest).map(drop))
}

const PADDING: u64 = 0;
const PING: u64 = 1;
const ACK: u64 = 2;
const ACK_ECN: u64 = 3;
const CRYPTO: u64 = 6;
const ECN_COUNTS: u64 = 3;

#[cfg(test)]
mod tests {
    use super::Frames;

    fn check(payload: &[u8], expected: &[(u64, &[u8])]) {
        let pieces: Vec<_> = Frames::of(payload).collect();
        assert_eq!(pieces, expected);
    }

    #[test]
    fn what_else_a_client_sends_is_skipped() {
        check(&[0, 0, 1, 6, 0, 2, 8, 9, 0, 1, 6, 0x40, 2, 1, 7], &[(0, &[8, 9]), (2, &[7])]);
        check(&[2, 5, 0, 0, 5, 6, 0, 1, 8], &[(0, &[8])]);
        check(&[2, 9, 0, 2, 0, 1, 1, 1, 1, 6, 0, 1, 8], &[(0, &[8])]);
        check(&[3, 5, 0, 0, 5, 1, 2, 3, 6, 0, 1, 8], &[(0, &[8])]);
        check(&[6, 0, 0], &[(0, &[])]);
    }

    #[test]
    fn anything_else_ends_the_packet() {
        check(&[6, 0, 1, 8, 0x1c, 0, 0, 0, 6, 0, 1, 8], &[(0, &[8])]);
        check(&[6, 0, 1, 8, 6, 1, 2, 8], &[(0, &[8])]);
        check(&[2, 5, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0], &[]);
        check(&[], &[]);
    }
}
