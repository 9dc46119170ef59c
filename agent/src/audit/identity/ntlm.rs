//! Whom an NTLM message names.
//!
//! In: a message, decoded, or a token of SPNEGO with one inside. Out: `DOMAIN\user` of an AUTHENTICATE message.
//! Always: the responses to the challenge are never looked at.
//! Not here: where messages stand (`authorization`). Source: MS-NLMP section 2.2.1.3.

use memchr::memmem;

/// The user, if the message names one.
pub(super) fn user(message: &[u8]) -> Option<String> {
    let start = memmem::find(message, SIGNATURE)?;
    let message = message.get(start..)?;
    if number(message, TYPE_AT)? != AUTHENTICATE {
        return None;
    }
    let is_unicode = number(message, FLAGS_AT)? & UNICODE != 0;
    let user = text(message, USER_AT, is_unicode)?;
    if user.is_empty() {
        return None;
    }
    match text(message, DOMAIN_AT, is_unicode).filter(|domain| !domain.is_empty()) {
        Some(domain) => Some(format!("{domain}\\{user}")),
        None => Some(user),
    }
}

fn number(message: &[u8], at: usize) -> Option<u32> {
    let bytes = message.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*bytes))
}

/// A text: its length twice, and where it lies.
fn text(message: &[u8], at: usize, is_unicode: bool) -> Option<String> {
    let length = usize::try_from(number(message, at)? & 0xffff).ok()?;
    let start = usize::try_from(number(message, at + 4)?).ok()?;
    let bytes = message.get(start..start.checked_add(length)?)?;
    if length > NAME_BYTES {
        return None;
    }
    if !is_unicode {
        return std::str::from_utf8(bytes).ok().map(str::to_owned);
    }
    let units =
        bytes.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(*pair.first_chunk()?)));
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

const SIGNATURE: &[u8] = b"NTLMSSP\0";
const TYPE_AT: usize = 8;
const AUTHENTICATE: u32 = 3;
const DOMAIN_AT: usize = 28;
const USER_AT: usize = 36;
const FLAGS_AT: usize = 60;
/// NTLMSSP_NEGOTIATE_UNICODE.
const UNICODE: u32 = 1;
/// Longest name, in bytes.
const NAME_BYTES: usize = 512;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An AUTHENTICATE message.
    pub(crate) fn authenticate(domain: &str, user: &str) -> Vec<u8> {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let (domain, user) = (wide(domain), wide(user));
        let mut message = [SIGNATURE, &3_u32.to_le_bytes()].concat();
        let mut at = 64 + 24;
        for part in [&[1; 24][..], &[], &domain, &user, &[], &[]] {
            let length = u16::try_from(part.len()).unwrap().to_le_bytes();
            let from: u32 = if part.len() == 24 { 64 } else { at };
            message.extend([length, length].concat());
            message.extend(from.to_le_bytes());
            at += if part.len() == 24 { 0 } else { u32::try_from(part.len()).unwrap() };
        }
        message.extend(UNICODE.to_le_bytes());
        message.extend([1; 24]);
        message.extend(domain);
        message.extend(user);
        message
    }

    #[test]
    fn users_are_named_with_their_domain() {
        assert_eq!(user(&authenticate("CORP", "zoë")).as_deref(), Some("CORP\\zoë"));
        assert_eq!(user(&authenticate("", "zoe")).as_deref(), Some("zoe"));
        assert_eq!(user(&authenticate("CORP", "")), None);
        let inside = [b"\x60\x82spnego".to_vec(), authenticate("CORP", "zoe")].concat();
        assert_eq!(user(&inside).as_deref(), Some("CORP\\zoe"));
    }

    #[test]
    fn other_messages_name_nobody() {
        let mut negotiate = authenticate("CORP", "zoe");
        negotiate[8] = 1;
        assert_eq!(user(&negotiate), None);
        let whole = authenticate("CORP", "zoe");
        for length in 0..whole.len() {
            assert_eq!(user(&whole[..length]).filter(|user| user != "CORP\\zoe"), None);
        }
    }
}
