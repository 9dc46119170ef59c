//! The bytes of one segment, plain or sealed.
//!
//! In: a segment that was found. Out: its plain text, by offset.
//! Always: offsets are those of the plain text; a segment that is sealed between being found and being
//! opened is opened all the same.
//! Not here: the sealed form (`frames`), lines (`lines`).

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use crate::journal::frames::Frames;
use crate::journal::line;
use crate::journal::lines::last_newline;
use crate::journal::segment::{self, Found};

/// A segment open for reading.
#[derive(Debug)]
pub struct Source(Kind);

#[derive(Debug)]
enum Kind {
    /// May still grow.
    Plain(File),
    Sealed(Box<Frames>),
}

impl From<File> for Source {
    fn from(plain: File) -> Self {
        Self(Kind::Plain(plain))
    }
}

impl Source {
    /// Opens a segment; also gives the path that it has now. Errors: `NotFound` if it was removed, and
    /// those of the file system.
    pub fn open(found: &Found) -> io::Result<(Self, PathBuf)> {
        match open(found) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !found.is_sealed => {
                let path = found.path.with_file_name(segment::sealed_name(found.first_seq));
                let sealed = Found { path, is_sealed: true, ..*found };
                Ok((open(&sealed)?, sealed.path))
            }
            result => Ok((result?, found.path.clone())),
        }
    }

    /// Reads some bytes; 0 at the end, for now. Errors: `InvalidData` for a sealed segment that is
    /// damaged there (see `skip`), and those of reading.
    pub(super) fn read_at(&mut self, room: &mut [u8], at: u64) -> io::Result<usize> {
        let file = match &mut self.0 {
            Kind::Plain(file) => file,
            Kind::Sealed(frames) => return frames.read_at(room, at),
        };
        loop {
            match file.read_at(room, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Fills `room`. Errors: `UnexpectedEof`, and those of `read_at`.
    pub(super) fn read_exact_at(&mut self, mut room: &mut [u8], mut at: u64) -> io::Result<()> {
        while !room.is_empty() {
            let read = self.read_at(room, at)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            at += read as u64;
            room = room.get_mut(read..).unwrap_or_default();
        }
        Ok(())
    }

    /// Where reading goes on behind damage at `at`: at the next frame, which begins with a line.
    pub(super) fn skip(&mut self, at: u64) -> u64 {
        match &mut self.0 {
            Kind::Plain(_) => at,
            Kind::Sealed(frames) => frames.skip(at),
        }
    }

    /// Bytes of plain text, for now.
    pub fn len_bytes(&self) -> io::Result<u64> {
        match &self.0 {
            Kind::Plain(file) => Ok(file.metadata()?.len()),
            Kind::Sealed(frames) => Ok(frames.len_bytes()),
        }
    }

    /// Offset of the byte after the last newline.
    pub(super) fn last_newline(&self) -> io::Result<u64> {
        match &self.0 {
            Kind::Plain(file) => last_newline(file),
            // It ends behind its last line.
            Kind::Sealed(frames) => Ok(frames.len_bytes()),
        }
    }

    /// Where a line begins, not behind record `seq`: near to it in a sealed segment, 0 in a plain one.
    pub(super) fn offset_before(&mut self, seq: u64) -> u64 {
        let first_is_before = |text: &[u8]| {
            let line = text.get(..memchr::memchr(b'\n', text)?)?;
            line::seq(line).map(|first| first <= seq)
        };
        match &mut self.0 {
            Kind::Plain(_) => 0,
            Kind::Sealed(frames) => frames.search(first_is_before),
        }
    }

    /// True if the file has no name any more.
    pub(super) fn is_removed(&self) -> bool {
        match &self.0 {
            Kind::Plain(file) => file.metadata().is_ok_and(|found| found.nlink() == 0),
            Kind::Sealed(_) => false,
        }
    }

    /// Makes the content durable, whoever wrote it; a sealed segment is.
    pub(super) fn sync(&self) -> io::Result<()> {
        match &self.0 {
            Kind::Plain(file) => file.sync_data(),
            Kind::Sealed(_) => Ok(()),
        }
    }
}

fn open(found: &Found) -> io::Result<Source> {
    let file = File::open(&found.path)?;
    let kind = match found.is_sealed {
        false => Kind::Plain(file),
        true => Kind::Sealed(Box::new(Frames::open(file)?)),
    };
    Ok(Source(kind))
}
