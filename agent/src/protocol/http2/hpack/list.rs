//! Header lists: one buffer and the places of the fields in it.
//!
//! In: decoded text, and where fields begin and end in it. Out: fields in the order of the block.
//! Always: from the first field that does not fit the limits on, none is kept.
//! Not here: which fields make sense (`http2`), redaction. Source: RFC 7541 section 1.3.

use std::ops::Range;

use crate::model::limits::Limits;
use crate::protocol::anomaly::Anomaly;

/// The fields of one header block. It can be used again, and keeps its memory then.
#[derive(Default)]
pub struct HeaderList {
    buffer: Vec<u8>,
    places: Vec<Place>,
    /// End of the last field; behind it lies one that is being decoded.
    kept_bytes: usize,
    cut: Option<Anomaly>,
}

/// A field of a header list.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Field<'a> {
    /// As sent: lower case, if the sender keeps to the rules.
    pub name: &'a [u8],
    /// As sent.
    pub value: &'a [u8],
    /// The sender wants nobody to compress it: its value is a secret (RFC 7541 section 7.1.3).
    pub never_indexed: bool,
}

/// Where a field lies in the buffer: the value behind the name.
#[derive(Clone, Copy)]
struct Place {
    name_at: u32,
    value_at: u32,
    end: u32,
    never_indexed: bool,
}

impl HeaderList {
    /// Fields in the order of the block.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.places.iter().map(|place| Field {
            name: self.buffer.get(place.name()).unwrap_or_default(),
            value: self.buffer.get(place.value()).unwrap_or_default(),
            never_indexed: place.never_indexed,
        })
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Names and values of all fields, one behind the other.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Where names and values lie in the buffer, in the order of the block.
    pub fn ranges(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        self.places.iter().map(|place| (place.name(), place.value()))
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.buffer.capacity() + self.places.capacity() * size_of::<Place>()
    }

    /// Begins a list.
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.cut = None;
        self.kept_bytes = 0;
        self.drop_open();
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(USUAL_BYTES);
            self.places.reserve(USUAL_FIELDS);
        }
    }

    /// The limit that keeps fields out from here on.
    pub(super) fn cut(&self) -> Option<Anomaly> {
        self.cut
    }

    /// The buffer, to put the text of the field behind it that comes next.
    pub(super) fn buffer_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// What has been put there.
    pub(super) fn open(&self) -> &[u8] {
        self.buffer.get(self.kept_bytes..).unwrap_or_default()
    }

    /// Drops what has been put there.
    pub(super) fn drop_open(&mut self) {
        self.buffer.truncate(self.kept_bytes);
    }

    /// Makes a field of what has been put there: a name of that length and the value.
    pub(super) fn close(&mut self, name_bytes: usize, never_indexed: bool, limits: &Limits) {
        self.refuse_beyond(limits, self.buffer.len());
        if self.cut.is_some() {
            return self.drop_open();
        }
        let (at, end) = (self.kept_bytes, self.buffer.len());
        self.places.push(Place {
            name_at: at as u32,
            value_at: at.saturating_add(name_bytes).min(end) as u32,
            end: end as u32,
            never_indexed,
        });
        self.kept_bytes = end;
    }

    /// Adds a field whose text is at hand.
    pub(super) fn add(&mut self, text: &[u8], name_bytes: usize, limits: &Limits) {
        self.refuse_beyond(limits, self.buffer.len().saturating_add(text.len()));
        if self.cut.is_none() {
            self.buffer.extend_from_slice(text);
            self.close(name_bytes, false, limits);
        }
    }

    /// Notes whether the limits keep out a field that ends there.
    fn refuse_beyond(&mut self, limits: &Limits, end: usize) {
        let too_long = end > limits.head_bytes.min(u32::MAX as usize);
        let too_many = self.places.len() >= limits.fields;
        self.cut = match self.cut {
            None if too_long => Some(Anomaly::HeadTooLong),
            None if too_many => Some(Anomaly::TooManyFields),
            cut => cut,
        };
    }
}

impl Place {
    fn name(&self) -> Range<usize> {
        self.name_at as usize..self.value_at as usize
    }

    fn value(&self) -> Range<usize> {
        self.value_at as usize..self.end as usize
    }
}

/// Room for what is usual, so that a new list does not grow step by step.
const USUAL_BYTES: usize = 1024;
const USUAL_FIELDS: usize = 32;
