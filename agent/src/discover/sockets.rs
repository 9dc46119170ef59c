//! Whether a socket is still there, for those whose end no hook shows.
//!
//! In: the kernel's list of unix sockets in `/proc`. Out: which inodes are still in use.
//! Always: `None` where it cannot be told, so that nothing is taken for gone that may live.
//! Not here: which sockets to ask about, and when (`daemon`).

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};

use super::procfs::ProcFs;

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
    link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// `Num RefCount Protocol Flags Type St Inode Path`, see proc_pid_net(5).
const INODE_COLUMN: usize = 6;

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_kernels_list_has_a_socket_until_it_is_closed() {
        let own = std::process::id();
        let proc_fs = ProcFs::host();
        let (one, _other) = UnixStream::pair().unwrap();
        let link = format!("/proc/self/fd/{}", one.as_raw_fd());
        let inode = fs::metadata(link).unwrap().ino();
        assert!(listed_unix(&proc_fs, own).unwrap().contains(&inode));
        drop(one);
        assert!(!listed_unix(&proc_fs, own).unwrap().contains(&inode));
        assert!(listed_unix(&proc_fs, u32::MAX).is_none());
        assert!(netns(&proc_fs, own).is_some());
    }
}
