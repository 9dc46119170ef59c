//! One hop of a forwarded request, and `X-Forwarded-For`, `X-Real-IP`.
//!
//! In: values of fields. Out: hops in order, the client's first.
//! Always: what is neither an address nor a word for an unknown one is malformed, and so is what is empty: a
//! proxy that has added nothing must not make what stands before it count. Mapped IPv4 is IPv4.
//! Not here: who is believed (`audit::source`), `Forwarded` (`forwarded`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One that a request has come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hop {
    /// By its address.
    Node(Node),
    /// It is not told: `unknown`, or by a name that only the proxy knows.
    Hidden,
    /// What is said is nothing of these.
    Malformed,
}

/// An address, with the port if that is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Node {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
}

/// The hops of all fields of X-Forwarded-For. `None`: there are none.
pub(super) fn listed<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    let mut is_empty = true;
    for value in values {
        is_empty &= value.trim_ascii().is_empty();
        hops.extend(value.split(|&byte| byte == b',').map(Hop::plain));
    }
    (!is_empty).then_some(hops)
}

/// The one that X-Real-IP names. `None`: there is no such field.
pub(super) fn single<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<Hop> {
    let first = values.next()?;
    match values.all(|value| value == first) {
        true if first.trim_ascii().is_empty() => None,
        true => Some(Hop::plain(first)),
        false => Some(Hop::Malformed),
    }
}

impl Hop {
    /// As X-Forwarded-For and X-Real-IP write it.
    fn plain(text: &[u8]) -> Self {
        let text = std::str::from_utf8(trim(text)).ok();
        text.filter(|text| text.len() <= NODE_BYTES).map_or(Self::Malformed, |text| {
            match text.eq_ignore_ascii_case("unknown") {
                true => Self::Hidden,
                false => node(text).map_or(Self::Malformed, Self::Node),
            }
        })
    }

    /// As Forwarded writes it (RFC 7239 section 6), its quotes taken away.
    pub(super) fn forwarded(text: &str) -> Self {
        let name = text.split(':').next().unwrap_or_default();
        let port = text.get(name.len() + 1..);
        let has_port = port.is_none_or(|port| is_obfuscated(port) || digits(port).is_some());
        if has_port && (name.eq_ignore_ascii_case("unknown") || is_obfuscated(name)) {
            return Self::Hidden;
        }
        // The port may be obfuscated alone.
        let end = text.rfind(":_").filter(|at| text.get(at + 1..).is_some_and(is_obfuscated));
        let text = end.and_then(|at| text.get(..at)).unwrap_or(text);
        node(text).map_or(Self::Malformed, Self::Node)
    }
}

/// An address with or without port, brackets and zone.
fn node(text: &str) -> Option<Node> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let address = without_zone(address)?.parse::<Ipv6Addr>().ok()?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(digits(port)?),
            None if rest.is_empty() => None,
            None => return None,
        };
        return Some(Node { address: IpAddr::V6(address).to_canonical(), port });
    }
    if let Ok(address) = without_zone(text)?.parse::<Ipv6Addr>() {
        return Some(Node { address: IpAddr::V6(address).to_canonical(), port: None });
    }
    let (address, port) = match text.split_once(':') {
        Some((address, port)) => (address, Some(digits(port)?)),
        None => (text, None),
    };
    Some(Node { address: address.parse::<Ipv4Addr>().ok()?.into(), port })
}

/// An address of IPv6 without the zone (RFC 4007), which only the proxy knows.
fn without_zone(text: &str) -> Option<&str> {
    match text.split_once('%') {
        None => Some(text),
        Some((address, zone)) => {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            let fits = (1..=ZONE_BYTES).contains(&zone.len()) && zone.bytes().all(known);
            fits.then_some(address)
        }
    }
}

fn digits(port: &str) -> Option<u16> {
    let plain = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|_| plain)
}

/// `_` and a name (RFC 7239 section 6.3).
fn is_obfuscated(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.strip_prefix('_').is_some_and(|name| !name.is_empty() && name.bytes().all(known))
}

/// Without spaces and tabs at both ends; anything else belongs to the value.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let inner = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = text.iter().position(inner).unwrap_or(text.len());
    let end = text.iter().rposition(inner).map_or(start, |at| at + 1);
    text.get(start..end).unwrap_or_default()
}

/// Longer text is no address.
const NODE_BYTES: usize = 96;
/// Longest name of a zone that is taken for one.
const ZONE_BYTES: usize = 32;
