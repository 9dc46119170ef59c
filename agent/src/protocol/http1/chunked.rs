//! The chunked transfer coding, counted and not kept.
//!
//! In: bytes of a body and the lengths of holes in it. Out: where the body ends, its content's size.
//! Always: no memory; a byte is looked at once, data is skipped over; sizes never overflow.
//! Not here: what becomes of a body that breaks the grammar (`half`). Source: RFC 9112 section 7.1.

use crate::model::limits::Limits;
use crate::protocol::anomaly::Anomaly;

/// How far a piece of the body led.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// To the end of the piece.
    More,
    /// To the end of the body.
    Done,
    /// To a byte that cannot be there.
    Broken(Anomaly),
}

/// A chunked body under way; by default at its start.
///
/// ```text
/// Size --;--> Extension --CRLF--> Data --CRLF--> Size ...
///  `-- size 0, CRLF --> LineStart --> Line --CRLF--> LineStart --CRLF--> Done
/// ```
#[derive(Clone, Debug, Default)]
pub struct Chunked {
    state: State,
    size: u64,
    /// Bytes of the line, or of all trailer lines.
    line_bytes: usize,
    /// Length of the content so far.
    pub content_bytes: u64,
    /// A line ended in LF without CR.
    pub bare_lf: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    SizeStart,
    Size,
    Space,
    Extension,
    SizeLf,
    Data(u64),
    DataEnd,
    DataLf,
    LineStart,
    Line,
    LastLf,
    Done,
}

impl Chunked {
    /// Takes a piece; says how much of it belongs to the body, and gives out what of it is content.
    pub fn feed<'a>(
        &mut self,
        bytes: &'a [u8],
        limits: &Limits,
        mut content: impl FnMut(&'a [u8]),
    ) -> (usize, Progress) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if let State::Data(left) = self.state {
                let used = self.data(left, (bytes.len() - at) as u64) as usize;
                content(bytes.get(at..at + used).unwrap_or_default());
                at += used;
                continue;
            }
            at += 1;
            if let Err(anomaly) = self.step(byte, limits) {
                return (at, Progress::Broken(anomaly));
            }
            if self.state == State::Done {
                return (at, Progress::Done);
            }
        }
        (at, Progress::More)
    }

    /// Bytes that are data whatever they are: a hole of that length is exact.
    pub fn data_left(&self) -> u64 {
        match self.state {
            State::Data(left) => left,
            _ => 0,
        }
    }

    /// Moves on over a hole inside the data of one chunk.
    pub fn skip(&mut self, bytes: u64) {
        if let State::Data(left) = self.state {
            self.data(left, bytes);
        }
    }

    fn data(&mut self, left: u64, available: u64) -> u64 {
        let used = left.min(available);
        self.content_bytes = self.content_bytes.saturating_add(used);
        self.state = match left - used {
            0 => State::DataEnd,
            left => State::Data(left),
        };
        used
    }

    fn step(&mut self, byte: u8, limits: &Limits) -> Result<(), Anomaly> {
        self.bound(limits)?;
        self.state = match (self.state, byte) {
            (State::SizeStart | State::Size, _) if byte.is_ascii_hexdigit() => {
                self.digit(byte)?;
                State::Size
            }
            (State::Size | State::Space, b' ' | b'\t') => State::Space,
            (State::Size | State::Space, b';') => State::Extension,
            (State::Size | State::Space | State::Extension, b'\r') => State::SizeLf,
            (State::Size | State::Space | State::Extension, b'\n') => self.bare(Self::sized),
            (State::SizeLf, b'\n') => self.sized(),
            (State::Extension, _) => State::Extension,
            (State::DataEnd, b'\r') => State::DataLf,
            (State::DataEnd, b'\n') => self.bare(Self::next_size),
            (State::DataLf, b'\n') => self.next_size(),
            (State::LineStart, b'\r') => State::LastLf,
            (State::LineStart, b'\n') => self.bare(|_| State::Done),
            (State::LastLf, b'\n') => State::Done,
            (State::Line, b'\n') => State::LineStart,
            (State::LineStart | State::Line, _) => State::Line,
            _ => return Err(Anomaly::InvalidChunk),
        };
        Ok(())
    }

    fn bound(&mut self, limits: &Limits) -> Result<(), Anomaly> {
        self.line_bytes += 1;
        match self.state {
            State::LineStart | State::Line if self.line_bytes > limits.head_bytes => {
                Err(Anomaly::HeadTooLong)
            }
            State::Size | State::Space | State::Extension
                if self.line_bytes > limits.chunk_line_bytes =>
            {
                Err(Anomaly::InvalidChunk)
            }
            _ => Ok(()),
        }
    }

    fn digit(&mut self, byte: u8) -> Result<(), Anomaly> {
        let digit = char::from(byte).to_digit(16).unwrap_or_default();
        self.size = self
            .size
            .checked_mul(16)
            .and_then(|size| size.checked_add(u64::from(digit)))
            .ok_or(Anomaly::InvalidChunk)?;
        Ok(())
    }

    fn sized(&mut self) -> State {
        self.line_bytes = 0;
        match std::mem::take(&mut self.size) {
            0 => State::LineStart,
            size => State::Data(size),
        }
    }

    fn next_size(&mut self) -> State {
        self.line_bytes = 0;
        State::SizeStart
    }

    fn bare(&mut self, next: impl FnOnce(&mut Self) -> State) -> State {
        self.bare_lf = true;
        next(self)
    }
}
