//! Keys that signatures of JSON Web Tokens are checked with.
//!
//! In: a JSON Web Key Set (RFC 7517). Out: whether a signature holds.
//! Always: a key serves the algorithms of its own kind only, so that nobody signs with a public key; RSA keys
//! of fewer than 2,048 bits are not used.
//! Not here: tokens (`jwt`), which issuer has which keys (`check`). Source: RFC 7518, RFC 8037.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use ring::{hmac, signature};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Keys of one issuer. `Debug` shows how many.
pub(super) struct Keys {
    list: Vec<Key>,
    /// Of the file that they come from.
    digest: [u8; 32],
}

/// A file that holds no keys that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeysError {
    /// It cannot be read.
    #[error("key set {path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is larger than any key set.
    #[error("key set {path} has more than {FILE_BYTES} bytes", path = .0.display())]
    Large(PathBuf),
    /// It is no JSON Web Key Set.
    #[error("{path} is no JSON Web Key Set", path = .0.display())]
    Form(PathBuf),
    /// It holds no key of a kind that is known.
    #[error("{path} has no key for signatures of a kind that is known", path = .0.display())]
    Empty(PathBuf),
}

/// Whether a signature holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// It does.
    Holds,
    /// It does not.
    Fails,
    /// There is no key that it could be of.
    NoKey,
}

struct Key {
    id: Option<String>,
    algorithm: Option<String>,
    material: Material,
}

enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// Uncompressed points.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    Secret(Vec<u8>),
}

impl Keys {
    /// Reads a file. Keys of kinds that are not known are passed over.
    pub(super) fn read(path: &Path) -> Result<Self, KeysError> {
        let fault = |error| KeysError::File { path: path.into(), error };
        let file = fs::File::open(path).map_err(fault)?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(fault)?;
        if bytes.len() as u64 > FILE_BYTES {
            return Err(KeysError::Large(path.into()));
        }
        let list = parse(&bytes).ok_or_else(|| KeysError::Form(path.into()))?;
        if list.is_empty() {
            return Err(KeysError::Empty(path.into()));
        }
        Ok(Self { list, digest: Sha256::digest(&bytes).into() })
    }

    /// Part of the policy's digest.
    pub(super) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Whether this is the signature of that message by one of the keys.
    pub(super) fn check(
        &self,
        algorithm: &str,
        id: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Outcome {
        let named = |key: &&Key| match (id, key.id.as_deref()) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        let mut outcome = Outcome::NoKey;
        for key in self.list.iter().filter(named).take(MOST_TRIES) {
            match key.check(algorithm, message, signature) {
                Some(true) => return Outcome::Holds,
                Some(false) => outcome = Outcome::Fails,
                None => {}
            }
        }
        outcome
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Keys({})", self.list.len())
    }
}

impl Key {
    /// Whether the signature holds; `None`: the key is not of that algorithm.
    fn check(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
        if self.algorithm.as_deref().is_some_and(|own| own != algorithm) {
            return None;
        }
        let by = |verifier: &'static dyn signature::VerificationAlgorithm, point: &Vec<u8>| {
            signature::UnparsedPublicKey::new(verifier, point).verify(message, signature).is_ok()
        };
        Some(match (&self.material, algorithm) {
            (Material::Rsa { n, e }, _) => {
                let key = signature::RsaPublicKeyComponents { n, e };
                key.verify(rsa(algorithm)?, message, signature).is_ok()
            }
            (Material::P256(point), "ES256") => by(&signature::ECDSA_P256_SHA256_FIXED, point),
            (Material::P384(point), "ES384") => by(&signature::ECDSA_P384_SHA384_FIXED, point),
            (Material::Ed25519(point), "EdDSA" | "Ed25519") => by(&signature::ED25519, point),
            (Material::Secret(secret), _) => {
                let key = hmac::Key::new(hash(algorithm)?, secret);
                hmac::verify(&key, message, signature).is_ok()
            }
            _ => return None,
        })
    }
}

fn rsa(algorithm: &str) -> Option<&'static signature::RsaParameters> {
    Some(match algorithm {
        "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
        "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn hash(algorithm: &str) -> Option<hmac::Algorithm> {
    Some(match algorithm {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => return None,
    })
}

// === the file ===

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

/// Members of a key (RFC 7518 section 6). Those of another type than text make the key unknown.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: String,
    n: String,
    e: String,
    x: String,
    y: String,
    k: String,
}

fn parse(bytes: &[u8]) -> Option<Vec<Key>> {
    let set: Set = serde_json::from_slice(bytes).ok()?;
    Some(set.keys.into_iter().filter_map(key).take(MOST_KEYS).collect())
}

fn key(jwk: Jwk) -> Option<Key> {
    if jwk.usage.is_some_and(|usage| usage != "sig") {
        return None;
    }
    let bytes = |text: &str| {
        let bytes = BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok()?;
        (!bytes.is_empty()).then_some(bytes)
    };
    let point = |length: usize| {
        let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
        let fits = x.len() == length && y.len() == length;
        fits.then(|| [&[UNCOMPRESSED], x.as_slice(), y.as_slice()].concat())
    };
    let material = match (jwk.kty.as_str(), jwk.crv.as_str()) {
        ("RSA", _) => Material::Rsa { n: positive(&bytes(&jwk.n)?), e: positive(&bytes(&jwk.e)?) },
        ("EC", "P-256") => Material::P256(point(32)?),
        ("EC", "P-384") => Material::P384(point(48)?),
        ("OKP", "Ed25519") => Material::Ed25519(bytes(&jwk.x)?),
        ("oct", _) => Material::Secret(bytes(&jwk.k)?),
        _ => return None,
    };
    Some(Key { id: jwk.kid, algorithm: jwk.alg, material })
}

/// Without zeros in front, which some encoders leave.
fn positive(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|&byte| byte == 0).collect()
}

/// What an uncompressed point begins with (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;
/// Largest file, in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// Most keys of one issuer.
const MOST_KEYS: usize = 64;
/// Most keys that one token is tried with.
const MOST_TRIES: usize = 16;
