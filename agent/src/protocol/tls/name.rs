//! Distinguished names as text.
//!
//! In: names of a certificate. Out: the form of RFC 4514, most specific part first.
//! Always: no control characters; at most `NAME_BYTES`, what is beyond is left off part by part.
//! Not here: which names (`certificate`). Source: RFC 4514 section 2, RFC 4519 section 2.

use std::fmt::Write;

use x509_parser::asn1_rs::{Any, Class, Oid, Tag, ToDer};
use x509_parser::x509::{AttributeTypeAndValue, RelativeDistinguishedName, X509Name};

/// A name as RFC 4514 writes it.
pub fn distinguished_name(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for part in parts.into_iter().rev().map(relative) {
        if text.len() + 1 + part.len() > NAME_BYTES {
            break;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&part);
    }
    text
}

/// Text without control characters: their bytes in hexadecimal, as RFC 4514 does it.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_printable(&mut out, c));
    out
}

/// Numbers with dots between them; undecoded if that is not possible.
pub fn dotted(oid: &Oid<'_>) -> String {
    let Some(arcs) = arcs(oid.as_bytes()) else {
        return hexadecimal(oid.as_bytes());
    };
    let arcs: Vec<_> = arcs.iter().map(u64::to_string).collect();
    arcs.join(".")
}

/// The content of a string, whichever of ASN.1's it is.
pub fn text(value: &Any<'_>) -> Option<String> {
    if value.class() != Class::Universal {
        return None;
    }
    match value.tag() {
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::NumericString
        | Tag::Ia5String
        | Tag::VisibleString => str::from_utf8(value.data).ok().map(str::to_owned),
        // In practice this is ISO 8859-1.
        Tag::TeletexString => Some(value.data.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let (units, rest) = value.data.as_chunks();
            let units = units.iter().copied().map(u16::from_be_bytes);
            let text = char::decode_utf16(units).collect::<Result<_, _>>().ok();
            text.filter(|_| rest.is_empty())
        }
        Tag::UniversalString => {
            let (units, rest) = value.data.as_chunks();
            let text = units.iter().map(|&unit| char::from_u32(u32::from_be_bytes(unit))).collect();
            rest.is_empty().then_some(text)?
        }
        _ => None,
    }
}

fn relative(part: &RelativeDistinguishedName<'_>) -> String {
    let attributes: Vec<_> = part.iter().map(attribute).collect();
    attributes.join("+")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = dotted(attribute.attr_type());
    let known = TYPES.iter().find(|(known, _)| *known == oid);
    let value = attribute.attr_value();
    let whole = || hexadecimal(&value.to_der_vec().unwrap_or_default());
    match (known, text(value)) {
        (Some((_, name)), Some(text)) => format!("{name}={}", escaped(&text)),
        (Some((_, name)), None) => format!("{name}={}", whole()),
        (None, _) => format!("{oid}={}", whole()),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (at, c) in text.char_indices() {
        let special = match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => true,
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            _ => false,
        };
        if special {
            out.push('\\');
        }
        push_printable(&mut out, c);
    }
    out
}

fn push_printable(out: &mut String, c: char) {
    if !c.is_control() {
        out.push(c);
        return;
    }
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        // Writing to a string does not fail.
        let _ = write!(out, "\\{byte:02X}");
    }
}

/// The numbers of an object identifier (X.690 section 8.19).
fn arcs(bytes: &[u8]) -> Option<Vec<u64>> {
    bytes.last().filter(|byte| **byte < 0x80)?;
    let mut arcs = Vec::new();
    let mut arc = 0_u64;
    for byte in bytes {
        arc = arc.checked_mul(128)? + u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if arcs.is_empty() {
            // The first two share a number: 40 times the one, which is at most 2, and the other.
            let root = (arc / 40).min(2);
            arcs.push(root);
            arc -= 40 * root;
        }
        arcs.push(arc);
        arc = 0;
    }
    Some(arcs)
}

/// Undecoded bytes, as RFC 4514 writes them.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(1 + 2 * bytes.len());
    out.push('#');
    for byte in bytes {
        let _ = write!(out, "{byte:02X}");
    }
    out
}

/// Longest name, in bytes.
const NAME_BYTES: usize = 4096;

/// Types that have a short name: those of RFC 4514 section 3 and some that clients have.
const TYPES: [(&str, &str); 14] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "GN"),
];

#[cfg(test)]
mod tests {
    use x509_parser::asn1_rs::{Any, FromDer, Oid};
    use x509_parser::x509::X509Name;

    use super::{NAME_BYTES, distinguished_name, dotted, printable, text};

    /// A value, its type and length in one byte each.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        assert!(length < 0x80);
        [&[tag, length], content].concat()
    }

    fn common_name(tag: u8, value: &[u8]) -> Vec<u8> {
        let attribute = [&[6, 3, 0x55, 4, 3][..], &der(tag, value)].concat();
        der(0x31, &der(0x30, &attribute))
    }

    fn check(parts: &[u8], expected: &str) {
        let length = u16::try_from(parts.len()).unwrap().to_be_bytes();
        let head: &[u8] = match length {
            [0, low] if low < 0x80 => &[0x30, low],
            [0, low] => &[0x30, 0x81, low],
            [high, low] => &[0x30, 0x82, high, low],
        };
        let name = [head, parts].concat();
        let (_, name) = X509Name::from_der(&name).unwrap();
        assert_eq!(distinguished_name(&name), expected);
    }

    #[test]
    fn every_kind_of_string_is_read() {
        for (tag, content, expected) in [
            (12, "Zoë".as_bytes(), Some("Zoë")),
            (12, b"\xff", None),
            (19, b"Zoe*", Some("Zoe*")),
            (20, b"Zo\xeb", Some("Zoë")),
            (22, b"Zoe", Some("Zoe")),
            (28, b"\0\0\0Z\0\0\0\xeb", Some("Zë")),
            (28, b"\0\0\0Z\0", None),
            (28, b"\0\x11\0\0", None),
            (30, b"\0Z\0\xeb\xd8\x3d\xde\x00", Some("Zë😀")),
            (30, b"\0Z\0", None),
            (30, b"\xd8\x3d", None),
            (4, b"Zoe", None),
            (0x8c, b"Zoe", None),
        ] {
            let value = der(tag, content);
            let (_, value) = Any::from_der(&value).unwrap();
            assert_eq!(text(&value).as_deref(), expected, "type {tag}");
        }
    }

    #[test]
    fn what_has_a_meaning_is_escaped() {
        check(&common_name(12, b" a  b "), "CN=\\ a  b\\ ");
        check(&common_name(12, b"a#,b=c"), "CN=a#\\,b=c");
        check(&common_name(12, b"a\nb\0"), "CN=a\\0Ab\\00");
        check(&common_name(4, b"ab"), "CN=#04026162");
        check(&common_name(12, b" "), "CN=\\ ");
        check(&common_name(12, b""), "CN=");
        check(&[], "");
    }

    #[test]
    fn controls_never_come_through() {
        assert_eq!(printable("a\r\n\u{85}é"), "a\\0D\\0A\\C2\\85é");
    }

    #[test]
    fn long_names_lose_their_general_parts() {
        let part = common_name(12, &[b'x'; 60]);
        let parts: Vec<_> = (0..NAME_BYTES).step_by(50).flat_map(|_| part.clone()).collect();
        let one = format!("CN={}", "x".repeat(60));
        let expected = vec![one.as_str(); NAME_BYTES / (one.len() + 1)].join(",");
        check(&parts, &expected);
    }

    #[test]
    fn object_identifiers_are_dotted() {
        let text = |bytes: &'static [u8]| dotted(&Oid::new(bytes.into()));
        assert_eq!(text(&[0x55, 4, 3]), "2.5.4.3");
        assert_eq!(text(&[0x2a, 0x86, 0x48]), "1.2.840");
        assert_eq!(text(&[0x88, 0x37, 1]), "2.999.1");
        assert_eq!(text(&[]), "#");
        assert_eq!(text(&[0x2a, 0x86]), "#2A86");
        let large = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(text(large), "#FFFFFFFFFFFFFFFFFF7F");
    }
}
