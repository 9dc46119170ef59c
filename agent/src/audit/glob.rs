//! Patterns of paths: `*` within a segment, `**` across segments.
//!
//! In: a pattern, then text, byte by byte. Out: whether the whole text matches.
//! Always: time linear in the text, whatever the pattern: a peer chooses the text.
//! Not here: what is matched (`audit::rule`).

use std::fmt;

/// A pattern, ready to be matched.
#[derive(Clone)]
pub struct Glob {
    /// For each byte value the places of the pattern where that byte may stand, one bit a place.
    literal: Box<[u128; 256]>,
    /// Places of `*` and `**`.
    stars: u128,
    /// Places of `**`.
    double_stars: u128,
    /// The bit that is set when the whole pattern is matched.
    accept: u128,
}

/// A pattern that cannot be matched.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum GlobError {
    /// Too many characters.
    #[error("pattern has {0} characters, more than {MAX_PLACES}")]
    Long(usize),
    /// Nothing in it.
    #[error("pattern is empty")]
    Empty,
    /// No pattern of a media type.
    #[error("no media type: type and subtype are parted by `/`, as in `text/*`")]
    MediaType,
}

/// Most characters of a pattern: one bit each, and one for the end.
const MAX_PLACES: usize = 127;

impl Glob {
    /// Reads a pattern. Errors: empty, or longer than 127 characters.
    pub fn new(pattern: &str) -> Result<Self, GlobError> {
        if pattern.is_empty() {
            return Err(GlobError::Empty);
        }
        if pattern.len() > MAX_PLACES {
            return Err(GlobError::Long(pattern.len()));
        }
        let mut glob = Self { literal: Box::new([0; 256]), stars: 0, double_stars: 0, accept: 1 };
        let mut rest = pattern.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            rest = glob.push(byte, after);
        }
        Ok(glob)
    }

    fn push<'p>(&mut self, byte: u8, after: &'p [u8]) -> &'p [u8] {
        let place = self.accept;
        self.accept <<= 1;
        match (byte, after) {
            (b'*', [b'*', after @ ..]) => {
                self.stars |= place;
                self.double_stars |= place;
                return after;
            }
            (b'*', _) => self.stars |= place,
            _ => {
                if let Some(places) = self.literal.get_mut(usize::from(byte)) {
                    *places |= place;
                }
            }
        }
        after
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: impl IntoIterator<Item = u8>) -> bool {
        // One bit for each place of the pattern that the text so far can have reached.
        let mut reached = self.pass_stars(1);
        for byte in text {
            let literal = self.literal.get(usize::from(byte)).copied().unwrap_or(0);
            let stay = if byte == b'/' { self.double_stars } else { self.stars };
            reached = self.pass_stars(((reached & literal) << 1) | (reached & stay));
            if reached == 0 {
                return false;
            }
        }
        reached & self.accept != 0
    }

    /// A star may stand for nothing.
    fn pass_stars(&self, mut reached: u128) -> u128 {
        loop {
            let next = reached | ((reached & self.stars) << 1);
            if next == reached {
                return reached;
            }
            reached = next;
        }
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Glob({} places)", self.accept.trailing_zeros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars() {
        for (pattern, text, expected) in [
            ("/v1/**", "/v1/users/7", true),
            ("/v1/**", "/v1/", true),
            ("/v1/**", "/v1", false),
            ("/v1/*", "/v1/users", true),
            ("/v1/*", "/v1/users/7", false),
            ("/*/health", "/a/health", true),
            ("**/health", "/a/b/health", true),
            ("/a**b*c", "/a/x/bb/bc", true),
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("*", "*", true),
        ] {
            let glob = Glob::new(pattern).unwrap();
            assert_eq!(glob.matches(text.bytes()), expected, "{pattern} {text}");
        }
        assert_eq!(Glob::new("").unwrap_err(), GlobError::Empty);
        assert_eq!(Glob::new(&"a".repeat(128)).unwrap_err(), GlobError::Long(128));
        assert!(Glob::new(&"*a".repeat(60)).unwrap().matches(b"a".repeat(65_536)));
    }
}
