//! What may be written of a body.
//!
//! In: `Content` of a message, `BodyRules`. Out: `Kept`, notes of what was removed; `Operations`.
//! Always: values only if they look harmless and no name says otherwise, and where a list decides only
//! those on it; of media types that are not understood nothing, unless they are allowed; memory is at
//! most a small multiple of the content.
//! Not here: content codings (they are removed before), how much of a body is captured.

pub mod rules;

mod binary;
mod charset;
mod form;
mod json;
mod media;
mod multipart;
mod named;
mod names;
mod operations;
mod plain;
mod scalar;
mod table;
mod tally;
mod verdict;
mod xml;

use self::media::{Kind, Media};
use self::rules::BodyRules;
use self::tally::Tally;
use self::verdict::Names;
use super::BodyValues;
use super::notes::Notes;
use crate::audit::record::{Action, Sensitive};

pub use self::operations::{Graphql, JsonRpc, OperationKind, Operations, operations};
pub(super) use self::scalar::behind_base64;

/// Content of a message, or the front of it. No `Debug`: it is not redacted.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// Value of Content-Type, with parameters.
    pub media_type: Option<&'a [u8]>,
    /// Its bytes, without content codings.
    pub bytes: &'a [u8],
    /// More came than is here.
    pub cut: bool,
}

/// What may be written of a body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kept {
    /// The body, redacted.
    pub text: String,
    /// How `text` holds it.
    pub encoding: Encoding,
    /// The body goes on where `text` ends: it was cut, or could not be read further.
    pub truncated: bool,
}

/// How text holds a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// As text.
    Utf8,
    /// In base64 (RFC 4648 section 4).
    Base64,
}

impl Encoding {
    /// `utf-8` or `base64`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Base64 => "base64",
        }
    }
}

/// What may be written of the content; `None`: nothing. `key`: the record's key that the content
/// stands under (`http.request.body.content`); notes begin with it.
pub fn redact(
    content: &Content<'_>,
    rules: &BodyRules,
    key: &'static str,
    notes: &mut Notes<'_>,
) -> Option<Kept> {
    if content.bytes.is_empty() {
        return None;
    }
    let media = content.media_type.and_then(Media::parse);
    let kept = media.ok_or(Sensitive::Unlisted).and_then(|media| {
        let listed = rules.allows_media(&media.essence);
        let all = listed || rules.values() == BodyValues::Detected;
        let terms = Terms { rules, listed, all, key };
        by_kind(content, &media, &terms, notes)
    });
    if let Err(kind) = kept {
        notes.add(key, kind, Action::Drop);
    }
    kept.ok()
}

/// What everything that is kept has to go by.
struct Terms<'r> {
    rules: &'r BodyRules,
    /// The media type is allowed.
    listed: bool,
    /// Not only values under allowed names are kept.
    all: bool,
    key: &'static str,
}

/// Errors: nothing is kept, since it may hold this.
fn by_kind(
    content: &Content<'_>,
    media: &Media<'_>,
    terms: &Terms<'_>,
    notes: &mut Notes<'_>,
) -> Result<Kept, Sensitive> {
    let kind = media.kind();
    if let Some(redact) = kind.by_fields() {
        let bytes = charset::utf8(content.bytes, media.charset(content.bytes))
            .ok_or(Sensitive::Unlisted)?;
        return by_fields(&bytes, content.cut, terms, notes, redact);
    }
    match kind {
        Kind::Parts => {
            let boundary = media.boundary.ok_or(Sensitive::Unlisted)?;
            by_fields(content.bytes, content.cut, terms, notes, |bytes, cut, names, tally, out| {
                multipart::redact(boundary, bytes, cut, names, tally, out)
            })
        }
        Kind::Text(markup) if terms.all => {
            let bytes = charset::utf8(content.bytes, media.charset(content.bytes))
                .ok_or(Sensitive::Unlisted)?;
            let text = String::from_utf8_lossy(&bytes);
            let look = Names::new(terms.rules, terms.all).look(b"");
            plain::redact(&text, markup, content.cut, look, &mut |kind, value| {
                notes.replace(terms.key, kind, value)
            })
        }
        // Nobody looks at the parts of other kinds.
        Kind::Other if terms.listed && !media.has_parts() => {
            binary::redact(content.bytes, content.cut)
        }
        _ => Err(Sensitive::Unlisted),
    }
}

/// Reads bytes of a whole (`false`) or cut (`true`) body and writes what may be kept. Returns
/// whether it read all of it.
type Redact = for<'r> fn(&[u8], bool, &mut Names<'r>, &mut Tally<'r>, &mut Vec<u8>) -> bool;

impl Kind {
    /// How content of this kind is read, if it is text that has fields with names.
    fn by_fields(self) -> Option<Redact> {
        match self {
            Self::Json => Some(json::redact),
            Self::JsonLines => Some(json::redact_lines),
            Self::Form => Some(form::redact),
            Self::Xml => Some(xml::redact),
            Self::Table => Some(table::redact),
            Self::Parts | Self::Text(_) | Self::Other => None,
        }
    }
}

fn by_fields(
    bytes: &[u8],
    cut: bool,
    terms: &Terms<'_>,
    notes: &mut Notes<'_>,
    redact: impl for<'r> FnOnce(&[u8], bool, &mut Names<'r>, &mut Tally<'r>, &mut Vec<u8>) -> bool,
) -> Result<Kept, Sensitive> {
    let mut names = Names::new(terms.rules, terms.all);
    let mut tally = Tally::new(notes.actions());
    let mut out = Vec::with_capacity(bytes.len() + OUT_BYTES);
    let whole = redact(bytes, cut, &mut names, &mut tally, &mut out);
    if out.is_empty() {
        return Err(Sensitive::Unlisted);
    }
    // What is copied was text, so this is, too.
    let text = String::from_utf8(out).map_err(|_| Sensitive::Unlisted)?;
    tally.tell(terms.key, notes);
    Ok(Kept { text, encoding: Encoding::Utf8, truncated: cut || !whole })
}

/// Room for values that get longer by being hidden, in bytes.
const OUT_BYTES: usize = 64;

#[cfg(test)]
mod tests;
