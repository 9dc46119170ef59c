//! What a Content-Type says about how to read a body.
//!
//! In: the value of Content-Type. Out: `Media`, its `Kind`.
//! Always: a value that is no media type, or contradicts itself, gives none.
//! Not here: which media types may be kept (`rules`). Source: RFC 9110 section 8.3, RFC 6838 section
//! 4.2.8 (suffixes).

use super::xml;

/// A media type. No `Debug`: it is not redacted.
pub(super) struct Media<'a> {
    /// Type and subtype in lower case.
    pub(super) essence: String,
    /// Value of the parameter `charset`.
    charset: Option<&'a [u8]>,
    /// Value of the parameter `boundary`.
    pub(super) boundary: Option<&'a [u8]>,
}

/// How content is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// One JSON text.
    Json,
    /// A JSON text on each line.
    JsonLines,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Parts,
    /// XML.
    Xml,
    /// Lines of fields, the first of them names.
    Table,
    /// Text; whether it has elements with names.
    Text(bool),
    /// Anything else.
    Other,
}

impl<'a> Media<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let mut parts = value.split(|&byte| byte == b';');
        let essence = std::str::from_utf8(parts.next()?.trim_ascii()).ok()?.to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let (mut charset, mut boundary) = (None, None);
        for (name, value) in parts.filter_map(parameter) {
            let known = match name.to_ascii_lowercase().as_slice() {
                b"charset" => &mut charset,
                b"boundary" => &mut boundary,
                _ => continue,
            };
            if known.is_some_and(|known| known != value) {
                return None;
            }
            *known = Some(value);
        }
        Some(Self { essence, charset, boundary })
    }

    /// The charset of this content, if its media type or the content itself says one.
    pub(super) fn charset<'c>(&self, content: &'c [u8]) -> Option<&'c [u8]>
    where
        'a: 'c,
    {
        match (self.charset, self.kind()) {
            (None, Kind::Xml) => xml::declared_charset(content),
            (charset, _) => charset,
        }
    }

    /// Whether it has parts with media types of their own.
    pub(super) fn has_parts(&self) -> bool {
        self.essence.starts_with("multipart/")
    }

    pub(super) fn kind(&self) -> Kind {
        match self.essence.as_str() {
            essence if JSON.contains(&essence) => Kind::Json,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonl"
            | "application/jsonlines"
            | "application/x-jsonlines"
            | "application/json-lines"
            | "application/json-seq"
            | "application/stream+json" => Kind::JsonLines,
            "application/x-www-form-urlencoded" => Kind::Form,
            "multipart/form-data" => Kind::Parts,
            "application/xml" | "text/xml" => Kind::Xml,
            "text/csv" | "application/csv" | "text/tab-separated-values" => Kind::Table,
            "text/html" => Kind::Text(true),
            essence if TEXTS.contains(&essence) => Kind::Text(false),
            essence => by_affix(essence),
        }
    }
}

fn by_affix(essence: &str) -> Kind {
    let starts = |prefix| essence.starts_with(prefix);
    let ends = |suffix| essence.ends_with(suffix);
    match () {
        () if ends("+json") => Kind::Json,
        () if ends("+json-seq") => Kind::JsonLines,
        () if ends("+xml") => Kind::Xml,
        () if starts("text/") || ends("+yaml") => Kind::Text(false),
        () => Kind::Other,
    }
}

/// Name and value: `charset=utf-8`, `Charset="utf-8"`.
fn parameter(parameter: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = parameter.iter().position(|&byte| byte == b'=')?;
    let (name, value) = parameter.split_at_checked(equals)?;
    let value = value.get(1..)?.trim_ascii();
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    Some((name.trim_ascii(), bare.unwrap_or(value)))
}

/// A token (RFC 9110 section 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    let mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}

/// JSON that does not say so by a suffix.
const JSON: &[&str] = &[
    "application/csp-report",
    "application/json",
    "application/json-rpc",
    "application/jsonrequest",
    "application/x-amz-json-1.0",
    "application/x-amz-json-1.1",
    "application/x-json",
    "text/json",
    "text/x-json",
];

/// Text that does not say so in its name.
const TEXTS: &[&str] = &[
    "application/ecmascript",
    "application/graphql",
    "application/javascript",
    "application/sql",
    "application/toml",
    "application/x-javascript",
    "application/x-yaml",
    "application/yaml",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(value: &str) -> Option<Kind> {
        Media::parse(value.as_bytes()).map(|media| media.kind())
    }

    #[test]
    fn kinds_are_told_by_name_and_suffix() {
        for (value, expected) in [
            ("Application/JSON; charset=utf-8", Kind::Json),
            ("application/problem+json", Kind::Json),
            ("application/x-amz-json-1.1", Kind::Json),
            ("application/x-ndjson", Kind::JsonLines),
            ("application/geo+json-seq", Kind::JsonLines),
            ("application/x-www-form-urlencoded", Kind::Form),
            ("multipart/form-data; boundary=x", Kind::Parts),
            ("multipart/mixed; boundary=x", Kind::Other),
            ("text/plain", Kind::Text(false)),
            ("image/svg+xml", Kind::Xml),
            ("text/xml", Kind::Xml),
            ("text/html", Kind::Text(true)),
            ("application/octet-stream", Kind::Other),
        ] {
            assert_eq!(kind(value), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_is_no_media_type_is_none() {
        for value in [
            "",
            "json",
            "/json",
            "application/",
            "application/json, text/plain",
            "a b/c",
            "a/\u{e9}",
        ] {
            assert_eq!(kind(value), None, "{value}");
        }
        assert_eq!(kind("text/plain; charset=utf-8; charset=utf-16"), None);
        assert_eq!(kind("multipart/form-data; boundary=a; boundary=b"), None);
    }

    #[test]
    fn a_charset_may_be_quoted() {
        for value in ["a/b;charset=x", "a/b; c=d; Charset = \"x\" ; e", "a/b;charset=x;charset=x"] {
            assert_eq!(
                Media::parse(value.as_bytes()).unwrap().charset(b""),
                Some(&b"x"[..]),
                "{value}"
            );
        }
    }
}
