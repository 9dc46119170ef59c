//! Whether a socket is still there, for those whose end no hook shows.
//!
//! In: descriptors in `/proc`, the kernel's list of unix sockets. Out: which inodes are still in use.
//! Always: `None` where it cannot be told, so that nothing is taken for gone that may live.
//! Not here: which sockets to ask about, and when (`daemon`).

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::Path;

use super::procfs::ProcFs;

/// Whether the process has the socket open. `None` if its descriptors cannot be looked at.
pub fn holds_socket(proc_fs: &ProcFs, pid: u32, inode: u64) -> Option<bool> {
    match proc_fs.descriptors(pid) {
        Ok(mut descriptors) => Some(descriptors.any(|target| socket_inode(&target) == Some(inode))),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

/// Which of the sockets any process has open. `None` if some process cannot be looked at. Walks
/// every descriptor of the host: `listed_unix` costs far less for unix sockets.
pub fn any_holder(proc_fs: &ProcFs, inodes: &HashSet<u64>) -> Option<HashSet<u64>> {
    let mut held = HashSet::new();
    for pid in proc_fs.pids() {
        match proc_fs.descriptors(pid) {
            Ok(descriptors) => {
                let found = descriptors.filter_map(|target| socket_inode(&target));
                held.extend(found.filter(|inode| inodes.contains(inode)));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => return None,
        }
        if held.len() == inodes.len() {
            break;
        }
    }
    Some(held)
}

/// Every unix socket of the network namespace that the process is in. A connection whose inode is
/// not among those of its own namespace is gone; one that is under way to another process or that
/// only a ring holds is still listed.
pub fn listed_unix(proc_fs: &ProcFs, pid: u32) -> Option<HashSet<u64>> {
    let file = File::open(proc_fs.path(pid, "net/unix")).ok()?;
    let mut inodes = HashSet::new();
    // Paths in there may be any bytes.
    for line in BufReader::new(file).split(b'\n').skip(1) {
        let line = line.ok()?;
        let fields = line.split(|byte| byte.is_ascii_whitespace());
        let inode = fields.filter(|field| !field.is_empty()).nth(INODE_COLUMN);
        inodes.extend(inode.and_then(|inode| std::str::from_utf8(inode).ok()?.parse::<u64>().ok()));
    }
    Some(inodes)
}

/// Inode number of the network namespace that the process is in, as samples tell it.
pub fn netns(proc_fs: &ProcFs, pid: u32) -> Option<u32> {
    let link = fs::read_link(proc_fs.path(pid, "ns/net")).ok()?;
    number_in(&link, "net:[")?.try_into().ok()
}

fn socket_inode(target: &Path) -> Option<u64> {
    number_in(target, "socket:[")
}

fn number_in(target: &Path, prefix: &str) -> Option<u64> {
    target.to_str()?.strip_prefix(prefix)?.strip_suffix(']')?.parse().ok()
}

/// `Num RefCount Protocol Flags Type St Inode Path`, see proc_pid_net(5).
const INODE_COLUMN: usize = 6;

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream;

    use super::super::procfs::tests::Fake;
    use super::*;

    #[test]
    fn holders_are_found() {
        let fake = Fake::new();
        fake.add(1, "/bin/x", 0);
        fake.open(1, 0, "socket:[10]");
        fake.open(1, 1, "/dev/null");
        fake.add(2, "/bin/x", 0);
        fake.open(2, 5, "socket:[11]");
        let proc_fs = fake.proc_fs();
        assert_eq!(holds_socket(&proc_fs, 1, 10), Some(true));
        assert_eq!(holds_socket(&proc_fs, 1, 11), Some(false));
        assert_eq!(holds_socket(&proc_fs, 3, 11), Some(false), "gone");
        let asked = HashSet::from([10, 11, 12]);
        assert_eq!(any_holder(&proc_fs, &asked), Some(HashSet::from([10, 11])));
    }

    #[test]
    fn the_kernels_list_has_a_socket_until_it_is_closed() {
        let own = std::process::id();
        let proc_fs = ProcFs::host();
        let (one, _other) = UnixStream::pair().unwrap();
        let link = format!("/proc/self/fd/{}", one.as_raw_fd());
        let inode = fs::metadata(link).unwrap().ino();
        assert!(listed_unix(&proc_fs, own).unwrap().contains(&inode));
        assert_eq!(holds_socket(&proc_fs, own, inode), Some(true));
        drop(one);
        assert!(!listed_unix(&proc_fs, own).unwrap().contains(&inode));
        assert!(listed_unix(&proc_fs, u32::MAX).is_none());
        assert!(netns(&proc_fs, own).is_some());
    }
}
