//! Initial packets in a datagram, still protected.
//!
//! In: a datagram, or the front of one. Out: its Initial packets that are there as a whole.
//! Always: nothing is certain about a packet before it is opened (`keys`).
//! Not here: packet numbers and contents, which are protected.
//! Source: RFC 9000 sections 12.2 and 17.2, RFC 9369 section 3.2.

use crate::protocol::quic::varint;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
}

/// An Initial packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    /// Of the packet.
    pub version: Version,
    /// Destination connection id.
    pub destination: &'a [u8],
    /// Source connection id.
    pub source: &'a [u8],
    /// All that comes before the packet number.
    pub header: &'a [u8],
    /// Packet number and payload, encrypted.
    pub protected: &'a [u8],
}

/// The Initial packets of a datagram.
pub struct Packets<'a> {
    rest: &'a [u8],
}

/// Types of packets with a long header; the numbers are those of version 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Initial = 0,
    ZeroRtt = 1,
    Handshake = 2,
    Retry = 3,
}

impl Version {
    /// `None`: one that we do not know.
    pub fn of(number: u32) -> Option<Self> {
        [Self::V1, Self::V2].into_iter().find(|version| version.number() == number)
    }

    /// Its number in packets.
    pub fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 0x6b33_43cf,
        }
    }

    fn kind(self, first: u8) -> Kind {
        let shift = match self {
            Self::V1 => 0,
            Self::V2 => 1,
        };
        match (first >> 4).wrapping_sub(shift) & 3 {
            0 => Kind::Initial,
            1 => Kind::ZeroRtt,
            2 => Kind::Handshake,
            _ => Kind::Retry,
        }
    }
}

impl<'a> Packets<'a> {
    /// Those of that datagram.
    pub fn of(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    /// The next packet. What is no packet, is cut off, or has no length ends the datagram.
    fn packet(&mut self) -> Option<(Kind, Packet<'a>)> {
        let start = self.rest;
        let mut rest = start;
        // The bit that follows may be anything (RFC 9287).
        let first = *rest.split_off_first().filter(|first| *first & LONG != 0)?;
        let version = Version::of(u32::from_be_bytes(*rest.split_off(..4)?.first_chunk()?))?;
        let destination = connection_id(&mut rest)?;
        let source = connection_id(&mut rest)?;
        let kind = version.kind(first);
        match kind {
            Kind::Initial => drop(varint::take_bytes(&mut rest)?),
            Kind::ZeroRtt | Kind::Handshake => {}
            Kind::Retry => return None,
        }
        let length_bytes = usize::try_from(varint::take(&mut rest)?).ok()?;
        let header = start.get(..start.len() - rest.len())?;
        let protected = rest.split_off(..length_bytes)?;
        self.rest = rest;
        Some((kind, Packet { version, destination, source, header, protected }))
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        loop {
            // Some pad behind the last packet. A call that sends several datagrams (`UDP_SEGMENT`)
            // has the next one behind that.
            let padding = self.rest.iter().take_while(|byte| **byte == 0).count();
            self.rest = self.rest.get(padding..)?;
            let (kind, packet) = self.packet()?;
            if kind == Kind::Initial {
                return Some(packet);
            }
        }
    }
}

fn connection_id<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length_bytes = usize::from(*rest.split_off_first()?);
    (length_bytes <= ID_BYTES).then(|| rest.split_off(..length_bytes))?
}

/// Longest connection id of these versions, in bytes.
const ID_BYTES: usize = 20;

/// The first byte of a packet with a long header has this bit.
const LONG: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::{Packets, Version};

    const V1: [u8; 4] = [0, 0, 0, 1];
    const V2: [u8; 4] = [0x6b, 0x33, 0x43, 0xcf];

    /// A packet: its head, connection ids `[1, 2]` and `[3]`, what follows them.
    fn packet(first: u8, version: [u8; 4], rest: &[u8]) -> Vec<u8> {
        [&[first], &version[..], &[2, 1, 2, 1, 3], rest].concat()
    }

    /// Version and protected part of all Initial packets.
    fn initials(datagram: &[u8]) -> Vec<(Version, &[u8])> {
        let packets = Packets::of(datagram);
        packets
            .inspect(|packet| assert_eq!(packet.destination, [1, 2]))
            .map(|packet| (packet.version, packet.protected))
            .collect()
    }

    #[test]
    fn only_initials_of_known_versions_are_taken() {
        let one = |first, version| initials(&packet(first, version, &[0, 1, 7])).len();
        assert_eq!([0xc0, 0xd0, 0xe0, 0xf0].map(|first| one(first, V1)), [1, 0, 0, 0]);
        assert_eq!([0xc0, 0xd0, 0xe0, 0xf0].map(|first| one(first, V2)), [0, 1, 0, 0]);
        assert_eq!(one(0x80, V1), 1, "a bit that is greased");
        assert_eq!(one(0x40, V1), 0, "a short header");
        assert_eq!(one(0xc0, [0; 4]), 0, "version negotiation");
        assert_eq!(one(0xc0, [0xff, 0, 0, 29]), 0, "a draft");
        assert_eq!(one(0xc0, [0x1a, 0x2a, 0x3a, 0x4a]), 0, "a greased version");
    }

    #[test]
    fn packets_follow_each_other() {
        let initial = packet(0xc0, V1, &[2, 9, 9, 0x40, 2, 5, 6]);
        let zero_rtt = packet(0xd0, V1, &[3, 0, 0, 0]);
        let handshake = packet(0xe0, V1, &[1, 4]);
        let short = [0x40, 1, 2, 3];
        let retry = packet(0xf0, V1, &[0; 20]);
        let five: (Version, &[u8]) = (Version::V1, &[5, 6]);
        let padding = [0; 30];
        assert_eq!(initials(&[&zero_rtt[..], &initial, &handshake, &initial].concat()), [five; 2]);
        assert_eq!(initials(&[&initial[..], &short, &initial].concat()), [five]);
        assert_eq!(initials(&[&initial[..], &retry, &initial].concat()), [five]);
        assert_eq!(initials(&[&initial[..], &padding, &initial, &padding].concat()), [five; 2]);
    }

    #[test]
    fn what_is_cut_off_is_left_out() {
        let one = packet(0xc0, V1, &[2, 9, 9, 0x40, 2, 5, 6]);
        let two = [&one[..], &one].concat();
        for length in 0..two.len() {
            assert_eq!(initials(&two[..length]).len(), length / one.len());
        }
        assert!(initials(&[&[0xc0, 0, 0, 0, 1, 21][..], &[0; 40]].concat()).is_empty());
    }
}
