//! Headers of frames.
//!
//! In: bytes of one direction. Out: `Head`, when its last byte has come.
//! Always: at most `HEAD_BYTES` held; no length beyond what the specification allows gets out.
//! Not here: whether a frame may come at this place (`half`). Source: RFC 6455 section 5.2.
//!
//! ```text
//! FIN RSV1 RSV2 RSV3 opcode(4) | MASK length(7) | length(16 or 64), if 126 or 127 | key(32), if MASK
//! ```

/// What a frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// A frame's header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Head {
    /// Last frame of its message.
    pub fin: bool,
    /// RSV1 to RSV3, where they stand in the first byte.
    pub reserved: u8,
    pub opcode: Opcode,
    /// Masking key.
    pub mask: Option<[u8; 4]>,
    pub payload_bytes: u64,
    /// Length of the header itself.
    pub head_bytes: u64,
    /// The length is written in its shortest form.
    pub is_shortest: bool,
}

/// What a look at the bytes gave.
pub(super) enum Taken {
    /// All bytes, and the header goes on.
    More,
    Head(Head),
    /// No header; so many bytes were taken for one.
    Broken(u64),
}

/// A header under way.
#[derive(Default)]
pub(super) struct HeadReader {
    buffer: [u8; HEAD_BYTES],
    held: usize,
}

impl Opcode {
    fn of(first: u8) -> Option<Self> {
        match first & 0x0f {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    /// A frame that may come between those of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl Head {
    /// `None`: not all of a header, or one that cannot be.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (payload_bytes, rest, least) = match second & !MASKED {
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*length)), rest, 126)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*length), rest, 1 << 16)
            }
            length => (u64::from(length), rest, 0),
        };
        let mask = match second & MASKED {
            0 => None,
            _ => Some(*rest.first_chunk()?),
        };
        let head = Self {
            fin: first & FIN != 0,
            reserved: first & RESERVED,
            opcode: Opcode::of(first)?,
            mask,
            payload_bytes,
            head_bytes: bytes.len() as u64,
            is_shortest: payload_bytes >= least,
        };
        head.is_possible().then_some(head)
    }

    fn is_possible(&self) -> bool {
        let limit = match self.opcode.is_control() {
            true => CONTROL_BYTES,
            // The highest bit must be zero.
            false => u64::MAX >> 1,
        };
        self.payload_bytes <= limit && (self.fin || !self.opcode.is_control())
    }
}

impl HeadReader {
    /// Takes bytes up to the header's end.
    pub fn take(&mut self, rest: &mut &[u8]) -> Taken {
        while self.held < self.needed() {
            let Some(byte) = rest.split_off_first() else { return Taken::More };
            if let Some(place) = self.buffer.get_mut(self.held) {
                *place = *byte;
            }
            self.held += 1;
        }
        let head = self.buffer.get(..self.held).and_then(Head::parse);
        let held = std::mem::take(&mut self.held) as u64;
        head.map_or(Taken::Broken(held), Taken::Head)
    }

    /// Bytes of a header that is not whole.
    pub fn held_bytes(&self) -> u64 {
        self.held as u64
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.held = 0;
    }

    /// Length of the header as far as can be told.
    fn needed(&self) -> usize {
        let [_, second, ..] = self.buffer;
        if self.held < 2 {
            return 2;
        }
        let length = match second & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key = if second & MASKED == 0 { 0 } else { 4 };
        2 + length + key
    }
}

/// Takes the mask off, or puts it on; the first byte lies `at` bytes into the payload.
pub(super) fn unmask(mask: [u8; 4], at: u64, bytes: &mut [u8]) {
    let mut key = mask;
    key.rotate_left((at % 4) as usize);
    for group in bytes.chunks_mut(4) {
        for (byte, key) in group.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}

/// First bit of a compressed message (RFC 7692 section 6).
pub(super) const RSV1: u8 = 0x40;
/// RSV1 to RSV3.
pub(super) const RESERVED: u8 = 0x70;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// Longest header.
const HEAD_BYTES: usize = 14;
/// Longest payload of a control frame.
const CONTROL_BYTES: u64 = 125;

#[cfg(test)]
mod tests {
    use super::{Head, HeadReader, Opcode, Taken, unmask};

    fn read(bytes: &[u8]) -> Option<(Head, usize)> {
        let mut rest = bytes;
        match HeadReader::default().take(&mut rest) {
            Taken::Head(head) => Some((head, rest.len())),
            Taken::More | Taken::Broken(_) => None,
        }
    }

    #[test]
    fn lengths_have_three_forms() {
        let length =
            |bytes: &[u8]| read(bytes).map(|(head, _)| (head.payload_bytes, head.is_shortest));
        assert_eq!(length(&[0x82, 125]), Some((125, true)));
        assert_eq!(length(&[0x82, 126, 0, 125]), Some((125, false)));
        assert_eq!(length(&[0x82, 126, 0, 126]), Some((126, true)));
        assert_eq!(length(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), Some((65_535, false)));
        assert_eq!(length(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Some((65_536, true)));
        let most = [0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(length(&most), Some((u64::MAX >> 1, true)));
        assert_eq!(length(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn a_mask_follows_the_length() {
        let (head, rest) = read(&[0x01, 0x81, 1, 2, 3, 4, 9]).unwrap();
        assert_eq!((head.mask, head.head_bytes, rest), (Some([1, 2, 3, 4]), 6, 1));
        assert_eq!((head.opcode, head.fin), (Opcode::Text, false));
    }

    #[test]
    fn control_frames_are_short_and_whole() {
        assert!(read(&[0x89, 125]).is_some());
        assert!(read(&[0x89, 126, 0, 126]).is_none());
        assert!(read(&[0x09, 0]).is_none());
    }

    #[test]
    fn reserved_opcodes_are_none() {
        let known = (0..16).filter(|opcode| read(&[0x80 | opcode, 0]).is_some());
        assert_eq!(known.collect::<Vec<_>>(), [0, 1, 2, 8, 9, 10]);
    }

    #[test]
    fn a_mask_goes_on_where_it_was() {
        let mut whole = *b"the quick brown fox";
        unmask([1, 2, 3, 4], 0, &mut whole);
        for cut in 0..whole.len() {
            let mut pieces = whole;
            let (front, back) = pieces.split_at_mut(cut);
            unmask([1, 2, 3, 4], 0, front);
            unmask([1, 2, 3, 4], cut as u64, back);
            assert_eq!(&pieces, b"the quick brown fox");
        }
    }
}
