//! Which running processes have a TLS library.
//!
//! In: `/proc/PID/maps`, executables. Out: process and library.
//! Always: each file is looked into once however many processes run it; bounded reads.
//! Not here: reading what goes through them. A library that is linked in without its symbols, rustls
//! for one, leaves nothing to find.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use memchr::memmem;

use super::elf;
use super::procfs::ProcFs;

/// A TLS implementation.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Library {
    /// OpenSSL, or a relative with the same functions.
    OpenSsl,
    /// GnuTLS.
    GnuTls,
    /// Mozilla's.
    Nss,
    /// Go's own: every Go program may use it.
    Go,
}

impl fmt::Display for Library {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::OpenSsl => "OpenSSL",
            Self::GnuTls => "GnuTLS",
            Self::Nss => "NSS",
            Self::Go => "Go",
        })
    }
}

/// One process with its libraries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsUser {
    /// Process id.
    pub pid: u32,
    /// Path of the executable.
    pub executable: Option<String>,
    /// What it has loaded, in order of `Library`.
    pub libraries: Vec<Library>,
}

/// Every process that has a TLS library now.
pub fn scan(proc_fs: &ProcFs) -> Vec<TlsUser> {
    let mut executables = HashMap::new();
    let found = proc_fs.pids().into_iter().filter_map(|pid| {
        let libraries = libraries(proc_fs, pid, &mut executables);
        (!libraries.is_empty()).then(|| TlsUser {
            pid,
            executable: proc_fs.executable(pid),
            libraries: libraries.into_iter().collect(),
        })
    });
    found.collect()
}

/// What was found in executables, by device and inode.
type Executables = HashMap<(u64, u64), Option<Library>>;

fn libraries(proc_fs: &ProcFs, pid: u32, known: &mut Executables) -> BTreeSet<Library> {
    let maps = fs::read(proc_fs.path(pid, "maps")).unwrap_or_default();
    let maps = String::from_utf8_lossy(&maps);
    let mut found: BTreeSet<Library> = maps.lines().filter_map(mapped).collect();
    if found.is_empty() {
        found.extend(linked_in(&proc_fs.path(pid, "exe"), known));
    }
    found
}

/// The library behind one line: `address perms offset dev inode path`.
fn mapped(line: &str) -> Option<Library> {
    let name = Path::new(line.get(line.find('/')?..)?).file_name()?.to_str()?;
    let (_, library) = NAMES.iter().find(|(start, _)| name.starts_with(start))?;
    Some(*library)
}

fn linked_in(exe: &Path, known: &mut Executables) -> Option<Library> {
    let file = File::open(exe).ok()?;
    let metadata = file.metadata().ok()?;
    *known.entry((metadata.dev(), metadata.ino())).or_insert_with(|| inside(&file))
}

fn inside(file: &File) -> Option<Library> {
    let sections = elf::sections(file)?;
    let section = |name: &[u8]| sections.iter().find(|section| section.name == name);
    if section(b".gopclntab").is_some() {
        return Some(Library::Go);
    }
    let names = section(b".dynstr")?;
    let names = elf::read(file, names.offset, usize::try_from(names.size).ok()?)?;
    memmem::find(&names, b"\0SSL_write\0").map(|_| Library::OpenSsl)
}

/// How the file names begin. NSS brings a `libssl3.so` of its own.
const NAMES: &[(&str, Library)] = &[
    ("libssl.so", Library::OpenSsl),
    ("libssl-", Library::OpenSsl),
    ("libnetty_tcnative", Library::OpenSsl),
    ("libconscrypt", Library::OpenSsl),
    ("libgnutls.so", Library::GnuTls),
    ("libssl3.so", Library::Nss),
    ("libnspr4.so", Library::Nss),
];

#[cfg(test)]
mod tests {
    use super::super::procfs::tests::Fake;
    use super::*;

    #[test]
    fn libraries_are_told_by_name() {
        let line = |path: &str| mapped(&format!("7f00-7f01 r-xp 00000000 fd:00 99    {path}"));
        assert_eq!(line("/usr/lib/libssl.so.3"), Some(Library::OpenSsl));
        assert_eq!(line("/usr/lib/libssl.so.1.1 (deleted)"), Some(Library::OpenSsl));
        assert_eq!(line("/usr/lib/libssl3.so"), Some(Library::Nss));
        assert_eq!(line("/usr/lib/libgnutls.so.30"), Some(Library::GnuTls));
        assert_eq!(line("/usr/lib/libc.so.6"), None);
        assert_eq!(line("[heap]"), None);
    }

    #[test]
    fn users_are_listed() {
        let fake = Fake::new();
        fake.add(7, "/usr/sbin/nginx", 0);
        fake.add(8, "/bin/sh", 0);
        let maps =
            "1-2 r-xp 0 fd:00 9 /usr/lib/libssl.so.3\n3-4 r-xp 0 fd:00 8 /lib/libgnutls.so.30\n";
        fs::write(fake.proc_fs().path(7, "maps"), maps).unwrap();
        let expected = TlsUser {
            pid: 7,
            executable: Some("/usr/sbin/nginx".into()),
            libraries: vec![Library::OpenSsl, Library::GnuTls],
        };
        assert_eq!(scan(&fake.proc_fs()), [expected]);
    }

    #[test]
    fn our_own_program_has_none() {
        assert_eq!(inside(&File::open(std::env::current_exe().unwrap()).unwrap()), None);
    }
}
