//! Bytes of something longer, kept up to a limit.
//!
//! In: pieces in order. Out: the front of them.
//! Always: never more memory than the limit, and none before the first byte; overwritten when it is dropped.
//! Not here: how long the whole is; whoever adds the pieces knows.

use crate::model::wiped::Wiped;

/// The front of something, from its first byte on without a gap.
#[derive(Default)]
pub struct Kept {
    bytes: Wiped,
    limit_bytes: usize,
}

impl Kept {
    /// Keeps at most so much.
    pub fn new(limit_bytes: usize) -> Self {
        Self { bytes: Wiped::default(), limit_bytes }
    }

    /// Adds a piece; what goes beyond the limit is left out.
    pub fn add(&mut self, piece: &[u8]) {
        let room = self.limit_bytes.saturating_sub(self.bytes.len());
        let piece = piece.get(..room).unwrap_or(piece);
        // Doubling, but never past the limit.
        let wanted = self.bytes.memory_bytes().saturating_mul(2).min(self.limit_bytes);
        self.bytes.add(piece, wanted);
    }

    /// How much is kept.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether whatever is added now is left out.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= self.limit_bytes
    }

    /// What is kept.
    pub fn into_bytes(self) -> Wiped {
        self.bytes
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::Kept;

    #[test]
    fn memory_stays_within_the_limit() {
        let mut kept = Kept::new(1_000);
        assert_eq!(kept.memory_bytes(), 0);
        for _ in 0..400 {
            kept.add(b"abc");
            assert!(kept.memory_bytes() <= 1_000);
        }
        assert!(kept.is_full());
        assert_eq!(*kept.into_bytes(), b"abc".repeat(334)[..1_000]);
    }

    #[test]
    fn a_limit_of_nothing_keeps_nothing() {
        let mut kept = Kept::new(0);
        kept.add(b"abc");
        assert!(kept.is_empty() && kept.is_full());
        assert_eq!(kept.memory_bytes(), 0);
    }
}
