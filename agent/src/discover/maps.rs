//! Files whose code a process may run.
//!
//! In: `/proc/PID/maps`. Out: each file once, and the file itself, opened.
//! Always: the file that is mapped, not another one that has its path by now; only plain files are
//! opened, as opening a device or a pipe may do something.
//! Not here: what is in them (`binary`).

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::fcntl::OFlag;

use super::procfs::ProcFs;

/// Device and inode as `maps` has them: on overlays not those of stat(2).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FileId {
    /// `major:minor`, hexadecimal.
    pub device: String,
    /// Its number on the device.
    pub inode: u64,
}

/// One file of a process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mapped {
    /// The same in every process that maps the file.
    pub id: FileId,
    /// As the process sees it. ` (deleted)` follows if nothing has that name any more.
    pub path: String,
    /// `start-end` of its first executable mapping, hexadecimal.
    range: String,
}

/// Files that are mapped executable; none if the process is gone.
pub fn executable(proc_fs: &ProcFs, pid: u32) -> Vec<Mapped> {
    let maps = fs::read(proc_fs.path(pid, "maps")).unwrap_or_default();
    let mut files = BTreeMap::new();
    for file in String::from_utf8_lossy(&maps).lines().filter_map(mapped) {
        files.entry(file.id.clone()).or_insert(file);
    }
    files.into_values().collect()
}

/// Opens it for reading.
pub fn open(proc_fs: &ProcFs, pid: u32, file: &Mapped) -> Option<File> {
    // The first works for removed files too, and wants CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN.
    let by_range = proc_fs.path(pid, "map_files").join(&file.range);
    let by_path = proc_fs.path(pid, "root").join(file.path.trim_start_matches('/'));
    [by_range, by_path].iter().find_map(|path| open_plain(path, file.id.inode))
}

fn open_plain(path: &Path, inode: u64) -> Option<File> {
    let is_it = |metadata: fs::Metadata| metadata.is_file() && metadata.ino() == inode;
    fs::metadata(path).ok().filter(|metadata| is_it(metadata.clone()))?;
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    is_it(file.metadata().ok()?).then_some(file)
}

/// One line: `start-end permissions offset device inode path`.
fn mapped(line: &str) -> Option<Mapped> {
    let (fields, path) = line.split_at(line.find('/')?);
    let mut fields = fields.split_ascii_whitespace();
    let range = fields.next()?.to_owned();
    fields.next().filter(|permissions| permissions.contains('x'))?;
    let device = fields.nth(1)?.to_owned();
    let inode = fields.next()?.parse().ok().filter(|&inode| inode != 0)?;
    Some(Mapped { id: FileId { device, inode }, path: path.to_owned(), range })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let line = "7f00-7f01 r-xp 00028000 fd:00 99      /usr/lib/my lib.so (deleted)";
        let file = mapped(line).unwrap();
        assert_eq!(file.id, FileId { device: "fd:00".into(), inode: 99 });
        assert_eq!(
            (file.path.as_str(), file.range.as_str()),
            ("/usr/lib/my lib.so (deleted)", "7f00-7f01")
        );
        assert_eq!(mapped("7f00-7f01 r--p 0 fd:00 99 /lib/x.so"), None);
        assert_eq!(mapped("7f00-7f01 r-xp 0 00:00 0 [vdso]"), None);
        assert_eq!(mapped("7f00-7f01 r-xp 0 /"), None);
        assert_eq!(mapped(""), None);
    }

    #[test]
    fn our_own_program_is_mapped_and_opened() {
        let (proc_fs, own) = (ProcFs::host(), std::process::id());
        let exe = std::env::current_exe().unwrap();
        let files = executable(&proc_fs, own);
        let file = files.iter().find(|file| Path::new(&file.path) == exe).unwrap();
        let opened = open(&proc_fs, own, file).unwrap().metadata().unwrap();
        assert_eq!(opened.ino(), fs::metadata(exe).unwrap().ino());
        let other = Mapped { id: FileId { inode: 1, ..file.id.clone() }, ..file.clone() };
        assert!(open(&proc_fs, own, &other).is_none());
    }
}
