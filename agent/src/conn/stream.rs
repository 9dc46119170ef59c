//! Where one direction of one connection stands.
//!
//! In: position and length of each piece, in the order of the ring. Out: how much lies between it
//! and what came before.
//! Always: the position only grows.
//! Not here: why something is missing, holding bytes.

/// One direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stream {
    next_bytes: u64,
}

/// How a piece fits on what came before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fit {
    /// Bytes that no sample told, before this piece.
    pub missing_bytes: u64,
    /// Bytes at the piece's front that an earlier one told already.
    pub known_bytes: u64,
}

impl Stream {
    /// Takes a piece of `len_bytes` at `pos_bytes`.
    pub fn advance(&mut self, pos_bytes: u64, len_bytes: u64) -> Fit {
        let fit = Fit {
            missing_bytes: pos_bytes.saturating_sub(self.next_bytes),
            known_bytes: self.next_bytes.saturating_sub(pos_bytes).min(len_bytes),
        };
        self.next_bytes = self.next_bytes.max(pos_bytes.saturating_add(len_bytes));
        fit
    }

    /// Bytes missing if the direction ended at `total_bytes`.
    pub fn finish(&mut self, total_bytes: u64) -> u64 {
        self.advance(total_bytes, 0).missing_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_and_overlaps() {
        let mut stream = Stream::default();
        let mut fit = |pos, len| {
            let fit = stream.advance(pos, len);
            (fit.missing_bytes, fit.known_bytes)
        };
        assert_eq!(fit(0, 10), (0, 0));
        assert_eq!(fit(15, 5), (5, 0));
        assert_eq!(fit(18, 4), (0, 2));
        assert_eq!(fit(0, 4), (0, 4));
        assert_eq!(fit(22, 0), (0, 0));
        assert_eq!(stream.finish(30), 8);
    }
}
