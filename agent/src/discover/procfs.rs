//! One place that reads `/proc/PID`.
//!
//! In: a proc file system and process ids. Out: executables, users, open descriptors, as they are
//! at this moment.
//! Always: a process that is gone, or that we may not look at, gives `None`.
//! Not here: remembering (`process`), what the descriptors mean (`io_uring`, `sockets`).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A mounted proc file system.
#[derive(Clone, Debug)]
pub struct ProcFs {
    root: PathBuf,
}

impl ProcFs {
    /// The host's, at `/proc`.
    pub fn host() -> Self {
        Self::at(Path::new("/proc"))
    }

    /// One that is mounted elsewhere.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// A file or directory of a process.
    pub fn path(&self, pid: u32, name: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(name)
    }

    /// Every process at this moment, none if `/proc` cannot be listed.
    pub fn pids(&self) -> Vec<u32> {
        let Ok(entries) = fs::read_dir(&self.root) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter_map(|name| name.parse().ok()).collect()
    }

    /// Whether the process exists at this moment.
    pub fn exists(&self, pid: u32) -> bool {
        self.root.join(pid.to_string()).exists()
    }

    /// Path of the executable as its process sees it. `None` for kernel threads too.
    pub fn executable(&self, pid: u32) -> Option<String> {
        let link = self.path(pid, "exe");
        let target = fs::read_link(&link).ok()?;
        let path = if is_deleted(&target, &link) { undeleted(target) } else { target };
        let path = path.to_string_lossy();
        path.starts_with('/').then(|| path.into_owned())
    }

    /// Real user id.
    pub fn real_uid(&self, pid: u32) -> Option<u32> {
        let status = fs::read_to_string(self.path(pid, "status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// What the open descriptors are: paths, and texts like `socket:[1234]`.
    ///
    /// # Errors
    /// The process is gone, or we may not look at it.
    pub fn descriptors(&self, pid: u32) -> io::Result<impl Iterator<Item = PathBuf> + use<>> {
        let entries = fs::read_dir(self.path(pid, "fd"))?;
        Ok(entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()))
    }

    /// Whether process ids here are those that the kernel side reports. In a pid namespace of its
    /// own they are not, and looking one up would name another process. `None` if it cannot be told.
    pub fn is_initial_namespace(&self) -> Option<bool> {
        let links = [self.root.join("1/ns/pid"), self.root.join("self/ns/pid")];
        let link = links.iter().find_map(|link| fs::read_link(link).ok())?;
        Some(link.as_os_str() == INITIAL_PID_NAMESPACE)
    }
}

/// The kernel marks a path whose file was removed or replaced; a file may also be called that.
fn is_deleted(target: &Path, link: &Path) -> bool {
    if !target.as_os_str().as_encoded_bytes().ends_with(DELETED) {
        return false;
    }
    match (fs::metadata(target), fs::metadata(link)) {
        (Ok(named), Ok(running)) => (named.dev(), named.ino()) != (running.dev(), running.ino()),
        _ => true,
    }
}

fn undeleted(target: PathBuf) -> PathBuf {
    let mut bytes = target.into_os_string().into_vec();
    bytes.truncate(bytes.len().saturating_sub(DELETED.len()));
    PathBuf::from(OsString::from_vec(bytes))
}

const DELETED: &[u8] = b" (deleted)";

/// `PROC_PID_INIT_INO` of `include/linux/proc_ns.h`; the same in every kernel since 3.8.
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A proc file system made of plain files.
    pub(crate) struct Fake {
        directory: tempfile::TempDir,
    }

    impl Fake {
        pub(crate) fn new() -> Self {
            Self { directory: tempfile::tempdir().unwrap() }
        }

        pub(crate) fn root(&self) -> &Path {
            self.directory.path()
        }

        pub(crate) fn proc_fs(&self) -> ProcFs {
            ProcFs::at(self.root())
        }

        pub(crate) fn add(&self, pid: u32, exe: &str, uid: u32) {
            let path = self.root().join(pid.to_string());
            fs::create_dir_all(path.join("fd")).unwrap();
            let _ = fs::remove_file(path.join("exe"));
            symlink(exe, path.join("exe")).unwrap();
            let status = format!("Name:\tx\nUid:\t{uid}\t0\t0\t0\nGid:\t0\t0\t0\t0\n");
            fs::write(path.join("status"), status).unwrap();
        }

        pub(crate) fn open(&self, pid: u32, descriptor: u32, what: &str) {
            symlink(what, self.proc_fs().path(pid, &format!("fd/{descriptor}"))).unwrap();
        }

        pub(crate) fn remove(&self, pid: u32) {
            fs::remove_dir_all(self.root().join(pid.to_string())).unwrap();
        }
    }

    #[test]
    fn a_process_is_read() {
        let fake = Fake::new();
        fake.add(7, "/usr/bin/curl", 1000);
        fs::create_dir(fake.root().join("sys")).unwrap();
        let proc_fs = fake.proc_fs();
        assert_eq!(proc_fs.pids(), [7]);
        assert_eq!(proc_fs.executable(7).unwrap(), "/usr/bin/curl");
        assert_eq!(proc_fs.real_uid(7), Some(1000));
        assert!(proc_fs.executable(8).is_none() && proc_fs.real_uid(8).is_none());
        assert!(proc_fs.descriptors(8).is_err());
    }

    #[test]
    fn the_mark_of_a_removed_file_is_taken_off() {
        let fake = Fake::new();
        fake.add(7, "/usr/bin/curl (deleted)", 0);
        assert_eq!(fake.proc_fs().executable(7).unwrap(), "/usr/bin/curl");
        // A file that is really called so.
        let real = fake.root().join("odd (deleted)");
        fs::write(&real, "").unwrap();
        fake.add(8, real.to_str().unwrap(), 0);
        assert_eq!(fake.proc_fs().executable(8).unwrap(), real.to_str().unwrap());
    }

    #[test]
    fn another_pid_namespace_is_noticed() {
        let fake = Fake::new();
        assert_eq!(fake.proc_fs().is_initial_namespace(), None);
        fs::create_dir_all(fake.root().join("self/ns")).unwrap();
        symlink("pid:[4026532001]", fake.root().join("self/ns/pid")).unwrap();
        assert_eq!(fake.proc_fs().is_initial_namespace(), Some(false));
        fs::create_dir_all(fake.root().join("1/ns")).unwrap();
        symlink(INITIAL_PID_NAMESPACE, fake.root().join("1/ns/pid")).unwrap();
        assert_eq!(fake.proc_fs().is_initial_namespace(), Some(true));
    }

    #[test]
    fn the_running_process_is_there() {
        let own = std::process::id();
        let proc_fs = ProcFs::host();
        assert!(proc_fs.exists(own) && proc_fs.pids().contains(&own));
        let exe = std::env::current_exe().unwrap();
        assert_eq!(proc_fs.executable(own).as_deref(), exe.to_str());
    }
}
