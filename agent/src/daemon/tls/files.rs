//! The files that were looked into, and those of them that have TLS.
//!
//! In: open files. Out: what was found in them. Always: by device and inode; a file that containers see
//! through different overlays is one file (the kernel probes the inode below).
//! Not here: attaching (`tls`).

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::stat::{major, minor};
use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, fstatfs};

use super::reach::Reach;
use crate::discover::binary::{self, Found};
use crate::discover::maps::{FileId, Mapped};

/// An open file and its name, which only people read.
pub struct Opened {
    /// The file.
    pub file: File,
    /// As its process sees it.
    pub path: String,
}

/// A file with TLS in it.
pub struct TlsFile {
    /// Held open, whatever becomes of its name.
    pub file: File,
    /// As the first process saw it.
    pub path: String,
    /// Where its functions are.
    pub found: Found,
    /// Its number, from 0.
    pub number: u64,
    /// It lies where libraries are installed.
    pub installed: bool,
    /// Its probes.
    pub reach: Reach,
    inode: Inode,
}

/// A file as the kernel knows it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Inode {
    dev: u64,
    ino: u64,
    /// Tells a file from its successor with the same number.
    modified: (i64, i64),
}

/// All of them.
#[derive(Default)]
pub struct Files {
    /// As `/proc/PID/maps` names them: a number alone may have gone to another file meanwhile.
    met: HashMap<FileId, Vec<String>>,
    /// Those met whose users are likely to put memory buffers between TLS and sockets.
    buffering: HashSet<FileId>,
    /// What was looked into, and whether it is such a file.
    examined: HashMap<Inode, bool>,
    tls: HashMap<Inode, TlsFile>,
    count: u64,
}

impl Files {
    /// Whether it was looked into.
    pub fn has_met(&self, mapped: &Mapped) -> bool {
        self.met.get(&mapped.id).is_some_and(|paths| paths.contains(&mapped.path))
    }

    /// A file that a process maps. Gives it if it has TLS and was not looked into before.
    pub fn meet(&mut self, mapped: &Mapped, file: File) -> Option<TlsFile> {
        if self.met.len() >= MOST_FILES {
            self.met.clear();
            self.buffering.clear();
        }
        self.met.entry(mapped.id.clone()).or_default().push(mapped.path.clone());
        let inode = Inode::of(&file)?;
        let new = self.examine(Opened { file, path: mapped.path.clone() });
        if self.examined.get(&inode) == Some(&true) {
            self.buffering.insert(mapped.id.clone());
        }
        new
    }

    /// Every file is opened once more, and looked into only if it has changed or is another.
    pub fn meet_anew(&mut self) {
        self.met.clear();
    }

    /// Whether who maps this is likely to put memory buffers between TLS and sockets.
    pub fn is_buffering(&self, mapped: &Mapped) -> bool {
        self.buffering.contains(&mapped.id)
    }

    /// Looks into a file. `None`: no TLS, or looked into before.
    pub fn examine(&mut self, opened: Opened) -> Option<TlsFile> {
        let inode = Inode::of(&opened.file)?;
        if self.examined.len() >= MOST_FILES {
            self.examined.retain(|inode, _| self.tls.contains_key(inode));
        }
        if self.examined.contains_key(&inode) {
            return None;
        }
        let examined = binary::examine(&opened.file);
        self.examined.insert(inode, examined.buffers);
        let number = self.count;
        let found = examined.found?;
        self.count += 1;
        Some(TlsFile {
            file: opened.file,
            path: opened.path,
            found,
            number,
            installed: false,
            reach: Reach::default(),
            inode,
        })
    }

    /// Remembers it.
    pub fn keep(&mut self, file: TlsFile) {
        self.tls.insert(file.inode, file);
    }

    /// What is mapped there, if it has TLS.
    pub fn of(&self, mapped: &Mapped) -> Option<&TlsFile> {
        let named = self.tls.values().filter(|file| file.inode.ino == mapped.id.inode);
        named.max_by_key(|file| file.inode.is_on(&mapped.id.device))
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, mapped: &Mapped) -> Option<&mut TlsFile> {
        let named = self.tls.values_mut().filter(|file| file.inode.ino == mapped.id.inode);
        named.max_by_key(|file| file.inode.is_on(&mapped.id.device))
    }

    /// All of them.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut TlsFile> {
        self.tls.values_mut()
    }

    /// Numbers of those that lie where libraries are installed.
    pub fn installed(&self) -> Vec<u64> {
        self.tls.values().filter(|file| file.installed).map(|file| file.number).collect()
    }

    /// Those with these numbers.
    pub fn numbered<'a>(&'a self, numbers: &'a [u64]) -> impl Iterator<Item = &'a TlsFile> {
        self.tls.values().filter(|file| numbers.contains(&file.number))
    }

    /// Whether there are files without a name.
    pub fn have_nameless(&self) -> bool {
        self.tls.values().any(TlsFile::is_nameless)
    }

    /// Gives up files without a name that are in none of these mappings.
    pub fn let_go(&mut self, mapped: impl Iterator<Item = Mapped>) -> Vec<TlsFile> {
        let in_use: HashSet<u64> = mapped.map(|mapped| mapped.id.inode).collect();
        self.take(|file| file.is_nameless() && !in_use.contains(&file.inode.ino))
    }

    /// Gives up files that were written to: what was found lies elsewhere by now.
    pub fn take_changed(&mut self) -> Vec<TlsFile> {
        self.take(|file| Inode::of(&file.file) != Some(file.inode))
    }

    fn take(&mut self, is_over: impl Fn(&TlsFile) -> bool) -> Vec<TlsFile> {
        let over: Vec<Inode> =
            self.tls.values().filter(|file| is_over(file)).map(|file| file.inode).collect();
        for inode in &over {
            self.examined.remove(inode);
            self.met.retain(|id, _| id.inode != inode.ino);
            self.buffering.retain(|id| id.inode != inode.ino);
        }
        over.iter().filter_map(|inode| self.tls.remove(inode)).collect()
    }
}

impl TlsFile {
    fn is_nameless(&self) -> bool {
        self.file.metadata().map_or(0, |metadata| metadata.nlink()) == 0
    }
}

impl Inode {
    /// Whether `maps` calls its device so. Some file systems have several names for one.
    fn is_on(&self, device: &str) -> bool {
        device == format!("{:02x}:{:02x}", major(self.dev), minor(self.dev))
    }

    fn of(file: &File) -> Option<Self> {
        let metadata = file.metadata().ok()?;
        let is_overlay =
            fstatfs(file).is_ok_and(|found| found.filesystem_type() == OVERLAYFS_SUPER_MAGIC);
        Some(Self {
            dev: if is_overlay { 0 } else { metadata.dev() },
            ino: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// Libraries that processes are likely to load, so that even the first one is seen from its start.
pub fn installed() -> Vec<Opened> {
    let mut found = Vec::new();
    for directory in DIRECTORIES.iter().map(Path::new) {
        look_into(directory, &mut found);
        let inside = fs::read_dir(directory).into_iter().flatten().flatten();
        let inside = inside.map(|entry| entry.path());
        for directory in inside.filter(|path| is_multiarch(path)) {
            look_into(&directory, &mut found);
        }
    }
    found
}

fn look_into(directory: &Path, found: &mut Vec<Opened>) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| is_likely(path)) {
        if let Ok(file) = File::open(&path) {
            found.push(Opened { file, path: path.to_string_lossy().into_owned() });
        }
    }
}

/// `/usr/lib/x86_64-linux-gnu` and the like.
fn is_multiarch(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.contains("-linux-")
}

fn is_likely(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    LIBRARIES.iter().any(|start| name.starts_with(start))
}

/// Most files remembered.
const MOST_FILES: usize = 65_536;

const DIRECTORIES: &[&str] = &["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib"];

const LIBRARIES: &[&str] = &["libssl.so", "libcrypto.so", "libgnutls.so", "libnspr4.so"];
