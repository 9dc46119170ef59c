//! E-mail addresses.
//!
//! In: text. Out: where one stands in it.
//! Always: a domain with a top level of letters follows the `@`.
//! Not here: names that say so (`redact::name`).

use std::ops::Range;

/// Where the first address is: `local@domain.tld` (RFC 5322 section 3.4.1, as addresses are written in
/// practice).
pub fn find(text: &[u8]) -> Option<Range<usize>> {
    memchr::memchr_iter(b'@', text).find_map(|at| {
        let (local, rest) = text.split_at_checked(at)?;
        let part = |byte: &u8| is_letter(*byte) || b"!#$&'*/=?^`{|}~._%+-".contains(byte);
        let is_quoted = local.last() == Some(&b'"');
        let start = local.iter().rposition(|byte| !part(byte)).map_or(0, |at| at + 1);
        let length = domain_bytes(rest.get(1..)?)?;
        let named = local.last().is_some_and(|byte| is_letter(*byte) || b"._%+-".contains(byte));
        (named || is_quoted).then_some(start..at + 1 + length)
    })
}

/// How long the domain is: labels with dots between them, the last one of letters.
fn domain_bytes(text: &[u8]) -> Option<usize> {
    let part = |byte: &u8| is_letter(*byte) || matches!(byte, b'-' | b'.');
    let end = text.iter().take(DOMAIN_BYTES).position(|byte| !part(byte));
    let domain = text.get(..end.unwrap_or(DOMAIN_BYTES.min(text.len())))?;
    let mut labels = domain.split(|&byte| byte == b'.').filter(|label| !label.is_empty());
    let top = |label: &[u8]| label.len() >= 2 && !label.iter().any(u8::is_ascii_digit);
    let has_top = labels.next().is_some() && labels.any(top);
    let dots = domain.iter().rev().take_while(|byte| **byte == b'.').count();
    has_top.then_some(domain.len() - dots)
}

/// Letters, digits, and bytes of letters beyond ASCII.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// Longest domain name (RFC 1035 section 2.3.4), in bytes.
const DOMAIN_BYTES: usize = 253;

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn addresses_are_found() {
        for (text, address) in [
            ("alice@example.com", "alice@example.com"),
            ("mailto:a.b+c@mail.example.co.uk?x", "a.b+c@mail.example.co.uk"),
            ("Alice <alice@xn--e1aybc.example>.", "alice@xn--e1aybc.example"),
            ("\u{fc}ser@b\u{fc}cher.example.", "\u{fc}ser@b\u{fc}cher.example"),
            ("\"a b\"@example.com", "@example.com"),
        ] {
            let found = find(text.as_bytes()).map(|range| &text[range]);
            assert_eq!(found, Some(address), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in ["@angular/core@18.0.1", "@type", "a @ b.example", "npm@latest", "a@b", ""] {
            assert_eq!(find(text.as_bytes()), None, "{text}");
        }
    }
}
