//! A record as the bytes of its line.
//!
//! In: `Record`. Out: `EncodedRecord`, and whole lines once the journal has given a number.
//! Always: one JSON object without a line break inside; `schema` and `seq` come first.
//! Not here: giving numbers, writing lines (`journal`).

use std::fmt;

use super::json;
use super::record::{Record, SCHEMA};

/// What every record begins with before the journal gives it a number.
const HEAD: &[u8] = br#"{"schema":1,"seq":0,"#;
/// What a line begins with, up to the number.
const LINE_HEAD: &str = r#"{"schema":1,"seq":"#;
/// Most records without long headers fit; the buffer grows for the others.
const TYPICAL_BYTES: usize = 2_560;

/// The JSON of a record without its number: `"timestamp":` … `}`.
///
/// Only the audit layer makes one, so whoever holds it holds redacted data.
#[derive(Clone, Eq, PartialEq)]
pub struct EncodedRecord {
    /// With `HEAD` in front, as serde writes it.
    bytes: Vec<u8>,
}

impl EncodedRecord {
    /// The bytes after `{"schema":1,"seq":N,`; they begin with `"timestamp":` and end with `}`.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(HEAD.len()..).unwrap_or_default()
    }

    /// The whole JSON object with this number, without a line break.
    pub fn line(&self, seq: u64) -> Vec<u8> {
        let mut line = Vec::with_capacity(self.bytes.len() + 20);
        self.write_line(seq, &mut line);
        line
    }

    /// Appends the whole JSON object with this number, without a line break.
    pub fn write_line(&self, seq: u64, line: &mut Vec<u8>) {
        line.extend_from_slice(LINE_HEAD.as_bytes());
        json::push_decimal(seq, line);
        line.push(b',');
        line.extend_from_slice(self.as_bytes());
    }

    /// Length of `as_bytes`.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Never: a record has a time at least.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl fmt::Debug for EncodedRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl Record<'_> {
    /// The bytes of this record. `schema` and `seq` are not looked at.
    pub(super) fn encode(mut self) -> EncodedRecord {
        (self.schema, self.seq) = (SCHEMA, 0);
        let mut bytes = Vec::with_capacity(TYPICAL_BYTES);
        let written = json::write(&self, &mut bytes);
        // Records hold nothing that `json` leaves out; the tests write every kind of them.
        debug_assert!(written.is_ok() && bytes.starts_with(HEAD));
        EncodedRecord { bytes }
    }
}
