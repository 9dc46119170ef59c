//! A record as the bytes of its line.
//!
//! In: `Record`. Out: `EncodedRecord`, and whole lines once the journal has given a number.
//! Always: one JSON object without a line break inside; `schema` and `seq` come first.
//! Not here: giving numbers, writing lines (`journal`).

use std::collections::HashMap;
use std::fmt;

use super::json;
use super::record::{Record, SCHEMA};
use crate::model::sample::ConnId;
use crate::protocol::exchange::Part;

/// What a line begins with, up to the number.
pub const LINE_HEAD: &str = r#"{"schema":1,"seq":"#;
/// What names the first record of the exchange, at the end of a line.
pub const EXCHANGE_SEQ: &str = r#","exchange_seq":"#;
/// Most records without long headers fit; the buffer grows for the others.
const TYPICAL_BYTES: usize = 2_560;

/// The JSON of a record without its number: `"timestamp":` … `}`.
///
/// Only the audit layer makes one, so whoever holds it holds redacted data.
#[derive(Clone, Eq, PartialEq)]
pub struct EncodedRecord {
    /// With `LINE_HEAD` and the number 0 in front, as serde writes it.
    bytes: Vec<u8>,
    link: Option<Link>,
}

/// An exchange that several records speak of. Those of one connection are neighbours.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExchangeId {
    /// Its connection.
    pub conn: ConnId,
    /// Its number there.
    pub number: u64,
}

/// What a record is to others that speak of the same exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Link {
    /// The first one; the others name its number.
    Opens(ExchangeId),
    /// One of the others.
    Belongs(ExchangeId),
    /// The last one.
    Closes(ExchangeId),
}

impl Link {
    /// What the record of an exchange on this connection is; `None`: the only one.
    pub(super) fn of(part: Part, conn: ConnId) -> Option<Self> {
        match part {
            Part::Whole => None,
            Part::Open(number) | Part::Leads(number) => {
                Some(Self::Opens(ExchangeId { conn, number }))
            }
            Part::Close(number) => Some(Self::Closes(ExchangeId { conn, number })),
        }
    }
}

/// Makes lines of records, in the order of their numbers.
#[derive(Debug, Default)]
pub struct Lines {
    /// Numbers of the first records of exchanges that go on.
    open: HashMap<ExchangeId, u64>,
}

impl Lines {
    /// Appends the whole JSON object with this number, without a line break.
    pub fn write(&mut self, record: &EncodedRecord, seq: u64, line: &mut Vec<u8>) {
        let of = match record.link {
            None => None,
            Some(Link::Opens(exchange)) => {
                // A last record may have been lost on its way: then its exchange stays here.
                if self.open.len() >= MOST_OPEN {
                    self.open.clear();
                }
                self.open.insert(exchange, seq);
                None
            }
            Some(Link::Belongs(exchange)) => self.open.get(&exchange).copied(),
            Some(Link::Closes(exchange)) => self.open.remove(&exchange),
        };
        record.write_line(seq, of, line);
    }
}

/// Exchanges that go on at once, of which the first record's number is known.
const MOST_OPEN: usize = 1 << 20;

impl EncodedRecord {
    /// The bytes after `{"schema":1,"seq":N,`; they begin with `"timestamp":` and end with `}`.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(LINE_HEAD.len() + b"0,".len()..).unwrap_or_default()
    }

    /// The whole JSON object with this number, without a line break.
    pub fn line(&self, seq: u64) -> Vec<u8> {
        let mut line = Vec::with_capacity(self.bytes.len() + 20);
        self.write_line(seq, None, &mut line);
        line
    }

    /// `of`: number of the first record of its exchange.
    fn write_line(&self, seq: u64, of: Option<u64>, line: &mut Vec<u8>) {
        line.extend_from_slice(LINE_HEAD.as_bytes());
        json::push_decimal(seq, line);
        line.push(b',');
        line.extend_from_slice(self.as_bytes());
        if let Some(of) = of {
            line.pop();
            line.extend_from_slice(EXCHANGE_SEQ.as_bytes());
            json::push_decimal(of, line);
            line.push(b'}');
        }
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
    pub(super) fn encode(mut self, link: Option<Link>) -> EncodedRecord {
        (self.schema, self.seq) = (SCHEMA, 0);
        let mut bytes = Vec::with_capacity(TYPICAL_BYTES);
        let written = json::write(&self, &mut bytes);
        // Records hold nothing that `json` leaves out; the tests write every kind of them.
        debug_assert!(written.is_ok() && bytes.starts_with(LINE_HEAD.as_bytes()));
        EncodedRecord { bytes, link }
    }
}
