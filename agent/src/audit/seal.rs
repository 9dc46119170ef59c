//! Values that an auditor can read, and nobody on this host.
//!
//! In: the auditor's public key, a value. Out: `encrypt:KEY:BOX`, as records hold it; for the auditor the value again.
//! Always: the box is a sealed box of libsodium (`crypto_box_seal`: X25519, XSalsa20, Poly1305) in base64url without
//! padding, made with a key of its own that is wiped at once, so the same value never gives the same box, and what
//! was sealed cannot be opened with anything that is kept here. The auditor's private key is read by `earwitness
//! keys` only.
//! Not here: which values are encrypted (`redact::action`), files (`cli::keys`).

use crypto_box::aead::{Aead as _, OsRng};
use crypto_box::{KEY_SIZE, Nonce, PublicKey, SalsaBox, SecretKey};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Encrypts values to an auditor.
#[derive(Clone, Debug)]
pub struct Auditor {
    key: PublicKey,
    id: Box<str>,
}

/// The auditor's end. No `Debug`: it is a secret.
pub struct AuditorKey(SecretKey);

/// Text that is no key of an auditor.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuditorError {
    /// Not 32 bytes in base64.
    #[error("an auditor's key is 32 bytes in base64")]
    Form,
    /// What is sealed with it could be opened by everybody.
    #[error("this key keeps no secret")]
    Weak,
}

/// Text that cannot be opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// Not `encrypt:KEY:BOX`.
    #[error("this is no encrypted value")]
    Form,
    /// Of another key.
    #[error("this is encrypted to the key {0}")]
    Key(String),
    /// Cut, or changed.
    #[error("this was changed since it was encrypted")]
    Changed,
}

// === impl Auditor ===

impl Auditor {
    /// With this public key, in base64. Errors: it is none.
    pub fn new(text: &str) -> Result<Self, AuditorError> {
        let bytes = BASE64.decode(text.trim().as_bytes()).map_err(|_| AuditorError::Form)?;
        let key = PublicKey::from_slice(&bytes).map_err(|_| AuditorError::Form)?;
        if is_weak(&key) { Err(AuditorError::Weak) } else { Ok(Self::of(key)) }
    }

    fn of(key: PublicKey) -> Self {
        let digest = Sha256::digest(key.as_bytes());
        let id = HEXLOWER.encode(digest.get(..ID_BYTES).unwrap_or_default());
        Self { key, id: id.into() }
    }

    /// Its name in records: the first eight digits of the SHA-256 of the public key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key in base64, as the configuration has it.
    pub fn public(&self) -> String {
        BASE64.encode(self.key.as_bytes())
    }

    /// `encrypt:KEY:BOX`. `None`: the value is longer than `VALUE_BYTES`.
    pub fn seal(&self, value: &[u8]) -> Option<String> {
        if value.len() > VALUE_BYTES {
            return None;
        }
        let sealed = self.key.seal(&mut OsRng, value).ok()?;
        Some(format!("{PREFIX}{}:{}", self.id, BASE64URL_NOPAD.encode(&sealed)))
    }
}

/// Whether two keys give the same secret with it: then it is one of the few points that give it with every key.
fn is_weak(key: &PublicKey) -> bool {
    let probe = |byte| {
        let secret = SecretKey::from_bytes([byte; KEY_SIZE]);
        SalsaBox::new(key, &secret).encrypt(&Nonce::default(), &[0; KEY_SIZE][..]).ok()
    };
    probe(1) == probe(2)
}

// === impl AuditorKey ===

impl AuditorKey {
    /// A new one.
    pub fn generate() -> Self {
        Self(SecretKey::generate(&mut OsRng))
    }

    /// Reads the text of one. Errors: it is none.
    pub fn new(text: &str) -> Result<Self, AuditorError> {
        let bytes = BASE64.decode(text.trim().as_bytes()).map(Zeroizing::new);
        let key = SecretKey::from_slice(&bytes.map_err(|_| AuditorError::Form)?);
        key.map(Self).map_err(|_| AuditorError::Form)
    }

    /// Its text. Whoever has it can read every value that was encrypted to it.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(&*Zeroizing::new(self.0.to_bytes())))
    }

    /// The public part.
    pub fn auditor(&self) -> Auditor {
        Auditor::of(self.0.public_key())
    }

    /// The value. Errors: `OpenError`.
    pub fn open(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let rest = text.trim().strip_prefix(PREFIX).ok_or(OpenError::Form)?;
        let (id, sealed) = rest.split_once(':').ok_or(OpenError::Form)?;
        if id != self.auditor().id() {
            return Err(OpenError::Key(id.to_owned()));
        }
        let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).map_err(|_| OpenError::Form)?;
        self.0.unseal(&sealed).map(Zeroizing::new).map_err(|_| OpenError::Changed)
    }
}

/// Longest value that is encrypted, in bytes.
pub const VALUE_BYTES: usize = 4_096;
/// What stands before the key's id.
const PREFIX: &str = "encrypt:";
/// Bytes of the digest that name a key.
const ID_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
    const PUBLIC: &str = "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=";

    #[test]
    fn what_libsodium_has_sealed_is_opened() {
        let key = AuditorKey::new(SECRET).unwrap();
        assert_eq!(key.auditor().public(), PUBLIC);
        assert_eq!(key.auditor().id(), "aaa8fff7");
        // PyNaCl 1.6: nacl.public.SealedBox(PublicKey).encrypt(b"4111 1111 1111 1111")
        let sealed = "encrypt:aaa8fff7:unsaII765xXmvPI7tsZ-fFDjY-Il7bwu9OqwDCCXhgVwYdhsCQKPYMpKPdhtJa_ADId8-IvNQTajcRPEjqKcmS9LRA";
        assert_eq!(**key.open(sealed).unwrap(), *b"4111 1111 1111 1111");
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_only() {
        let key = AuditorKey::new(SECRET).unwrap();
        let auditor = Auditor::new(PUBLIC).unwrap();
        for value in [&b""[..], b"x", &[0xff; VALUE_BYTES]] {
            let sealed = auditor.seal(value).unwrap();
            assert_ne!(auditor.seal(value).unwrap(), sealed);
            assert_eq!(**key.open(&sealed).unwrap(), *value);
            let other = AuditorKey::generate();
            assert_eq!(other.open(&sealed), Err(OpenError::Key(auditor.id().to_owned())));
            let claimed = sealed.replace(auditor.id(), other.auditor().id());
            assert_eq!(other.open(&claimed), Err(OpenError::Changed));
            assert!(key.open(&sealed[..sealed.len() - 4]).is_err());
        }
        assert_eq!(auditor.seal(&[0; VALUE_BYTES + 1]), None);
        for text in ["", "x", "encrypt:", "encrypt:aaa8fff7", "encrypt:aaa8fff7:*", "hmac:k1:AAAA"]
        {
            assert_eq!(key.open(text), Err(OpenError::Form), "{text}");
        }
        let again = AuditorKey::new(&key.text()).unwrap();
        assert_eq!(again.auditor().public(), PUBLIC);
    }

    #[test]
    fn keys_that_keep_no_secret_are_refused() {
        for text in ["", "AAAA", "age1xyz", "AQID=", &format!("{PUBLIC}AAAA")] {
            assert_eq!(Auditor::new(text).unwrap_err(), AuditorError::Form, "{text}");
        }
        let order_eight = [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ];
        for bytes in [[0; 32], order_eight] {
            assert_eq!(Auditor::new(&BASE64.encode(&bytes)).unwrap_err(), AuditorError::Weak);
        }
    }
}
