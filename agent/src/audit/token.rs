//! Keyed tokens: the same value gives the same token, and nobody without the key can tell which value.
//!
//! In: a type and a value, the redaction key. Out: `hmac:KEY:TOKEN`, as records hold it.
//! Always: the token is 16 bytes of HMAC-SHA256 (RFC 2104) over the type's name followed by the value, in base64url
//! without padding; plain hashes are not offered, since whoever can guess a value could check the guess. Keys are
//! wiped from memory.
//! Not here: where keys are kept.

use std::{fmt, io};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

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
        let mut block = [0; BLOCK_BYTES].into();
        for (to, from) in Iterator::zip(AsMut::<[u8]>::as_mut(&mut block).iter_mut(), key) {
            *to = *from;
        }
        let keyed = Hmac::new(&block);
        AsMut::<[u8]>::as_mut(&mut block).zeroize();
        Self { id: id.into(), keyed }
    }

    /// Those of a key that nobody has, and that ends with this value: for what is only looked at. Errors: there
    /// are no random bytes to be had.
    pub fn ephemeral() -> io::Result<Self> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *key)?;
        Ok(Self::new(EPHEMERAL, &key))
    }

    /// A few digits that tell keys apart, and nothing about a key.
    pub(crate) fn fingerprint(&self) -> String {
        let digest = self.digest(FINGERPRINT, &[]);
        HEXLOWER.encode(digest.as_ref().get(..FINGERPRINT_BYTES).unwrap_or_default())
    }

    /// Name of the key.
    pub fn key_id(&self) -> &str {
        &self.id
    }

    /// The token of a value of this type, such as `payment_card`.
    pub fn token(&self, kind: &str, value: &[u8]) -> String {
        let digest = self.digest(kind, value);
        let front = digest.as_ref().get(..TOKEN_BYTES).unwrap_or_default();
        format!("hmac:{}:{}", self.id, BASE64URL_NOPAD.encode(front))
    }

    fn digest(&self, kind: &str, value: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.keyed.clone().chain_update(kind).chain_update(value).finalize().into_bytes()
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
/// Name of a key that nobody keeps.
const EPHEMERAL: &str = "k0";
/// What a key's fingerprint is a digest of; no type of a value has this name.
const FINGERPRINT: &str = "earwitness redaction key";
/// Bytes of it: enough that a lost key and the one made in its place do not have the same.
const FINGERPRINT_BYTES: usize = 3;

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
