//! HPACK: header lists out of header blocks.
//!
//! In: whole header blocks of one direction, in order. Out: `HeaderList`, and `Decoded`: what is
//! missing in it.
//! Always: never a field that is not the sender's: one that refers to what was not seen is left out
//! and counted; every block is read to its end, so that the table follows; memory is bounded.
//! Not here: frames, what fields mean. Source: RFC 7541.

pub mod huffman;
pub mod integer;
pub mod list;
pub mod static_table;
pub mod table;
#[cfg(test)]
mod tests;

use crate::model::limits::Limits;
use crate::protocol::anomaly::Anomaly;
use crate::protocol::http2::hpack::list::HeaderList;
use crate::protocol::http2::hpack::table::{Entry, Table};

/// One direction of one connection.
pub struct Decoder {
    table: Table,
    /// Largest table that the receiver has ever allowed.
    limit_bytes: u32,
}

/// What there is to say about a decoded block.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Decoded {
    /// Fields left out because their name or value was sent before we looked, or was lost.
    pub unknown: usize,
    /// A limit was reached; all fields from there on are left out.
    pub cut: Option<Anomaly>,
    /// The block breaks the grammar. Fields before that place are told; what follows in this
    /// direction is decoded as after a loss.
    pub broken: Option<Broken>,
    /// The table was made larger than the receiver has allowed, as far as we have seen.
    pub over_limit: bool,
}

/// How a header block breaks the grammar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Broken {
    /// It ends within a field.
    CutOff,
    /// An integer beyond 32 bits, or with more octets than any is worth.
    Integer,
    /// An index that names no entry.
    Index,
    /// A Huffman-coded string with the end-of-string symbol in it, or with wrong padding.
    Huffman,
    /// A size update behind a field.
    SizeUpdate,
}

impl Decoder {
    /// A direction seen from the first byte of the connection: its table is known exactly.
    pub fn new() -> Self {
        Self { table: Table::default(), limit_bytes: table::DEFAULT_BYTES as u32 }
    }

    /// A direction joined late: what its table holds now is unknown.
    pub fn late() -> Self {
        Self { table: Table::unknown(), limit_bytes: u32::MAX }
    }

    /// Header blocks were lost here. They may have inserted and evicted anything, so whatever was
    /// inserted so far cannot be reached any more.
    pub fn lose(&mut self) {
        self.table.forget();
    }

    /// The receiver's SETTINGS_HEADER_TABLE_SIZE was seen.
    ///
    /// It is in force at a moment that we do not see, so the largest one ever seen counts. Where
    /// SETTINGS of the other direction were lost, `u32::MAX` is right.
    pub fn set_limit(&mut self, bytes: u32) {
        self.limit_bytes = self.limit_bytes.max(bytes);
    }

    /// Every entry of the table is known, but for the names of those that were inserted with an
    /// unknown one.
    pub fn is_whole(&self) -> bool {
        self.table.is_whole()
    }

    /// Decodes a whole header block into `list`, which is cleared first.
    ///
    /// Beyond `Limits::head_bytes` (names and values, decoded) and `Limits::fields` no field is
    /// kept. While it is decoded the list also holds one field of any size.
    pub fn decode(&mut self, block: &[u8], limits: &Limits, list: &mut HeaderList) -> Decoded {
        list.clear();
        let (limit_bytes, decoded) = (self.limit_bytes, Decoded::default());
        let table = &mut self.table;
        let mut run = Run { rest: block, fields: false, table, limit_bytes, limits, list, decoded };
        let mut broken = None;
        while let (Some(first), None) = (run.rest.first().copied(), broken) {
            broken = run.representation(first).err();
        }
        let decoded = Decoded { cut: run.list.cut(), broken, ..run.decoded };
        if broken.is_some() {
            list.drop_open();
            self.table.forget();
        }
        decoded
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// A block under way.
struct Run<'a> {
    rest: &'a [u8],
    /// Fields have come.
    fields: bool,
    table: &'a mut Table,
    limit_bytes: u32,
    limits: &'a Limits,
    list: &'a mut HeaderList,
    decoded: Decoded,
}

/// What a literal does with the table.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Indexing {
    Incremental,
    Without,
    Never,
}

impl Run<'_> {
    /// One field or size update (section 6).
    fn representation(&mut self, first: u8) -> Result<(), Broken> {
        match first {
            0x80.. => self.indexed(),
            0x40.. => self.literal(6, Indexing::Incremental),
            0x20.. => self.size_update(),
            0x10.. => self.literal(4, Indexing::Never),
            _ => self.literal(4, Indexing::Without),
        }
    }

    fn indexed(&mut self) -> Result<(), Broken> {
        self.fields = true;
        let index = integer::take(&mut self.rest, 7)?;
        match entry(self.table, index)? {
            Some(entry) => self.list.add(entry.text, entry.name_bytes, self.limits),
            None => self.decoded.unknown += 1,
        }
        Ok(())
    }

    fn literal(&mut self, prefix_bits: u32, indexing: Indexing) -> Result<(), Broken> {
        self.fields = true;
        let name_bytes = self.name(prefix_bits)?;
        self.string()?;
        if indexing == Indexing::Incremental {
            self.table.insert(self.list.open(), name_bytes);
        }
        if let Some(name_bytes) = name_bytes {
            self.list.close(name_bytes, indexing == Indexing::Never, self.limits);
        } else {
            self.list.drop_open();
            self.decoded.unknown += 1;
        }
        Ok(())
    }

    /// Puts the name of a literal behind the list; its length if it is known.
    fn name(&mut self, prefix_bits: u32) -> Result<Option<usize>, Broken> {
        let index = integer::take(&mut self.rest, prefix_bits)?;
        if index == 0 {
            self.string()?;
            return Ok(Some(self.list.open().len()));
        }
        let Some(entry) = entry(self.table, index)? else { return Ok(None) };
        let name = entry.text.get(..entry.name_bytes).unwrap_or_default();
        self.list.buffer_mut().extend_from_slice(name);
        Ok(Some(entry.name_bytes))
    }

    /// Puts a string behind the list (section 5.2).
    fn string(&mut self) -> Result<(), Broken> {
        let coded = self.rest.first().is_some_and(|first| first & 0x80 != 0);
        let length = integer::take(&mut self.rest, 7)? as usize;
        let text = self.rest.split_off(..length).ok_or(Broken::CutOff)?;
        let buffer = self.list.buffer_mut();
        if coded {
            huffman::decode(text, buffer).ok_or(Broken::Huffman)
        } else {
            buffer.extend_from_slice(text);
            Ok(())
        }
    }

    /// Section 6.3; section 4.2 has it at the beginning of a block.
    fn size_update(&mut self) -> Result<(), Broken> {
        if self.fields {
            return Err(Broken::SizeUpdate);
        }
        let max_bytes = integer::take(&mut self.rest, 5)?;
        self.decoded.over_limit |= max_bytes > self.limit_bytes;
        self.table.resize(max_bytes);
        Ok(())
    }
}

/// The entry of that index, of either table (section 2.3.3). `None`: it, or its name, is not known.
fn entry(table: &mut Table, index: u32) -> Result<Option<Entry<'_>>, Broken> {
    let index = index as usize;
    match index.checked_sub(static_table::LENGTH + 1) {
        Some(depth) => table.entry(depth),
        None => static_table::entry(index).map(Some).ok_or(Broken::Index),
    }
}
