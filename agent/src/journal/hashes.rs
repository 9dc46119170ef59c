//! Any hash of the tree over a stored journal, for proofs.
//!
//! In: a data directory. Out: `Hashes`, which the crate's proofs read from.
//! Always: a hash comes from a tile where there is one, else from the lines; nothing is written; what neither
//! tile nor line gives is an error, never a guess.
//! Not here: proofs themselves (`cli::prove`), checking them (`verify`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tlog_tiles::{Error, Hash, HashReader, node_hash, record_hash, split_stored_hash_index};

use super::directory::Directory;
use super::reader::{Item, Reader};
use super::segment;
use crate::seal::{file, tile_path};

/// A tile's hashes; `None`: it is not there.
type Tile = Option<Vec<Hash>>;

/// Hashes of one journal.
#[derive(Debug)]
pub struct Hashes {
    data_dir: PathBuf,
    tiles: PathBuf,
    /// The oldest record there is.
    first_seq: u64,
    /// Records that count.
    size: u64,
    /// Leaves by their number divided by 256.
    leaves: RefCell<HashMap<u64, Vec<Hash>>>,
    /// Full tiles by level and number.
    full: RefCell<HashMap<(u8, u64), Tile>>,
}

impl Hashes {
    /// Of the first `size` records. Errors: the segments cannot be listed.
    pub fn new(data_dir: &Path, size: u64) -> std::io::Result<Self> {
        let directory = Directory::new(data_dir);
        let segments = segment::list(&directory.segments())?;
        Ok(Self {
            data_dir: data_dir.to_owned(),
            tiles: directory.journal().join("tile"),
            first_seq: segments.first().map_or(size, |first| first.first_seq),
            size,
            leaves: RefCell::default(),
            full: RefCell::default(),
        })
    }

    /// Root of the subtree of 2^`level` leaves with this number.
    fn subtree(&self, level: u8, number: u64) -> Result<Hash, Error> {
        if level == 0 {
            let leaves = self.chunk(number / WIDTH)?;
            return nth(&leaves, number % WIDTH);
        }
        if level.is_multiple_of(8)
            && let Some(tile) = self.tile(level / 8, number / WIDTH)
        {
            return nth(&tile, number % WIDTH);
        }
        let left = self.subtree(level - 1, number * 2)?;
        Ok(node_hash(left, self.subtree(level - 1, number * 2 + 1)?))
    }

    /// Up to 256 leaves.
    fn chunk(&self, number: u64) -> Result<Vec<Hash>, Error> {
        if let Some(known) = self.leaves.borrow().get(&number) {
            return Ok(known.clone());
        }
        let read = self.read_chunk(number)?;
        let mut leaves = self.leaves.borrow_mut();
        if leaves.len() >= CHUNKS {
            leaves.clear();
        }
        leaves.insert(number, read.clone());
        Ok(read)
    }

    fn read_chunk(&self, number: u64) -> Result<Vec<Hash>, Error> {
        let first = number * WIDTH;
        let end = self.size.min(first + WIDTH);
        let mut leaves = self.leaves_before(number, end)?;
        let reader = Reader::open_at(&self.data_dir, first + leaves.len() as u64);
        let mut reader = reader.map_err(|_| Error::IndexesNotInTree)?;
        while first + (leaves.len() as u64) < end {
            match reader.read().map_err(|_| Error::IndexesNotInTree)? {
                Some(Item::Record { seq, .. }) if seq >= end => break,
                Some(Item::Record { seq, line }) => {
                    let at = usize::try_from(seq - first).unwrap_or_default();
                    leaves.resize(at, record_hash(b""));
                    leaves.push(record_hash(line));
                }
                Some(Item::Notice(_)) => {}
                None => break,
            }
        }
        leaves.resize(usize::try_from(end - first).unwrap_or_default(), record_hash(b""));
        Ok(leaves)
    }

    /// Leaves of a chunk whose records have been removed, from the edge that was kept.
    fn leaves_before(&self, number: u64, end: u64) -> Result<Vec<Hash>, Error> {
        let removed = self.first_seq.min(end).saturating_sub(number * WIDTH);
        if removed == 0 {
            return Ok(Vec::new());
        }
        let width = usize::try_from(removed).map_err(|_| Error::IndexesNotInTree)?;
        let is_at_edge = self.first_seq / WIDTH == number;
        let tile = is_at_edge.then(|| self.read_tile(0, number, width)).flatten();
        tile.ok_or(Error::IndexesNotInTree)
    }

    fn tile(&self, level: u8, number: u64) -> Tile {
        let mut full = self.full.borrow_mut();
        if full.len() >= CHUNKS {
            full.clear();
        }
        let read = || {
            let full = self.read_tile(level, number, WIDTH as usize);
            full.or_else(|| self.read_edge(level, number))
        };
        full.entry((level, number)).or_insert_with(read).clone()
    }

    /// The part of a tile that was kept when the oldest segment began.
    fn read_edge(&self, level: u8, number: u64) -> Option<Vec<Hash>> {
        let hashes = self.first_seq.checked_shr(8 * u32::from(level))?;
        let width = usize::try_from(hashes % WIDTH).ok().filter(|width| *width > 0)?;
        (hashes / WIDTH == number).then(|| self.read_tile(level, number, width)).flatten()
    }

    fn read_tile(&self, level: u8, number: u64, width: usize) -> Option<Vec<Hash>> {
        let bytes = file::read(&self.tiles.join(tile_path(level, number, width))).ok().flatten()?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        let is_whole = rest.is_empty() && hashes.len() == width;
        is_whole.then(|| hashes.iter().map(|hash| Hash(*hash)).collect())
    }
}

impl HashReader for Hashes {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
        let subtree = |index: &u64| {
            let (level, number) = split_stored_hash_index(*index);
            self.subtree(level, number)
        };
        indexes.iter().map(subtree).collect()
    }
}

fn nth(hashes: &[Hash], number: u64) -> Result<Hash, Error> {
    let at = usize::try_from(number).unwrap_or(usize::MAX);
    hashes.get(at).copied().ok_or(Error::IndexesNotInTree)
}

/// Hashes of a full tile.
const WIDTH: u64 = 256;
/// Most chunks, and most tiles, that are remembered: 8 KiB each.
const CHUNKS: usize = 1_024;
