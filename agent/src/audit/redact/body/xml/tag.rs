//! What stands between the angle brackets of a start tag.
//!
//! In: a tag as sent. Out: its name, its attributes, and the blanks around them.
//! Always: strictly by the grammar, so that nobody reads anything else into it; at most `ATTRIBUTES` attributes.
//! Not here: where a tag ends (`quick_xml`), what may be written (`xml`). Source: XML 1.0 sections 2.3 and 3.1,
//! Namespaces in XML 1.0 section 4.

use std::borrow::Cow;

use quick_xml::escape::unescape;
use quick_xml::events::BytesStart;

/// A start tag. No `Debug`: it is not redacted.
pub(super) struct Tag<'t> {
    pub(super) name: Name<'t>,
    pub(super) attributes: Vec<Attribute<'t>>,
    /// What stands behind the last one: blanks, a slash where it has no content, `>`.
    pub(super) end: &'t str,
}

/// An attribute.
pub(super) struct Attribute<'t> {
    /// Blanks before it.
    pub(super) blanks: &'t str,
    pub(super) name: Name<'t>,
    /// The sign and what stands around it, with the opening quote.
    pub(super) equals: &'t str,
    /// Between its quotes, as sent.
    pub(super) raw: &'t str,
    /// The same with its references taken away.
    pub(super) value: Cow<'t, str>,
}

/// `local` or `prefix:local`.
#[derive(Clone, Copy)]
pub(super) struct Name<'t> {
    pub(super) whole: &'t str,
    pub(super) prefix: Option<&'t str>,
    pub(super) local: &'t str,
}

impl<'t> Tag<'t> {
    /// `text`: from `<` to `>`. `None`: it is none, or cannot be read.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let inner = text.strip_prefix('<')?.strip_suffix('>')?;
        let content = inner.strip_suffix('/').unwrap_or(inner);
        let name_bytes = content.find(is_blank).unwrap_or(content.len());
        let (name, mut rest) = content.split_at_checked(name_bytes)?;
        let name = Name::parse(name)?;
        let mut attributes = Vec::new();
        for attribute in BytesStart::from_content(content, name_bytes).attributes() {
            let (read, after) = Attribute::parse(rest, attribute.ok()?.key.as_ref())?;
            rest = after;
            attributes.push(read);
            if attributes.len() > ATTRIBUTES {
                return None;
            }
        }
        let end = text.get(1 + content.len() - rest.len()..)?;
        rest.chars().all(is_blank).then_some(Self { name, attributes, end })
    }
}

impl<'t> Attribute<'t> {
    /// The attribute of this name at the front of a text, and what follows it.
    fn parse(text: &'t str, name: &str) -> Option<(Self, &'t str)> {
        let bare = text.trim_start_matches(is_blank);
        let blanks = text.get(..text.len() - bare.len()).filter(|blanks| !blanks.is_empty())?;
        let (name, rest) = bare.split_at_checked(name.len()).filter(|(own, _)| *own == name)?;
        let sign = rest.trim_start_matches(is_blank).strip_prefix('=')?;
        let quoted = sign.trim_start_matches(is_blank);
        let quote = quoted.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let inner = quoted.get(1..)?;
        let equals = rest.get(..rest.len() - inner.len())?;
        let (raw, after) = inner.split_once(quote)?;
        let value = unescape(raw).ok().filter(|_| !raw.contains('<'))?;
        Some((Self { blanks, name: Name::parse(name)?, equals, raw, value }, after))
    }

    /// The quote that stands around its value.
    pub(super) fn quote(&self) -> &'t str {
        self.equals.get(self.equals.len().saturating_sub(1)..).unwrap_or_default()
    }
}

impl<'t> Name<'t> {
    /// `None`: it is none.
    pub(super) fn parse(whole: &'t str) -> Option<Self> {
        let (prefix, local) = match whole.split_once(':') {
            Some((prefix, local)) => (Some(prefix), local),
            None => (None, whole),
        };
        let is_valid = prefix.is_none_or(is_name) && is_name(local);
        is_valid.then_some(Self { whole, prefix, local })
    }
}

/// A name without colons.
fn is_name(text: &str) -> bool {
    let begins = |c: char| c.is_alphabetic() || c == '_';
    let part = |c: char| begins(c) || c.is_alphanumeric() || matches!(c, '-' | '.' | '\u{b7}');
    text.starts_with(begins) && text.chars().all(part)
}

/// White space of XML.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Most attributes of an element.
const ATTRIBUTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = Tag::parse(text).map(|tag| {
            let attributes = tag.attributes.iter().map(|one| {
                let Attribute { blanks, name, equals, raw, value } = one;
                format!("[{blanks}|{}|{equals}|{raw}|{value}|{}]", name.local, one.quote())
            });
            format!("{}{}{}", tag.name.local, attributes.collect::<String>(), tag.end)
        });
        assert_eq!(shown.as_deref().unwrap_or("none"), expected, "{text}");
    }

    #[test]
    fn tags_are_taken_apart() {
        check("<a>", "a>");
        check("<x:a />", "a />");
        check("<a/>", "a/>");
        check("<a b = 'c&lt;\"' x:d=\"\"  >", "a[ |b| = '|c&lt;\"|c<\"|'][ |d|=\"|||\"]  >");
        check("<\u{e9}t\u{e9} b='/'/>", "\u{e9}t\u{e9}[ |b|='|/|/|']/>");
    }

    #[test]
    fn what_is_none_is_not_read() {
        for text in [
            "<>",
            "< a>",
            "<a b>",
            "<a b=c>",
            "<a b='c'd='e'>",
            "<a b='c' b='d'>",
            "<a b='<'>",
            "<1>",
            "<a:>",
            "<:a>",
            "<a:b:c>",
            "<a\u{c}b='c'>",
            "<a b='&x;'>",
            "<a b='&'>",
            "<a b=\"c>",
            "<a\"b>",
            "<a / b='c'>",
        ] {
            check(text, "none");
        }
    }
}
