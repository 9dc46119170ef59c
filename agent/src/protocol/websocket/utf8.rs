//! Whether text is UTF-8, told while it comes in.
//!
//! In: pieces in order. Out: yes or no.
//! Always: same answer however the text was cut; at most three bytes held. Source: RFC 3629.

/// Text under way.
#[derive(Default)]
pub(super) struct Utf8 {
    /// The front of a character whose rest has not come.
    front: Vec<u8>,
    invalid: bool,
}

impl Utf8 {
    /// Looks at a piece.
    pub fn add(&mut self, mut piece: &[u8]) {
        if self.invalid {
            return;
        }
        while !self.front.is_empty()
            && let Some(byte) = piece.split_off_first()
        {
            self.front.push(*byte);
            match std::str::from_utf8(&self.front) {
                Ok(_) => self.front.clear(),
                Err(error) if error.error_len().is_some() => return self.refuse(),
                Err(_) => {}
            }
        }
        match std::str::from_utf8(piece) {
            Ok(_) => {}
            Err(error) if error.error_len().is_some() => self.refuse(),
            Err(error) => {
                let front = piece.get(error.valid_up_to()..).unwrap_or_default();
                self.front.extend_from_slice(front);
            }
        }
    }

    /// Some of it can be in no text.
    pub fn is_invalid(&self) -> bool {
        self.invalid
    }

    /// It would be wrong to end here.
    pub fn is_open(&self) -> bool {
        !self.front.is_empty()
    }

    fn refuse(&mut self) {
        self.invalid = true;
        self.front = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8;

    /// As `std` judges it, however it is cut.
    fn check(text: &[u8]) {
        let valid = std::str::from_utf8(text).is_ok();
        for cut in 0..=text.len() {
            let mut whole = Utf8::default();
            whole.add(&text[..cut]);
            whole.add(&text[cut..]);
            assert_eq!(!whole.is_invalid() && !whole.is_open(), valid, "{text:x?} at {cut}");
        }
        let mut bytes = Utf8::default();
        text.chunks(1).for_each(|byte| bytes.add(byte));
        assert_eq!(!bytes.is_invalid() && !bytes.is_open(), valid, "{text:x?} byte by byte");
    }

    #[test]
    fn characters_of_every_length() {
        check("aé€𝄞 é€𝄞".as_bytes());
        check(b"");
    }

    #[test]
    fn what_is_no_text() {
        for text in [
            &b"a\xff"[..],
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xe2\x82",
            b"\xe2\x82a",
            b"a\x80",
            b"\xf0\x9d\x84",
            b"\xf0\x9d\x84\xf0\x9d\x84\x9e",
        ] {
            check(text);
        }
    }
}
