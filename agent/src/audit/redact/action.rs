//! What is done to a sensitive value: what stands in its place.
//!
//! In: what the value was taken for, the value as it was meant. Out: its token.
//! Always: the same value gives the same token wherever it stood, however it was encoded there.
//! Not here: what is sensitive (`value`, `name`), counting (`notes`), keys (`crate::keys`).

use std::borrow::Cow;

use super::super::record::Sensitive;
use super::super::token::Tokens;

/// What tokens are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenKind {
    /// A value.
    Value(Sensitive),
    /// The content of a message as a whole, as it was sent.
    Body,
}

impl TokenKind {
    /// That of this name; `None`: there is none.
    pub fn named(name: &str) -> Option<Self> {
        let mut known = Sensitive::ALL.iter();
        let value = known.find(|kind| kind.name() == name).map(|kind| Self::Value(*kind));
        value.or((name == BODY).then_some(Self::Body))
    }

    /// The token of a value as it was meant: with percent-encoding, escapes of JSON and white space around a
    /// header's value taken away.
    pub fn token(self, tokens: &Tokens, value: &[u8]) -> String {
        match self {
            Self::Value(kind) => tokens.token(kind.name(), &normal(kind, value)),
            Self::Body => tokens.token(BODY, value),
        }
    }
}

/// Name of the type that digests of content have.
const BODY: &str = "body";

/// A value as tokens are made of it: a payment card number is its digits, whatever stands between them.
fn normal(kind: Sensitive, value: &[u8]) -> Cow<'_, [u8]> {
    let part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.');
    if kind == Sensitive::PaymentCard && value.iter().all(part) {
        return value.iter().copied().filter(u8::is_ascii_digit).collect();
    }
    Cow::Borrowed(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::token::KEY_BYTES;

    #[test]
    fn tokens_are_of_what_was_meant() {
        let tokens = Tokens::new("k1", &[7; KEY_BYTES]);
        let token = |name: &str, value: &str| {
            TokenKind::named(name).unwrap().token(&tokens, value.as_bytes())
        };
        let card = tokens.token("payment_card", b"4111111111111111");
        for written in ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"] {
            assert_eq!(token("payment_card", written), card);
        }
        assert_ne!(token("payment_card", "pay 4111111111111111"), card);
        assert_eq!(token("secret", "a b"), tokens.token("secret", b"a b"));
        assert_eq!(token("body", "4111 1"), tokens.token("body", b"4111 1"));
        assert_eq!(TokenKind::named("Secret"), None);
    }
}
