//! The gzip format: members one after the other.
//!
//! In: a file. Out: what its members hold.
//! Always: sums and lengths are compared; what follows the last member and is none is left out.
//! Not here: DEFLATE (`inflate`). Source: RFC 1952.

use crc32fast::Hasher;

use crate::protocol::coding::inflate::Inflate;
use crate::protocol::coding::layer::{Progress, Sink, Stop};

/// A file under way.
///
/// ```text
///  Magic --> Fixed --> [ExtraLength --> Extra] --> [Text] --> [Text] --> [Sum] --> Data
///   ^ `-- another byte after a member --> Rest                                      |
///   '--------------------------------- Trailer <------------------------------------'
/// ```
#[derive(Default)]
pub struct Gzip {
    part: Part,
    /// The front of the part, where it is looked at as a whole.
    field: Vec<u8>,
    /// Parts of the head that follow.
    flags: u8,
    /// Over the head, then over the data.
    sum: Hasher,
    /// Of the data, modulo 2^32.
    data_bytes: u32,
    stream: Inflate,
    has_member: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Part {
    #[default]
    Magic,
    Fixed,
    ExtraLength,
    /// Bytes that are left.
    Extra(u16),
    /// A name or a comment, up to a zero.
    Text,
    Sum,
    Data,
    Trailer,
    Rest,
}

impl Gzip {
    /// The next piece.
    pub fn decode(&mut self, mut piece: &[u8], sink: &mut Sink<'_>) -> Result<Progress, Stop> {
        while !piece.is_empty() {
            self.step(&mut piece, sink)?;
        }
        let between = self.part == Part::Magic && self.field.is_empty() && self.has_member;
        match self.part == Part::Rest || between {
            true => Ok(Progress::Whole),
            false => Ok(Progress::More),
        }
    }

    /// Takes something off input that is not empty.
    fn step(&mut self, input: &mut &[u8], sink: &mut Sink<'_>) -> Result<(), Stop> {
        self.part = match self.part {
            Part::Magic => self.magic(input)?,
            Part::Fixed => self.fixed(input)?,
            Part::ExtraLength => match self.field(input) {
                Some(length) => Part::Extra(u16::from_le_bytes(length)),
                None => Part::ExtraLength,
            },
            Part::Extra(left) => self.extra(input, left),
            Part::Text => self.text(input),
            Part::Sum => self.head_sum(input)?,
            Part::Data => self.data(input, sink)?,
            Part::Trailer => self.trailer(input)?,
            Part::Rest => {
                *input = &[];
                Part::Rest
            }
        };
        Ok(())
    }

    fn magic(&mut self, input: &mut &[u8]) -> Result<Part, Stop> {
        self.field.extend(input.split_off_first());
        match (MAGIC.starts_with(&self.field), self.has_member) {
            (true, _) if self.field.len() < MAGIC.len() => Ok(Part::Magic),
            (true, _) => {
                self.sum.reset();
                self.sum.update(&MAGIC);
                self.field.clear();
                Ok(Part::Fixed)
            }
            (false, true) => Ok(Part::Rest),
            (false, false) => Err(Stop::Invalid),
        }
    }

    fn fixed(&mut self, input: &mut &[u8]) -> Result<Part, Stop> {
        let Some([method, flags, ..]) = self.field::<8>(input) else { return Ok(Part::Fixed) };
        if method != DEFLATE || flags & RESERVED != 0 {
            return Err(Stop::Invalid);
        }
        self.flags = flags;
        Ok(self.next())
    }

    /// The part after one of the head.
    fn next(&mut self) -> Part {
        let follows = [
            (HAS_EXTRA, Part::ExtraLength),
            (HAS_NAME, Part::Text),
            (HAS_COMMENT, Part::Text),
            (HAS_SUM, Part::Sum),
        ];
        for (flag, part) in follows {
            if self.flags & flag != 0 {
                self.flags &= !flag;
                return part;
            }
        }
        self.stream.restart();
        self.sum.reset();
        self.data_bytes = 0;
        Part::Data
    }

    fn extra(&mut self, input: &mut &[u8], left: u16) -> Part {
        let length = usize::from(left).min(input.len());
        self.sum.update(input.split_off(..length).unwrap_or_default());
        match usize::from(left) - length {
            0 => self.next(),
            left => Part::Extra(left as u16),
        }
    }

    fn text(&mut self, input: &mut &[u8]) -> Part {
        let end = memchr::memchr(0, input);
        let length = end.map_or(input.len(), |end| end + 1);
        self.sum.update(input.split_off(..length).unwrap_or_default());
        match end {
            Some(_) => self.next(),
            None => Part::Text,
        }
    }

    fn head_sum(&mut self, input: &mut &[u8]) -> Result<Part, Stop> {
        let sum = self.sum.clone().finalize() as u16;
        match self.field(input).map(u16::from_le_bytes) {
            Some(told) if told == sum => Ok(self.next()),
            Some(_) => Err(Stop::Invalid),
            None => Ok(Part::Sum),
        }
    }

    fn data(&mut self, input: &mut &[u8], sink: &mut Sink<'_>) -> Result<Part, Stop> {
        let Self { sum, data_bytes, .. } = self;
        let is_over = self.stream.decode(input, &mut |chunk| {
            sum.update(chunk);
            *data_bytes = data_bytes.wrapping_add(chunk.len() as u32);
            sink(chunk)
        })?;
        self.field.clear();
        Ok(if is_over { Part::Trailer } else { Part::Data })
    }

    fn trailer(&mut self, input: &mut &[u8]) -> Result<Part, Stop> {
        let sum = self.sum.clone();
        let Some(told) = self.field(input).map(u64::from_le_bytes) else {
            return Ok(Part::Trailer);
        };
        if told != u64::from(self.data_bytes) << 32 | u64::from(sum.finalize()) {
            return Err(Stop::Invalid);
        }
        self.has_member = true;
        Ok(Part::Magic)
    }

    /// The next bytes as one value, when all of them have come.
    fn field<const N: usize>(&mut self, input: &mut &[u8]) -> Option<[u8; N]> {
        let missing = N.saturating_sub(self.field.len()).min(input.len());
        self.field.extend_from_slice(input.split_off(..missing).unwrap_or_default());
        let field = *self.field.first_chunk::<N>()?;
        self.field.clear();
        self.sum.update(&field);
        Some(field)
    }
}

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;

const HAS_SUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
/// No head has them; what they would mean is not known.
const RESERVED: u8 = 0xe0;
