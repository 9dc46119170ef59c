//! What a grammar of first bytes is, and the usual one.
//!
//! In: the first bytes of a stream, or of a turn. Out: `Match`.
//! Always: the same answer however the bytes were cut; a `Yes` or `No` stays.
//! Not here: the grammars of the protocols (theirs), what follows from the answer (`probe`).

/// What the bytes so far are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Match {
    /// Everything fits so far; more bytes are needed.
    Maybe,
    /// Begins as that message does.
    Yes,
    /// Does not.
    No,
}

/// Looks at the first bytes of a direction, as they come.
pub trait Grammar: Send {
    /// Looks at the bytes that follow those of earlier calls.
    fn feed(&mut self, bytes: &[u8]) -> Match;
}

/// A beginning that is told by a few bytes, at most `FRONT_BYTES`.
pub struct Front {
    bytes: [u8; FRONT_BYTES],
    length: usize,
    starts: fn(&[u8]) -> Match,
}

impl Front {
    /// What `starts` says of the bytes so far; it says `Maybe` only of fewer than `FRONT_BYTES`.
    pub fn new(starts: fn(&[u8]) -> Match) -> Self {
        Self { bytes: [0; FRONT_BYTES], length: 0, starts }
    }
}

impl Grammar for Front {
    fn feed(&mut self, bytes: &[u8]) -> Match {
        let room = self.bytes.iter_mut().skip(self.length);
        let taken = room.zip(bytes).map(|(place, byte)| *place = *byte).count();
        self.length += taken;
        match (self.starts)(self.bytes.get(..self.length).unwrap_or_default()) {
            Match::Maybe if self.length == FRONT_BYTES => Match::No,
            result => result,
        }
    }
}

/// Whether bytes begin with these.
pub fn starts_as(bytes: &[u8], magic: &[u8]) -> Match {
    let common = bytes.len().min(magic.len());
    if bytes.get(..common) != magic.get(..common) {
        Match::No
    } else if common == magic.len() {
        Match::Yes
    } else {
        Match::Maybe
    }
}

impl Match {
    /// A match of a part is not one of the whole.
    pub fn and_unsure(self) -> Self {
        match self {
            Self::Maybe => Self::Maybe,
            _ => Self::No,
        }
    }
}

/// No magic is longer.
const FRONT_BYTES: usize = 24;
