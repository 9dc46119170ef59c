//! Evidence of one exchange as it is collected.
//!
//! In: pieces of evidence. Out: the list of a record. Always: at most `MOST`, so that nobody fills records
//! with credentials; no memory before the first.
//! Not here: finding them.

use std::borrow::Cow;

use super::text::Id;
use crate::audit::record::identity::{Evidence, EvidenceKind, Verified};
use crate::audit::record::value::Text;
use crate::audit::redact::value::Place;
use crate::audit::token::Tokens;

/// What one exchange gave.
pub(super) struct Findings<'a> {
    list: Vec<Evidence<'a>>,
    tokens: &'a Tokens,
    /// When it took place, in seconds since the Unix epoch.
    pub(super) now_s: i64,
}

impl<'a> Findings<'a> {
    pub(super) fn new(tokens: &'a Tokens, now_s: i64) -> Self {
        Self { list: Vec::new(), tokens, now_s }
    }

    pub(super) fn push(&mut self, evidence: Evidence<'a>) {
        if self.list.len() < MOST {
            self.list.push(evidence);
        }
    }

    /// Evidence of which only a keyed token is told.
    pub(super) fn push_secret(&mut self, kind: EvidenceKind, source: &'a str, value: &[u8]) {
        let evidence = self.secret(kind, source, value);
        self.push(evidence);
    }

    /// The same, to be completed.
    pub(super) fn secret(
        &self,
        kind: EvidenceKind,
        source: impl Into<Text<'a>>,
        value: &[u8],
    ) -> Evidence<'a> {
        let fingerprint = Some(Text::Owned(self.tokens.token(label(kind), value)));
        Evidence { fingerprint, ..Evidence::new(kind, source, Verified::Unverified) }
    }

    /// A user name; where it is a secret itself, the key that it is.
    pub(super) fn push_user(&mut self, kind: EvidenceKind, source: &'a str, user: Cow<'a, [u8]>) {
        let text = match &user {
            Cow::Borrowed(user) => Id::of(user, Place::Query),
            Cow::Owned(user) => match Id::of(user, Place::Query) {
                Id::Text(text) => Id::Text(Text::Owned(text.into_owned())),
                Id::Secret => Id::Secret,
                Id::Empty => Id::Empty,
            },
        };
        match text {
            Id::Text(text) => {
                let evidence = Evidence::new(kind, source, Verified::Unverified);
                self.push(Evidence { id: Some(text), ..evidence });
            }
            Id::Secret => super::api_key::push(&user, source, self),
            Id::Empty => {}
        }
    }

    pub(super) fn tokens(&self) -> &'a Tokens {
        self.tokens
    }

    pub(super) fn list(&self) -> &[Evidence<'a>] {
        &self.list
    }

    pub(super) fn into_list(self) -> Vec<Evidence<'a>> {
        self.list
    }
}

/// The type that keyed tokens of such credentials are made with.
pub(super) fn label(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::ApiKey => "api_key",
        EvidenceKind::Session => "session",
        _ => "bearer",
    }
}

/// Most pieces of evidence of one exchange.
const MOST: usize = 16;
