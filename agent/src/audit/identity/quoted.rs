//! Lists with quoted texts in them, as several header fields have them.
//!
//! In: `name="value", other=value`. Out: the parts, and what quoted texts mean.
//! Always: what separates counts only outside of quotes; nothing fails, odd input gives odd parts.
//! Not here: what the parts are. Source: RFC 9110 section 5.6.

use std::borrow::Cow;

/// The parts between separators, without white space around them.
pub(super) fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = end(text, separator);
        rest = end.and_then(|end| text.get(end + 1..));
        Some(text.get(..end.unwrap_or(text.len())).unwrap_or_default().trim_ascii())
    })
}

/// Where the first separator stands.
fn end(text: &[u8], separator: u8) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.iter().position(|&byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => return byte == separator && !quoted,
        }
        false
    })
}

/// Name and value of a part; `None`: it has no `=`.
pub(super) fn pair(part: &[u8]) -> Option<(&[u8], Cow<'_, [u8]>)> {
    let at = part.iter().position(|&byte| byte == b'=')?;
    let (name, value) = part.split_at_checked(at)?;
    Some((name.trim_ascii(), unquoted(value.get(1..)?.trim_ascii())))
}

/// The value of that name, compared without case, in a list with commas; one without quotes is one word.
pub(super) fn parameter<'a>(text: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let is_word = |part: &&[u8]| part.contains(&b'"') || !part.contains(&b' ');
    let named = |(key, _): &(&[u8], _)| key.eq_ignore_ascii_case(name.as_bytes());
    split(text, b',').filter(is_word).filter_map(pair).find(named).map(|(_, value)| value)
}

/// What a value means that may be a quoted text.
pub(super) fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    let Some(inner) = inner else { return Cow::Borrowed(value) };
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let mut meant = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        meant.extend(if byte == b'\\' { bytes.next() } else { Some(byte) });
    }
    Cow::Owned(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_quotes_do_not_separate() {
        let parts: Vec<_> = split(br#"a="x, \"y", b=z ,"#, b',').collect();
        assert_eq!(parts, [&br#"a="x, \"y""#[..], b"b=z", b""]);
        assert_eq!(pair(parts[0]), Some((&b"a"[..], Cow::Owned(b"x, \"y".to_vec()))));
        assert_eq!(
            parameter(br#"Realm="r", username="Mu\"fasa""#, "USERNAME").as_deref(),
            Some(&b"Mu\"fasa"[..])
        );
        assert_eq!(pair(b"no value"), None);
        assert_eq!(split(b"", b',').count(), 1);
        assert_eq!(split(br#"a="open, b=c"#, b',').count(), 1);
    }
}
