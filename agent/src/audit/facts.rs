//! What rules look at, borrowed from an exchange and its origin.
//!
//! In: an exchange, its origin. Out: `Facts`.
//! Always: nothing is copied and nothing allocated: percent-encoding is taken off and case ignored while
//! comparing; what is unknown is `None`, never a placeholder.
//! Not here: the conditions of rules (`rule`).

use super::glob::Glob;
use super::redact::target::{Authority, Target};
use super::redact::text::DECODINGS;
use crate::model::origin::Origin;
use crate::protocol::exchange::{Exchange, RequestHead};
use crate::protocol::fields::Fields;

/// What rules look at. No `Debug`: it is not redacted.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// `None` where the request was lost.
    pub method: Option<&'a str>,
    /// Of the request target.
    pub path: Option<Path<'a>>,
    /// The host that was asked for.
    pub host: Option<Host<'a>>,
    /// `None` without a response.
    pub status: Option<u16>,
    /// Of the request's body and of the response's.
    pub media_type: [Option<MediaType<'a>>; 2],
    /// Both ends.
    pub origin: &'a Origin,
}

impl<'a> Facts<'a> {
    /// Of an exchange.
    pub fn of(exchange: &'a Exchange, origin: &'a Origin) -> Self {
        let head = exchange.request.as_ref().map(|request| &request.head);
        let answer = exchange.response.as_ref().map(|response| &response.head);
        let target =
            head.and_then(|head| Some(Target::parse(head.target.as_deref()?, head.is_connect())));
        let authority = target.and_then(|target| target.authority);
        let authority = authority.or_else(|| head.and_then(authority_beside));
        Self {
            method: head.and_then(|head| head.method.as_deref()),
            path: target.and_then(|target| target.path).map(Path),
            host: authority.and_then(|authority| authority.host).map(Host),
            status: answer.and_then(|head| head.status),
            media_type: [
                head.and_then(|head| MediaType::of(&head.fields)),
                answer.and_then(|head| MediaType::of(&head.fields)),
            ],
            origin,
        }
    }
}

/// The authority that a request names outside of its target.
fn authority_beside(head: &RequestHead) -> Option<Authority<'_>> {
    let named = head.authority.as_deref();
    named.or_else(|| head.fields.all("host").next()).map(Authority::parse)
}

/// A path as sent.
#[derive(Clone, Copy)]
pub struct Path<'a>(&'a [u8]);

impl<'a> Path<'a> {
    /// Whether the path is what the pattern says, percent-decoded.
    pub fn is(self, pattern: &Glob) -> bool {
        match memchr::memchr(b'%', self.0) {
            None => pattern.matches(self.0.iter().copied()),
            Some(_) => pattern.matches(self.decoded()),
        }
    }

    /// Its bytes, percent-decoded as often as redaction decodes values.
    pub fn decoded(self) -> impl Iterator<Item = u8> + 'a {
        const { assert!(DECODINGS == 3, "one `Decoded` for each") };
        Decoded::new(Decoded::new(Decoded::new(self.0.iter().copied())))
    }
}

/// A host as sent.
#[derive(Clone, Copy)]
pub struct Host<'a>(&'a str);

impl<'a> Host<'a> {
    /// Whether the host is what the pattern says, which is in lower case.
    pub fn is(self, pattern: &Glob) -> bool {
        pattern.matches(self.lower())
    }

    /// Its bytes, in lower case.
    pub fn lower(self) -> impl Iterator<Item = u8> + 'a {
        self.0.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

/// Type and subtype of a Content-Type, as sent.
#[derive(Clone, Copy)]
pub struct MediaType<'a>(&'a [u8]);

impl<'a> MediaType<'a> {
    /// Of a message with these fields. `None`: it names none, or something that is none.
    fn of(fields: &'a Fields) -> Option<Self> {
        let value = fields.all("content-type").next()?;
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let essence = value.get(..end)?.trim_ascii();
        let mut parts = essence.splitn(2, |&byte| byte == b'/');
        let is_whole = parts.next().is_some_and(is_token) && parts.next().is_some_and(is_token);
        is_whole.then_some(Self(essence))
    }

    /// Whether the media type is what the pattern says, which is in lower case.
    pub fn is(self, pattern: &Glob) -> bool {
        pattern.matches(self.lower())
    }

    /// Its bytes, in lower case.
    pub fn lower(self) -> impl Iterator<Item = u8> + 'a {
        self.0.iter().map(u8::to_ascii_lowercase)
    }
}

/// A token (RFC 9110 section 5.6.2).
fn is_token(text: &[u8]) -> bool {
    let mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.iter().all(|&byte| byte.is_ascii_alphanumeric() || mark(byte))
}

/// Bytes with one layer of percent-encoding taken off.
struct Decoded<I> {
    bytes: I,
    /// Read, and not given yet; at most two.
    waiting: [Option<u8>; 2],
}

impl<I: Iterator<Item = u8>> Decoded<I> {
    fn new(bytes: I) -> Self {
        Self { bytes, waiting: [None; 2] }
    }

    fn take(&mut self) -> Option<u8> {
        let [first, second] = self.waiting;
        self.waiting = [second, None];
        first.or_else(|| self.bytes.next())
    }
}

impl<I: Iterator<Item = u8>> Iterator for Decoded<I> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let byte = self.take()?;
        if byte != b'%' {
            return Some(byte);
        }
        let ends = [self.take(), self.take()];
        let digit = |end: Option<u8>| char::from(end?).to_digit(16);
        if let (Some(high), Some(low)) = (digit(ends[0]), digit(ends[1])) {
            return u8::try_from(high * 16 + low).ok();
        }
        self.waiting = ends;
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::redact::text;
    use super::*;
    use crate::cases::cases;

    fn media_type(value: &str) -> Option<String> {
        let bytes = [b"Content-Type", value.as_bytes()].concat();
        let fields = Fields::new(bytes.clone().into(), [(0..12, 12..bytes.len())]);
        MediaType::of(&fields).map(|one| String::from_utf8(one.lower().collect()).unwrap())
    }

    #[test]
    fn media_types_are_those_that_say_so() {
        assert_eq!(media_type("Text/HTML ; charset=utf-8").as_deref(), Some("text/html"));
        assert_eq!(media_type("application/hal+json").as_deref(), Some("application/hal+json"));
        for value in ["", "json", "/json", "a/", "a/b/c", "a b/c", "a/b, c/d", ";a/b"] {
            assert_eq!(media_type(value), None, "{value}");
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        /// The same bytes as where values are decoded for being looked at.
        #[test]
        fn paths_are_decoded_like_values(path in "[%25aAzZ0-9/\u{e9}]{0,40}") {
            let decoded: Vec<u8> = Path(path.as_bytes()).decoded().collect();
            let expected = text::decode(path.as_bytes(), false);
            prop_assert_eq!(decoded.as_slice(), expected.as_ref());
        }
    }
}
