//! What a record says of a message's content.
//!
//! In: the front of the content as sent, the fields of its head. Out: `content` of the record's body,
//! and what operation a body asks for.
//! Always: content codings are taken off within bounds; nothing is written but what
//! `redact::body` lets through.
//! Not here: whether content is wanted (`audit::policy`).

use std::borrow::Cow;

use super::record::message::{Body, ContentEncoding};
use super::record::value::Text;
use super::redact::body::rules::BodyRules;
use super::redact::body::{self, Content, Encoding, Operations};
use super::redact::notes::Notes;
use crate::protocol::coding::{self, CodingLimits, State};
use crate::protocol::content::Front;
use crate::protocol::exchange::{Anomaly, Fields};

/// How content is judged.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    /// What of it may be written.
    pub body: &'a BodyRules,
    /// Most bytes of it.
    pub limit_bytes: usize,
}

/// Content without its codings. No `Debug`: it is not redacted.
pub(super) struct Decoded<'a> {
    bytes: Cow<'a, [u8]>,
    is_cut: bool,
    media_type: Option<&'a [u8]>,
    /// What was odd.
    pub anomaly: Option<Anomaly>,
}

/// Takes the codings off that the fields name. `None`: one of them is not known.
pub(super) fn decode<'a>(
    front: &'a Front,
    fields: &'a Fields,
    limit_bytes: usize,
) -> Option<Decoded<'a>> {
    let media_type = fields.all("content-type").next();
    if fields.all("content-encoding").next().is_none() {
        let bytes = Cow::Borrowed(front.bytes.as_slice());
        return Some(Decoded { bytes, is_cut: front.is_cut, media_type, anomaly: None });
    }
    let limits = CodingLimits { output_bytes: limit_bytes, ..CodingLimits::default() };
    let codings = fields.all("content-encoding");
    let (bytes, state) = coding::decode(codings, &front.bytes, limits).ok()?;
    let anomaly = match state {
        State::Bomb => Some(Anomaly::DecompressionBomb),
        State::Invalid => Some(Anomaly::InvalidCoding),
        // The front of something longer ends in the middle.
        State::Truncated if !front.is_cut => Some(Anomaly::InvalidCoding),
        _ => None,
    };
    let is_cut = front.is_cut || state != State::Whole;
    Some(Decoded { bytes: Cow::Owned(bytes), is_cut, media_type, anomaly })
}

impl Decoded<'_> {
    /// Puts into the body what may be written. `key`: where notes say that it was.
    pub(super) fn tell(
        &self,
        rules: &BodyRules,
        key: &'static str,
        notes: &mut Notes<'_>,
        body: &mut Body<'_>,
    ) {
        if let Some(kept) = body::redact(&self.content(), rules, key, notes) {
            body.content = Some(Text::Owned(kept.text));
            body.content_encoding = Some(encoding(kept.encoding));
            body.truncated = kept.truncated;
        }
    }

    /// What operation it asks for, or answers.
    pub(super) fn operations(&self) -> Operations {
        body::operations(&self.content())
    }

    fn content(&self) -> Content<'_> {
        Content { media_type: self.media_type, bytes: &self.bytes, cut: self.is_cut }
    }
}

/// How the record names it.
pub(super) fn encoding(encoding: Encoding) -> ContentEncoding {
    match encoding {
        Encoding::Utf8 => ContentEncoding::Utf8,
        Encoding::Base64 => ContentEncoding::Base64,
    }
}
