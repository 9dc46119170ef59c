//! Bytes that look like chance and are the same in every run.

/// A generator (xorshift64).
pub struct Random(u64);

impl Random {
    /// Another seed gives other bytes.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One byte at least, so many at most.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = 1 + self.number() as usize % most;
        (0..length).map(|_| (self.number() >> 24) as u8).collect()
    }
}
