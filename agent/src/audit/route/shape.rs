//! Which segments of a path vary, by what they look like.
//!
//! In: a segment, redacted. Out: whether it is an identifier, a word, or one of which nothing can be said.
//! Always: the same answer for the same segment, so that templates agree whoever learns them.
//! Not here: names that vary and do not look like it (`learn`).

/// What a segment looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// It varies: a number, an id, a date, a token, or what redaction has hidden.
    Id,
    /// Small letters only: most likely the name of something that is always there.
    Word,
    /// Anything else.
    Name,
}

/// What a segment looks like.
pub(super) fn shape(segment: &str) -> Shape {
    if segment.len() > NAME_BYTES {
        return Shape::Id;
    }
    let seen = Seen::over(segment.as_bytes());
    if seen.is_id(segment) {
        return Shape::Id;
    }
    match seen.lower == segment.len() {
        true => Shape::Word,
        false => Shape::Name,
    }
}

/// What one pass over the bytes counts.
struct Seen {
    digits: usize,
    lower: usize,
    upper: usize,
    /// Digits, `a` to `f` and dashes.
    hex: usize,
    /// Whatever is no letter, no digit, and none of `-`, `.`, `_` and `:`.
    odd: usize,
}

/// Places of the counts in one number, in bits; none counts further than `NAME_BYTES`.
const DIGITS: u32 = 0;
const LOWER: u32 = 8;
const UPPER: u32 = 16;
const HEX: u32 = 24;
const ODD: u32 = 32;

/// What each byte adds.
#[expect(
    clippy::indexing_slicing,
    reason = "a byte is within 256, and the compiler evaluates this"
)]
const COUNTS: [u64; 256] = {
    let mut counts = [0; 256];
    let mut byte = 0_u8;
    loop {
        let kind = match byte {
            b'0'..=b'9' => 1 << DIGITS,
            b'a'..=b'z' => 1 << LOWER,
            b'A'..=b'Z' => 1 << UPPER,
            b'-' | b'.' | b'_' | b':' => 0,
            _ => 1 << ODD,
        };
        let hex = if byte.is_ascii_hexdigit() || byte == b'-' { 1 << HEX } else { 0 };
        counts[byte as usize] = kind + hex;
        if byte == u8::MAX {
            break counts;
        }
        byte += 1;
    }
};

impl Seen {
    /// Of at most `NAME_BYTES`.
    fn over(segment: &[u8]) -> Self {
        let count = |byte: &u8| COUNTS.get(usize::from(*byte)).copied().unwrap_or(0);
        let sum: u64 = segment.iter().map(count).sum();
        let at = |place: u32| (sum >> place & 0xff) as usize;
        Self { digits: at(DIGITS), lower: at(LOWER), upper: at(UPPER), hex: at(HEX), odd: at(ODD) }
    }

    fn is_id(&self, segment: &str) -> bool {
        let length = segment.len();
        let letters = self.lower + self.upper;
        // Masked, a keyed token, percent-encoded, with parameters, or not ASCII.
        if self.odd > 0 || segment.starts_with("hmac:") {
            return true;
        }
        // Numbers, dates, times and addresses; `1.2` and `1.2.3` are versions.
        if self.digits > 0 && letters == 0 {
            return self.digits == length || !is_version(segment);
        }
        let is_hex = self.hex == length && self.digits > 0 && length >= HEX_BYTES;
        let is_numbered = self.digits >= ID_DIGITS;
        let is_mixed = length >= TOKEN_BYTES
            && self.digits >= 1
            && self.upper >= TOKEN_CAPITALS
            && self.lower >= TOKEN_CAPITALS;
        is_hex || is_numbered || is_mixed || is_numbered_file(segment)
    }
}

/// Two or three short numbers with dots.
fn is_version(segment: &str) -> bool {
    let mut parts = 0;
    let fits = segment.split('.').all(|part| {
        parts += 1;
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    fits && (2..=3).contains(&parts)
}

/// `17.json`.
fn is_numbered_file(segment: &str) -> bool {
    let stem = segment.split_once('.').map_or("", |(stem, _)| stem);
    !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit())
}

/// Longest segment that may be a name.
const NAME_BYTES: usize = 48;
/// Shortest segment that is a hash.
const HEX_BYTES: usize = 8;
/// That many digits make an id of a name.
const ID_DIGITS: usize = 5;
/// Shortest segment that is a token, and of how many letters of each kind it has to be.
const TOKEN_BYTES: usize = 12;
const TOKEN_CAPITALS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        for id in [
            "7",
            "123456",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "9f86d081884c7d659a2feaa0c55ad015",
            "deadbeef01",
            "2026-11-22",
            "20261122",
            "07:00:00",
            "10.0.0.4",
            "2026-11-22T07:00:00Z",
            "dXNlcjoxMjM0NQ",
            "cus_9s6XKzkNRiz8i3",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "order-123456",
            "17.json",
            "***",
            "hmac:k1:abcdefghijklmnopqrstuv",
            "a%20b",
            "caf\u{e9}",
            "x;jsessionid=1",
            "@alice",
            "a,b",
            "{id}",
        ] {
            assert_eq!(shape(id), Shape::Id, "{id}");
        }
        for name in [
            "v1",
            "v2",
            "1.1",
            "oauth2",
            "user-profiles",
            "getUserById",
            "index.html",
            "ipv4",
            "",
            "Foo.Bar",
            "docs:batch",
            "2.0.1",
            "s3",
            "decade",
            "x_y",
        ] {
            let expected =
                if name == "decade" || name.is_empty() { Shape::Word } else { Shape::Name };
            assert_eq!(shape(name), expected, "{name}");
        }
        assert_eq!(shape(&"x".repeat(49)), Shape::Id);
    }
}
