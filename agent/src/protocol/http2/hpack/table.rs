//! The dynamic table, as far as it is known.
//!
//! In: insertions, evictions and indices of one direction. Out: entries.
//! Always: what is found at an index is what the sender means by it, if the sender may use that
//! index at all; an index is refused only if it certainly names nothing; memory is bounded by
//! `KEPT_BYTES`.
//! Not here: the static table, limits that the receiver sets. Source: RFC 7541 sections 2.3 and 4.
//!
//! ```text
//!  62 (newest)                                              (oldest)
//! | known entries: `size_bytes`      | older ones, unknown: at most |
//! |   some without a known name      |   `older_bytes`, often 0     |
//! |<------------------ at most `max_bytes` ----------------------->|
//! ```
//!
//! Indices count from the newest entry, so what was inserted before we looked moves nothing. What an
//! insertion evicts can be told only if the maximum size is known, and a size only if the name is; where
//! they are not, entries are kept that may be gone. No right sender refers to those.

use std::collections::VecDeque;

use crate::protocol::http2::hpack::Broken;

/// An entry of either table: name and value in one piece.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Entry<'a> {
    /// The name, and the value behind it.
    pub text: &'a [u8],
    /// Length of the name.
    pub name_bytes: usize,
}

/// The dynamic table of one direction.
pub struct Table {
    /// Newest first.
    slots: VecDeque<Slot>,
    /// Texts of the slots, the oldest first; before them some that are gone.
    text: Vec<u8>,
    /// How many bytes have been removed from the front of `text`.
    removed_bytes: u64,
    /// Sizes of all slots.
    size_bytes: u64,
    /// Maximum size of the table; `u32::MAX`, the largest that can be, if it is not known.
    max_bytes: u64,
    /// Most that entries older than the slots can take.
    older_bytes: u64,
    /// An index has shown that the table is larger than `DEFAULT_BYTES`.
    large: bool,
}

#[derive(Clone, Copy)]
struct Slot {
    /// Where the text lies, counted from the first byte that ever was in `text`.
    at: u64,
    /// As RFC 7541 section 4.1 counts it; without the name's length if that is not known.
    size_bytes: u32,
    /// `None`: the name is not known, and no text is held.
    name_bytes: Option<u32>,
}

/// An empty table of the size that every connection begins with.
impl Default for Table {
    fn default() -> Self {
        Self {
            slots: VecDeque::new(),
            text: Vec::new(),
            removed_bytes: 0,
            size_bytes: 0,
            max_bytes: DEFAULT_BYTES,
            older_bytes: 0,
            large: false,
        }
    }
}

impl Table {
    /// A table of which nothing is known.
    pub fn unknown() -> Self {
        Self { max_bytes: UNKNOWN_BYTES, older_bytes: UNKNOWN_BYTES, ..Self::default() }
    }

    /// Forgets everything.
    pub fn forget(&mut self) {
        self.drop_oldest_beyond(0);
        self.max_bytes = UNKNOWN_BYTES;
        self.older_bytes = UNKNOWN_BYTES;
    }

    /// No entry is unknown but those whose name is not.
    pub fn is_whole(&self) -> bool {
        self.older_bytes < OVERHEAD_BYTES
    }

    /// The entry that lies so many before the newest. `None`: it is not known, or its name is not.
    ///
    /// Fails if there certainly is none.
    pub fn entry(&mut self, depth: usize) -> Result<Option<Entry<'_>>, Broken> {
        let Some(slot) = self.slots.get(depth).copied() else {
            return self.older(depth.saturating_sub(self.slots.len())).map(|()| None);
        };
        let overhead = OVERHEAD_BYTES.saturating_mul(depth as u64 + 1);
        let least = self.end().saturating_sub(slot.at).saturating_add(overhead);
        self.large |= least > DEFAULT_BYTES;
        Ok(slot.name_bytes.and_then(|name_bytes| {
            let at = slot.at.saturating_sub(self.removed_bytes) as usize;
            let text = self.text.get(at..)?.get(..slot.text_bytes())?;
            Some(Entry { text, name_bytes: name_bytes as usize })
        }))
    }

    /// The entry that lies so many before the last slot; fails if there is no room for it.
    fn older(&mut self, depth: usize) -> Result<(), Broken> {
        let least = OVERHEAD_BYTES.saturating_mul(depth as u64 + 1);
        if least > self.older_bytes {
            return Err(Broken::Index);
        }
        self.large |= least.saturating_add(self.size_bytes) > DEFAULT_BYTES;
        Ok(())
    }

    /// Inserts an entry: the name, if it is known, and the value behind it.
    pub fn insert(&mut self, text: &[u8], name_bytes: Option<usize>) {
        let size = (text.len() as u64).saturating_add(OVERHEAD_BYTES);
        self.evict_beyond(self.max_bytes.saturating_sub(size));
        if size > self.max_bytes {
            // The sender's way to empty the table (section 4.4).
            self.older_bytes = 0;
            return;
        }
        self.drop_oldest_beyond(self.bound_bytes().saturating_sub(size));
        if size <= self.bound_bytes() {
            self.push(text, name_bytes.map(|bytes| bytes as u32), size as u32);
        } else {
            self.older_bytes = self.max_bytes;
        }
        self.narrow();
    }

    /// Sets the maximum size, from now on known.
    pub fn resize(&mut self, max_bytes: u32) {
        self.max_bytes = max_bytes.into();
        self.evict_beyond(self.max_bytes);
        self.narrow();
    }

    /// Memory held on the heap, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.text.capacity() + self.slots.capacity() * size_of::<Slot>()
    }

    fn push(&mut self, text: &[u8], name_bytes: Option<u32>, size_bytes: u32) {
        let slot = Slot { at: self.end(), size_bytes, name_bytes };
        if name_bytes.is_some() {
            self.make_room(text.len());
            self.text.extend_from_slice(text);
        }
        self.slots.push_front(slot);
        self.size_bytes += u64::from(size_bytes);
    }

    /// Evicts as the sender does. Where that meets a known entry, all older ones are gone.
    fn evict_beyond(&mut self, bytes: u64) {
        if self.size_bytes > bytes {
            self.drop_oldest_beyond(bytes);
            self.older_bytes = 0;
        }
    }

    /// Forgets the oldest slots: they become unknown entries.
    fn drop_oldest_beyond(&mut self, bytes: u64) {
        while self.size_bytes > bytes
            && let Some(slot) = self.slots.pop_back()
        {
            self.size_bytes = self.size_bytes.saturating_sub(slot.size_bytes.into());
            self.older_bytes = UNKNOWN_BYTES;
        }
    }

    /// Older entries cannot take more than the slots leave.
    fn narrow(&mut self) {
        let left = self.max_bytes.saturating_sub(self.size_bytes);
        self.older_bytes = self.older_bytes.min(left);
    }

    /// Most that is kept. Of a table that may have any size we keep what most have.
    fn bound_bytes(&self) -> u64 {
        if self.max_bytes == UNKNOWN_BYTES && !self.large { LATE_BYTES } else { KEPT_BYTES }
    }

    /// Makes room for a text: by removing texts that are gone if that is worth it, so that each byte
    /// is moved a few times at most.
    fn make_room(&mut self, bytes: usize) {
        if self.text.capacity().saturating_sub(self.text.len()) >= bytes {
            return;
        }
        let oldest = self.slots.back().map_or(self.end(), |slot| slot.at);
        let gone = (oldest.saturating_sub(self.removed_bytes) as usize).min(self.text.len());
        if gone >= self.text.len() / 4 {
            self.text.drain(..gone);
            self.removed_bytes = oldest;
        }
    }

    /// End of all texts, counted as in `Slot::at`.
    fn end(&self) -> u64 {
        self.removed_bytes + self.text.len() as u64
    }
}

impl Slot {
    fn text_bytes(&self) -> usize {
        u64::from(self.size_bytes).saturating_sub(OVERHEAD_BYTES) as usize
    }
}

/// Size of an entry beyond name and value (section 4.1).
const OVERHEAD_BYTES: u64 = 32;

/// Maximum size of the table before anything else is said (RFC 9113 section 6.5.2).
pub const DEFAULT_BYTES: u64 = 4096;

/// Largest maximum size, and what stands for one that is not known.
const UNKNOWN_BYTES: u64 = u32::MAX as u64;

/// Most that is kept of one table, as section 4.1 counts; older entries become unknown. That is the
/// largest table that browsers ask for.
pub const KEPT_BYTES: u64 = 65_536;

/// Most that is kept while the maximum size is not known and no index has shown that it is large.
pub const LATE_BYTES: u64 = 4 * DEFAULT_BYTES;
