//! Keyed tokens: the same value gives the same token, and nobody without the key can tell which value.
//!
//! In: a type and a value, the redaction key. Out: `hmac:KEY:TOKEN`, as records hold it.
//! Always: the token is 16 bytes of HMAC-SHA256 (RFC 2104) over the type's name followed by the value, in base64url
//! without padding; plain hashes are not offered, since whoever can guess a value could check the guess.
//! Not here: where keys are kept.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Makes tokens with one key. `Debug` shows its id only.
#[derive(Clone)]
pub struct Tokens {
    id: Box<str>,
    keyed: Hmac<Sha256>,
}

impl Tokens {
    /// Those of this key. `id` names it in tokens: `k1`.
    pub fn new(id: &str, key: &[u8; KEY_BYTES]) -> Self {
        // HMAC fills a key up to its block with zeros (RFC 2104 section 2).
        let mut block = [0; BLOCK_BYTES];
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self { id: id.into(), keyed: Hmac::new(&block.into()) }
    }

    /// Name of the key.
    pub fn key_id(&self) -> &str {
        &self.id
    }

    /// The token of a value of this type, such as `payment_card`.
    pub fn token(&self, kind: &str, value: &[u8]) -> String {
        let digest = self.keyed.clone().chain_update(kind).chain_update(value).finalize();
        let digest = digest.into_bytes();
        let front = digest.get(..TOKEN_BYTES).unwrap_or_default();
        format!("hmac:{}:{}", self.id, BASE64URL_NOPAD.encode(front))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Tokens").field(&self.id).finish()
    }
}

/// Length of a key, in bytes.
pub const KEY_BYTES: usize = 32;
/// Length of a block of SHA-256, in bytes.
const BLOCK_BYTES: usize = 64;
/// Bytes of the digest that a token has.
const TOKEN_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_gives_the_same_token_under_one_key_only() {
        let tokens = Tokens::new("k1", &[7; KEY_BYTES]);
        let token = tokens.token("payment_card", b"4111111111111111");
        // python3: hmac.new(b"\7"*32, b"payment_card4111111111111111", "sha256")
        assert_eq!(token, "hmac:k1:1UEUZtf3bvi0gse8gwvmFA");
        assert_eq!(token, tokens.token("payment_card", b"4111111111111111"));
        assert_ne!(token, tokens.token("secret", b"4111111111111111"));
        let other = Tokens::new("k1", &[8; KEY_BYTES]);
        assert_ne!(token, other.token("payment_card", b"4111111111111111"));
        assert_eq!(format!("{tokens:?}"), "Tokens(\"k1\")");
    }
}
