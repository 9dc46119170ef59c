//! `earwitness export`: the journal as a C2SP tiled log, for any client of such logs.
//!
//! In: the data directory. Out: `checkpoint`, `tile/L/N`, `tile/entries/N` in another directory.
//! Always: what is written leads to the checkpoint, or it is told that it does not; exit code 0 done, 1 the journal
//! is not what was sealed, 2 a mistake in the call, 3 some records are too long for a bundle of entries.
//! Not here: records in other formats (`cat --format`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use tlog_tiles::{HashReader as _, Tile, stored_hash_index, tree_hash};

use super::{USAGE, prove};
use crate::journal::hashes::Hashes;
use crate::journal::reader::{Item, Reader};
use crate::journal::{Directory, directory};
use crate::seal::{file, tile_path};

/// Writes the journal as a tiled transparency log (C2SP tlog-tiles).
///
/// Records that were removed, or are longer than 65 535 bytes, have their hash in the tiles and no entry.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: earwitness export /srv/log")]
pub struct Args {
    /// A directory that is empty, or not there yet
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Directory with the agent's data
    #[arg(long, value_name = "DIR", default_value = directory::DEFAULT)]
    data_dir: PathBuf,
}

/// Writes what is asked for. Errors: the journal cannot be read, or the directory not written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let is_taken = fs::read_dir(&args.to).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken {
        eprintln!("{} is not empty\nhint: name another directory", args.to.display());
        return Ok(ExitCode::from(USAGE));
    }
    let path = Directory::new(&args.data_dir).journal().join("checkpoint");
    let note = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let Some(checkpoint) = prove::checkpoint(&note) else {
        eprintln!("{} is no checkpoint", path.display());
        return Ok(ExitCode::FAILURE);
    };
    let size = checkpoint.size();
    let hashes = Hashes::new(&args.data_dir, size).context("cannot list the segments")?;
    let root = tree_hash(size, &hashes).ok();
    if root.as_ref() != Some(checkpoint.hash()) {
        eprintln!(
            "error: the journal does not lead to its checkpoint\nhint: `earwitness verify` tells where"
        );
        return Ok(ExitCode::FAILURE);
    }
    tiles(&args.to, size, &hashes)?;
    let left_out = entries(args, size)?;
    put(&args.to.join("checkpoint"), &note)?;
    if left_out > 0 {
        eprintln!(
            "{left_out} bundles of entries are not there: records in them are too long, or were removed"
        );
        return Ok(ExitCode::from(UNKNOWN));
    }
    Ok(ExitCode::SUCCESS)
}

fn tiles(to: &Path, size: u64, hashes: &Hashes) -> anyhow::Result<()> {
    for tile in Tile::new_tiles(8, 0, size) {
        let (level, number) = (tile.level(), tile.level_index());
        let mut bytes = Vec::new();
        for at in 0..u64::from(tile.width()) {
            let index = stored_hash_index(level * 8, number * 256 + at);
            // Leaves of records that were removed are not known any more.
            let Ok(found) = hashes.read_hashes(&[index]) else { break };
            found.iter().for_each(|hash| bytes.extend_from_slice(&hash.0));
        }
        let width = usize::try_from(tile.width())?;
        if bytes.len() == width * 32 {
            put(&to.join("tile").join(tile_path(level, number, width)), &bytes)?;
        }
    }
    Ok(())
}

/// Bundles of 256 entries, each with its length before it. Gives how many there are not.
fn entries(args: &Args, size: u64) -> anyhow::Result<u64> {
    let mut bundle = Bundle::new(args);
    let mut reader = Reader::open_at(&args.data_dir, 0)?;
    while let Some(item) = reader.read()? {
        match item {
            Item::Record { seq, line } if seq < size => bundle.push(seq, line)?,
            Item::Record { .. } => break,
            Item::Notice(_) => {}
        }
    }
    bundle.finish(size)
}

struct Bundle<'a> {
    args: &'a Args,
    /// Entries of the bundle with this number.
    number: u64,
    bytes: Vec<u8>,
    width: u64,
    left_out: u64,
}

impl<'a> Bundle<'a> {
    fn new(args: &'a Args) -> Self {
        Self { args, number: 0, bytes: Vec::new(), width: 0, left_out: 0 }
    }

    fn push(&mut self, seq: u64, line: &[u8]) -> anyhow::Result<()> {
        while seq / 256 > self.number {
            self.write(256)?;
        }
        if self.width == seq % 256
            && let Ok(length) = u16::try_from(line.len())
        {
            self.bytes.extend_from_slice(&length.to_be_bytes());
            self.bytes.extend_from_slice(line);
            self.width += 1;
        }
        Ok(())
    }

    fn finish(mut self, size: u64) -> anyhow::Result<u64> {
        while self.number < size / 256 {
            self.write(256)?;
        }
        if !size.is_multiple_of(256) {
            self.write(size % 256)?;
        }
        Ok(self.left_out)
    }

    /// Ends a bundle that should have so many entries.
    fn write(&mut self, width: u64) -> anyhow::Result<()> {
        if self.width == width {
            let path = tile_path(0, self.number, usize::try_from(width)?);
            let path = path.trim_start_matches("0/");
            put(&self.args.to.join("tile/entries").join(path), &self.bytes)?;
        } else {
            self.left_out += 1;
        }
        self.bytes.clear();
        (self.number, self.width) = (self.number + 1, 0);
        Ok(())
    }
}

fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    file::replace(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Exit code: could not do all of it.
const UNKNOWN: u8 = 3;

#[cfg(test)]
mod tests {
    use tlog_tiles::record_hash;

    use super::*;
    use crate::journal::testing::exchange;
    use crate::journal::{Journal, JournalConfig};

    #[test]
    fn tiles_entries_and_checkpoint_fit() {
        let (data, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (mut journal, _) = Journal::open(data.path(), JournalConfig::default()).unwrap();
        (0..600).for_each(|n| assert_eq!(journal.append(&exchange(n)), Some(n)));
        journal.close().unwrap();
        let args = Args { to: to.path().join("log"), data_dir: data.path().to_owned() };
        assert_eq!(format!("{:?}", run(&args).unwrap()), format!("{:?}", ExitCode::SUCCESS));
        let read = |path: &str| fs::read(args.to.join(path)).unwrap();
        assert_eq!(read("tile/0/000").len(), 8_192);
        assert_eq!((read("tile/0/002.p/88").len(), read("tile/1/000.p/2").len()), (88 * 32, 64));
        assert_eq!(Tile::subtree_hash(&read("tile/0/001")).0, read("tile/1/000.p/2")[32..]);
        let bundle = read("tile/entries/001");
        let length = usize::from(u16::from_be_bytes([bundle[0], bundle[1]]));
        assert_eq!(&bundle[2..2 + length], &exchange(256).line(256)[..]);
        assert_eq!(read("tile/0/001")[..32], record_hash(&bundle[2..2 + length]).0);
        assert_eq!(read("checkpoint"), fs::read(data.path().join("journal/checkpoint")).unwrap());
        assert!(read("tile/entries/002.p/88").len() > 88 * 100);
        let code = format!("{:?}", run(&args).unwrap());
        assert_eq!(code, format!("{:?}", ExitCode::from(USAGE)), "it is not empty now");
    }
}
