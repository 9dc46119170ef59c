//! Writing a capture file.
//!
//! In: samples, processes, losses. Out: the bytes that `super` describes.
//! Always: the file is for its owner alone and never one that a link leads to; a process is written
//! only where something about it is new.
//! Not here: which processes and losses there are (the caller knows).

use std::collections::HashMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::libc;

use super::entry::{self, LOSS, PROCESS, SAMPLE};
use super::{CaptureError, Header, MAGIC, MOST_BYTES};
use crate::model::loss::Loss;
use crate::model::origin::Process;

/// What to do where a file is already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IfExists {
    /// Leave it and tell.
    Refuse,
    /// Write over it.
    Overwrite,
}

/// A capture under way.
pub struct Writer<W: Write> {
    out: W,
    /// As written last.
    processes: HashMap<u32, Process>,
}

impl Writer<BufWriter<File>> {
    /// Begins a file with mode 0600.
    ///
    /// # Errors
    /// `Exists`, `Create`, `Header`, `Write`.
    pub fn create(path: &Path, header: &Header, exists: IfExists) -> Result<Self, CaptureError> {
        let file = open(path, exists).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => CaptureError::Exists { path: path.to_owned() },
            _ => CaptureError::Create { path: path.to_owned(), error },
        })?;
        Self::new(BufWriter::with_capacity(BUFFER_BYTES, file), header)
    }
}

fn open(path: &Path, exists: IfExists) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).mode(MODE).custom_flags(libc::O_NOFOLLOW);
    match exists {
        IfExists::Refuse => options.create_new(true).open(path),
        IfExists::Overwrite => {
            let file = options.create(true).truncate(true).open(path)?;
            if file.metadata()?.is_file() {
                file.set_permissions(Permissions::from_mode(MODE))?;
            }
            Ok(file)
        }
    }
}

impl<W: Write> Writer<W> {
    /// Begins a capture.
    ///
    /// # Errors
    /// `Header`, `Write`.
    pub fn new(mut out: W, header: &Header) -> Result<Self, CaptureError> {
        let json = serde_json::to_vec(header);
        let json = json.map_err(|error| CaptureError::Header(error.to_string()))?;
        let len = bounded(json.len()).map_err(CaptureError::Write)?;
        out.write_all(MAGIC)
            .and_then(|()| out.write_all(&len.to_le_bytes()))
            .and_then(|()| out.write_all(&json))
            .map_err(CaptureError::Write)?;
        Ok(Self { out, processes: HashMap::new() })
    }

    /// Appends a sample as the ring gave it. Processes that it speaks of come before it, except that
    /// what is known after an `exec` comes after the sample that tells of it.
    ///
    /// # Errors
    /// `Write`.
    pub fn sample(&mut self, sample: &[u8]) -> Result<(), CaptureError> {
        self.entry(SAMPLE, sample)
    }

    /// Appends a process if it differs from what was written of that process id before.
    ///
    /// # Errors
    /// `Write`.
    pub fn process(&mut self, process: &Process) -> Result<(), CaptureError> {
        if self.processes.get(&process.pid) == Some(process) {
            return Ok(());
        }
        let json = entry::process_to_json(process).map_err(io::Error::from);
        self.entry(PROCESS, &json.map_err(CaptureError::Write)?)?;
        if self.processes.len() >= MOST_PROCESSES {
            self.processes.clear();
        }
        self.processes.insert(process.pid, process.clone());
        Ok(())
    }

    /// Forgets what was written of a process id, since a replay forgets it too: at its `exec`.
    pub fn forget(&mut self, pid: u32) {
        self.processes.remove(&pid);
    }

    /// Appends what the kernel side counted since the last such entry.
    ///
    /// # Errors
    /// `Write`.
    pub fn loss(&mut self, loss: &Loss) -> Result<(), CaptureError> {
        let json = entry::loss_to_json(loss).map_err(io::Error::from);
        self.entry(LOSS, &json.map_err(CaptureError::Write)?)
    }

    /// Writes everything out and gives the output back.
    ///
    /// # Errors
    /// `Write`.
    pub fn finish(mut self) -> Result<W, CaptureError> {
        self.out.flush().map_err(CaptureError::Write)?;
        Ok(self.out)
    }

    fn entry(&mut self, kind: u8, content: &[u8]) -> Result<(), CaptureError> {
        bounded(content.len() + 1)
            .and_then(|len| self.out.write_all(&len.to_le_bytes()))
            .and_then(|()| self.out.write_all(&[kind]))
            .and_then(|()| self.out.write_all(content))
            .map_err(CaptureError::Write)
    }
}

fn bounded(len_bytes: usize) -> io::Result<u32> {
    let len = u32::try_from(len_bytes).ok().filter(|_| len_bytes <= MOST_BYTES);
    len.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "an entry is too long"))
}

/// Read and write for the owner.
const MODE: u32 = 0o600;
const BUFFER_BYTES: usize = 1 << 18;

/// Most processes whose last entry is remembered.
const MOST_PROCESSES: usize = 65_536;
