//! What the two hellos say.
//!
//! In: a whole ClientHello or ServerHello without its head. Out: what is of interest in it.
//! Always: an extension that we cannot read does not hide the others; names are plain text.
//! Source: RFC 8446 section 4.1, RFC 5246 section 7.4.1, RFC 6066 section 3, RFC 7301 section 3.1.

use std::net::IpAddr;

use tls_parser::{
    SNIType, TlsCipherSuite, TlsExtension, parse_tls_extension_alpn_content,
    parse_tls_extension_sni_content, parse_tls_extension_unknown, parse_tls_handshake_client_hello,
    parse_tls_handshake_server_hello,
};

use crate::model::tls::Version;

/// What a client offers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientHello {
    /// SNI: a DNS name or an address, lower case. With Encrypted ClientHello this is the public name
    /// in front of the hidden one.
    pub server_name: Option<String>,
    /// Protocols of the application, most wanted first; at most `PROTOCOLS`. Those whose name is no
    /// text are left out.
    pub alpn: Vec<String>,
}

/// What a server chose.
#[derive(Debug)]
pub struct ServerHello {
    /// `None`: one that we do not know.
    pub version: Option<Version>,
    /// Cipher suite.
    pub cipher: u16,
    /// Protocol of the application.
    pub alpn: Option<String>,
    /// It asks for another ClientHello (HelloRetryRequest).
    pub retry: bool,
}

/// Reads a ClientHello.
pub fn client(body: &[u8]) -> Option<ClientHello> {
    let (_, hello) = parse_tls_handshake_client_hello(body).ok()?;
    let extensions = hello.ext.unwrap_or_default();
    Some(ClientHello {
        server_name: extension(extensions, SERVER_NAME).and_then(server_name),
        alpn: extension(extensions, ALPN).map(protocol_names).unwrap_or_default(),
    })
}

/// Reads a ServerHello.
pub fn server(body: &[u8]) -> Option<ServerHello> {
    let (_, hello) = parse_tls_handshake_server_hello(body).ok()?;
    let extensions = hello.ext.unwrap_or_default();
    Some(ServerHello {
        version: match extension(extensions, SUPPORTED_VERSIONS) {
            Some(&[high, low]) => version(u16::from_be_bytes([high, low])),
            Some(_) => None,
            None => version(hello.version.0),
        },
        cipher: hello.cipher.0,
        alpn: extension(extensions, ALPN).and_then(protocol_name),
        retry: hello.random == RETRY,
    })
}

impl ClientHello {
    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let name = self.server_name.as_ref().map_or(0, String::capacity);
        let texts: usize = self.alpn.iter().map(String::capacity).sum();
        name + self.alpn.capacity() * size_of::<String>() + texts
    }
}

/// Name of a cipher suite in IANA's registry.
pub fn cipher_name(cipher: u16) -> Option<&'static str> {
    TlsCipherSuite::from_id(cipher).map(|suite| suite.name)
}

/// The first extension of that type.
fn extension(mut all: &[u8], wanted: u16) -> Option<&[u8]> {
    while let Ok((rest, TlsExtension::Unknown(kind, content))) = parse_tls_extension_unknown(all) {
        if kind.0 == wanted {
            return Some(content);
        }
        all = rest;
    }
    None
}

fn version(number: u16) -> Option<Version> {
    match number {
        0x0300 => Some(Version::Ssl3),
        0x0301 => Some(Version::Tls10),
        0x0302 => Some(Version::Tls11),
        0x0303 => Some(Version::Tls12),
        0x0304 => Some(Version::Tls13),
        _ => None,
    }
}

fn server_name(content: &[u8]) -> Option<String> {
    let Ok((_, TlsExtension::SNI(names))) = parse_tls_extension_sni_content(content) else {
        return None;
    };
    let (_, name) = names.into_iter().find(|(kind, _)| *kind == SNIType::HostName)?;
    let name = str::from_utf8(name).ok()?;
    let name = name.strip_suffix('.').unwrap_or(name);
    (is_dns_name(name) || name.parse::<IpAddr>().is_ok()).then(|| name.to_ascii_lowercase())
}

/// Letters, digits, hyphens and, as found in practice, underscores (RFC 1035 section 2.3).
fn is_dns_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_letter);
    name.len() <= 253 && name.split('.').all(is_label)
}

/// The one protocol that was chosen.
fn protocol_name(content: &[u8]) -> Option<String> {
    let Ok((_, TlsExtension::ALPN(names))) = parse_tls_extension_alpn_content(content) else {
        return None;
    };
    let &[name] = names.as_slice() else { return None };
    protocol(name)
}

/// Those that are offered.
fn protocol_names(content: &[u8]) -> Vec<String> {
    let Ok((_, TlsExtension::ALPN(names))) = parse_tls_extension_alpn_content(content) else {
        return Vec::new();
    };
    names.into_iter().filter_map(protocol).take(PROTOCOLS).collect()
}

fn protocol(name: &[u8]) -> Option<String> {
    let is_text = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_text.then(|| String::from_utf8_lossy(name).into_owned())
}

/// Offered protocols that are kept.
const PROTOCOLS: usize = 64;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// `random` of a HelloRetryRequest: SHA-256 of that word (RFC 8446 section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{PROTOCOLS, RETRY, extension, protocol_name, protocol_names};

    #[test]
    fn a_retry_is_the_digest_of_its_name() {
        assert_eq!(Sha256::digest("HelloRetryRequest").as_slice(), RETRY);
    }

    #[test]
    fn extensions_are_found_behind_others() {
        let all = [0, 5, 0, 1, 9, 0, 16, 0, 5, 0, 3, 2, b'h', b'2', 0, 7];
        assert_eq!(extension(&all, 16).and_then(protocol_name).as_deref(), Some("h2"));
        assert_eq!(extension(&all, 5), Some(&[9][..]));
        assert_eq!(extension(&all, 7), None);
        assert_eq!(extension(&[], 0), None);
    }

    #[test]
    fn one_protocol_is_chosen() {
        assert_eq!(protocol_name(&[0, 6, 2, b'h', b'2', 2, b'h', b'3']), None);
        assert_eq!(protocol_name(&[0, 2, 1, b'\n']), None);
        assert_eq!(protocol_name(&[0, 1, 0]), None);
        assert_eq!(protocol_name(&[0, 9, 1, b'h']), None);
    }

    #[test]
    fn protocols_are_offered() {
        let grease = [0, 9, 2, 0x0a, 0x0a, 2, b'h', b'3', 2, b'h', b'2'];
        assert_eq!(protocol_names(&grease), ["h3", "h2"]);
        assert!(protocol_names(&[0, 9, 1, b'h']).is_empty());
        let many = [&[0, 200][..], &[1, b'h'].repeat(100)].concat();
        assert_eq!(protocol_names(&many), vec!["h"; PROTOCOLS]);
    }
}
