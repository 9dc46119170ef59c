//! The Merkle tree over the journal's lines (RFC 6962), as far as a writer needs it: its right edge.
//!
//! In: lines, in order. Out: the root, full tiles of level 1 and above, the edge as partial tiles.
//! Always: at most 255 hashes a level are held, whatever the size; the same lines give the same hashes.
//! Not here: where tiles are kept (`tiles`), proofs.

use tlog_tiles::{EMPTY_HASH, Hash, Tile, node_hash, record_hash};

/// A tree that grows at its right end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tree {
    size: u64,
    /// For each level of tiles the hashes that make no full tile yet, 32 bytes each.
    levels: Vec<Vec<u8>>,
    /// Full tiles that nobody has taken yet.
    full: Vec<TileData>,
}

/// One tile's place and hashes (C2SP tlog-tiles).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TileData {
    /// 0 holds leaves, each level above hashes of 256 of the one below.
    pub level: u8,
    /// Its number within the level.
    pub index: u64,
    /// 1 to 256 hashes of 32 bytes.
    pub hashes: Vec<u8>,
}

impl Tree {
    /// One whose edge is read tile by tile: `read` is given the place and the width, from which it is to
    /// give as many hashes. `None` if it has not got one of them.
    pub fn restore(size: u64, read: impl Fn(u8, u64, usize) -> Option<Vec<u8>>) -> Option<Self> {
        let mut tree = Self { size, ..Self::default() };
        let mut hashes = size;
        while hashes > 0 {
            let width = usize::try_from(hashes % WIDTH).ok()?;
            let level = u8::try_from(tree.levels.len()).ok()?;
            let tile = match width {
                0 => Vec::new(),
                width => read(level, hashes / WIDTH, width)?,
            };
            tree.levels.push(Some(tile).filter(|tile| tile.len() == width * HASH_BYTES)?);
            hashes /= WIDTH;
        }
        Some(tree)
    }

    /// Adds the next line.
    pub fn push(&mut self, line: &[u8]) {
        self.size += 1;
        let mut hash = record_hash(line);
        let mut hashes = self.size;
        for level in 0.. {
            let at = usize::from(level);
            if self.levels.len() == at {
                self.levels.push(Vec::new());
            }
            let Some(tile) = self.levels.get_mut(at) else { return };
            tile.extend_from_slice(&hash.0);
            if tile.len() < TILE_BYTES {
                return;
            }
            hash = Tile::subtree_hash(tile);
            hashes /= WIDTH;
            let hashes_of_tile = std::mem::take(tile);
            // Level 0 can be computed from the lines.
            if level > 0 {
                self.full.push(TileData { level, index: hashes - 1, hashes: hashes_of_tile });
            }
        }
    }

    /// Counts a number that no record has.
    pub fn push_missing(&mut self) {
        self.push(b"");
    }

    /// Lines so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root hash.
    pub fn root(&self) -> Hash {
        let mut root = None;
        for level in &self.levels {
            let mut rest = level.as_slice();
            // From the right: the smallest subtree comes first.
            for bit in 0..WIDTH.ilog2() {
                let length = HASH_BYTES << bit;
                if rest.len() & length == 0 {
                    continue;
                }
                let (left, subtree) = rest.split_at(rest.len() - length);
                let hash = Tile::subtree_hash(subtree);
                root = Some(root.map_or(hash, |right| node_hash(hash, right)));
                rest = left;
            }
        }
        root.unwrap_or(EMPTY_HASH)
    }

    /// The edge: for each level the tile that is not full, where it has any hash.
    pub fn edge(&self) -> impl Iterator<Item = TileData> {
        let levels = (0..).zip(&self.levels).filter(|(_, hashes)| !hashes.is_empty());
        levels.map(|(level, hashes)| TileData {
            level,
            index: self.size >> (8 * (u32::from(level) + 1)),
            hashes: hashes.clone(),
        })
    }

    /// Tiles that became full and are to be kept.
    pub fn full_tiles(&self) -> &[TileData] {
        &self.full
    }

    /// They are kept.
    pub fn kept_full_tiles(&mut self) {
        self.full.clear();
    }
}

impl TileData {
    /// Its file below `tile/`.
    pub fn path(&self) -> String {
        path(self.level, self.index, self.hashes.len() / HASH_BYTES)
    }
}

/// The file below `tile/` of a tile with so many hashes.
pub fn path(level: u8, index: u64, width: usize) -> String {
    let width = u32::try_from(width).unwrap_or_default().clamp(1, WIDTH as u32);
    let path = Tile::new(8, level.min(63), index, width, false).path();
    // The crate's begins with the height of tiles, which the standard has fixed.
    path.trim_start_matches("tile/8/").to_owned()
}

/// The files below `tile/` that hold the edge of a tree of this size.
pub fn edge_paths(size: u64) -> impl Iterator<Item = String> {
    let levels = (0..).zip(std::iter::successors(Some(size), |hashes| Some(hashes / WIDTH)));
    let levels = levels.take_while(|(_, hashes)| *hashes > 0);
    let partial = levels.filter(|(_, hashes)| !hashes.is_multiple_of(WIDTH));
    partial.map(|(level, hashes)| {
        path(level, hashes / WIDTH, usize::try_from(hashes % WIDTH).unwrap_or_default())
    })
}

const HASH_BYTES: usize = 32;
/// Hashes of a full tile.
const WIDTH: u64 = 256;
const TILE_BYTES: usize = HASH_BYTES * WIDTH as usize;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tlog_tiles::{Error, HashReader, stored_hashes, tree_hash};

    use super::*;

    /// Every hash, as the reference implementation stores them.
    #[derive(Default)]
    struct Stored(Vec<Hash>);

    impl HashReader for Stored {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
        }
    }

    fn line(number: u64) -> Vec<u8> {
        format!("line {number}").into_bytes()
    }

    #[test]
    fn roots_are_those_of_another_implementation() {
        let (mut tree, mut stored) = (Tree::default(), Stored::default());
        assert_eq!(tree.root(), EMPTY_HASH);
        for number in 0..70_000 {
            let hashes = stored_hashes(number, &line(number), &stored).unwrap();
            stored.0.extend(hashes);
            tree.push(&line(number));
            if number < 600 || number % 251 == 0 || number > 65_500 && number < 65_600 {
                assert_eq!(tree.root(), tree_hash(number + 1, &stored).unwrap(), "{number}");
            }
        }
    }

    #[test]
    fn an_edge_that_was_kept_goes_on_to_the_same_root() {
        let mut tree = Tree::default();
        let (mut kept, mut edges) = (HashMap::new(), HashMap::new());
        for number in 0..66_000 {
            if [0, 1, 255, 256, 257, 65_535, 65_536, 65_793].contains(&number) {
                let paths: Vec<_> = tree.edge().map(|tile| tile.path()).collect();
                assert_eq!(edge_paths(number).collect::<Vec<_>>(), paths);
                for tile in tree.edge() {
                    edges.insert((number, tile.path()), tile.hashes);
                }
                let read = |level, index, width| edges.get(&(number, path(level, index, width)));
                let restored = Tree::restore(number, |l, i, w| read(l, i, w).cloned()).unwrap();
                assert_eq!((restored.root(), restored.size()), (tree.root(), number));
            }
            tree.push(&line(number));
            for tile in tree.full_tiles() {
                kept.insert(tile.path(), tile.hashes.len());
            }
            tree.kept_full_tiles();
        }
        assert_eq!(kept, HashMap::from([(String::from("1/000"), 8_192)]));
        assert!(edges.contains_key(&(65_793, String::from("0/257.p/1"))));
        assert!(Tree::restore(7, |_, _, _| None).is_none());
        assert!(Tree::restore(7, |_, _, _| Some(vec![0; 32])).is_none());
    }

    #[test]
    fn paths_are_those_of_the_standard() {
        assert_eq!(path(1, 0, 256), "1/000");
        assert_eq!(path(0, 1_234_067, 8), "0/x001/x234/067.p/8");
    }
}
