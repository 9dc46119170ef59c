//! The seal of one journal: its tree, its newest checkpoint, its keys.
//!
//! In: durable lines, in order. Out: `journal/checkpoint`, `journal/tile`, `key/log`, `key/log.pub`, `key/epoch`.
//! Always: a checkpoint is over durable lines only, and over all of them; the first one is there before the first
//! record; tiles are durable before a checkpoint that needs them.
//! Not here: when (`journal::writer`), which lines (`journal::store`).

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use signed_note::Signer;

use super::epoch::{Epochs, Handover};
use super::error::SealError;
use super::key::SigningKey;
use super::tree::{self, Tree};
use super::{file, note};

/// Seals a journal while it grows.
pub struct Sealer {
    checkpoint: PathBuf,
    tiles: PathBuf,
    tree: Tree,
    log: SigningKey,
    epochs: Epochs,
    found: Found,
    /// Size of the newest checkpoint, once this run has written or accepted one.
    sealed: Option<u64>,
}

/// The checkpoint that was there at the start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// There was none, as before the first record.
    Nothing,
    /// One by this journal's key.
    Ours {
        /// Records that it seals.
        size: u64,
        /// Their root.
        root: [u8; 32],
        /// The whole note.
        note: String,
    },
    /// Something else: another journal's, or none that can be read.
    Foreign {
        /// What it is, as far as it is text.
        note: String,
    },
}

impl Sealer {
    /// With what earlier runs left in a journal's directory and the keys'. What is missing is made: keys, and
    /// the checkpoint of the empty journal. Errors: no access; a key that is none or that others can read.
    pub fn open(journal: &Path, keys: &Path) -> Result<Self, SealError> {
        let checkpoint = journal.join("checkpoint");
        let found = file::read(&checkpoint);
        let found = found.map_err(|cause| SealError::io("read", &checkpoint, cause))?;
        let log = log_key(keys)?;
        let signers = found.as_deref().map(note::signers).unwrap_or_default();
        let epochs = Epochs::open(keys, log.name(), &signers)?;
        let found = found.map_or(Found::Nothing, |text| Found::of(&text, &log));
        let tiles = journal.join("tile");
        Ok(Self { checkpoint, tiles, tree: Tree::default(), log, epochs, found, sealed: None })
    }

    /// The checkpoint that was there at the start.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// Begins at the edge that was kept at this size. False if it cannot be had; then the tree is empty.
    pub fn restore(&mut self, size: u64) -> bool {
        let read = |level, index, width| {
            file::read(&self.tiles.join(tree::path(level, index, width))).ok().flatten()
        };
        let restored = Tree::restore(size, read);
        let is_there = restored.is_some();
        self.tree = restored.unwrap_or_default();
        is_there
    }

    /// Takes a line again that an earlier run has written.
    pub fn replay(&mut self, line: &[u8]) {
        self.epochs.look(line, self.tree.size());
        self.tree.push(line);
    }

    /// Takes the next line, which is durable.
    pub fn push(&mut self, line: &[u8]) {
        self.tree.push(line);
    }

    /// Counts numbers that no record has.
    pub fn push_missing(&mut self, until_size: u64) {
        while self.tree.size() < until_size {
            self.tree.push_missing();
        }
    }

    /// Everything was taken again: what an earlier run had begun is ended, and the checkpoint that was
    /// found is the newest one if it is of this journal.
    pub fn begin(&mut self, is_as_sealed: bool) -> Result<(), SealError> {
        self.epochs.conclude(self.tree.size())?;
        self.sealed = match self.found {
            Found::Ours { size, .. } if is_as_sealed => Some(size),
            _ => None,
        };
        if self.found == Found::Nothing && self.tree.size() == 0 {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Lines so far.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root over them.
    pub fn root(&self) -> [u8; 32] {
        self.tree.root().0
    }

    /// True if there are lines that the newest checkpoint does not seal.
    pub fn is_behind(&self) -> bool {
        self.sealed != Some(self.tree.size())
    }

    /// Writes a checkpoint over all lines, if the newest one is of another size. Errors: the disk refuses; asking
    /// again may succeed.
    pub fn checkpoint(&mut self) -> Result<(), SealError> {
        let size = self.tree.size();
        if let Some(seq) = self.epochs.next_seq().filter(|seq| *seq < size) {
            // The old key signs the record that ends its epoch, where nothing came after it.
            if size == seq + 1 {
                self.write_checkpoint()?;
            }
            self.epochs.follow(seq + 1)?;
        }
        if self.is_behind() { self.write_checkpoint() } else { Ok(()) }
    }

    /// Writes the newest checkpoint again: that nothing happened is a statement too.
    pub fn repeat(&mut self) -> Result<(), SealError> {
        self.sealed = None;
        self.checkpoint()
    }

    /// Keeps the edge of the tree, from which `restore` begins, and seals what is there.
    pub fn keep_edge(&mut self) -> Result<(), SealError> {
        for tile in self.tree.edge() {
            self.write_tile(&tile)?;
        }
        self.checkpoint()
    }

    /// Removes the edges that were kept at `gone` sizes and at none of the `kept` ones. Errors: the disk refuses.
    pub fn forget_edges(&self, gone: &[u64], kept: &[u64]) -> Result<(), SealError> {
        let kept: HashSet<_> = kept.iter().flat_map(|size| tree::edge_paths(*size)).collect();
        let gone = gone.iter().flat_map(|size| tree::edge_paths(*size));
        for path in gone.filter(|path| !kept.contains(path)) {
            let path = self.tiles.join(path);
            file::remove(&path).map_err(|cause| SealError::io("remove", &path, cause))?;
        }
        Ok(())
    }

    /// True if an epoch is to begin.
    pub fn is_epoch_due(&self, now: Instant) -> bool {
        self.epochs.is_due(now)
    }

    /// Heeds the wish for another epoch key. Errors: the disk refuses.
    pub fn heed_wish(&mut self) -> Result<(), SealError> {
        self.epochs.heed_wish()
    }

    /// Begins an epoch: what is to be recorded as the very next line. All lines before must be durable.
    pub fn hand_over(&mut self) -> Result<Option<Handover>, SealError> {
        self.epochs.begin(&self.log, self.tree.size(), self.tree.root())
    }

    /// That line did not come about.
    pub fn cancel_hand_over(&mut self) -> Result<(), SealError> {
        self.epochs.cancel()
    }

    fn write_checkpoint(&mut self) -> Result<(), SealError> {
        self.write_tiles()?;
        let (size, root) = (self.tree.size(), self.tree.root());
        // Right behind the begin of an epoch nobody is left to sign; the next record is near.
        let Ok(epoch) = self.epochs.signer(size) else { return Ok(()) };
        let epoch = epoch.map(SigningKey::signer);
        let signers: Vec<&dyn Signer> = std::iter::once(self.log.signer()).chain(epoch).collect();
        let Some(note) = note::sign(self.log.name(), size, root, "", &signers) else {
            return Err(SealError::Broken { path: self.checkpoint.clone() });
        };
        file::replace(&self.checkpoint, &note)
            .map_err(|cause| SealError::io("write", &self.checkpoint, cause))?;
        self.sealed = Some(size);
        Ok(())
    }

    fn write_tiles(&mut self) -> Result<(), SealError> {
        for tile in self.tree.full_tiles() {
            self.write_tile(tile)?;
        }
        self.tree.kept_full_tiles();
        Ok(())
    }

    fn write_tile(&self, tile: &tree::TileData) -> Result<(), SealError> {
        let path = self.tiles.join(tile.path());
        file::replace(&path, &tile.hashes).map_err(|cause| SealError::io("write", &path, cause))
    }
}

impl Found {
    fn of(text: &[u8], log: &SigningKey) -> Self {
        let note = String::from_utf8_lossy(text).into_owned();
        match note::open(text, log.verifier()).filter(|found| found.origin() == log.name()) {
            Some(found) => Self::Ours { size: found.size(), root: found.hash().0, note },
            None => Self::Foreign { note },
        }
    }
}

/// The log's key; made where there is none.
fn log_key(keys: &Path) -> Result<SigningKey, SealError> {
    let (path, public) = (keys.join("log"), keys.join("log.pub"));
    let key = match SigningKey::read(&path)? {
        Some((key, _)) => key,
        None => {
            let key = SigningKey::generate(&origin())
                .map_err(|cause| SealError::io("make", &path, cause))?;
            key.write(&path)?;
            key
        }
    };
    let line = format!("{}\n", key.verifier_text());
    let written = file::read(&public).ok().flatten();
    if written.as_deref() != Some(line.as_bytes()) {
        file::replace(&public, line.as_bytes())
            .map_err(|cause| SealError::io("write", &public, cause))?;
    }
    Ok(key)
}

/// The name of a new log: the host's, and something that no other log of a host of this name has.
fn origin() -> String {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let mut host = host.to_string_lossy().into_owned();
    host.retain(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
    let mut random = [0; 4];
    // Without randomness no key can be made either, and that is told.
    let _ = getrandom::fill(&mut random);
    let host = if host.is_empty() { "host" } else { &host };
    format!("{host}/earwitness/{}", data_encoding::HEXLOWER.encode(&random))
}

#[cfg(test)]
mod tests;
