//! Base64 in a stream.
//!
//! In: text in pieces. Out: the bytes.
//! Always: no memory but for one group of four characters; padding may end any group, as it does
//! where the sender wrote in pieces.
//! Not here: what the bytes are. Source: RFC 4648 section 4, PROTOCOL-WEB.md of gRPC.

/// A text under way; by default at its start.
#[derive(Clone, Debug, Default)]
pub struct Base64 {
    /// Bits of the group, the last ones lowest.
    bits: u32,
    characters: u8,
    padding: u8,
}

/// A character that cannot be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Invalid;

impl Base64 {
    /// Takes a character. At the end of a group: its bytes.
    pub fn take(&mut self, character: u8) -> Result<Option<Bytes>, Invalid> {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if self.characters >= 2 => {
                self.padding += 1;
                0
            }
            _ => return Err(Invalid),
        };
        if self.padding > 0 && character != b'=' {
            return Err(Invalid);
        }
        self.bits = self.bits << 6 | u32::from(value);
        self.characters += 1;
        if self.characters < 4 {
            return Ok(None);
        }
        let group = std::mem::take(self);
        let [_, bytes @ ..] = group.bits.to_be_bytes();
        Ok(Some(Bytes { bytes, length: 3 - usize::from(group.padding) }))
    }

    /// No group is under way.
    pub fn is_between(&self) -> bool {
        self.characters == 0
    }
}

/// What a group stands for: one to three bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bytes {
    bytes: [u8; 3],
    length: usize,
}

impl Bytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Base64, Invalid};

    fn decoded(text: &str) -> Result<(Vec<u8>, bool), Invalid> {
        let (mut base64, mut out) = (Base64::default(), Vec::new());
        for character in text.bytes() {
            out.extend_from_slice(base64.take(character)?.as_ref().map_or(&[], |b| b.as_slice()));
        }
        Ok((out, base64.is_between()))
    }

    #[test]
    fn groups_and_padding() {
        // RFC 4648 section 10.
        assert_eq!(decoded("Zm9vYmFy"), Ok((b"foobar".to_vec(), true)));
        assert_eq!(decoded("Zm9vYg==Zm8=Zm9v"), Ok((b"foobfofoo".to_vec(), true)));
        assert_eq!(decoded("+/+/"), Ok((vec![0xfb, 0xff, 0xbf], true)));
        assert_eq!(decoded("Zm9vY"), Ok((b"foo".to_vec(), false)));
    }

    #[test]
    fn nothing_else_is_taken() {
        for text in ["=", "Z===", "Zg=v", "Zm9v\r\n", "Zm-_", "Zg==="] {
            assert_eq!(decoded(text), Err(Invalid), "{text}");
        }
    }
}
