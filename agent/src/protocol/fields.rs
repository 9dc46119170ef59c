//! Fields of a head or of trailers, not redacted.
//!
//! In: bytes of a head, and where names and values lie in them. Out: names and values, in order.
//! Always: one buffer, overwritten when it is dropped; no `Serialize`, no `Display`, and a `Debug` that hides every name and value.
//! Not here: what the fields mean.

use std::fmt;

use crate::model::wiped::wipe;

/// Fields of a head: one buffer and the places of names and values in it.
#[derive(Clone, Default)]
pub struct Fields {
    buffer: Box<[u8]>,
    places: Vec<Place>,
}

/// Where one field lies in the buffer.
#[derive(Clone, Copy)]
struct Place {
    name: (u32, u32),
    value: (u32, u32),
}

impl Fields {
    /// Takes a head's bytes and `(name, value)` ranges in it. Ranges outside of it are dropped.
    pub fn new(
        buffer: Box<[u8]>,
        ranges: impl IntoIterator<Item = (std::ops::Range<usize>, std::ops::Range<usize>)>,
    ) -> Self {
        let limit = buffer.len();
        let ranges = ranges.into_iter();
        let mut places = Vec::with_capacity(ranges.size_hint().0);
        for (name, value) in ranges {
            if name.end <= limit && value.end <= limit {
                places.push(Place {
                    name: (name.start as u32, name.end as u32),
                    value: (value.start as u32, value.end as u32),
                });
            }
        }
        Self { buffer, places }
    }

    /// Names as sent and values without surrounding white space, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places.iter().map(|place| (self.slice(place.name), self.slice(place.value)))
    }

    /// Values of every field of that name (compared without case), in order of arrival.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Memory held, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.buffer.len() + self.places.capacity() * size_of::<Place>()
    }

    fn slice(&self, range: (u32, u32)) -> &[u8] {
        self.buffer.get(range.0 as usize..range.1 as usize).unwrap_or_default()
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        wipe(&mut self.buffer);
    }
}

// === impl Debug: shapes, never values ===

impl fmt::Debug for Fields {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Fields({})", self.places.len())
    }
}
