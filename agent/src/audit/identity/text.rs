//! Identifiers as records may say them.
//!
//! In: what a peer sent. Out: short text without control characters; or that it is a secret.
//! Always: what looks like a key or a token is never given as an identifier.
//! Not here: where identifiers stand.

use crate::audit::record::Sensitive;
use crate::audit::record::value::Text;
use crate::audit::redact::text::header_text;
use crate::audit::redact::value::{Place, inspect};

/// What a value that should be an identifier is.
pub(super) enum Id<'a> {
    /// One that may be written.
    Text(Text<'a>),
    /// Something that must not be.
    Secret,
    /// Nothing.
    Empty,
}

impl<'a> Id<'a> {
    /// Judges what stands where an identifier should. `place`: whether random ones are usual there.
    pub(super) fn of(value: &'a [u8], place: Place) -> Self {
        let value = value.trim_ascii();
        match value {
            [] => Self::Empty,
            _ if is_secret(value, place) => Self::Secret,
            _ => Self::Text(shown(value)),
        }
    }

    /// The text, if it may be written.
    pub(super) fn text(self) -> Option<Text<'a>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Secret | Self::Empty => None,
        }
    }
}

/// An identifier that names something public, or was issued as one.
pub(super) fn public(value: &[u8]) -> Option<Text<'_>> {
    Id::of(value, Place::Header).text()
}

fn is_secret(value: &[u8], place: Place) -> bool {
    let look = inspect(value.get(..LOOK_BYTES).unwrap_or(value), place);
    look.is_some_and(|kind| {
        matches!(
            kind,
            Sensitive::Credential
                | Sensitive::Secret
                | Sensitive::Jwt
                | Sensitive::PrivateKey
                | Sensitive::ApiKey
                | Sensitive::UserInfo
        )
    })
}

/// The value without control characters, cut to a length.
pub(super) fn shown(value: &[u8]) -> Text<'_> {
    let Some(front) = value.get(..ID_BYTES).filter(|_| value.len() > ID_BYTES) else {
        return header_text(value, false).0;
    };
    // Not within a character.
    let whole = front.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
    let front = if whole + 4 > ID_BYTES { front.get(..whole).unwrap_or(front) } else { front };
    let mut text = header_text(front, false).0.into_owned();
    text.push('…');
    Text::Owned(text)
}

/// The same for text that outlives what it was read from.
pub(super) fn owned(value: &[u8]) -> Option<String> {
    public(value).map(Text::into_owned)
}

/// Longest identifier that is written as it is, in bytes.
pub(super) const ID_BYTES: usize = 256;
/// How much of a value is looked at: what is behind is not written.
const LOOK_BYTES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<String> {
        Id::of(value.as_bytes(), Place::Query).text().map(Text::into_owned)
    }

    #[test]
    fn identifiers_are_kept_and_secrets_are_not() {
        for id in
            ["alice", "alice@example.com", "CN=zoe,O=Example", "größe", "auth0|5f7c8ec7c33c6c004b"]
        {
            assert_eq!(text(id).as_deref(), Some(id));
        }
        for secret in ["ghp_0123456789abcdefghijABCDEFGHIJ012345", "eyJhbGciOiJub25lIn0.eyJzdWIi.x"]
        {
            assert_eq!(text(secret), None, "{secret}");
        }
        assert_eq!(text(" "), None);
    }

    #[test]
    fn long_and_odd_ones_are_cut_and_escaped() {
        assert_eq!(text("a\x01b\x7f").as_deref(), Some("a%01b%7F"));
        let long = format!("{}é{}", "a".repeat(ID_BYTES - 1), "b".repeat(100));
        assert_eq!(text(&long), Some(format!("{}…", "a".repeat(ID_BYTES - 1))));
    }
}
