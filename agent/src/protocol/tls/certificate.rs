//! Whom a client's certificate names.
//!
//! In: a whole Certificate message of TLS 1.2 or earlier without its head. Out: the names in its
//! first certificate. Always: plain text without control characters, at most `NAMES` names of
//! `NAMES_BYTES` bytes in all. Not here: whether the certificate is valid: the server judges that.
//! Source: RFC 5246 section 7.4.2, RFC 5280 section 4.2.1.6.

use std::net::IpAddr;

use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::extensions::{GeneralName, SubjectAlternativeName};
use x509_parser::nom::Parser;
use x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME;

use super::name::{self, distinguished_name};
use crate::model::tls::ClientCertificate;

/// Reads a Certificate message. `None`: the client sent none, or none that we can read.
pub fn first(body: &[u8]) -> Option<ClientCertificate> {
    let [_, _, _, high, middle, low, rest @ ..] = body else { return None };
    let length_bytes = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
    let der = rest.get(..length_bytes)?;
    let parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    let (_, certificate) = { parser }.parse(der).ok()?;
    Some(ClientCertificate {
        subject: distinguished_name(certificate.subject()),
        alternative_names: alternative_names(&certificate),
    })
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.get_extension_unique(&OID_X509_EXT_SUBJECT_ALT_NAME).ok().flatten();
    let Some(Ok((_, names))) = extension.map(|it| SubjectAlternativeName::from_der(it.value))
    else {
        return Vec::new();
    };
    let mut left_bytes = NAMES_BYTES;
    let fits = |name: &String| match left_bytes.checked_sub(name.len()) {
        Some(left) => {
            left_bytes = left;
            true
        }
        None => false,
    };
    names.general_names.iter().filter_map(general_name).take(NAMES).take_while(fits).collect()
}

/// The name as text; kinds that have none are left out.
fn general_name(name: &GeneralName<'_>) -> Option<String> {
    let text = match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            name::printable(text)
        }
        GeneralName::IPAddress(bytes) => address(bytes)?.to_string(),
        GeneralName::DirectoryName(name) => distinguished_name(name),
        GeneralName::OtherName(_, value) => other_name(value)?,
        GeneralName::RegisteredID(oid) => name::dotted(oid),
        GeneralName::X400Address(_) | GeneralName::EDIPartyName(_) | GeneralName::Invalid(..) => {
            return None;
        }
    };
    (!text.is_empty()).then_some(text)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// A text in `[0] EXPLICIT`, as user principal names are.
fn other_name(value: &[u8]) -> Option<String> {
    let (_, wrapped) = Any::from_der(value).ok()?;
    let (_, text) = Any::from_der(wrapped.data).ok()?;
    name::text(&text).map(|text| name::printable(&text))
}

/// Most alternative names that are kept; those of clients have a few.
const NAMES: usize = 64;

/// Most bytes of alternative names that are kept.
const NAMES_BYTES: usize = 4096;
