//! Keys of Initial packets, which anybody can make who has seen the first one.
//!
//! In: the destination connection id of a client's first packet, and packets. Out: their payload.
//! Always: a payload that comes out was encrypted with the very keys of that connection's client.
//! Not here: keys of anything else, which the two ends share with nobody.
//! Source: RFC 9001 sections 5.2 to 5.4, RFC 9369 section 3.3, RFC 8446 section 7.1.

use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{Aes128Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::protocol::quic::packet::{Packet, Version};

/// Keys for what a client sends.
pub struct Keys {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl Keys {
    /// Those of the client whose first packet went to that connection id.
    pub fn of_client(version: Version, id: &[u8]) -> Option<Self> {
        let (salt, labels) = match version {
            Version::V1 => (V1_SALT, ["quic key", "quic iv", "quic hp"]),
            Version::V2 => (V2_SALT, ["quicv2 key", "quicv2 iv", "quicv2 hp"]),
        };
        let [key, iv, header] = labels;
        let initial = Hkdf::new(Some(&salt), id);
        let client: [u8; 32] = expand(&initial, "client in")?;
        let client = Hkdf::from_prk(&client).ok()?;
        Some(Self {
            key: expand(&client, key)?,
            iv: expand(&client, iv)?,
            header: expand(&client, header)?,
        })
    }

    /// The payload of a packet. `None`: it was not encrypted with these keys, or was changed.
    pub fn open(&self, packet: &Packet<'_>) -> Option<Vec<u8>> {
        let (number, header) = self.header(packet)?;
        let (payload, tag) = packet.protected.get(number.len()..)?.split_last_chunk()?;
        let mut payload = payload.to_vec();
        Aes128Gcm::new(&self.key.into())
            .decrypt_inout_detached(
                &self.nonce(&number).into(),
                &header,
                payload.as_mut_slice().into(),
                <&[u8; 16]>::into(tag),
            )
            .ok()?;
        Some(payload)
    }

    /// A packet that `open` takes: `header` is all that comes before the length, the number has one to
    /// four bytes.
    #[cfg(any(fuzzing, test))]
    pub fn seal(&self, header: &[u8], number: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
        let length = u32::try_from(number.len() + payload.len() + 16).ok()? | 0x8000_0000;
        let (first, header) = header.split_first()?;
        let first = first & !3 | u8::try_from(number.len().checked_sub(1)?).ok()?;
        let header = [&[first], header, &length.to_be_bytes()].concat();
        let mut sealed = payload.to_vec();
        let whole_header = [&header[..], number].concat();
        let tag = Aes128Gcm::new(&self.key.into())
            .encrypt_inout_detached(
                &self.nonce(number).into(),
                &whole_header,
                sealed.as_mut_slice().into(),
            )
            .ok()?;
        sealed.extend(tag);
        let sample = sealed.get(4_usize.checked_sub(number.len())?..)?.first_chunk()?;
        let [first_mask, number_mask @ ..] = self.mask(sample);
        let number: Vec<u8> = number.iter().zip(number_mask).map(|(n, mask)| n ^ mask).collect();
        let (first, header) = header.split_first()?;
        Some([&[first ^ first_mask & 0x0f], header, &number, &sealed].concat())
    }

    /// The packet number, and the whole header as it was before it was protected.
    fn header(&self, packet: &Packet<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
        let (masked, rest) = packet.protected.split_first_chunk::<4>()?;
        let [first_mask, number_mask @ ..] = self.mask(rest.first_chunk()?);
        let (first, header) = packet.header.split_first()?;
        let first = first ^ first_mask & 0x0f;
        let length_bytes = usize::from(first & 3) + 1;
        let unmasked = masked.iter().zip(number_mask).map(|(byte, mask)| byte ^ mask);
        let number: Vec<u8> = unmasked.take(length_bytes).collect();
        let header = [&[first], header, &number].concat();
        Some((number, header))
    }

    fn mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        let mut block = (*sample).into();
        Aes128::new(&self.header.into()).encrypt_block(&mut block);
        let [first, a, b, c, d, ..]: [u8; 16] = block.into();
        [first, a, b, c, d]
    }

    /// A client's first packets have their whole number (RFC 9000 section 17.1).
    fn nonce(&self, number: &[u8]) -> [u8; 12] {
        let mut nonce = self.iv;
        for (nonce, number) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *nonce ^= number;
        }
        nonce
    }
}

/// HKDF-Expand-Label without a context.
fn expand<const BYTES: usize>(secret: &Hkdf<Sha256>, label: &str) -> Option<[u8; BYTES]> {
    let mut key = [0; BYTES];
    let length = u16::try_from(BYTES).ok()?.to_be_bytes();
    let label_length = u8::try_from(PREFIX.len() + label.len()).ok()?;
    let info = [&length[..], &[label_length], PREFIX, label.as_bytes(), &[0]];
    secret.expand_multi_info(&info, &mut key).ok()?;
    Some(key)
}

/// Of every label of TLS 1.3.
const PREFIX: &[u8] = b"tls13 ";

const V1_SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
    0xcc, 0xbb, 0x7f, 0x0a,
];
const V2_SALT: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
    0xf9, 0xbd, 0x2e, 0xd9,
];

#[cfg(test)]
mod tests {
    use super::Keys;
    use crate::protocol::quic::packet::Version;

    #[test]
    fn keys_are_those_of_the_specifications() {
        let id = 0x8394_c8f0_3e51_5708_u64.to_be_bytes();
        // RFC 9001 appendix A.1.
        let keys = Keys::of_client(Version::V1, &id).unwrap();
        assert_eq!(u128::from_be_bytes(keys.key), 0x1f36_9613_dd76_d546_7730_efcb_e3b1_a22d);
        assert_eq!(keys.iv, [0xfa, 4, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c]);
        assert_eq!(u128::from_be_bytes(keys.header), 0x9f50_449e_04a0_e810_283a_1e99_33ad_edd2);
        // RFC 9001 appendix A.2.
        let sample = 0xd1b1_c98d_d768_9fb8_ec11_d242_b123_dc9b_u128.to_be_bytes();
        assert_eq!(keys.mask(&sample), [0x43, 0x7b, 0x9a, 0xec, 0x36]);
        // RFC 9369 appendix A.2.
        let keys = Keys::of_client(Version::V2, &id).unwrap();
        let sample = 0xffe6_7b6a_bcdb_4298_b485_dd04_de80_6071_u128.to_be_bytes();
        assert_eq!(keys.mask(&sample), [0x94, 0xa0, 0xc9, 0x5e, 0x80]);
    }
}
