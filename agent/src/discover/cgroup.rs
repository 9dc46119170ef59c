//! Control groups (v2): where they are mounted, and a path's id and depth.
//!
//! In: the mount table, a path. Out: what the kernel's `bpf_get_current_ancestor_cgroup_id` compares.
//! Always: paths stay below the mount; v1 hierarchies are not looked at.
//! Not here: containers, which own some of them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::mounts::{self, Mount};

/// One control group as the kernel side compares it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CgroupId {
    /// Inode number of its directory.
    pub id: u64,
    /// Depth below the root of the hierarchy, which is 0.
    pub level: u16,
}

/// Why a path names no control group.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// Only v1 hierarchies, or none.
    #[error("no cgroup2 file system is mounted")]
    NotMounted,
    /// `..` and the like.
    #[error("control group {path} leads out of the hierarchy")]
    Outside {
        /// As given.
        path: String,
    },
    /// No such directory, or no permission.
    #[error("control group {}: {error}", path.display())]
    Missing {
        /// Its directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// A mounted hierarchy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hierarchy {
    point: PathBuf,
    /// Depth of the directory that is mounted.
    level: u16,
}

impl Hierarchy {
    /// The host's, be it at `/sys/fs/cgroup` or, beside v1, at `/sys/fs/cgroup/unified`.
    pub fn host() -> Option<Self> {
        Self::among(&mounts::own())
    }

    fn among(mounts: &[Mount]) -> Option<Self> {
        let of_v2 = mounts.iter().filter(|mount| mount.kind == "cgroup2");
        // A mount of a part of the hierarchy (in a container) is second choice.
        of_v2.filter_map(Self::of).min_by_key(|hierarchy| hierarchy.level)
    }

    fn of(mount: &Mount) -> Option<Self> {
        Some(Self { point: mount.point.clone(), level: depth(&mount.root)? })
    }

    /// Where it is mounted.
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// Looks a group up: a path from the mount point, with or without the mount point before it.
    ///
    /// # Errors
    /// `Outside`, `Missing`.
    pub fn look_up(&self, path: &str) -> Result<CgroupId, CgroupError> {
        let outside = || CgroupError::Outside { path: path.to_owned() };
        let relative = Path::new(path).strip_prefix(&self.point).unwrap_or(Path::new(path));
        let relative = relative.strip_prefix("/").unwrap_or(relative);
        let level = depth(relative).and_then(|depth| depth.checked_add(self.level));
        let level = level.ok_or_else(outside)?;
        let directory = self.point.join(relative);
        let missing = |error| CgroupError::Missing { path: directory.clone(), error };
        let metadata = fs::metadata(&directory).map_err(missing)?;
        if !metadata.is_dir() {
            return Err(missing(io::ErrorKind::NotADirectory.into()));
        }
        Ok(CgroupId { id: metadata.ino(), level })
    }
}

/// Number of plain names in a path, `None` with anything that leads upwards.
fn depth(path: &Path) -> Option<u16> {
    let mut depth: u16 = 0;
    for component in path.components() {
        match component {
            Component::Normal(_) => depth = depth.checked_add(1)?,
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
        38 31 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    fn among(text: &str) -> Option<Hierarchy> {
        Hierarchy::among(&mounts::parse(text))
    }

    #[test]
    fn the_hierarchy_is_found_beside_v1_too() {
        let point = |text| among(text).map(|found| found.point.display().to_string());
        assert_eq!(point(HYBRID).as_deref(), Some("/sys/fs/cgroup/unified"));
        assert_eq!(point("31 23 0:28 / /sys/fs/cgroup rw - cgroup cgroup rw"), None);
        let part = "40 1 0:35 /docker/abc /inner rw - cgroup2 cgroup rw\n";
        assert_eq!(among(part).unwrap().level, 2);
        assert_eq!(among(&format!("{part}{HYBRID}")).unwrap().level, 0);
        assert_eq!(among("40 1 0:35 /../.. /inner rw - cgroup2 cgroup rw\n"), None);
    }

    #[test]
    fn a_group_has_an_id_and_a_depth() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("system.slice/nginx.service");
        fs::create_dir_all(&inner).unwrap();
        let hierarchy = Hierarchy { point: directory.path().to_owned(), level: 0 };
        let expected = CgroupId { id: fs::metadata(&inner).unwrap().ino(), level: 2 };
        for path in
            ["/system.slice/nginx.service", "system.slice/nginx.service/", inner.to_str().unwrap()]
        {
            assert_eq!(hierarchy.look_up(path).unwrap(), expected, "{path}");
        }
        assert_eq!(hierarchy.look_up("/").unwrap().level, 0);
        let error = hierarchy.look_up("/../etc").unwrap_err();
        assert!(matches!(error, CgroupError::Outside { .. }));
        let error = hierarchy.look_up("none").unwrap_err();
        assert!(matches!(error, CgroupError::Missing { .. }));
    }
}
