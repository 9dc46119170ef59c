//! What a record says of content.
//!
//! In: the front of the content as sent, the fields of its head. Out: `content` of the record's body or
//! message, and what operation a body asks for.
//! Always: content codings are taken off within bounds; nothing is written but what
//! `redact::body` lets through; where a coding is not known, nothing is. Of what is not written there is a token,
//! if it is all there.
//! Not here: whether content is wanted (`audit::policy`).

use std::borrow::Cow;

use super::record::message::{Body, ContentEncoding};
use super::record::value::Text;
use super::record::{Action, Sensitive};
use super::redact::action::{Actions, TokenKind};
use super::redact::body::rules::BodyRules;
use super::redact::body::{self, Content, Encoding, Operations};
use super::redact::notes::Notes;
use crate::model::wiped::wipe;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::coding::{self, CodingLimits, State};
use crate::protocol::content::Front;
use crate::protocol::fields::Fields;

/// How content is judged.
#[derive(Clone, Copy)]
pub(super) struct ContentRules<'r> {
    /// What of it may be written.
    pub body: &'r BodyRules,
    /// What stands in place of the rest.
    pub actions: &'r Actions,
    /// Most bytes of it, decoded.
    pub limit_bytes: usize,
}

/// What content gives to a record, besides itself.
#[derive(Default)]
pub(super) struct Told {
    /// What operation it asks for, or answers.
    pub operations: Operations,
    /// What was odd.
    pub anomaly: Option<Anomaly>,
}

/// Content without its codings.
struct Decoded<'f> {
    bytes: Cow<'f, [u8]>,
    is_cut: bool,
    anomaly: Option<Anomaly>,
}

impl Drop for Decoded<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(bytes) = &mut self.bytes {
            wipe(bytes);
        }
    }
}

/// Puts the content of a message with these fields into its body. `key`: its key in the record.
pub(super) fn tell(
    front: &Front,
    fields: &Fields,
    rules: ContentRules<'_>,
    key: &'static str,
    notes: &mut Notes<'_>,
    told: &mut Body<'_>,
) -> Told {
    let Some(decoded) = decode(front, fields, rules.limit_bytes) else {
        notes.add(key, Sensitive::Unlisted, Action::Drop);
        told.digest = digest(front, rules.actions).map(Text::Owned);
        return Told::default();
    };
    let media_type = fields.all("content-type").next();
    let content = Content { media_type, bytes: &decoded.bytes, cut: decoded.is_cut };
    if let Some(kept) = body::redact(&content, rules.body, key, notes) {
        told.content = Some(Text::Owned(kept.text));
        told.content_encoding = Some(encoding(kept.encoding));
        told.truncated = kept.truncated;
    } else {
        told.digest = digest(front, rules.actions).map(Text::Owned);
    }
    Told { operations: body::operations(&content), anomaly: decoded.anomaly }
}

/// The token of content of which nothing may be written; `None`: it is not all there, or there is none.
pub(super) fn digest(front: &Front, actions: &Actions) -> Option<String> {
    let tokens = actions.tokens().filter(|_| !front.is_cut && !front.bytes.is_empty())?;
    Some(TokenKind::Body.token(tokens, &front.bytes))
}

/// How the record names it.
pub(super) fn encoding(encoding: Encoding) -> ContentEncoding {
    match encoding {
        Encoding::Utf8 => ContentEncoding::Utf8,
        Encoding::Base64 => ContentEncoding::Base64,
    }
}

/// Takes the content codings off that the fields name. `None`: one of them is not known.
fn decode<'f>(front: &'f Front, fields: &Fields, limit_bytes: usize) -> Option<Decoded<'f>> {
    if fields.all("content-encoding").next().is_none() {
        let bytes = Cow::Borrowed(&*front.bytes);
        return Some(Decoded { bytes, is_cut: front.is_cut, anomaly: None });
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
    Some(Decoded { bytes: Cow::Owned(bytes), is_cut, anomaly })
}
