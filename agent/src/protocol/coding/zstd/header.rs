//! Heads of Zstandard frames and blocks.
//!
//! In: their bytes. Out: what they say.
//! Always: nothing is checked but what says how long the head is.
//! Not here: what of it is refused (`frame`). Source: RFC 8878 section 3.1.1.

/// What these bytes, at most four, begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Magic {
    /// A frame, as far as one can see.
    Frame,
    /// A skippable frame, as far as one can see.
    Skippable,
    /// Neither.
    Other,
}

/// Head of a frame, after the magic number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameHeader {
    /// What the frame's blocks may refer back to.
    pub window_bytes: u64,
    /// Length of the content.
    pub content_bytes: Option<u64>,
    /// A checksum follows the blocks.
    pub has_sum: bool,
    /// The dictionary that one needs.
    pub dictionary: Option<u64>,
    /// It has the bit that must be zero.
    pub is_reserved: bool,
}

/// Head of a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BlockHeader {
    /// No other follows.
    pub is_last: bool,
    /// How it is written.
    pub kind: BlockKind,
    /// Of a run: of its content. Else of what follows.
    pub bytes: usize,
}

/// How a block is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BlockKind {
    /// As it is.
    Raw,
    /// One byte for all.
    Run,
    /// Compressed.
    Compressed,
    /// It means nothing yet.
    Reserved,
}

impl Magic {
    /// Of the front of a frame.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes.split_first() {
            _ if MAGIC.starts_with(bytes) => Self::Frame,
            Some((first, rest)) if first >> 4 == SKIPPABLE_FIRST && SKIPPABLE.starts_with(rest) => {
                Self::Skippable
            }
            _ => Self::Other,
        }
    }
}

impl FrameHeader {
    /// Length of the head that begins with that byte.
    pub fn length(descriptor: u8) -> usize {
        let window = usize::from(!is_single(descriptor));
        1 + window + dictionary_length(descriptor) + content_length(descriptor)
    }

    /// `None`: it is not whole.
    pub fn of(mut bytes: &[u8]) -> Option<Self> {
        let descriptor = *bytes.split_off_first()?;
        let window = match is_single(descriptor) {
            true => None,
            false => Some(window_bytes(*bytes.split_off_first()?)),
        };
        let dictionary = number(bytes.split_off(..dictionary_length(descriptor))?);
        let content_length = content_length(descriptor);
        let content = number(bytes.split_off(..content_length)?);
        let content_bytes = match content_length {
            0 => None,
            2 => Some(content + 256),
            _ => Some(content),
        };
        Some(Self {
            window_bytes: window.or(content_bytes)?,
            content_bytes,
            has_sum: descriptor & 1 << 2 != 0,
            dictionary: (dictionary != 0).then_some(dictionary),
            is_reserved: descriptor & 1 << 3 != 0,
        })
    }
}

impl BlockHeader {
    /// Of its three bytes.
    pub fn of(bytes: [u8; BLOCK_HEADER_BYTES]) -> Self {
        let [low, middle, high] = bytes;
        let number = u32::from_le_bytes([low, middle, high, 0]);
        let kind = match number >> 1 & 3 {
            0 => BlockKind::Raw,
            1 => BlockKind::Run,
            2 => BlockKind::Compressed,
            _ => BlockKind::Reserved,
        };
        Self { is_last: number & 1 != 0, kind, bytes: (number >> 3) as usize }
    }

    /// Of what follows.
    pub fn body_bytes(self) -> usize {
        match self.kind {
            BlockKind::Run => 1,
            _ => self.bytes,
        }
    }

    /// A last block of as many bytes as they are.
    pub fn last(bytes: usize) -> [u8; BLOCK_HEADER_BYTES] {
        let [low, middle, high, _] = ((bytes as u32) << 3 | 1).to_le_bytes();
        [low, middle, high]
    }
}

/// Length of the literals that a compressed block tells at its start, after its head.
pub fn literals_bytes(block: &[u8]) -> u64 {
    let number = number(block.get(..3).unwrap_or(block));
    // Kinds 0 and 1 are not compressed; the others tell another length behind this one.
    let (shift, bits) = match (number & 3, number >> 2 & 3) {
        (0 | 1, 0 | 2) => (3, 5),
        (0 | 1, 1) => (4, 12),
        (0 | 1, _) => (4, 20),
        (_, 0 | 1) => (4, 10),
        (_, 2) => (4, 14),
        _ => (4, 18),
    };
    number >> shift & ((1 << bits) - 1)
}

/// A frame's magic number and a head that says nothing but a window of at least that size, of at
/// most 8 MiB.
pub fn plain(window_bytes: u64) -> [u8; 6] {
    let window = (0..=0x6f).find(|byte| self::window_bytes(*byte) >= window_bytes).unwrap_or(0x6f);
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, 0, window]
}

/// The window is the whole content.
fn is_single(descriptor: u8) -> bool {
    descriptor & 1 << 5 != 0
}

fn window_bytes(byte: u8) -> u64 {
    let base = 1 << (10 + u32::from(byte >> 3));
    base + base / 8 * u64::from(byte & 7)
}

fn dictionary_length(descriptor: u8) -> usize {
    match descriptor & 3 {
        3 => 4,
        length => usize::from(length),
    }
}

fn content_length(descriptor: u8) -> usize {
    match descriptor >> 6 {
        0 => usize::from(is_single(descriptor)),
        power => 1 << power,
    }
}

/// Of at most eight bytes, the lowest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Head of a block.
pub const BLOCK_HEADER_BYTES: usize = 3;

/// Begins a frame.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Begins a skippable frame, after a byte of which the first half is `SKIPPABLE_FIRST`.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
const SKIPPABLE_FIRST: u8 = 0x5;

#[cfg(test)]
mod tests {
    use super::{FrameHeader, Magic, literals_bytes, plain, window_bytes};

    #[test]
    fn heads_say_what_they_need() {
        let header = |bytes: &[u8]| {
            assert_eq!(FrameHeader::length(bytes[0]), bytes.len());
            assert_eq!(FrameHeader::of(&bytes[..bytes.len() - 1]), None);
            let header = FrameHeader::of(bytes).unwrap();
            (header.window_bytes, header.content_bytes, header.has_sum, header.dictionary)
        };
        assert_eq!(header(&[0, 0]), (1024, None, false, None));
        assert_eq!(header(&[0x20, 5]), (5, Some(5), false, None));
        assert_eq!(header(&[0x64, 5, 1]), (517, Some(517), true, None));
        assert_eq!(header(&[0x81, 9, 7, 1, 2, 0, 0]), (2304, Some(513), false, Some(7)));
        assert_eq!(header(&[3, 0xff, 1, 0, 0, 1]).3, Some(0x0100_0001));
        let (window, content, ..) =
            header(&[0xe2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!((window, content), (u64::MAX, Some(u64::MAX)));
    }

    #[test]
    fn literals_tell_their_length() {
        assert_eq!(literals_bytes(&[]), 0);
        assert_eq!(
            [0xf8, 0xf9, 0xfc].map(|first| literals_bytes(&[first, 0xff, 0xff])),
            [31, 31, 0xf_ffff]
        );
        assert_eq!(
            [0x14, 0xf2, 0xf6, 0xfa, 0xff].map(|first| literals_bytes(&[first, 0xff, 0xff])),
            [0xff1, 0x3ff, 0x3ff, 0x3fff, 0x3_ffff]
        );
    }

    #[test]
    fn windows_are_rounded_up() {
        for wanted in [0, 1, 1024, 1025, 131_072, 1_000_000, (8 << 20) - 1, 8 << 20] {
            let plain = plain(wanted);
            let window = FrameHeader::of(&plain[4..]).unwrap().window_bytes;
            assert!((wanted..=wanted * 9 / 8 + 1024).contains(&window), "{window} for {wanted}");
        }
        assert_eq!(window_bytes(0x68), 8 << 20);
        assert_eq!(window_bytes(0xff), 15 << 38);
    }

    #[test]
    fn fronts_of_magic_numbers_are_told() {
        assert_eq!(Magic::of(&[0x28]), Magic::Frame);
        assert_eq!(Magic::of(&[0x28, 0xb5, 0x2f, 0xfd]), Magic::Frame);
        assert_eq!(Magic::of(&[0x5a, 0x2a, 0x4d]), Magic::Skippable);
        assert_eq!(Magic::of(&[0x4a]), Magic::Other);
        assert_eq!(Magic::of(&[0x28, 0x2a]), Magic::Other);
    }
}
