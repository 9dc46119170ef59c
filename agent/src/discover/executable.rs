//! Executables as files: which one `execve` ran, and how the kernel tells files apart.
//!
//! In: paths. Out: the path of the program that runs, device and inode in the kernel's encoding.
//! Always: a path that cannot be verified is used as it was given, and only if it is absolute.
//! Not here: what a running process says (`procfs`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;
use nix::sys::stat::{major, minor};

use super::mounts;

/// A file as the kernel side compares it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileId {
    /// `s_dev` of its file system: `(major << 20) | minor`.
    pub dev: u32,
    /// Inode number.
    pub ino: u64,
}

/// Identity of the file that the path leads to, links followed.
///
/// # Errors
/// There is no such file, or we may not look at it.
pub fn identity(path: &Path) -> io::Result<FileId> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    // btrfs and overlayfs give `stat` a device of their own; the mount table has the real one.
    let (major, minor) =
        device_of_mount(&file).unwrap_or((major(metadata.dev()), minor(metadata.dev())));
    Ok(FileId { dev: kernel_dev(major, minor), ino: metadata.ino() })
}

/// `MKDEV` of `include/linux/kdev_t.h`.
fn kernel_dev(major: u64, minor: u64) -> u32 {
    u32::try_from((major << 20) | (minor & 0xf_ffff)).unwrap_or_default()
}

fn device_of_mount(file: &File) -> Option<(u64, u64)> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim();
    mounts::own().into_iter().find(|mount| mount.id == id).map(|mount| mount.device)
}

/// The program that `execve(path)` ran, for a process that went before `/proc` could be read.
///
/// With `verify`, links and `#!` lines are followed as far as the files of this host lead.
pub fn of_exec(path: &str, verify: bool) -> Option<String> {
    // `fexecve` gives the name of a descriptor that nobody else can follow.
    if !path.starts_with('/') || path.starts_with("/dev/fd/") || path.starts_with("/proc/") {
        return None;
    }
    if verify && let Some(real) = image(Path::new(path)) {
        return Some(real.to_string_lossy().into_owned());
    }
    // The kernel side cuts long paths; the rest of one cannot be made up.
    (path.len() < CUT_BYTES).then(|| path.to_owned())
}

/// The file that is loaded for a path: links followed, then interpreters.
fn image(path: &Path) -> Option<PathBuf> {
    let mut real = fs::canonicalize(path).ok().filter(|path| path.is_file())?;
    for _ in 0..INTERPRETERS {
        let Some(interpreter) = interpreter(&real) else { return Some(real) };
        real = fs::canonicalize(interpreter).ok().filter(|path| path.is_file())?;
    }
    None
}

/// The absolute path in a script's first line, `None` for other files.
fn interpreter(script: &Path) -> Option<PathBuf> {
    let mut start = Vec::with_capacity(SHEBANG_BYTES as usize);
    // A named pipe has been excluded; a file that we may not read is no script to us.
    File::open(script).ok()?.take(SHEBANG_BYTES).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let mut words = line.split(|&byte| byte == b' ' || byte == b'\t');
    let word = words.find(|word| !word.is_empty())?;
    word.starts_with(b"/").then(|| PathBuf::from(std::ffi::OsStr::from_bytes(word)))
}

/// `BINPRM_BUF_SIZE` of `include/uapi/linux/binfmts.h` (since 5.1).
const SHEBANG_BYTES: u64 = 256;

/// How many interpreters the kernel follows (`exec_binprm` in `fs/exec.c`).
const INTERPRETERS: usize = 5;

/// From this length on a path in an exec event has been cut.
const CUT_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_and_interpreters_are_followed() {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let program = root.join("program");
        fs::write(&program, b"\x7fELF").unwrap();
        let link = root.join("link");
        symlink(&program, &link).unwrap();
        let script = root.join("script");
        fs::write(&script, format!("#! {} -u\nrest", link.display())).unwrap();
        assert_eq!(of_exec(&text(&link), true), Some(text(&program)));
        assert_eq!(of_exec(&text(&script), true), Some(text(&program)));
        assert_eq!(of_exec(&text(&script), false), Some(text(&script)));
        // A script that names itself leads nowhere; what was given is all that is known.
        let circle = root.join("circle");
        fs::write(&circle, format!("#!{}", circle.display())).unwrap();
        assert_eq!(of_exec(&text(&circle), true), Some(text(&circle)));
    }

    #[test]
    fn what_cannot_be_known_is_left_out() {
        for path in ["curl", "./curl", "", "/dev/fd/3", "/proc/self/fd/3"] {
            assert_eq!(of_exec(path, true), None, "{path}");
        }
        assert_eq!(of_exec("/no/such/file", true).as_deref(), Some("/no/such/file"));
        assert_eq!(of_exec(&format!("/{}", "a".repeat(254)), true), None);
    }

    #[test]
    fn identity_follows_links() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        symlink(&file, directory.path().join("link")).unwrap();
        let id = identity(&directory.path().join("link")).unwrap();
        assert_eq!(id, identity(&file).unwrap());
        assert_eq!(id.ino, fs::metadata(&file).unwrap().ino());
        assert!(identity(directory.path()).is_err(), "a directory is no executable");
        assert_eq!(kernel_dev(259, 3), (259 << 20) | 3);
    }
}
