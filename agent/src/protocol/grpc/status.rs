//! How a call ended.
//!
//! In: trailer fields, of HTTP or in the last frame of gRPC-Web. Out: code and message.
//! Always: what is no status is none; a message is never dropped for being written wrongly.
//! Not here: a call that ended without a status, which its stream or its HTTP status tells.
//! Source: PROTOCOL-HTTP2.md and statuscodes.md of gRPC.

use std::fmt;

use crate::protocol::fields::Fields;

/// What the server said of a call.
#[derive(Clone, Eq, PartialEq)]
pub struct Status {
    /// `grpc-status`: 0 for success.
    pub code: u32,
    /// `grpc-message`: for people.
    pub message: Option<String>,
}

impl Status {
    /// Of fields in order of arrival; names in any case. `None`: they tell none, or several that
    /// differ.
    pub fn of<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Option<Self> {
        let (mut status, mut message) = (None, None);
        for (name, value) in fields {
            if name.eq_ignore_ascii_case(b"grpc-status") {
                let code = code(value)?;
                if status.replace(code).is_some_and(|before| before != code) {
                    return None;
                }
            } else if name.eq_ignore_ascii_case(b"grpc-message") {
                message.get_or_insert_with(|| percent_decoded(value));
            }
        }
        status.map(|code| Self { code, message })
    }

    /// The code's standard name. `None`: it has none.
    pub fn name(&self) -> Option<&'static str> {
        NAMES.get(usize::try_from(self.code).ok()?).copied()
    }
}

/// The value does not show.
impl fmt::Debug for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message_bytes = self.message.as_ref().map_or(0, String::len);
        write!(out, "Status {{ code: {}, message: {message_bytes} bytes }}", self.code)
    }
}

/// Names and values in the payload of a trailers frame; lines that are no fields are left out.
pub fn fields(payload: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    payload.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = line.split_at_checked(colon)?;
        Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
    })
}

/// The same as fields of a message.
pub fn trailers(payload: &[u8]) -> Fields {
    let place = |part: &[u8]| {
        let at = part.as_ptr().addr().wrapping_sub(payload.as_ptr().addr());
        at..at.wrapping_add(part.len())
    };
    let ranges = fields(payload).map(|(name, value)| (place(name), place(value)));
    Fields::new(payload.into(), ranges)
}

/// A decimal number.
fn code(value: &[u8]) -> Option<u32> {
    let digits = str::from_utf8(value).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// A percent sign without two digits behind it stands for itself.
fn percent_decoded(mut value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    while let Some((first, rest)) = value.split_first() {
        let decoded = match (first, rest) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        bytes.push(decoded.map_or(*first, |(high, low)| high << 4 | low));
        value = rest.get(if decoded.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|invalid| String::from_utf8_lossy(invalid.as_bytes()).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// By code.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

#[cfg(test)]
mod tests {
    use super::{Status, fields};

    fn status(payload: &str) -> Option<(u32, Option<&'static str>, Option<String>)> {
        let status = Status::of(fields(payload.as_bytes()))?;
        Some((status.code, status.name(), status.message))
    }

    #[test]
    fn a_status_has_code_name_and_message() {
        assert_eq!(status("grpc-status: 0\r\n"), Some((0, Some("OK"), None)));
        let text = "grpc-status:16\r\ngrpc-message:not%20%E2%82%ac 100%, %zz %4\r\nx: y\r\n";
        let message = "not \u{20ac} 100%, %zz %4".to_owned();
        assert_eq!(status(text), Some((16, Some("UNAUTHENTICATED"), Some(message))));
        assert_eq!(status("Grpc-Status: 17"), Some((17, None, None)));
        let bytes = Status::of(
            [(&b"grpc-status"[..], &b"2"[..]), (b"grpc-message", b"%ff\xfe")].into_iter(),
        );
        assert_eq!(bytes.and_then(|status| status.message).as_deref(), Some("\u{fffd}\u{fffd}"));
    }

    #[test]
    fn what_is_no_status_is_none() {
        for text in [
            "",
            "grpc-message: x",
            "grpc-status:",
            "grpc-status: -1",
            "grpc-status: +1",
            "grpc-status: 1 2",
            "grpc-status: 4294967296",
            "grpc-status: 1\r\ngrpc-status: 2",
        ] {
            assert_eq!(status(text), None, "{text:?}");
        }
        assert_eq!(status("grpc-status: 5\ngrpc-status: 5").map(|(code, ..)| code), Some(5));
    }

    #[test]
    fn values_do_not_show() {
        let status = Status { code: 3, message: Some("secret".into()) };
        assert_eq!(format!("{status:?}"), "Status { code: 3, message: 6 bytes }");
    }
}
