//! A request target in its parts (RFC 9112 section 3.2), and a Host field in its parts.
//!
//! In: bytes as sent. Out: `Target`, `Authority`, slices of the same bytes.
//! Always: what is not understood is a path, which is looked at like every other path; a host that
//! RFC 3986 does not allow is none.
//! Not here: hiding anything (`redact::url`).

use std::net::Ipv6Addr;

/// A request target in its parts. No `Debug`: it is not redacted.
#[derive(Clone, Copy, Default)]
pub struct Target<'a> {
    /// Of the absolute form.
    pub scheme: Option<&'a [u8]>,
    /// Of the absolute and the authority form.
    pub authority: Option<Authority<'a>>,
    /// `None` in the authority form.
    pub path: Option<&'a [u8]>,
    /// Without `?`.
    pub query: Option<&'a [u8]>,
    /// Something stands behind a `#`.
    pub has_fragment: bool,
}

/// Host and port, and whether a user was named.
#[derive(Clone, Copy, Default)]
pub struct Authority<'a> {
    /// Host without brackets; `None` if it is none.
    pub host: Option<&'a str>,
    /// Port, where one is given.
    pub port: Option<u16>,
    /// Something stands before an `@`.
    pub has_user_info: bool,
}

impl<'a> Target<'a> {
    /// Takes a request target apart. `connect`: the method is CONNECT.
    pub fn parse(target: &'a [u8], connect: bool) -> Self {
        if connect && !target.starts_with(b"/") {
            let authority = Some(Authority::parse(target));
            return Self { authority, ..Self::default() };
        }
        let (target, fragment) = split(target, b'#');
        let absolute = absolute(target);
        let path_and_query = absolute.as_ref().map_or(target, |absolute| absolute.rest);
        let (path, query) = split(path_and_query, b'?');
        Self {
            scheme: absolute.as_ref().map(|absolute| absolute.scheme),
            authority: absolute.as_ref().map(|absolute| Authority::parse(absolute.authority)),
            // An empty path means `/` (RFC 9110 section 4.2.3).
            path: Some(if path.is_empty() { b"/" } else { path }),
            query,
            has_fragment: fragment.is_some(),
        }
    }
}

fn split(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == at) {
        Some(index) => (text.get(..index).unwrap_or_default(), text.get(index + 1..)),
        None => (text, None),
    }
}

struct Absolute<'a> {
    scheme: &'a [u8],
    authority: &'a [u8],
    rest: &'a [u8],
}

fn absolute(target: &[u8]) -> Option<Absolute<'_>> {
    let in_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let end = target.iter().position(|byte| !in_scheme(byte))?;
    let (scheme, rest) = target.split_at_checked(end)?;
    let rest = rest.strip_prefix(b"://")?;
    if !scheme.first().is_some_and(u8::is_ascii_alphabetic) || scheme.len() > SCHEME_BYTES {
        return None;
    }
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
    let (authority, rest) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    Some(Absolute { scheme, authority, rest })
}

/// Longest scheme that is taken for one, in bytes.
const SCHEME_BYTES: usize = 32;
/// Longest host name, in bytes (RFC 1035 allows 253; percent-encoding may need more).
const HOST_BYTES: usize = 255;

impl<'a> Authority<'a> {
    /// Takes `user@host:port` apart.
    pub fn parse(authority: &'a [u8]) -> Self {
        let at = authority.iter().rposition(|&byte| byte == b'@');
        let bare = at.and_then(|at| authority.get(at + 1..)).unwrap_or(authority);
        let parsed = host_and_port(bare);
        Self {
            host: parsed.map(|(host, _)| host),
            port: parsed.and_then(|(_, port)| port),
            has_user_info: at.is_some(),
        }
    }
}

fn host_and_port(text: &[u8]) -> Option<(&str, Option<u16>)> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return Some((host, port(rest)?));
    }
    let end = text.find(':').unwrap_or(text.len());
    let (host, rest) = text.split_at_checked(end)?;
    is_host(host).then_some((host, port(rest)?))
}

/// What follows the host: nothing, `:` or `:port`. `None`: something else.
#[expect(clippy::option_option, reason = "no port and no authority at all are two things")]
fn port(rest: &str) -> Option<Option<u16>> {
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some(None),
        None => None,
        Some("") => Some(None),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().map(Some)
        }
        Some(_) => None,
    }
}

/// A registered name or IPv4 address of RFC 3986 section 3.2.2.
fn is_host(host: &str) -> bool {
    let allowed = |byte: u8| {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        plain || b"~%!$&'()*+,;=".contains(&byte)
    };
    !host.is_empty() && host.len() <= HOST_BYTES && host.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(target: &str, connect: bool) -> String {
        let text = |part: Option<&[u8]>| {
            part.map_or("-".to_owned(), |part| String::from_utf8_lossy(part).into_owned())
        };
        let target = Target::parse(target.as_bytes(), connect);
        let authority = target.authority.unwrap_or_default();
        format!(
            "{} {} {} {} {}{}{}",
            text(target.scheme),
            authority.host.unwrap_or("-"),
            authority.port.map_or("-".to_owned(), |port| port.to_string()),
            text(target.path),
            text(target.query),
            if authority.has_user_info { " user" } else { "" },
            if target.has_fragment { " fragment" } else { "" },
        )
    }

    #[test]
    fn the_four_forms() {
        for (target, parts) in [
            ("/a/b?c=d?e", "- - - /a/b c=d?e"),
            ("/a#b?c", "- - - /a - fragment"),
            ("http://u:p@Host.example:81/a?b", "http Host.example 81 /a b user"),
            ("HTTPS://[::1]?b", "HTTPS ::1 - / b"),
            ("*", "- - - * -"),
            ("//h/a", "- - - //h/a -"),
            ("odd", "- - - odd -"),
            ("/redirect/http://h/", "- - - /redirect/http://h/ -"),
            ("", "- - - / -"),
        ] {
            assert_eq!(show(target, false), parts, "{target}");
        }
        assert_eq!(show("u:p@example.com:443", true), "- example.com 443 - - user");
    }

    #[test]
    fn hosts_that_are_none() {
        for host in ["", "a b", "[::g]", "h:99999", "h:8x", "h/..", "<x>", "a:b:c"] {
            assert_eq!(Authority::parse(host.as_bytes()).host, None, "{host}");
        }
    }
}
