//! What can be read from one line of the journal without parsing its JSON.
//!
//! In: a line, or a record without its number. Out: its `seq`, time and kind.
//! Always: a line is `{"schema":1,"seq":N,` + record, N in decimal without leading zeros, and
//! anything else is none.
//! Not here: making lines (`audit::encode`), where they are kept (`segment`).

use serde::de::IgnoredAny;

use crate::audit::encode::{EXCHANGE_SEQ, LINE_HEAD};

/// Longest line that is written or read, in bytes. A longer record is dropped and counted; a
/// longer line in a file is damage.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// Most bytes that framing adds to a record.
pub const FRAME_BYTES_MAX: usize = LINE_HEAD.len() + 20 + EXCHANGE_SEQ.len() + 20 + b",\n".len();

const TIMESTAMP: &[u8] = br#""timestamp":""#;

/// The number of a line, given without its newline. `None` if it does not begin as a line does.
pub fn seq(line: &[u8]) -> Option<u64> {
    let (number, _) = split(line)?;
    number
}

/// The record's `timestamp` text as it stands, `None` if it is not where it belongs.
pub fn timestamp(line: &[u8]) -> Option<&[u8]> {
    let (_, record) = split(line)?;
    let text = record.strip_prefix(TIMESTAMP)?;
    text.get(..memchr::memchr(b'"', text)?)
}

/// True if the line (without newline) has a number and is one JSON value.
pub fn is_whole(line: &[u8]) -> bool {
    seq(line).is_some() && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// The line's `event.kind`, as `kind_of_record` reads it.
pub fn kind(line: &[u8]) -> Option<&[u8]> {
    kind_of_record(split(line)?.1)
}

/// The value of `event.kind`, read from a record's own bytes. `None` if `event` does not come right
/// after the timestamp.
pub(super) fn kind_of_record(record: &[u8]) -> Option<&[u8]> {
    let text = record.strip_prefix(TIMESTAMP)?;
    let rest = text.get(memchr::memchr(b'"', text)?..)?;
    let text = rest.strip_prefix(br#"","event":{"kind":""#)?;
    text.get(..memchr::memchr(b'"', text)?)
}

fn split(line: &[u8]) -> Option<(Option<u64>, &[u8])> {
    let rest = line.strip_prefix(LINE_HEAD.as_bytes())?;
    let comma = memchr::memchr(b',', rest.get(..rest.len().min(21))?)?;
    let (digits, rest) = rest.split_at_checked(comma)?;
    Some((number(digits), rest.get(1..)?))
}

fn number(digits: &[u8]) -> Option<u64> {
    let leading_zero = digits.len() > 1 && digits.first() == Some(&b'0');
    if leading_zero || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::testing;

    #[test]
    fn a_line_gives_back_what_made_it() {
        let record = testing::loss();
        for number in [0, 7, u64::MAX] {
            let line = record.line(number);
            assert!(line.len() < record.len() + FRAME_BYTES_MAX);
            assert_eq!(seq(&line), Some(number));
            assert_eq!(timestamp(&line), Some(&b"2026-11-22T07:00:00.000000000Z"[..]));
            assert_eq!(kind(&line), Some(&b"loss"[..]));
            assert!(is_whole(&line));
        }
        assert_eq!(kind_of_record(record.as_bytes()), Some(&b"loss"[..]));
    }

    #[test]
    fn what_is_not_a_line_has_no_number() {
        for line in [
            &b""[..],
            b"{}",
            br#"{"schema":1,"seq":"#,
            br#"{"schema":1,"seq":7"#,
            br#"{"schema":1,"seq":07,"a":1}"#,
            br#"{"schema":1,"seq":-7,"a":1}"#,
            br#"{"schema":1,"seq":,"a":1}"#,
            br#"{"schema":1,"seq":18446744073709551616,"a":1}"#,
            br#"{"schema":2,"seq":7,"a":1}"#,
            br#" {"schema":1,"seq":7,"a":1}"#,
            b"\0\0\0\0",
        ] {
            assert_eq!(seq(line), None, "{}", String::from_utf8_lossy(line));
        }
        assert!(!is_whole(br#"{"schema":1,"seq":7,"a":1"#));
        assert!(!is_whole(b"{\"schema\":1,\"seq\":7,\"a\":1}\0"));
        assert_eq!(timestamp(br#"{"schema":1,"seq":7,"timestamp":"2026"#), None);
    }
}
