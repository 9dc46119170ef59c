//! Whether a value may be written: every detector, through every coding that it may hide behind.
//!
//! In: text. Out: what it has to be hidden as, or nothing.
//! Always: behind backslashes, percent-encoding and base64 too; time in proportion to the text.
//! Not here: which names allow a value (`rules`, `verdict`).

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding};

use super::super::detect::context::Context;
use super::super::detect::custom::Detector;
use super::super::detect::{self, DIGITS as LEAST_DIGITS};
use super::super::name::Strength;
use super::super::text::decode;
use super::super::value::contains_random;
use super::named;
use crate::audit::record::Sensitive;

/// Longest value that is kept, in bytes.
pub(super) const VALUE_BYTES: usize = 256;

/// Fewest digits in which something could be found.
pub(super) const DIGITS: u32 = LEAST_DIGITS;

/// Whether the value of a field is what its name says.
pub(super) fn is_like(kind: Sensitive, strength: Strength, text: &str) -> bool {
    match (strength, kind) {
        (Strength::Sure, _) => true,
        (Strength::Digits, _) => text.bytes().any(|byte| byte.is_ascii_digit()),
        (Strength::Doubtful, Sensitive::Personal) => is_like_personal(text),
        (Strength::Doubtful, _) => is_like_secret(text),
    }
}

/// Long, without blanks, letters and digits; or six digits, as codes for once have.
pub(super) fn is_like_secret(text: &str) -> bool {
    let bytes = text.as_bytes();
    let count = |test: fn(&u8) -> bool| bytes.iter().filter(|byte| test(byte)).count();
    let digits = count(u8::is_ascii_digit);
    if digits == bytes.len() {
        return digits == CODE_DIGITS;
    }
    bytes.len() >= SECRET_BYTES
        && digits > 0
        && bytes.iter().any(u8::is_ascii_alphabetic)
        && count(u8::is_ascii_graphic) == bytes.len()
        && !is_moment(bytes)
        && !is_place(text)
}

/// What leads to a thing and is none: URLs and URNs, paths, hosts with a port, hardware addresses.
fn is_place(text: &str) -> bool {
    let is_port = |port: &str| {
        (2..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    let hexes = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.contains("://")
        || ["urn:", "arn:", "/"].iter().any(|front| text.starts_with(front))
        || text.rsplit_once(':').is_some_and(|(host, port)| host.contains('.') && is_port(port))
        || (text.contains(':') && text.split(':').all(hexes))
}

/// Shortest such value, in bytes.
const SECRET_BYTES: usize = 16;
/// Digits of a code for once.
const CODE_DIGITS: usize = 6;

/// Digits as numbers of people have, or an address.
fn is_like_personal(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (digits >= PERSONAL_DIGITS && !is_moment(text.as_bytes())) || text.contains('@')
}

const PERSONAL_DIGITS: usize = 5;

/// A date, or a date and a time.
fn is_moment(text: &[u8]) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let part = |byte: &u8| byte.is_ascii_digit() || b"-:.+TZtz ".contains(byte);
    digits(0..4)
        && text.get(4) == Some(&b'-')
        && digits(5..7)
        && text.get(7) == Some(&b'-')
        && digits(8..10)
        && matches!(text.get(10), None | Some(b'T' | b't' | b' '))
        && text.len() <= MOMENT_BYTES
        && text.iter().all(part)
}

/// Longest of them, in bytes: `2026-11-22T07:00:00.123456789+00:00`.
const MOMENT_BYTES: usize = 35;

/// The two most common values with many digits, in which no detector finds anything.
#[inline]
pub(super) fn is_usual(text: &[u8]) -> bool {
    is_uuid(text) || is_moment(text)
}

/// `f81d4fae-7dec-11d0-a765-00a0c91e6bf6`
fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether the value begins with a word that can be the scheme of a credential.
#[inline]
pub(super) fn begins_with_scheme(text: &[u8]) -> bool {
    let Some(front) = text.first_chunk::<4>() else { return false };
    let front = u32::from_le_bytes(*front) | 0x2020_2020;
    SCHEMES.contains(&front)
}

/// Begins of schemes in lower case.
const SCHEMES: [u32; 8] = {
    const fn front(scheme: &[u8; 4]) -> u32 {
        u32::from_le_bytes(*scheme)
    }
    [
        front(b"bear"),
        front(b"basi"),
        front(b"dige"),
        front(b"nego"),
        front(b"ntlm"),
        front(b"hawk"),
        front(b"apik"),
        front(b"aws4"),
    ]
};

/// Whose values these are: names that lead to them, and the user's own detectors.
#[derive(Clone, Copy, Default)]
pub(super) struct Look<'l> {
    /// The name of the field.
    pub(super) context: Context<'l>,
    /// Those of the configuration.
    pub(super) own: &'l [Detector],
    /// What is random or encoded is secret, whatever it means: no list or name vouches for it.
    pub(super) strict: bool,
}

/// What the text of a name has to be hidden as; `None`: it looks harmless.
pub(super) fn suspicion(text: &str) -> Option<Sensitive> {
    Look { strict: true, ..Look::default() }.find(text)
}

impl Look<'_> {
    /// What the text has to be hidden as; `None`: it looks harmless.
    pub(super) fn find(&self, text: &str) -> Option<Sensitive> {
        let bytes = text.as_bytes();
        if self.own.is_empty() && is_usual(bytes) {
            return None;
        }
        let has = |byte| memchr::memchr(byte, bytes).is_some();
        self.plainly(bytes)
            .or_else(|| has(b'\\').then(|| self.plainly(&without_backslashes(bytes)))?)
            .or_else(|| has(b'%').then(|| self.plainly(&decode(bytes, false)))?)
            .or_else(|| self.encoded(bytes))
    }

    /// The same of a number, which may be written with a point and an exponent.
    pub(super) fn find_in_number(&self, number: &str) -> Option<Sensitive> {
        self.plainly(number.as_bytes()).or_else(|| {
            let (mantissa, _) = number.split_once(['e', 'E'])?;
            self.plainly(mantissa.replace('.', "").as_bytes())
        })
    }

    fn plainly(&self, text: &[u8]) -> Option<Sensitive> {
        if let Some(found) = detect::find(text, &self.context) {
            return Some(found.kind);
        }
        if self.own.iter().any(|own| own.find(text, &self.context).is_some()) {
            return Some(Sensitive::Custom);
        }
        if let Some(named) = named::find(text, false) {
            return Some(named.kind);
        }
        (self.strict && contains_random(text)).then_some(Sensitive::Secret)
    }

    /// What a word holds that is base64 of text.
    fn encoded(&self, text: &[u8]) -> Option<Sensitive> {
        self.within_base64(text, |decoded| {
            self.plainly(decoded)
                .or_else(|| is_user_and_password(decoded).then_some(Sensitive::Credential))
        })
    }

    fn within_base64(
        &self,
        text: &[u8],
        judge: impl Fn(&[u8]) -> Option<Sensitive>,
    ) -> Option<Sensitive> {
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
        let mut words = text.split(|byte| !part(byte)).filter(|word| word.len() >= ENCODED_BYTES);
        words.find_map(|word| {
            let coding = coding(word)?;
            if self.strict {
                return Some(Sensitive::Secret);
            }
            let whole = word.get(..word.len() - word.len() % 4)?;
            // What is no whole group may be the end of the text, or of another one.
            let decoded = coding.decode(word).or_else(|_| coding.decode(whole)).ok()?;
            judge(&decoded)
        })
    }
}

/// What a part of a head holds that is base64 of text. `pairs`: also a user with a password, which may be
/// the kind and number of a thing as well.
pub fn behind_base64(text: &[u8], pairs: bool) -> Option<Sensitive> {
    let look = Look::default();
    if pairs { look.encoded(text) } else { look.within_base64(text, |text| look.plainly(text)) }
}

/// `user:password`, which nobody would encode if it were something else.
fn is_user_and_password(text: &[u8]) -> bool {
    let mut parts = text.split(|&byte| byte == b':');
    let (user, password, more) = (parts.next(), parts.next(), parts.next());
    more.is_none()
        && user.is_some_and(|user| !user.is_empty())
        && password.is_some_and(|password| password.len() >= 4)
        && text.iter().all(u8::is_ascii_graphic)
}

/// JSON within JSON has them before its quotes.
fn without_backslashes(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|&byte| byte != b'\\').collect()
}

/// Shortest base64 that is looked at, in bytes: twelve characters of text.
const ENCODED_BYTES: usize = 16;

/// How a word is encoded, if it is base64 of text.
fn coding(word: &[u8]) -> Option<Encoding> {
    // The front tells as much, and may be decoded whatever follows.
    let whole = word.get(..word.len() - word.len() % 4).unwrap_or_default();
    let front = whole.get(..FRONT_BYTES.min(whole.len())).unwrap_or_default();
    if !may_be_ascii(front) {
        return None;
    }
    let mut room = [0; FRONT_BYTES];
    let mut is_text = |coding: &Encoding| {
        let length = coding.decode_len(front.len()).unwrap_or(0);
        let Some(room) = room.get_mut(..length) else { return false };
        let printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
        coding.decode_mut(front, room).is_ok() && room.iter().all(printable)
    };
    if is_text(&BASE64_NOPAD) {
        return Some(BASE64_NOPAD);
    }
    is_text(&BASE64URL_NOPAD).then_some(BASE64URL_NOPAD)
}

/// Whether the highest bit of each byte that is encoded is clear. Most words are none of base64, and end here.
fn may_be_ascii(front: &[u8]) -> bool {
    let sextet = |byte: u8| SEXTETS.get(usize::from(byte)).copied().unwrap_or_default();
    let (groups, _) = front.as_chunks();
    groups.iter().all(|&[first, second, third, _]| {
        sextet(first) & 0x20 == 0 && sextet(second) & 0x08 == 0 && sextet(third) & 0x02 == 0
    })
}

/// What characters of base64 and base64url stand for (RFC 4648); others stand for 0 here.
#[expect(
    clippy::indexing_slicing,
    reason = "done by the compiler, which would refuse a wrong index"
)]
const SEXTETS: [u8; 256] = {
    let mut sextets = [0; 256];
    let mut index = 0;
    while index < 26 {
        sextets[b'A' as usize + index] = index as u8;
        sextets[b'a' as usize + index] = 26 + index as u8;
        index += 1;
    }
    let mut digit = 0;
    while digit < 10 {
        sextets[b'0' as usize + digit] = 52 + digit as u8;
        digit += 1;
    }
    sextets[b'+' as usize] = 62;
    sextets[b'-' as usize] = 62;
    sextets[b'/' as usize] = 63;
    sextets[b'_' as usize] = 63;
    sextets
};

/// Most of a word that is decoded to see whether it is text, in bytes.
const FRONT_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_hide_nothing() {
        for (text, kind) in [
            ("dXNlcjpwYXNzd29yZA==", Sensitive::Secret),
            ("x aHVudGVyMi1odW50ZXIy y", Sensitive::Secret),
            ("a%3Fpassword%3Dx", Sensitive::Secret),
            (r#"{\"password\":\"x\"}"#, Sensitive::Secret),
            (r#"{\\\"pin\\\":1}"#, Sensitive::Secret),
            ("alice%40example.com", Sensitive::Email),
            ("bad token: abc", Sensitive::Secret),
            ("AKIAIOSFODNN7EXAMPLE", Sensitive::ApiKey),
        ] {
            assert_eq!(suspicion(text), Some(kind), "{text}");
        }
        // Sixteen digits are no whole groups of base64.
        let found = Look::default().find("NDExMTExMTExMTExMTExMQ==");
        assert_eq!(found, Some(Sensitive::PaymentCard));
        for number in ["4111111111111111", "4.111111111111111e15", "-4111111111111111.0"] {
            assert_eq!(
                Look::default().find_in_number(number),
                Some(Sensitive::PaymentCard),
                "{number}"
            );
        }
    }

    #[test]
    fn what_operations_say_passes() {
        for text in [
            "",
            "active",
            "PARTIALLY_REFUNDED",
            "internationalization",
            "invalid_request_error",
            "urn:ietf:rfc:9110",
            "https://example.com/errors/not-found",
            "2026-11-22T07:00:00+00:00",
            "v1.2.3-rc.1+build.5",
            "EUR",
            "100%",
            "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334",
        ] {
            assert_eq!(suspicion(text), None, "{text}");
        }
        for number in ["0", "-1.10", "1e999", "1700000000000"] {
            assert_eq!(Look::default().find_in_number(number), None, "{number}");
        }
    }
}
