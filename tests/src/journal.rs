//! The journal's files, read without the agent.
//!
//! Out: segments in order, their lines. Always: sealed ones are read by `zstd`, the program.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::process;

/// All of a journal, oldest segment first.
pub fn all(data_dir: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for segment in segments(data_dir)? {
        open(&segment)?.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The journal's segments, oldest first; one that is there twice, as it is while it is sealed, as the
/// sealed one.
pub fn segments(data_dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = files(data_dir)?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "jsonl" || end == "zst"));
    let sealed: Vec<_> = paths.iter().filter(|path| is_sealed(path)).cloned().collect();
    paths.retain(|path| is_sealed(path) || !sealed.contains(&path.with_extension("jsonl.zst")));
    Ok(paths)
}

/// Everything in the folder of the segments.
pub fn files(data_dir: &Path) -> Result<Vec<PathBuf>> {
    let folder = data_dir.join("journal/segment");
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Whether a segment is a sealed one.
pub fn is_sealed(segment: &Path) -> bool {
    segment.extension().is_some_and(|end| end == "zst")
}

/// A segment's lines.
pub fn open(segment: &Path) -> Result<Box<dyn Read>> {
    let file = File::open(segment).with_context(|| format!("opening {}", segment.display()))?;
    if !is_sealed(segment) {
        return Ok(Box::new(file));
    }
    let mut command = process::command("zstd")?;
    let command = command.arg("--decompress").arg("--stdout").stdin(file);
    let mut child = command.stdout(Stdio::piped()).spawn().context("running zstd")?;
    let output = child.stdout.take().context("zstd has no output")?;
    Ok(Box::new(Unpacked { child, output }))
}

/// What `zstd` prints; its end is an error if it did not end well.
struct Unpacked {
    child: std::process::Child,
    output: std::process::ChildStdout,
}

impl Read for Unpacked {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let read = self.output.read(room)?;
        if read == 0 && !room.is_empty() && !self.child.wait()?.success() {
            return Err(std::io::Error::other("zstd did not end well"));
        }
        Ok(read)
    }
}
