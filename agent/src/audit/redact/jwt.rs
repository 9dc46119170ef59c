//! What begins like a JSON Web Token.
//!
//! In: text. Out: whether such a token stands in it, or other JSON in base64.
//! Always: a token has a header that decodes to JSON with `alg`; what else begins like one may hold anything, and is
//! a secret; at most `HEADERS` of them are decoded.
//! Not here: what a token says (`audit::identity`). Source: RFC 7515 section 4.1.1.

use data_encoding::BASE64URL_NOPAD;
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::record::Sensitive;
use super::keys;

/// Shortest run of token characters with a token in it: `eyJ` and a few more.
const RUN_BYTES: usize = 13;

/// What the text has to be hidden as: `eyJ` (`{"` in base64) stands at the begin of a word, with more base64url
/// behind it.
pub(super) fn kind(text: &[u8]) -> Option<Sensitive> {
    let words = memmem::find_iter(text, b"eyJ").filter_map(|at| word(text, at));
    let mut tokens = words.take(HEADERS).map(is_header).peekable();
    tokens.peek()?;
    Some(if tokens.any(|is_token| is_token) { Sensitive::Jwt } else { Sensitive::Secret })
}

/// The word that begins here, if it is long enough.
fn word(text: &[u8], at: usize) -> Option<&[u8]> {
    let before = at.checked_sub(1).and_then(|index| text.get(index));
    let rest = text.get(at..).filter(|_| !before.is_some_and(u8::is_ascii_alphanumeric))?;
    rest.get(..keys::token_bytes(rest)).filter(|word| word.len() >= RUN_BYTES)
}

fn is_header(word: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "alg")]
        _algorithm: IgnoredAny,
    }
    let header = BASE64URL_NOPAD.decode(word).ok();
    header.is_some_and(|header| serde_json::from_slice::<Header>(&header).is_ok())
}

/// Most words that are decoded in one text.
const HEADERS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_headers() {
        for (text, expected) in [
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", Some(Sensitive::Jwt)),
            ("Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.e30.", Some(Sensitive::Jwt)),
            // Encrypted.
            ("eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d", Some(Sensitive::Jwt)),
            ("(eyJhbGciOiJub25lIn0)", Some(Sensitive::Jwt)),
            // `{"page":1,"size":20}`, and the same with something behind it.
            ("eyJwYWdlIjoxLCJzaXplIjoyMH0", Some(Sensitive::Secret)),
            ("eyJwYWdlIjoxLCJzaXplIjoyMH0.eyJhIjoxfQ.x", Some(Sensitive::Secret)),
            // Cut within its header.
            ("eyJhbGciOiJIUzI1", Some(Sensitive::Secret)),
            ("eyJwYWdlIjoxLCJzaXplIjoyMH0 eyJhbGciOiJIUzI1NiJ9.e30.x", Some(Sensitive::Jwt)),
            ("eyJhbGciO", None),
            ("heyJohnhowareyou", None),
            ("", None),
        ] {
            assert_eq!(kind(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn many_of_them_take_little_time() {
        let text = "eyJ-".repeat(250_000);
        assert_eq!(kind(text.as_bytes()), Some(Sensitive::Secret));
    }
}
