//! Bytes that are overwritten once nobody needs them any more.
//!
//! In: content as it was sent. Out: the same.
//! Always: when it is dropped, and when it moves to a larger place, zeros are written over it, which the compiler
//! does not leave out.
//! Not here: copies that others make of it.

use std::fmt;
use std::ops::Deref;

use zeroize::Zeroize as _;

/// Bytes that are overwritten when they are dropped.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Wiped(Vec<u8>);

impl Wiped {
    /// Adds a piece. `capacity`: the memory to have if there is not enough.
    pub fn add(&mut self, piece: &[u8], capacity: usize) {
        let needed = self.0.len().saturating_add(piece.len());
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(capacity.max(needed));
            larger.extend_from_slice(&self.0);
            *self = Self(larger);
        }
        self.0.extend_from_slice(piece);
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.0.capacity()
    }
}

impl From<Vec<u8>> for Wiped {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for Wiped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Wiped({} bytes)", self.0.len())
    }
}

/// Writes zeros over bytes that are about to be dropped.
pub fn wipe(bytes: &mut [u8]) {
    bytes.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_as_they_were_given_until_they_are_wiped() {
        let mut bytes = Wiped::default();
        assert_eq!(bytes.memory_bytes(), 0);
        for _ in 0..100 {
            bytes.add(b"abc", 64);
        }
        assert_eq!(*bytes, b"abc".repeat(100)[..]);
        assert!(bytes.memory_bytes() >= 300);
        assert_eq!(format!("{bytes:?}"), "Wiped(300 bytes)");
        let copy = bytes.clone();
        wipe(&mut bytes.0);
        assert_eq!(*bytes, [0; 300][..]);
        assert_eq!(*copy, b"abc".repeat(100)[..]);
    }
}
